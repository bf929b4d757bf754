//! C8: when the gateway is asked about a payment, and what its answer leads to.
//!
//! Left out: asking. Which payments are due is the store's, the call the sweeper's; a verdict is settled like any
//! other (`settle`).

use crate::lifecycle::{Event, PaymentKind};
use crate::message::PaymentStatus;
use crate::retry::{NextTry, RetryPolicy};
use crate::topup::PaymentState;
use jiff::{SignedDuration, Timestamp};

/// What the platform decided about asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InquiryPolicy {
    /// From the call to the first question, and the first pause, in seconds. The gateway wants at least 10.
    pub first_s: u32,
    /// The longest pause, in seconds.
    pub max_s: u32,
    /// So many times in a row the gateway has to say that it does not know a payment. 0 means 1.
    pub not_known_max: u32,
    /// An undecided payment that is older is parked for a person.
    pub unknown_max: SignedDuration,
    /// A purchase that its customer has not paid on the gateway's page by then is over.
    pub page_max: SignedDuration,
}

/// A payment that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inquiry {
    /// Who waits for it.
    pub kind: PaymentKind,
    /// Where it stands.
    pub state: PaymentState,
    /// When its intent was committed: its age counts from there, through every further try.
    pub intent_at: Timestamp,
    /// Answers before this one.
    pub asked: u32,
    /// Of which the last so many said that the gateway does not know it.
    pub not_known: u32,
    /// The customer was led to the gateway's page.
    pub on_page: bool,
}

/// What the gateway said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It knows the payment.
    Verdict(PaymentStatus),
    /// It says that it does not know it.
    NotKnown,
    /// No answer, or none that can be read.
    NoVerdict,
    /// C9: it was not reached, or turned the question away before it looked.
    OurTrouble {
        /// It asked for at least this pause, in seconds.
        at_least_s: Option<u32>,
    },
}

/// What an answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterInquiry {
    /// The verdict is published, and settled like any other.
    Settle {
        /// When to ask again if it is still open then. `None`: not any more.
        ask_again_at: Option<Timestamp>,
    },
    /// Nothing new; it is asked about again.
    AskAgain {
        /// When.
        at: Timestamp,
    },
    /// A top-up that the gateway certainly has no charge of wakes, and is decided again.
    SubmitAgain,
    /// A purchase that the gateway certainly has no charge of has failed: nothing was taken.
    NeverCharged,
    /// A purchase that its customer has not paid has failed: nothing was taken.
    NotPaidInTime,
    /// It took too long: a person ends it.
    Park,
}

impl AfterInquiry {
    /// What happens to the payment by it; `None` where nothing does, or where the verdict says it.
    #[must_use]
    pub const fn event(&self) -> Option<Event> {
        match self {
            Self::Settle { .. } | Self::AskAgain { .. } => None,
            Self::SubmitAgain | Self::NeverCharged => Some(Event::NotKnown),
            Self::NotPaidInTime => Some(Event::Refused),
            Self::Park => Some(Event::OutOfTime),
        }
    }
}

/// When a payment is first asked about, whose call begins now.
#[must_use]
pub fn first_question(now: Timestamp, policy: &InquiryPolicy) -> Timestamp {
    after(now, policy.first_s)
}

/// C8: what an answer leads to. Pauses double from the first to the longest; "not known" is asked again soon, because
/// it needs confirming and not patience, and leads to anything only when it was said so many times in a row.
#[must_use]
pub fn after_inquiry(inquiry: &Inquiry, told: &Told, now: Timestamp, policy: &InquiryPolicy) -> AfterInquiry {
    let next = after(now, pause_s(inquiry.asked.saturating_add(1), policy));
    match told {
        Told::Verdict(status) => after_verdict(inquiry, *status, next, now, policy),
        Told::NotKnown => not_known(inquiry, now, policy),
        Told::NoVerdict => again_or_park(inquiry, next, now, policy),
        Told::OurTrouble { at_least_s } => {
            let pause_s = pause_s(inquiry.asked.max(1), policy).max(at_least_s.unwrap_or(0));
            again_or_park(inquiry, after(now, pause_s), now, policy)
        }
    }
}

fn after_verdict(
    inquiry: &Inquiry,
    status: PaymentStatus,
    next: Timestamp,
    now: Timestamp,
    policy: &InquiryPolicy,
) -> AfterInquiry {
    match status {
        PaymentStatus::Success
        | PaymentStatus::Failed
        | PaymentStatus::Reversed
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon
        | PaymentStatus::RefundFailed => settle_for_good(inquiry, now, policy),
        PaymentStatus::ActionRequired => match inquiry.kind {
            PaymentKind::Topup => settle_for_good(inquiry, now, policy),
            PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => {
                if is_older(inquiry, now, policy.page_max) {
                    AfterInquiry::NotPaidInTime
                } else {
                    settle_or_ask(inquiry, PaymentState::Pending, next)
                }
            }
        },
        PaymentStatus::Pending | PaymentStatus::Unknown if is_older(inquiry, now, policy.unknown_max) => {
            AfterInquiry::Park
        }
        PaymentStatus::Pending => settle_or_ask(inquiry, PaymentState::Pending, next),
        PaymentStatus::Unknown => match inquiry.state {
            PaymentState::Charging => AfterInquiry::Settle {
                ask_again_at: Some(next),
            },
            PaymentState::Pending
            | PaymentState::Unknown
            | PaymentState::Parked
            | PaymentState::Succeeded
            | PaymentState::Failed
            | PaymentState::Reversed => AfterInquiry::AskAgain { at: next },
        },
    }
}

/// The verdict settles it, unless its message is lost with its broker, or does not match the intent (C11). So it is asked
/// about once more, but slowly, and not for ever.
fn settle_for_good(inquiry: &Inquiry, now: Timestamp, policy: &InquiryPolicy) -> AfterInquiry {
    let ask_again_at = (!is_older(inquiry, now, policy.unknown_max)).then(|| after(now, policy.max_s));
    AfterInquiry::Settle { ask_again_at }
}

/// A verdict that leaves it open is published only where it is news.
fn settle_or_ask(inquiry: &Inquiry, state: PaymentState, next: Timestamp) -> AfterInquiry {
    if inquiry.state == state {
        AfterInquiry::AskAgain { at: next }
    } else {
        AfterInquiry::Settle {
            ask_again_at: Some(next),
        }
    }
}

fn not_known(inquiry: &Inquiry, now: Timestamp, policy: &InquiryPolicy) -> AfterInquiry {
    let soon = after(now, policy.first_s);
    if inquiry.not_known.saturating_add(1) < policy.not_known_max {
        return again_or_park(inquiry, soon, now, policy);
    }
    match inquiry.kind {
        PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => AfterInquiry::NeverCharged,
        PaymentKind::Topup if is_older(inquiry, now, policy.unknown_max) => AfterInquiry::Park,
        PaymentKind::Topup => AfterInquiry::SubmitAgain,
    }
}

fn again_or_park(inquiry: &Inquiry, at: Timestamp, now: Timestamp, policy: &InquiryPolicy) -> AfterInquiry {
    if is_older(inquiry, now, policy.unknown_max) {
        AfterInquiry::Park
    } else {
        AfterInquiry::AskAgain { at }
    }
}

fn is_older(inquiry: &Inquiry, now: Timestamp, age: SignedDuration) -> bool {
    now.duration_since(inquiry.intent_at) >= age
}

/// The pause after so many answers, in seconds.
fn pause_s(answers: u32, policy: &InquiryPolicy) -> u32 {
    let pauses = RetryPolicy {
        attempts_max: u32::MAX,
        first_s: policy.first_s,
        max_s: policy.max_s,
    };
    match pauses.after(answers) {
        NextTry::After { delay_s } => delay_s,
        NextTry::GiveUp => policy.max_s,
    }
}

fn after(now: Timestamp, pause_s: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(i64::from(pause_s.max(1))))
        .unwrap_or(Timestamp::MAX)
}
