//! The top-up's half of the table.

use super::{Already, Effect, Event, Reason, Step, go};
use crate::topup::TopupState::{
    self, Charging, Failed, Parked, Pending, Requested, Reversed, Scheduled, Skipped, Succeeded, Unknown,
};

/// What `event` does to a top-up that stands in `state`. It begins in `requested`, by a send (T1).
#[must_use]
pub const fn topup(state: TopupState, event: Event) -> Step<TopupState> {
    match event {
        Event::Wait => waking(state, go(Scheduled, &[])),
        Event::Charge => waking(state, go(Charging, &[Effect::ClaimSpacing])),
        Event::Move => waking(state, go(Succeeded, MOVED)),
        Event::CannotCharge => waking(state, go(Failed, CANNOT)),
        Event::NotWanted => waking(state, go(Skipped, &[Effect::GiveUpClaim])),
        Event::OurTrouble => match state {
            Charging => go(Scheduled, &[]),
            Requested => Step::Never,
            Scheduled | Pending | Unknown | Parked | Succeeded | Failed | Skipped | Reversed => {
                nothing_new(state)
            }
        },
        Event::Captured => match state {
            Scheduled | Charging | Pending => go(Succeeded, CREDITED),
            // C10: auto top-up and the count of failures stay as they are.
            Unknown | Parked => go(Succeeded, LATE_AND_CLAIMED),
            Failed | Skipped => go(Succeeded, LATE),
            Requested => Step::Never,
            Succeeded | Reversed => nothing_new(state),
        },
        Event::Refused | Event::Challenged => match state {
            Scheduled | Charging | Pending | Unknown | Parked => go(Failed, REFUSED),
            Requested => Step::Never,
            Succeeded | Failed | Skipped | Reversed => nothing_new(state),
        },
        Event::Processing => match state {
            Scheduled | Charging | Unknown => go(Pending, &[]),
            Requested => Step::Never,
            Pending | Parked | Succeeded | Failed | Skipped | Reversed => nothing_new(state),
        },
        Event::NoVerdict => match state {
            Scheduled | Charging => go(Unknown, &[]),
            Requested => Step::Never,
            Pending | Unknown | Parked | Succeeded | Failed | Skipped | Reversed => nothing_new(state),
        },
        // C8: it wakes now, and is submitted again only if it is still wanted.
        Event::NotKnown => match state {
            Charging | Pending | Unknown => go(Scheduled, &[]),
            Requested => Step::Never,
            Scheduled | Parked | Succeeded | Failed | Skipped | Reversed => nothing_new(state),
        },
        // The claim on spacing is kept, and nothing is disabled.
        Event::OutOfTime => match state {
            Scheduled | Charging | Pending | Unknown => go(Parked, &[]),
            Requested => Step::Never,
            Parked | Succeeded | Failed | Skipped | Reversed => nothing_new(state),
        },
        Event::ReversedInPart | Event::DisputeOpened => of_succeeded(state, go(Succeeded, &[])),
        Event::ReversedWhole => of_succeeded(state, go(Reversed, &[])),
        Event::CameAndWent => match state {
            Scheduled | Charging | Pending | Unknown | Parked => go(Reversed, LATE_AND_CLAIMED),
            Failed | Skipped => go(Reversed, LATE),
            Succeeded => go(Reversed, &[]),
            Requested => Step::Never,
            Reversed => nothing_new(state),
        },
        Event::DisputeWon => match state {
            Reversed => go(Reversed, &[]),
            Requested | Scheduled | Charging | Pending | Unknown | Parked | Succeeded | Failed | Skipped => {
                of_succeeded(state, go(Succeeded, &[]))
            }
        },
    }
}

/// C3: a message wakes only what waits; the rest is past that.
const fn waking(state: TopupState, step: Step<TopupState>) -> Step<TopupState> {
    match state {
        Requested | Scheduled => step,
        Charging | Pending | Unknown | Parked | Succeeded | Failed | Skipped | Reversed => Step::Never,
    }
}

/// V1: only what has succeeded can be taken back or disputed.
const fn of_succeeded(state: TopupState, step: Step<TopupState>) -> Step<TopupState> {
    match state {
        Succeeded => step,
        Requested => Step::Never,
        Scheduled | Charging | Pending | Unknown | Parked | Failed | Skipped => {
            Step::Later(Reason::NotSucceededYet)
        }
        Reversed => nothing_new(state),
    }
}

const fn nothing_new(state: TopupState) -> Step<TopupState> {
    Step::Nothing(match state {
        Requested | Scheduled | Charging | Pending | Unknown | Parked => Already::SameState,
        Succeeded => Already::Succeeded,
        Failed => Already::Failed,
        Skipped => Already::Skipped,
        Reversed => Already::Reversed,
    })
}

/// X1, X4.
const MOVED: &[Effect] = &[Effect::MoveCredits, Effect::ResetFailures, Effect::TellSuccess];

/// C7, X2: whatever claim an earlier try left counts nothing.
const CANNOT: &[Effect] = &[Effect::CountFailure, Effect::TellFailure, Effect::GiveUpClaim];

/// C6.
const CREDITED: &[Effect] = &[Effect::ResetFailures, Effect::TellSuccess, Effect::FreeSpacing];

/// C10, where the account still waits for it.
const LATE_AND_CLAIMED: &[Effect] = &[Effect::TellSuccess, Effect::FreeSpacing];

/// C10, where the next one may have been charged meanwhile.
const LATE: &[Effect] = &[Effect::TellSuccess];

/// C7.
const REFUSED: &[Effect] = &[Effect::CountFailure, Effect::TellFailure, Effect::FreeSpacing];
