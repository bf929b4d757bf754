//! C6–C11: what a payment's result does to the top-up that it pays for.
//!
//! Left out: reversals and disputes (V1). They are parked with that reason, and change nothing.

use crate::credits::Credits;
use crate::ids::{Reference, TopupId};
use crate::message::{PaymentMode, PaymentResult, PaymentStatus};
use crate::money::{Currency, Money};
use crate::topup::PaymentState;

/// Longest reason that is taken over from a gateway, in characters.
const REASON_MAX_CHARS: usize = 200;

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
    /// What it pays for.
    pub topup: TopupId,
    /// The credits that it buys.
    pub quantity: Credits,
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
    /// C7: a definite failure. Tell the account holder, and count it.
    Fail {
        /// It was one too many: disable this wallet's auto top-up.
        disable: bool,
        /// Why, on one line, for the account holder.
        reason: String,
    },
    /// C8: not known yet, and in this state from now on. Nothing is disabled, the claim on spacing is kept.
    StillOpen(PaymentState),
    /// A repeat, or nothing new.
    Nothing(Already),
    /// C11: a person has to look. Neither payment, top-up nor wallet changes.
    Park(Misfit),
}

/// Why a result changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Already {
    /// Credited before; a success is never overwritten (C10).
    #[error("the payment has succeeded already")]
    Succeeded,
    /// Failed before.
    #[error("the payment has failed already")]
    Failed,
    /// Given back before.
    #[error("the payment was reversed already")]
    Reversed,
    /// It is as open as it was.
    #[error("nothing new is known of the payment")]
    SameState,
}

/// C11: what does not match the intent.
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
    #[error("C11: success in {}, but {asked} was asked for", .got.map_or_else(|| "no currency".to_owned(), |c| c.to_string()))]
    Currency {
        /// The intent's.
        asked: Currency,
        /// The result's.
        got: Option<Currency>,
    },
    /// Another amount, or none named.
    #[error("C11: success over {} minor units, but {asked} was asked for", .got.map_or_else(|| "unnamed".to_owned(), |a| a.to_string()))]
    Amount {
        /// The intent's.
        asked: Money,
        /// The result's, in the currency's minor unit.
        got: Option<i64>,
    },
    /// V1 is not decided by this version.
    #[error("V1: results of status {0} are not handled yet")]
    NotHandled(PaymentStatus),
}

/// C6–C11: one result against the intent that it answers. `consecutive_failures` are the wallet's before this
/// result; `failures_to_disable` is a setting, at least 1. Checked in this order: it is this reference's, of a
/// status that is handled, of the same mode; a success also of the same currency and amount. Then, by where
/// the payment stands:
///
/// | stands | success | failed, action-required | pending | unknown |
/// | --- | --- | --- | --- | --- |
/// | charging | credit | fail | pending | unknown |
/// | pending | credit | fail | nothing new | nothing new |
/// | unknown | credit, late | fail | pending | nothing new |
/// | parked | credit, late | fail | nothing new | nothing new |
/// | failed | credit, late | already failed | already failed | already failed |
/// | succeeded | already succeeded | already succeeded | already succeeded | already succeeded |
/// | reversed | already reversed | already reversed | already reversed | already reversed |
#[must_use]
pub fn settle(
    intent: &PaymentIntent,
    result: &PaymentResult,
    consecutive_failures: u32,
    failures_to_disable: u32,
) -> Settlement {
    let verdict = match verdict(intent, result) {
        Ok(verdict) => verdict,
        Err(misfit) => return Settlement::Park(misfit),
    };
    match (intent.state, verdict) {
        (PaymentState::Succeeded, _) => Settlement::Nothing(Already::Succeeded),
        (PaymentState::Reversed, _) => Settlement::Nothing(Already::Reversed),
        (PaymentState::Charging | PaymentState::Pending, Verdict::Captured) => Settlement::Credit {
            quantity: intent.quantity,
            late: false,
        },
        (PaymentState::Unknown | PaymentState::Parked | PaymentState::Failed, Verdict::Captured) => {
            Settlement::Credit {
                quantity: intent.quantity,
                late: true,
            }
        }
        (PaymentState::Failed, Verdict::Refused | Verdict::Pending | Verdict::Unknown) => {
            Settlement::Nothing(Already::Failed)
        }
        (
            PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked,
            Verdict::Refused,
        ) => Settlement::Fail {
            disable: disables(consecutive_failures, failures_to_disable),
            reason: reason(result),
        },
        (PaymentState::Charging | PaymentState::Unknown, Verdict::Pending) => {
            Settlement::StillOpen(PaymentState::Pending)
        }
        (PaymentState::Charging, Verdict::Unknown) => Settlement::StillOpen(PaymentState::Unknown),
        (PaymentState::Pending | PaymentState::Parked, Verdict::Pending | Verdict::Unknown)
        | (PaymentState::Unknown, Verdict::Unknown) => Settlement::Nothing(Already::SameState),
    }
}

/// C7: whether one more definite failure disables auto top-up, after so many in a row.
#[must_use]
pub const fn disables(consecutive_failures: u32, failures_to_disable: u32) -> bool {
    consecutive_failures.saturating_add(1) >= failures_to_disable
}

/// What a fitting result comes to.
#[derive(Clone, Copy)]
enum Verdict {
    Captured,
    Refused,
    Pending,
    Unknown,
}

fn verdict(intent: &PaymentIntent, result: &PaymentResult) -> Result<Verdict, Misfit> {
    if result.reference != intent.reference {
        return Err(Misfit::Reference {
            asked: intent.reference.clone(),
            got: result.reference.clone(),
        });
    }
    let verdict = match result.status {
        PaymentStatus::Success => Verdict::Captured,
        // C7: nobody is there to answer a challenge, so a challenged charge is refused.
        PaymentStatus::Failed | PaymentStatus::ActionRequired => Verdict::Refused,
        PaymentStatus::Pending => Verdict::Pending,
        PaymentStatus::Unknown => Verdict::Unknown,
        status @ (PaymentStatus::Reversed | PaymentStatus::DisputeOpened | PaymentStatus::DisputeWon) => {
            return Err(Misfit::NotHandled(status));
        }
    };
    if result.mode != intent.mode {
        return Err(Misfit::Mode {
            asked: intent.mode,
            got: result.mode,
        });
    }
    match verdict {
        Verdict::Captured => fits(intent.amount, result).map(|()| verdict),
        Verdict::Refused | Verdict::Pending | Verdict::Unknown => Ok(verdict),
    }
}

fn fits(asked: Money, result: &PaymentResult) -> Result<(), Misfit> {
    if result.currency != Some(asked.currency) {
        return Err(Misfit::Currency {
            asked: asked.currency,
            got: result.currency,
        });
    }
    if result.amount_minor != Some(asked.amount_minor) {
        return Err(Misfit::Amount {
            asked,
            got: result.amount_minor,
        });
    }
    Ok(())
}

/// Why it failed: the gateway's words where it has some, on one line and cut.
fn reason(result: &PaymentResult) -> String {
    let told = result.reason.as_deref().unwrap_or_default();
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    if !words.is_empty() {
        return words.chars().take(REASON_MAX_CHARS).collect();
    }
    if result.status == PaymentStatus::ActionRequired {
        "the bank wants the card holder to confirm the payment".to_owned()
    } else {
        "the card was declined".to_owned()
    }
}
