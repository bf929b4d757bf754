//! S5: leave for a batch before it goes out, and how its events use the hold up.
//!
//! Left out: that a hold expires. The store closes one whose time is over; an open one counts.

use crate::account::Wallet;
use crate::credits::Credits;
use crate::ids::Service;
use crate::names::names;
use jiff::{SignedDuration, Timestamp};

/// The answer to a sender who asks leave for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The batch may go: its cost becomes a hold.
    Granted,
    /// The batch may not go, not even a part of it.
    Refused {
        /// What the available credits fall short of its cost.
        missing: Credits,
    },
}

/// S5: a batch that would take the available credits (balance less open holds) below zero is refused whole,
/// whatever auto top-up might bring. `cost` is above 0.
#[must_use]
pub fn leave(wallet: &Wallet, cost: Credits) -> Leave {
    let missing = cost.milli().saturating_sub(wallet.available().milli());
    if missing > 0 {
        Leave::Refused {
            missing: Credits::from_milli(missing),
        }
    } else {
        Leave::Granted
    }
}

/// The answer to a batch that asks leave, perhaps not for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The batch may go: its cost becomes a hold.
    Granted,
    /// It asked for the same before, and its hold is open.
    AlreadyGranted {
        /// When what is left of it is released by itself.
        expires_at: Timestamp,
    },
    /// It had leave for the same, and its hold has ended: by its sender or by time.
    AlreadyEnded,
    /// It has, or had, leave for other credits or another service.
    Conflicting,
    /// The available credits do not cover it.
    Refused {
        /// What they fall short.
        missing: Credits,
    },
    /// A cost that is not above 0.
    NotPositive,
}

/// S5: whether a batch may go. A batch has leave once: who asks again hears what was answered the first time, whatever is
/// available by now. `before` is the hold that the account has by the batch's name, with its service.
#[must_use]
pub fn answer(wallet: &Wallet, before: Option<(Service, &Hold)>, cost: Credits) -> Answer {
    if !cost.is_positive() {
        return Answer::NotPositive;
    }
    match before {
        Some((service, hold)) if service != wallet.key.service || hold.credits != cost => Answer::Conflicting,
        Some((_, hold)) if hold.open => Answer::AlreadyGranted {
            expires_at: hold.expires_at,
        },
        Some(_) => Answer::AlreadyEnded,
        None => match leave(wallet, cost) {
            Leave::Granted => Answer::Granted,
            Leave::Refused { missing } => Answer::Refused { missing },
        },
    }
}

/// Why a batch may not go, in words for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefusal {
    /// The available credits do not cover it.
    #[error("S5: {missing} credits are missing")]
    Missing {
        /// What they fall short.
        missing: Credits,
    },
    /// It has, or had, leave for something else.
    #[error("S5: the batch has leave for other credits or another service")]
    Conflicting,
    /// It had leave.
    #[error("S5: the batch had leave, and its hold has ended")]
    Ended,
    /// It costs nothing.
    #[error("S5: credits must be above 0")]
    NotPositive,
    /// Not a time for which credits are set aside.
    #[error("S5: a hold lasts from 1 to {max_s} seconds")]
    Lasts {
        /// The longest.
        max_s: i64,
    },
}

/// S5: for how long credits are set aside, where the sender asks for so many seconds, or for nothing special.
///
/// # Errors
/// Not at all, or for longer than the platform allows.
pub fn lasts(
    asked_s: Option<i64>,
    usual: SignedDuration,
    max: SignedDuration,
) -> Result<SignedDuration, HoldRefusal> {
    let max_s = max.as_secs();
    match asked_s {
        None => Ok(usual.min(max)),
        Some(seconds) if (1..=max_s).contains(&seconds) => Ok(SignedDuration::from_secs(seconds)),
        Some(_) => Err(HoldRefusal::Lasts { max_s }),
    }
}

names! {
    /// Where a hold stands.
    pub enum HoldState: "state of a hold" {
        /// What its batch has not used is set aside.
        Open = "open",
        /// Its sender said that the batch is through.
        Closed = "closed",
        /// Its time was over first.
        Expired = "expired",
    }
}

/// Credits set aside for one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Set aside in the beginning.
    pub credits: Credits,
    /// Of which the batch's events have used.
    pub used: Credits,
    /// Not closed by its sender, nor expired.
    pub open: bool,
    /// When it is released by itself.
    pub expires_at: Timestamp,
}

impl Hold {
    /// What is still set aside: none once it is closed.
    #[must_use]
    pub fn remaining(&self) -> Credits {
        if self.open {
            Credits::from_milli(self.credits.milli().saturating_sub(self.used.milli()).max(0))
        } else {
            Credits::ZERO
        }
    }
}

/// S5: how much of an event's credits its hold covers. The rest is debited all the same (S3).
#[must_use]
pub fn use_hold(hold: &Hold, credits: Credits) -> Credits {
    hold.remaining().min(credits).max(Credits::ZERO)
}
