//! The gateway's list of a day against ours, one payment at a time.
//!
//! What the gateway knows better is published as a result and settled like any other; what can't be settled by
//! believing the gateway is for a person. Left out: which payments are compared, and the report.

use crate::ids::Reference;
use crate::message::{PaymentMode, PaymentStatus};
use crate::money::{Currency, Money};
use crate::names::names;
use crate::topup::PaymentState;

/// A payment as it stands here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// Its reference.
    pub reference: Reference,
    /// Where it stands.
    pub state: PaymentState,
    /// What was asked for.
    pub amount: Money,
    /// Given back so far, in the currency's minor unit.
    pub reversed_minor: i64,
    /// With real money or not.
    pub mode: PaymentMode,
}

/// A transaction on the gateway's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theirs {
    /// Its reference: any text.
    pub reference: String,
    /// Its verdict.
    pub status: PaymentStatus,
    /// In the currency's minor unit.
    pub amount_minor: Option<i64>,
    /// Of this currency.
    pub currency: Option<Currency>,
    /// With real money or not.
    pub mode: PaymentMode,
}

/// What the comparison of one payment finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The same here and there.
    Same,
    /// Another system's: the reference is none of ours.
    Foreign,
    /// The gateway's word is published as a result, and settles it.
    Settles(Difference),
    /// A person has to look.
    ForAPerson(Difference),
}

names! {
    /// How ours and theirs differ.
    pub enum Difference: "difference" {
        /// Settled there, open here.
        NotSettledHere = "not-settled-here",
        /// Captured there, failed here.
        FailedHere = "failed-here",
        /// Given back there, not here.
        ReversedThere = "reversed-there",
        /// One of our references, but no payment of ours.
        NotKnownHere = "not-known-here",
        /// Captured here, not on their list.
        MissingThere = "missing-there",
        /// Captured here, refused there.
        NotCapturedThere = "not-captured-there",
        /// Settled here, open there.
        StillOpenThere = "still-open-there",
        /// Another amount or currency.
        OtherAmount = "other-amount",
        /// Real money on one side alone.
        OtherMode = "other-mode",
    }
}

/// What is to be done about one payment. `ours` is what bears the reference here, `theirs` there.
#[must_use]
pub fn compare(ours: Option<&Ours>, theirs: Option<&Theirs>) -> Finding {
    match (ours, theirs) {
        (None, None) => Finding::Same,
        (None, Some(theirs)) => unknown_here(theirs),
        (Some(ours), None) => missing_there(ours),
        (Some(ours), Some(theirs)) => both(ours, theirs),
    }
}

fn unknown_here(theirs: &Theirs) -> Finding {
    let parts = theirs.reference.parse().ok().and_then(|r: Reference| r.parts());
    if parts.is_some() {
        Finding::ForAPerson(Difference::NotKnownHere)
    } else {
        Finding::Foreign
    }
}

/// What is open is asked about until it is known, and a refusal may never have reached the gateway.
const fn missing_there(ours: &Ours) -> Finding {
    match ours.state {
        PaymentState::Succeeded | PaymentState::Reversed => Finding::ForAPerson(Difference::MissingThere),
        PaymentState::Charging
        | PaymentState::Pending
        | PaymentState::Unknown
        | PaymentState::Parked
        | PaymentState::Failed => Finding::Same,
    }
}

fn both(ours: &Ours, theirs: &Theirs) -> Finding {
    if theirs.mode != ours.mode {
        return Finding::ForAPerson(Difference::OtherMode);
    }
    match theirs.status {
        PaymentStatus::Success | PaymentStatus::Reversed if !is_same_amount(ours, theirs) => {
            Finding::ForAPerson(Difference::OtherAmount)
        }
        PaymentStatus::Success => captured_there(ours.state),
        PaymentStatus::Reversed => reversed_there(ours.state),
        PaymentStatus::Failed => refused_there(ours.state),
        PaymentStatus::ActionRequired => unpaid_there(ours.state),
        PaymentStatus::Pending | PaymentStatus::Unknown => open_there(ours.state),
        // Disputes, and refunds that were not made, stand on no list of transactions.
        PaymentStatus::DisputeOpened | PaymentStatus::DisputeWon | PaymentStatus::RefundFailed => {
            Finding::Same
        }
    }
}

fn is_same_amount(ours: &Ours, theirs: &Theirs) -> bool {
    theirs.amount_minor == Some(ours.amount.amount_minor) && theirs.currency == Some(ours.amount.currency)
}

/// A lost dispute leaves their transaction a success, so what is reversed here is no difference.
const fn captured_there(state: PaymentState) -> Finding {
    match state {
        PaymentState::Succeeded | PaymentState::Reversed => Finding::Same,
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Finding::Settles(Difference::NotSettledHere)
        }
        PaymentState::Failed => Finding::Settles(Difference::FailedHere),
    }
}

const fn reversed_there(state: PaymentState) -> Finding {
    match state {
        PaymentState::Reversed => Finding::Same,
        PaymentState::Charging
        | PaymentState::Pending
        | PaymentState::Unknown
        | PaymentState::Parked
        | PaymentState::Succeeded
        | PaymentState::Failed => Finding::Settles(Difference::ReversedThere),
    }
}

const fn refused_there(state: PaymentState) -> Finding {
    match state {
        PaymentState::Failed => Finding::Same,
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Finding::Settles(Difference::NotSettledHere)
        }
        PaymentState::Succeeded | PaymentState::Reversed => Finding::ForAPerson(Difference::NotCapturedThere),
    }
}

/// A challenge that nobody answered, or a page that nobody paid on, has failed here and stays unfinished there.
const fn unpaid_there(state: PaymentState) -> Finding {
    match state {
        PaymentState::Charging
        | PaymentState::Pending
        | PaymentState::Unknown
        | PaymentState::Parked
        | PaymentState::Failed => Finding::Same,
        PaymentState::Succeeded | PaymentState::Reversed => Finding::ForAPerson(Difference::NotCapturedThere),
    }
}

/// What is open on both sides is asked about until it is known.
const fn open_there(state: PaymentState) -> Finding {
    match state {
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Finding::Same
        }
        PaymentState::Succeeded | PaymentState::Failed | PaymentState::Reversed => {
            Finding::ForAPerson(Difference::StillOpenThere)
        }
    }
}
