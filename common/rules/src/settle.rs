//! C6–C11, P4, V1: what a payment's result does to the top-up or the purchase that it pays for.
//!
//! A result is matched with its intent, made an event of, and taken through the one table (`lifecycle`); here is what
//! the table does not know: amounts, reasons, and the credits that a reversal takes.
//!
//! Left out: doing it, in one transaction, which is the store's.

mod reversal;

pub use crate::lifecycle::Already;

use crate::credits::Credits;
use crate::ids::{Reference, TopupId};
use crate::lifecycle::{self, Effect, Event, PaymentKind, Step};
use crate::message::{DeclineClass, PaymentMode, PaymentResult, PaymentStatus};
use crate::money::{Currency, Money};
use crate::names::names;
use crate::topup::PaymentState;
use crate::written::Written;
use uuid::Uuid;

/// Longest reason that is taken over from a gateway, in characters.
const REASON_MAX_CHARS: usize = 200;

/// The id of a reversal that names none and gives back all that is left.
pub const WHOLE_REVERSAL_ID: &str = "whole";

names! {
    /// How credits are bought by hand.
    pub enum PurchaseMethod: "method of purchase" {
        /// A saved card is charged.
        OneClick = "one-click",
        /// The customer pays on the gateway's page.
        Hosted = "hosted",
    }
}

names! {
    /// Where a refund or a dispute stands.
    pub enum ReversalState: "state of a reversal" {
        /// An open dispute: its credits are held.
        Disputed = "disputed",
        /// A dispute that ended without taking anything (more) back.
        Won = "won",
        /// A refund or a lost dispute: its money went back, and credits with it.
        Reversed = "reversed",
        /// A refund that was asked for and not made: nothing went back.
        Failed = "failed",
    }
}

/// What a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidFor {
    /// An automatic top-up.
    Topup(TopupId),
    /// Credits bought by hand.
    Purchase {
        /// Which purchase.
        id: Uuid,
        /// How.
        method: PurchaseMethod,
    },
    /// A card that is registered (E3).
    Registration(Uuid),
}

impl PaidFor {
    /// The column of the table that decides on it.
    #[must_use]
    pub const fn kind(&self) -> PaymentKind {
        match self {
            Self::Topup(_) => PaymentKind::Topup,
            Self::Purchase { method, .. } => match method {
                PurchaseMethod::OneClick => PaymentKind::OneClick,
                PurchaseMethod::Hosted => PaymentKind::Hosted,
            },
            Self::Registration(_) => PaymentKind::Registration,
        }
    }
}

/// What was committed before the gateway was asked (C5), and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIntent {
    /// The idempotency key.
    pub reference: Reference,
    /// What was asked for.
    pub amount: Money,
    /// With real money or not.
    pub mode: PaymentMode,
    /// Where it stands.
    pub state: PaymentState,
    /// The credits that it buys: none with a registration.
    pub quantity: Credits,
    /// What it pays for.
    pub paid_for: PaidFor,
    /// Given back so far, in the currency's minor unit.
    pub reversed_minor: i64,
    /// The credits that went with it.
    pub taken_back: Credits,
    /// What is recorded of the refund or dispute that the result names, if anything is.
    pub reversal: Option<ReversalRow>,
}

/// A refund or dispute, as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReversalRow {
    /// Where it stands.
    pub state: ReversalState,
    /// Over how much, in the currency's minor unit.
    pub amount_minor: i64,
    /// Credits that an open dispute holds.
    pub held: Credits,
}

/// C7: the wallet's row of failures. Of no account for a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureCount {
    /// Before this result.
    pub consecutive: u32,
    /// So many in a row disable; at least 1.
    pub to_disable: u32,
}

/// What a result does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// C6, C10: credit the wallet, once, and tell the account holder.
    Credit {
        /// How much.
        quantity: Credits,
        /// After a failure or a verdict of unknown: auto top-up stays as it is, and so does the count of
        /// failures. Otherwise the count starts again from 0.
        late: bool,
    },
    /// E3, E8: the charge of a card's registration was captured. It credits nothing.
    Register {
        /// Whether the card is registered and auto top-up enabled by it, where the rules still allow
        /// ([`crate::registration::registered`]). Not where the registration had ended before (C10).
        enable: bool,
    },
    /// C7: a definite failure. Tell the account holder; a top-up's is counted.
    Fail {
        /// It was one too many: disable this wallet's auto top-up. Never for a purchase (P4).
        disable: bool,
        /// Why, on one line, for the account holder.
        reason: String,
        /// What the account holder can do about it.
        decline: DeclineClass,
    },
    /// C8: not known yet. Nothing is disabled, the claim on spacing is kept, and the gateway is asked again.
    StillOpen {
        /// Where it stands from now on.
        state: PaymentState,
        /// The customer of a purchase has to go to the gateway's page.
        lead_to_page: bool,
    },
    /// V1: money went back, and credits go with it.
    TakeBack(TakeBack),
    /// C10 and V1 in one: a payment that never succeeded here was captured and given back. It is credited late and
    /// taken back in the same transaction, and told both, so that the books show what the card's statement shows.
    CameAndWent {
        /// Credited first.
        quantity: Credits,
        /// Then taken back.
        take: TakeBack,
    },
    /// V1: a dispute is open; its credits are held, and the operators alerted.
    Hold {
        /// Disputed, in the currency's minor unit: at most what is left.
        amount_minor: i64,
        /// To be held.
        credits: Credits,
        /// The dispute.
        reversal_id: String,
    },
    /// V1: a dispute ended and takes nothing (more): what it held is released, and it counts as won.
    Release {
        /// Disputed, in the currency's minor unit.
        amount_minor: i64,
        /// Held until now; none where it was not seen to open.
        credits: Credits,
        /// The dispute.
        reversal_id: String,
    },
    /// V1: a refund that was asked for was not made. Nothing is taken, and the operators are alerted.
    NotGivenBack {
        /// What was to be given back, in the currency's minor unit.
        amount_minor: i64,
        /// The refund.
        reversal_id: String,
        /// The gateway's words.
        reason: String,
    },
    /// A repeat, or nothing new.
    Nothing(Already),
    /// It can't be decided yet, for this reason: to be tried again, and in the end for a person.
    Later(String),
    /// C11: a person has to look. Neither payment, top-up, purchase nor wallet changes.
    Park(Misfit),
}

/// V1: what one reversal takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeBack {
    /// Given back by this one, in the currency's minor unit.
    pub amount_minor: i64,
    /// Taken back by this one.
    pub credits: Credits,
    /// Nothing of the payment is left.
    pub whole: bool,
    /// The refund or dispute; [`WHOLE_REVERSAL_ID`] where it has no name.
    pub reversal_id: String,
    /// Held by this dispute until now, and no longer.
    pub release: Credits,
    /// Card auto top-up of all the account's wallets is disabled, and the account holder told. Not so where a
    /// registration's charge is given back, which bought nothing.
    pub disable_cards: bool,
}

/// C11, V1: what does not match the intent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Another payment's result.
    #[error("C11: the result is of the reference {got}, the intent of {asked}")]
    Reference {
        /// The intent's.
        asked: Reference,
        /// The result's.
        got: Reference,
    },
    /// Test money for live credits, or the other way.
    #[error("C11: the result is of mode {got}, the intent of mode {asked}")]
    Mode {
        /// The intent's.
        asked: PaymentMode,
        /// The result's.
        got: PaymentMode,
    },
    /// Another currency, or none named.
    #[error("C11: {what} in {}, but {asked} was asked for", .got.map_or_else(|| "no currency".to_owned(), |c| c.to_string()))]
    Currency {
        /// What is said to have happened.
        what: PaymentStatus,
        /// The intent's.
        asked: Currency,
        /// The result's.
        got: Option<Currency>,
    },
    /// Another amount, or none named.
    #[error("C11: success over {} minor units, but {asked} was asked for", minor(*.got))]
    Amount {
        /// The intent's.
        asked: Money,
        /// The result's, in the currency's minor unit.
        got: Option<i64>,
    },
    /// More than there is left to give back, nothing, or less.
    #[error("V1: {what} over {} minor units, but {left} of the payment is left", minor(*.got))]
    ReversedAmount {
        /// What is said to have happened.
        what: PaymentStatus,
        /// Captured, and not given back yet.
        left: Money,
        /// The result's, in the currency's minor unit.
        got: Option<i64>,
    },
    /// A dispute without a name can be neither held for nor ended.
    #[error("V1: {0} names no refund or dispute")]
    Nameless(PaymentStatus),
    /// A refund that was made is said to have failed.
    #[error("V1: the refund {0} was made before it is said to have failed")]
    GivenBackBefore(String),
    /// A dispute that ended well is said to be lost after all.
    #[error("V1: the dispute {0} was won before it is said to be lost")]
    WonBefore(String),
}

fn minor(amount: Option<i64>) -> String {
    amount.map_or_else(|| "unnamed".to_owned(), |amount| amount.to_string())
}

/// C6–C11, P4, V1: one result against the intent that it answers. Checked in this order: it is this reference's, of the
/// same mode; a success also of the same currency and amount, a reversal of the same currency. Then the table decides
/// by where the payment stands (`lifecycle`).
#[must_use]
pub fn settle(intent: &PaymentIntent, result: &PaymentResult, failures: FailureCount) -> Settlement {
    if let Err(misfit) = fits(intent, result) {
        return Settlement::Park(misfit);
    }
    let event = match result.status {
        PaymentStatus::Success => Event::Captured,
        PaymentStatus::Failed => Event::Refused,
        PaymentStatus::ActionRequired => Event::Challenged,
        PaymentStatus::Pending => Event::Processing,
        PaymentStatus::Unknown => Event::NoVerdict,
        PaymentStatus::Reversed => return reversal::reversed(intent, result),
        PaymentStatus::DisputeOpened => return reversal::disputed(intent, result),
        PaymentStatus::DisputeWon => return reversal::won(intent, result),
        PaymentStatus::RefundFailed => return reversal::not_given_back(intent, result),
    };
    let kind = intent.paid_for.kind();
    let (to, effects) = match lifecycle::payment(kind, intent.state, event) {
        Step::Go { to, effects } => (to, effects),
        Step::Nothing(already) => return Settlement::Nothing(already),
        Step::Later(reason) => return Settlement::Later(reason.to_string()),
        Step::Never => return Settlement::Nothing(Already::SameState),
    };
    match to {
        PaymentState::Succeeded | PaymentState::Reversed => match kind {
            PaymentKind::Registration => Settlement::Register {
                enable: effects.contains(&Effect::RegisterCard),
            },
            PaymentKind::Topup | PaymentKind::OneClick | PaymentKind::Hosted => Settlement::Credit {
                quantity: intent.quantity,
                late: effects.contains(&Effect::CreditLate),
            },
        },
        PaymentState::Failed => Settlement::Fail {
            disable: match kind {
                PaymentKind::Topup => disables(failures.consecutive, failures.to_disable),
                PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => false,
            },
            reason: reason(result),
            decline: decline(result),
        },
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Settlement::StillOpen {
                state: to,
                lead_to_page: effects.contains(&Effect::LeadToPage),
            }
        }
    }
}

/// C7: whether one more definite failure disables auto top-up, after so many in a row.
#[must_use]
pub const fn disables(consecutive_failures: u32, failures_to_disable: u32) -> bool {
    consecutive_failures.saturating_add(1) >= failures_to_disable
}

/// C11: whether the result can be the intent's at all.
fn fits(intent: &PaymentIntent, result: &PaymentResult) -> Result<(), Misfit> {
    if result.reference != intent.reference {
        return Err(Misfit::Reference {
            asked: intent.reference.clone(),
            got: result.reference.clone(),
        });
    }
    if result.mode != intent.mode {
        return Err(Misfit::Mode {
            asked: intent.mode,
            got: result.mode,
        });
    }
    match result.status {
        PaymentStatus::Success => {
            is_currency(intent, result, result.currency)?;
            if result.amount_minor == Some(intent.amount.amount_minor) {
                Ok(())
            } else {
                Err(Misfit::Amount {
                    asked: intent.amount,
                    got: result.amount_minor,
                })
            }
        }
        // An amount alone is no money; without either, what is recorded counts.
        PaymentStatus::Reversed | PaymentStatus::DisputeOpened | PaymentStatus::DisputeWon
            if result.currency.is_some() || result.amount_minor.is_some() =>
        {
            is_currency(intent, result, result.currency)
        }
        PaymentStatus::Reversed
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon
        | PaymentStatus::RefundFailed
        | PaymentStatus::Failed
        | PaymentStatus::ActionRequired
        | PaymentStatus::Pending
        | PaymentStatus::Unknown => Ok(()),
    }
}

fn is_currency(intent: &PaymentIntent, result: &PaymentResult, got: Option<Currency>) -> Result<(), Misfit> {
    let asked = intent.amount.currency;
    if got == Some(asked) {
        return Ok(());
    }
    let what = result.status;
    Err(Misfit::Currency { what, asked, got })
}

/// Why it failed: the gateway's words where it has some, on one line and cut.
fn reason(result: &PaymentResult) -> String {
    let told = result.reason.as_deref().unwrap_or_default();
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    if !words.is_empty() {
        return words.chars().take(REASON_MAX_CHARS).collect();
    }
    if result.status == PaymentStatus::ActionRequired {
        Written::WantsConfirmation.to_string()
    } else {
        Written::Declined.to_string()
    }
}

/// What kind of refusal it is, where the gateway's words do not tell.
fn decline(result: &PaymentResult) -> DeclineClass {
    let unsaid = if result.status == PaymentStatus::ActionRequired {
        DeclineClass::NeedsCustomer
    } else {
        DeclineClass::AnotherDay
    };
    result.decline.unwrap_or(unsaid)
}
