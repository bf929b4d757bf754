//! The specification of the fleet: what holds between a send that is published and a person who is told.
//!
//! The modules are its table of contents, a test's name is one sentence of it, and every test runs the real
//! processes on a broker and a database of their own. What a rule decides by itself is told, and tested, in
//! `common/rules`; here stands what only queues, transactions, clocks and processes can break.

mod bad_messages;
mod card;
mod sends;
mod spacing;
mod transfer;
mod trigger;
