//! A plain model of the rules beside the real store on a real PostgreSQL, driven by random histories.
//!
//! A history is a seed: accounts, sends with repeats and conflicts, settings, acts by hand, top-ups and purchases with a
//! gateway that answers or does not, webhooks, refunds, disputes, time that jumps, processes that die between any two
//! steps, a broker that repeats and loses. After each step every row must be what the model says; in the end everything
//! comes to rest, every capture is credited, and the audit finds nothing. A history that goes wrong is made as short as
//! it can be, and told with the one line that runs it again.
//!
//! | what | where |
//! | --- | --- |
//! | the rules, told a second time | `model` |
//! | the rows that are compared | `world` |
//! | what can happen, and how histories are drawn | `steps`, `draw` |
//! | who makes it happen: broker, workers, gateway, people | `driver`, `gateway` |
//! | a database whose clock is set | `database` |
//! | a failing history made short | `shrink` |
//!
//! Deliberately absent: two things at once (a history is one thing after another; locks are tested elsewhere), the
//! broker, the limits of the line to the gateway, the closing of days, and the texts of notices.

mod database;
mod draw;
mod driver;
mod gateway;
mod model;
mod names;
mod policy;
mod random;
mod run;
mod shrink;
mod steps;
mod world;

pub use run::{Failure, Report, Stop, run, run_one};
