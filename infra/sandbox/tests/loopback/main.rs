//! What the sandbox promises to those who use it, tried from outside: each behaviour of a card, each outside
//! party, each order at `/sandbox/…`.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first surprise, wherever it is met"
)]

mod app;

mod cards;
mod conformance;
mod hosted_page;
mod late_success;
mod list_of_payments;
mod mail;
mod program;
mod refusals;
mod reversals;
mod sms;
mod webhooks;
