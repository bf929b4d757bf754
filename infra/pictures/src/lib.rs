//! RabbitMQ's management page as an operator sees it: in a real browser, through its own links, headings and forms.
//!
//! Tests read from it what people are told to look for, and the program `pictures` photographs it for the guide. Left
//! out: comparing pictures; what a page says is compared, not how many pixels wide it says it.

mod browser;
mod page;
mod site;

pub use browser::Browser;
pub use page::{HEAD, MAIN, Page};
pub use site::{Light, Screen, Site};
