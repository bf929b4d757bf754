//! RabbitMQ's management page as an operator sees it, and the Client Zone as account holders do: in a real browser,
//! through their own links, headings and forms.
//!
//! Tests read from them what people are told to look for, and the program `pictures` photographs them for the guide and
//! the README. Left out: comparing pictures; what a page says is compared, not how many pixels wide it says it.

mod browser;
mod page;
mod site;

pub use browser::Browser;
pub use fantoccini::key::Key;
pub use page::{HEAD, MAIN, Page};
pub use site::{Light, Screen, Site};
