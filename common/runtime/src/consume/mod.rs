//! Taking messages from a queue: [`each`] one by one, many at once; [`batches`] for the hot path.
//!
//! A handler says what became of a message ([`Outcome`]) or that it could not be dealt with ([`Failure`]); the
//! consumer alone acknowledges, retries, parks and waits. Neither sees the other's concerns.

mod batch;
mod delivery;
mod each;
mod pulse;
mod session;
mod settle;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::Future;
use topup_rules::message::Message;
use topup_store::StoreError;

pub use batch::batches;
pub use each::each;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is committed, or had been before.
    Done,
    /// Not now: the same message is delivered again after a pause that grows with its attempts. After the last
    /// one it is parked.
    Retry {
        /// One line that a person understands.
        reason: String,
    },
    /// Never: it goes to the dead letters, for a person.
    Park {
        /// What kind of reason that is.
        class: ParkClass,
        /// One line that a person understands.
        reason: String,
    },
}

/// Why messages are parked, as few classes as tell a person what to do. The reason itself says which and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkClass {
    /// It can't be read: no JSON, a wrong field, an unknown version.
    Unreadable,
    /// The account, or its wallet, is not known here. Imported, it can be sent on its way again.
    NoWallet,
    /// Its time lies outside the ledger's open window.
    OutsideWindow,
    /// It says what can't be.
    Refused,
    /// The same identity is recorded with other content.
    Conflicting,
    /// What it is about does not exist.
    Missing,
    /// A payment's result that does not match what was asked for.
    Misfit,
    /// A notice that no carrier takes.
    Undeliverable,
    /// Every try of it went wrong.
    Exhausted,
}

impl ParkClass {
    /// Every one there is.
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::NoWallet,
        Self::OutsideWindow,
        Self::Refused,
        Self::Conflicting,
        Self::Missing,
        Self::Misfit,
        Self::Undeliverable,
        Self::Exhausted,
    ];

    /// As a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoWallet => "no-wallet",
            Self::OutsideWindow => "outside-window",
            Self::Refused => "refused",
            Self::Conflicting => "conflicting",
            Self::Missing => "missing",
            Self::Misfit => "misfit",
            Self::Undeliverable => "undeliverable",
            Self::Exhausted => "exhausted",
        }
    }
}

impl Outcome {
    /// [`Outcome::Retry`], in short.
    pub fn retry(reason: impl ToString) -> Self {
        Self::Retry {
            reason: reason.to_string(),
        }
    }

    /// [`Outcome::Park`], in short.
    pub fn park(class: ParkClass, reason: impl ToString) -> Self {
        Self::Park {
            class,
            reason: reason.to_string(),
        }
    }
}

/// Why a handler has no outcome.
///
/// `?` on any error makes one: an error in whose chain stands a [`StoreError`] that
/// [is an outage](StoreError::is_outage) becomes [`Failure::Outage`], one that [was too slow](StoreError::is_too_slow)
/// [`Failure::Slow`], any other [`Failure::Unexpected`].
#[derive(Debug)]
pub enum Failure {
    /// The database's trouble, no message's fault: the consumer keeps the message, waits until the database
    /// answers, and handles it again. No attempt is counted.
    Outage(String),
    /// The database ended what took too long. Once, that is its own trouble: the same is tried again in hand. When it
    /// happens again it may be the message's: from then on this is like [`Failure::Unexpected`], so that one message,
    /// or one locked row, holds up none but its own.
    Slow(String),
    /// Nobody thought of this. The message is retried like [`Outcome::Retry`], with the error as its reason; in
    /// a batch, the batch is halved until the one message is found.
    Unexpected(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A failure from an error that `?` does not take, such as `anyhow::Error`.
    pub fn of(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let mut link: Option<&(dyn Error + 'static)> = Some(error.as_ref());
        while let Some(cause) = link {
            match cause.downcast_ref::<StoreError>() {
                Some(of_store) if of_store.is_outage() => return Self::Outage(chain(error.as_ref())),
                Some(of_store) if of_store.is_too_slow() => return Self::Slow(chain(error.as_ref())),
                Some(_) | None => {}
            }
            link = cause.source();
        }
        Self::Unexpected(error)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(error)
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut link = error.source();
    while let Some(cause) = link {
        let cause_text = cause.to_string();
        // Some errors print their cause themselves.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        link = cause.source();
    }
    text
}

/// What the broker says of a message beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// As the sender gave it.
    pub message_id: Option<String>,
    /// The trace that it belongs to; goes into every message that follows from it.
    pub traceparent: Option<String>,
    /// Tries before this one.
    pub attempts: u32,
    /// The broker delivered it before, and nobody acknowledged it.
    pub redelivered: bool,
}

/// Deals with the messages of one queue, one by one. Many are dealt with at once.
pub trait Handler: Send + Sync + 'static {
    /// What the queue carries.
    type Message: Message + Send + Sync + 'static;

    /// Deals with one message. It may be a repeat of one that was dealt with before.
    fn handle(
        &self,
        message: &Self::Message,
        meta: &Meta,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

/// Deals with the messages of one queue in batches.
pub trait BatchHandler: Send + Sync + 'static {
    /// What the queue carries.
    type Message: Message + Send + Sync + 'static;

    /// Deals with a batch, which is never empty: one outcome a message, in the same order. Only one batch is dealt
    /// with at a time, so that commits of one process do not contend for the same rows.
    fn handle(
        &self,
        batch: Vec<(Self::Message, &Meta)>,
    ) -> impl Future<Output = Result<Vec<Outcome>, Failure>> + Send;
}
