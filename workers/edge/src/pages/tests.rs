//! Every template, in every language, with sample data; and the catalogue, held to what asks for it.

mod bought;
mod catalogue;
mod markup;
mod samples;
mod words;
