//! Every template, in every language, with sample data; and the catalogue, held to what asks for it.

mod bought;
mod catalogue;
mod leaks;
mod markup;
mod refusals;
mod samples;
mod words;
