//! V1: refunds and disputes, each once, in any order, and never more than was given.

use super::{
    Already, Misfit, PaymentIntent, ReversalRow, ReversalState, Settlement, TakeBack, WHOLE_REVERSAL_ID,
};
use crate::credits::Credits;
use crate::lifecycle::{self, Effect, Event, Step};
use crate::message::PaymentResult;
use crate::money::Money;
use crate::topup::PaymentState;

/// A refund, a lost dispute, or the news that all of the money has gone back.
pub(super) fn reversed(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    match (&result.reversal_id, intent.reversal) {
        (None, _) => all_of_it(intent),
        (Some(_), Some(row)) if row.state == ReversalState::Reversed => {
            Settlement::Nothing(Already::Recorded)
        }
        (Some(id), Some(row)) if row.state == ReversalState::Won => {
            Settlement::Park(Misfit::WonBefore(id.clone()))
        }
        // It failed, and was made in the end.
        (Some(id), Some(row)) if row.state == ReversalState::Failed => {
            one_of_several(intent, result, id, None)
        }
        (Some(id), row) => one_of_several(intent, result, id, row),
    }
}

/// A refund that was asked for was not made. Each is told once.
pub(super) fn not_given_back(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    let Some(reversal_id) = result.reversal_id.clone() else {
        return Settlement::Park(Misfit::Nameless(result.status));
    };
    match intent.reversal.map(|row| row.state) {
        Some(ReversalState::Reversed) => Settlement::Park(Misfit::GivenBackBefore(reversal_id)),
        Some(ReversalState::Failed | ReversalState::Disputed | ReversalState::Won) => {
            Settlement::Nothing(Already::Recorded)
        }
        None => {
            let asked_minor = intent.amount.amount_minor.max(1);
            Settlement::NotGivenBack {
                amount_minor: result.amount_minor.unwrap_or(asked_minor).clamp(1, asked_minor),
                reversal_id,
                reason: match &result.reason {
                    Some(_) => super::reason(result),
                    None => "it gave no reason".to_owned(),
                },
            }
        }
    }
}

/// A dispute was opened: the credits that it may take are held.
pub(super) fn disputed(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    let Some(reversal_id) = result.reversal_id.clone() else {
        return Settlement::Park(Misfit::Nameless(result.status));
    };
    if intent.reversal.is_some() {
        return Settlement::Nothing(Already::Recorded);
    }
    if let Some(settlement) = undecided(intent, Event::DisputeOpened) {
        return settlement;
    }
    let left_minor = left_minor(intent);
    let amount_minor = result.amount_minor.unwrap_or(left_minor).min(left_minor);
    if amount_minor <= 0 {
        return misfit(intent, result);
    }
    Settlement::Hold {
        amount_minor,
        credits: credits_for(intent, amount_minor),
        reversal_id,
    }
}

/// A dispute was won. Where that is heard before it was opened, it is recorded, so that nothing is held for it later.
pub(super) fn won(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    let Some(reversal_id) = result.reversal_id.clone() else {
        return Settlement::Park(Misfit::Nameless(result.status));
    };
    match intent.reversal {
        Some(row) => match row.state {
            ReversalState::Won | ReversalState::Reversed | ReversalState::Failed => {
                Settlement::Nothing(Already::Recorded)
            }
            ReversalState::Disputed => release(row, reversal_id),
        },
        None if intent.state == PaymentState::Reversed => Settlement::Nothing(Already::Reversed),
        None => undecided(intent, Event::DisputeWon).unwrap_or_else(|| {
            let captured_minor = intent.amount.amount_minor;
            let amount_minor = result.amount_minor.unwrap_or(captured_minor);
            Settlement::Release {
                amount_minor: amount_minor.clamp(1, captured_minor.max(1)),
                credits: Credits::ZERO,
                reversal_id,
            }
        }),
    }
}

/// The money went back without a word on which refund or dispute it was.
fn all_of_it(intent: &PaymentIntent) -> Settlement {
    let captured = intent.state.was_captured();
    let event = if captured {
        Event::ReversedWhole
    } else {
        Event::CameAndWent
    };
    if let Some(settlement) = undecided(intent, event) {
        return settlement;
    }
    let take = take_back(
        intent,
        event,
        left_minor(intent),
        WHOLE_REVERSAL_ID.to_owned(),
        Credits::ZERO,
    );
    if captured {
        Settlement::TakeBack(take)
    } else {
        Settlement::CameAndWent {
            quantity: intent.quantity,
            take,
        }
    }
}

/// One refund, or one lost dispute: the dispute's own amount stands in where none is named, and takes at most what
/// other reversals have left of it.
fn one_of_several(
    intent: &PaymentIntent,
    result: &PaymentResult,
    reversal_id: &str,
    dispute: Option<ReversalRow>,
) -> Settlement {
    let left_minor = left_minor(intent);
    let amount_minor = match dispute {
        Some(row) => Some(result.amount_minor.unwrap_or(row.amount_minor).min(left_minor)),
        None => result.amount_minor,
    };
    let whole = amount_minor == Some(left_minor);
    let event = if whole {
        Event::ReversedWhole
    } else {
        Event::ReversedInPart
    };
    match (undecided(intent, event), dispute) {
        // All of it went back another way: nothing is left to hold.
        (Some(Settlement::Nothing(Already::Reversed)), Some(row)) => release(row, reversal_id.to_owned()),
        (Some(settlement), _) => settlement,
        (None, _) => match amount_minor {
            Some(amount_minor) if amount_minor > 0 && amount_minor <= left_minor => {
                let release = dispute.map_or(Credits::ZERO, |row| row.held);
                let reversal_id = reversal_id.to_owned();
                Settlement::TakeBack(take_back(intent, event, amount_minor, reversal_id, release))
            }
            Some(_) | None => misfit(intent, result),
        },
    }
}

/// What the table says where it does not say: go.
fn undecided(intent: &PaymentIntent, event: Event) -> Option<Settlement> {
    match lifecycle::payment(intent.paid_for.kind(), intent.state, event) {
        Step::Go { .. } => None,
        Step::Nothing(already) => Some(Settlement::Nothing(already)),
        Step::Later(reason) => Some(Settlement::Later(reason.to_string())),
        Step::Never => Some(Settlement::Nothing(Already::SameState)),
    }
}

const fn release(row: ReversalRow, reversal_id: String) -> Settlement {
    Settlement::Release {
        amount_minor: row.amount_minor,
        credits: row.held,
        reversal_id,
    }
}

fn take_back(
    intent: &PaymentIntent,
    event: Event,
    amount_minor: i64,
    reversal_id: String,
    release: Credits,
) -> TakeBack {
    let disable_cards = match lifecycle::payment(intent.paid_for.kind(), intent.state, event) {
        Step::Go { effects, .. } => effects.contains(&Effect::DisableCards),
        Step::Nothing(_) | Step::Later(_) | Step::Never => false,
    };
    TakeBack {
        disable_cards,
        amount_minor,
        credits: credits_for(intent, amount_minor),
        whole: amount_minor >= left_minor(intent),
        reversal_id,
        release,
    }
}

/// Captured, and not given back yet.
const fn left_minor(intent: &PaymentIntent) -> i64 {
    intent.amount.amount_minor.saturating_sub(intent.reversed_minor)
}

/// V1: what so much more money takes with it. Credits taken in total are always quantity × reversed ÷ captured, rounded
/// down, so that any split of a refund takes the same in the end.
fn credits_for(intent: &PaymentIntent, amount_minor: i64) -> Credits {
    let captured = i128::from(intent.amount.amount_minor).max(1);
    let reversed = (i128::from(intent.reversed_minor) + i128::from(amount_minor)).clamp(0, captured);
    let total = i128::from(intent.quantity.milli()) * reversed / captured;
    let this_one = total - i128::from(intent.taken_back.milli());
    Credits::from_milli(i64::try_from(this_one.max(0)).unwrap_or(i64::MAX))
}

fn misfit(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    Settlement::Park(Misfit::ReversedAmount {
        what: result.status,
        left: Money::new(left_minor(intent), intent.amount.currency),
        got: result.amount_minor,
    })
}
