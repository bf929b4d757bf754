//! The shape of every worker: what a process needs around its one handler.
//!
//! A worker's `main` is [`run`] with its name and a function of the [`Process`]; its library is a [`Handler`] or a
//! [`BatchHandler`]. Everything between the broker and the handler is here:
//!
//! | module | what it does |
//! | --- | --- |
//! | [`settings`] | one structure for all processes, refused with one line that names what is wrong |
//! | [`process`] | start, ready line, signals, soft stop, hard stop |
//! | [`broker`] | sessions that are connected again, the topology, publishing with confirms, delaying |
//! | [`consume`] | messages one by one or in batches; outcomes; retries; parking |
//! | [`outbox`] | publishes rows right after their commit |
//! | [`Line`] | leave for one call to the payment gateway, from the line that all processes share |
//! | [`health`] | `/livez`, `/readyz`, `/metrics` |
//! | [`telemetry`] | logs, metrics, traces and their names |
//!
//! What always holds:
//!
//! * A delivery is acknowledged after its effect is committed and everything it caused to be published by the
//!   consumer is confirmed; never before. A crash anywhere repeats a message and loses none.
//! * Trouble that is ours (database, broker) counts no attempt, sends nothing back to the queue and parks nothing:
//!   the consumer keeps what it has, waits, and does it again.
//! * Whatever a message holds, it costs itself alone: it is parked, and the rest goes on.
//! * Everything is bounded: messages ahead, batches, publishes in flight, attempts, time-outs, reasons.
//!
//! Deliberately absent: business decisions (`topup-rules`), SQL (`topup-store`), the broker library's own recovery
//! (sessions are supervised whole), waiting inside a handler (a delayed message does it).

pub mod broker;
pub mod consume;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod health;
mod line;
pub mod outbox;
pub mod process;
pub mod settings;
pub mod telemetry;

pub use broker::{Outgoing, PublishError, Publisher};
pub use consume::{BatchHandler, Failure, Handler, Meta, Outcome, ParkClass};
pub use line::Line;
pub use outbox::Outbox;
pub use process::{Clock, Process, PublicDatabase, PublicProcess, Shutdown, run, run_public};
pub use settings::{Mode, Settings, SettingsError};
pub use telemetry::{metrics, traces};
