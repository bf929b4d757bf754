//! The payment's half of the table.

use super::{Already, Effect, Event, PaymentKind, Reason, Step, go};
use crate::topup::PaymentState::{self, Charging, Failed, Parked, Pending, Reversed, Succeeded, Unknown};

/// What `event` does to a payment of `kind` that stands in `state`. It begins in `charging`, by its intent.
#[must_use]
pub const fn payment(kind: PaymentKind, state: PaymentState, event: Event) -> Step<PaymentState> {
    match event {
        Event::Wait => waiting(kind, state, nothing_new(state)),
        Event::Charge => waiting(
            kind,
            state,
            go(Charging, &[Effect::CommitIntent, Effect::AskGateway]),
        ),
        Event::Move => Step::Never,
        // The gateway certainly has no charge of it.
        Event::CannotCharge | Event::NotWanted => waiting(kind, state, go(Failed, &[])),
        Event::OurTrouble => match state {
            Charging => go(Charging, next_try(kind)),
            Pending | Unknown | Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
        Event::Captured => match state {
            Charging | Pending => go(Succeeded, credit(kind)),
            Unknown | Parked => go(Succeeded, credit_late(kind)),
            Failed => go(Succeeded, credit_after_all(kind)),
            Succeeded | Reversed => nothing_new(state),
        },
        Event::Refused => refused(kind, state),
        Event::Challenged => challenged(kind, state),
        Event::Processing => match state {
            Charging | Unknown => go(Pending, &[Effect::AskGateway]),
            Pending | Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
        Event::NoVerdict => match state {
            Charging => go(Unknown, &[Effect::AskGateway]),
            Pending | Unknown | Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
        Event::NotKnown => match state {
            Charging | Pending | Unknown => not_known(kind),
            Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
        Event::OutOfTime => match state {
            Charging | Pending | Unknown => go(Parked, &[Effect::AlertOperators]),
            Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
        Event::ReversedInPart => of_succeeded(state, go(Succeeded, taken_back(kind))),
        Event::ReversedWhole => of_succeeded(state, go(Reversed, taken_back(kind))),
        Event::CameAndWent => match state {
            Charging | Pending | Unknown | Parked | Failed => go(Reversed, came_and_went(kind)),
            Succeeded => go(Reversed, taken_back(kind)),
            Reversed => nothing_new(state),
        },
        Event::DisputeOpened => of_succeeded(state, go(Succeeded, &[Effect::Hold, Effect::AlertOperators])),
        Event::DisputeWon => match state {
            // All of it may have been given back while the dispute was open.
            Reversed => go(Reversed, &[Effect::ReleaseHold]),
            Charging | Pending | Unknown | Parked | Succeeded | Failed => {
                of_succeeded(state, go(Succeeded, &[Effect::ReleaseHold]))
            }
        },
    }
}

/// Only a top-up's payment sees its top-up wake: one whose intent waits to be submitted (again).
const fn waiting(kind: PaymentKind, state: PaymentState, step: Step<PaymentState>) -> Step<PaymentState> {
    match (kind, state) {
        (PaymentKind::Topup, Charging) => step,
        (PaymentKind::Topup, Pending | Unknown | Parked | Succeeded | Failed | Reversed)
        | (PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration, _) => Step::Never,
    }
}

/// C7: definite, but never over a success (C10).
const fn refused(kind: PaymentKind, state: PaymentState) -> Step<PaymentState> {
    match state {
        Charging | Pending | Unknown | Parked => go(Failed, refusal(kind)),
        Succeeded | Failed | Reversed => nothing_new(state),
    }
}

/// C7: nobody is there to answer for a top-up. Who buys by hand is led to the page, and the purchase stays open.
const fn challenged(kind: PaymentKind, state: PaymentState) -> Step<PaymentState> {
    match kind {
        PaymentKind::Topup => refused(kind, state),
        PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => match state {
            Charging | Unknown => go(Pending, &[Effect::LeadToPage, Effect::AskGateway]),
            Pending | Parked | Succeeded | Failed | Reversed => nothing_new(state),
        },
    }
}

/// C8: a top-up wakes and is decided again. No card is charged long after its customer has left the page.
const fn not_known(kind: PaymentKind) -> Step<PaymentState> {
    match kind {
        PaymentKind::Topup => go(Charging, next_try(kind)),
        PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => go(Failed, refusal(kind)),
    }
}

/// V1: only what has succeeded can be taken back or disputed.
const fn of_succeeded(state: PaymentState, step: Step<PaymentState>) -> Step<PaymentState> {
    match state {
        Succeeded => step,
        Charging | Pending | Unknown | Parked | Failed => Step::Later(Reason::NotSucceededYet),
        Reversed => nothing_new(state),
    }
}

const fn nothing_new(state: PaymentState) -> Step<PaymentState> {
    Step::Nothing(match state {
        Charging | Pending | Unknown | Parked => Already::SameState,
        Succeeded => Already::Succeeded,
        Failed => Already::Failed,
        Reversed => Already::Reversed,
    })
}

/// V1. A registration's charge bought nothing, and it is given back by rule.
const fn taken_back(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup | PaymentKind::OneClick | PaymentKind::Hosted => {
            &[Effect::TakeBack, Effect::DisableCards, Effect::TellReversal]
        }
        PaymentKind::Registration => &[],
    }
}

/// C8, C9: a top-up is woken for it; a purchase is asked about, and ends when the gateway does not know it.
const fn next_try(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup => &[Effect::SubmitAgain],
        PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => &[Effect::AskGateway],
    }
}

/// C6. Whom a top-up's success is told is the top-up's half.
const fn credit(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup => &[Effect::Credit],
        PaymentKind::OneClick | PaymentKind::Hosted => &[Effect::Credit, Effect::TellSuccess],
        PaymentKind::Registration => REGISTERED,
    }
}

/// C10.
const fn credit_late(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup => &[Effect::CreditLate],
        PaymentKind::OneClick | PaymentKind::Hosted => &[Effect::CreditLate, Effect::TellSuccess],
        PaymentKind::Registration => REGISTERED,
    }
}

/// C10: auto top-up stays as it is, so a registration that had ended is only given back.
const fn credit_after_all(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup | PaymentKind::OneClick | PaymentKind::Hosted => credit_late(kind),
        PaymentKind::Registration => &[Effect::GiveBack],
    }
}

/// E3.
const REGISTERED: &[Effect] = &[Effect::RegisterCard, Effect::GiveBack];

/// C7, P4: a purchase's failure disables nothing. A registration's is seen by who waits for it.
const fn refusal(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup | PaymentKind::Registration => &[],
        PaymentKind::OneClick | PaymentKind::Hosted => &[Effect::TellFailure],
    }
}

/// C10 and V1 in one: credited, told, and taken back, so that the books show both.
const fn came_and_went(kind: PaymentKind) -> &'static [Effect] {
    match kind {
        PaymentKind::Topup => &[
            Effect::CreditLate,
            Effect::TakeBack,
            Effect::DisableCards,
            Effect::TellReversal,
        ],
        PaymentKind::OneClick | PaymentKind::Hosted => &[
            Effect::CreditLate,
            Effect::TellSuccess,
            Effect::TakeBack,
            Effect::DisableCards,
            Effect::TellReversal,
        ],
        PaymentKind::Registration => &[],
    }
}
