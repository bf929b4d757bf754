//! Named points between any two steps of a worker, at which a test has the process killed.
//!
//! `TOPUP_FAILPOINT=charge-answered` kills the process with SIGKILL where it first gets to [`Point::ChargeAnswered`],
//! `charge-answered=3` where it does so the third time. Nothing is closed, flushed or told to anybody: what is left
//! behind is what a machine that loses its power leaves behind.
//!
//! **In a build without debug assertions none of it exists.** [`reach`] is an empty function there, and [`told`] looks
//! at nothing: everything that knows the variable or ends a process is in one module that is not compiled. A fleet that
//! is built with `--release` can't be killed by a variable that somebody left in its environment. Where it does exist,
//! a process that is told of a failpoint says so in its log, and one in production mode does not start (the runtime
//! sees to both).
//!
//! Left out: errors, pauses and panics at a point. What a process does with an error is tested where errors can be
//! made; only its sudden death needs a place.

#[cfg(debug_assertions)]
mod armed;

use std::fmt;
use std::str::FromStr;

/// Where a process can be killed. In the order in which a message gets to them, as far as its worker has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A message, or a webhook, is here and nothing was done with it.
    Received,
    /// Everything that a transaction writes is written, the row among it by which a repeat is recognised; it is not
    /// committed.
    RowWritten,
    /// The intent of a charge is committed, and the gateway was not called (C5).
    IntentCommitted,
    /// The gateway has the whole request of a charge; nothing of its answer was looked at.
    ChargeSent,
    /// The gateway's answer to a charge is understood, and written down nowhere.
    ChargeAnswered,
    /// A carrier has taken a notice; nothing of that is written down.
    NoticeTaken,
    /// What a message brought about is committed; nothing that follows from it was handed on.
    ResultCommitted,
    /// A message is written to the broker, and not confirmed.
    Published,
    /// A message is confirmed by the broker; its row is still in the outbox, and what caused it not acknowledged.
    Confirmed,
    /// The rows of confirmed messages are removed from the outbox.
    OutboxRemoved,
    /// The acknowledgement is written to the broker.
    Acknowledged,
}

impl Point {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Received,
        Self::RowWritten,
        Self::IntentCommitted,
        Self::ChargeSent,
        Self::ChargeAnswered,
        Self::NoticeTaken,
        Self::ResultCommitted,
        Self::Published,
        Self::Confirmed,
        Self::OutboxRemoved,
        Self::Acknowledged,
    ];

    /// As the variable names it: `charge-answered`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::RowWritten => "row-written",
            Self::IntentCommitted => "intent-committed",
            Self::ChargeSent => "charge-sent",
            Self::ChargeAnswered => "charge-answered",
            Self::NoticeTaken => "notice-taken",
            Self::ResultCommitted => "result-committed",
            Self::Published => "published",
            Self::Confirmed => "confirmed",
            Self::OutboxRemoved => "outbox-removed",
            Self::Acknowledged => "acknowledged",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The variable that holds a [`Failpoint`].
pub const VARIABLE: &str = "TOPUP_FAILPOINT";

/// A point, and which time of getting there is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failpoint {
    /// Where.
    pub point: Point,
    /// The first time is 1.
    pub time: u32,
}

/// As it is read: `charge-answered`, `charge-answered=3`.
impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, time } = self;
        if *time == 1 {
            write!(f, "{point}")
        } else {
            write!(f, "{point}={time}")
        }
    }
}

/// A text that is no [`Failpoint`]. A misspelt one must not pass for a fault that was survived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no failpoint: a point's name, or name=N with N from 1")]
pub struct Misspelt {
    text: String,
}

impl FromStr for Failpoint {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let misspelt = || Misspelt {
            text: text.to_owned(),
        };
        let (name, time) = text.split_once('=').unwrap_or((text, "1"));
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let time = time.parse().ok().filter(|time| *time > 0);
        Ok(Self {
            point: point.ok_or_else(misspelt)?,
            time: time.ok_or_else(misspelt)?,
        })
    }
}

/// The process gets to a point: the end of it, where it was told so. Nothing at all without debug assertions.
#[inline]
pub fn reach(point: Point) {
    #[cfg(debug_assertions)]
    armed::reach(point);
    #[cfg(not(debug_assertions))]
    let _nothing = point;
}

/// What this process was told, once and for all; always nothing without debug assertions.
///
/// # Errors
/// [`Misspelt`], where the variable is set and means nothing.
pub fn told() -> Result<Option<Failpoint>, Misspelt> {
    #[cfg(debug_assertions)]
    return armed::told();
    #[cfg(not(debug_assertions))]
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_is_read_as_it_is_written() {
        for point in Point::ALL {
            for time in [1, 2, 40] {
                let failpoint = Failpoint { point, time };
                assert_eq!(failpoint.to_string().parse(), Ok(failpoint));
            }
        }
        for wrong in [
            "",
            "answered",
            "received=0",
            "received=-1",
            "received=",
            "received=1=2",
            "Received",
        ] {
            assert!(wrong.parse::<Failpoint>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let mut names = Point::ALL.map(Point::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Point::ALL.len());
    }

    /// What the module's documentation promises: `cargo test --release -p topup-failpoints`. What is not compiled can't
    /// be looked for in a running program, but its one way in can be tried: this test's own process would be killed.
    #[cfg(not(debug_assertions))]
    #[test]
    fn nothing_of_it_is_left_without_debug_assertions() {
        assert_eq!(told(), Ok(None));
        for point in Point::ALL {
            reach(point);
        }
    }
}
