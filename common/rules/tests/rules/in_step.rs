//! The two halves of the table together: what a charged top-up and its payment go through by every event.

use std::collections::{BTreeSet, VecDeque};
use topup_rules::lifecycle::{Effect, Event, PaymentKind, Step, payment, topup};
use topup_rules::topup::{PaymentState, TopupState};

type Pair = (PaymentState, TopupState);

/// Where a charged top-up and its payment may stand together.
const TOGETHER: [Pair; 9] = [
    (PaymentState::Charging, TopupState::Scheduled),
    (PaymentState::Charging, TopupState::Charging),
    (PaymentState::Pending, TopupState::Pending),
    (PaymentState::Unknown, TopupState::Unknown),
    (PaymentState::Parked, TopupState::Parked),
    (PaymentState::Succeeded, TopupState::Succeeded),
    (PaymentState::Failed, TopupState::Failed),
    (PaymentState::Failed, TopupState::Skipped),
    (PaymentState::Reversed, TopupState::Reversed),
];

/// Where a pair goes by an event, and with which effects. `None`: the event can't happen to it.
fn both((of_payment, of_topup): Pair, event: Event) -> Option<(Pair, Vec<Effect>)> {
    let money = payment(PaymentKind::Topup, of_payment, event);
    let claim = topup(of_topup, event);
    let unmoved = (of_payment, of_topup);
    let (pair, effects) = match (money, claim) {
        (
            Step::Go { to, effects },
            Step::Go {
                to: topup,
                effects: more,
            },
        ) => ((to, topup), (effects, more)),
        (Step::Go { to, effects }, Step::Nothing(_)) => ((to, of_topup), (effects, &[][..])),
        (Step::Nothing(_), Step::Go { to, effects }) => ((of_payment, to), (&[][..], effects)),
        (Step::Nothing(_), Step::Nothing(_)) | (Step::Later(_), Step::Later(_)) => {
            (unmoved, (&[][..], &[][..]))
        }
        // A payment does not see whether its top-up waits, so a waking that the top-up is past can't come to it;
        // and what is charged by card is not moved.
        (_, Step::Never) => return None,
        (Step::Never, _) if event == Event::Move => return None,
        halves => panic!("{unmoved:?} by {event}: {halves:?}"),
    };
    Some((pair, [effects.0, effects.1].concat()))
}

#[test]
fn a6_a_topup_and_its_payment_move_in_step() {
    let start = (PaymentState::Charging, TopupState::Charging);
    let mut seen = BTreeSet::from([start]);
    let mut next = VecDeque::from([start]);
    while let Some(pair) = next.pop_front() {
        for event in Event::ALL.iter().copied() {
            let Some((to, _)) = both(pair, event) else {
                continue;
            };
            assert!(TOGETHER.contains(&to), "{pair:?} by {event}: {to:?}");
            if seen.insert(to) {
                next.push_back(to);
            }
        }
    }
    assert_eq!(seen, BTreeSet::from(TOGETHER), "and every one of them is reached");
}

#[test]
fn the_halves_of_a_step_never_do_the_same_and_nothing_twice() {
    for pair in TOGETHER {
        for event in Event::ALL.iter().copied() {
            let Some((_, effects)) = both(pair, event) else {
                continue;
            };
            let once: BTreeSet<_> = effects.iter().collect();
            assert_eq!(once.len(), effects.len(), "{pair:?} by {event}: {effects:?}");
        }
    }
}

#[test]
fn c6_c10_credits_come_once_and_only_with_a_success() {
    for pair in TOGETHER {
        for event in Event::ALL.iter().copied() {
            let Some((to, effects)) = both(pair, event) else {
                continue;
            };
            let credited = effects.contains(&Effect::Credit);
            let late = effects.contains(&Effect::CreditLate);
            let came = event == Event::Captured || event == Event::CameAndWent;
            let had_them = matches!(pair.0, PaymentState::Succeeded | PaymentState::Reversed);
            assert_eq!(credited || late, came && !had_them, "{pair:?} by {event}");
            assert!(!(credited && late));
            assert_eq!(
                credited,
                effects.contains(&Effect::ResetFailures),
                "C10: a late one resets nothing"
            );
            if credited || late {
                assert!(effects.contains(&Effect::TellSuccess));
                assert!(matches!(to.0, PaymentState::Succeeded | PaymentState::Reversed));
            }
        }
    }
}

#[test]
fn c10_a_success_ends_by_a_reversal_alone() {
    for event in Event::ALL.iter().copied() {
        for kind in PaymentKind::ALL.iter().copied() {
            let Step::Go { to, effects } = payment(kind, PaymentState::Succeeded, event) else {
                continue;
            };
            let ended = to != PaymentState::Succeeded;
            // A registration bought nothing that could be taken back.
            let takes = effects.contains(&Effect::TakeBack) || kind == PaymentKind::Registration;
            assert_eq!(ended, to == PaymentState::Reversed && takes, "{kind}, {event}");
        }
    }
}

#[test]
fn c1_a_claim_is_freed_exactly_when_its_topup_is_decided() {
    let claimed = |state| {
        matches!(
            state,
            TopupState::Charging | TopupState::Pending | TopupState::Unknown | TopupState::Parked
        )
    };
    for pair in TOGETHER {
        for event in Event::ALL.iter().copied() {
            let Some((to, effects)) = both(pair, event) else {
                continue;
            };
            let freed = effects.contains(&Effect::FreeSpacing) || effects.contains(&Effect::GiveUpClaim);
            // One that waits to be submitted again keeps its claim, too.
            let had = claimed(pair.1) || pair.1 == TopupState::Scheduled;
            assert_eq!(freed, had && !to.1.is_open(), "{pair:?} by {event}");
        }
    }
}

#[test]
fn c8_c9_nothing_is_disabled_and_nobody_told_before_it_is_decided() {
    for pair in TOGETHER {
        for event in [
            Event::OurTrouble,
            Event::Processing,
            Event::NoVerdict,
            Event::NotKnown,
            Event::OutOfTime,
        ] {
            let Some((_, effects)) = both(pair, event) else {
                continue;
            };
            for quiet in [
                Effect::CountFailure,
                Effect::DisableCards,
                Effect::TellFailure,
                Effect::FreeSpacing,
            ] {
                assert!(!effects.contains(&quiet), "{pair:?} by {event}: {effects:?}");
            }
        }
    }
}

#[test]
fn c7_p4_every_failure_is_told_and_a_topups_is_counted() {
    for pair in TOGETHER {
        for event in [Event::Refused, Event::Challenged] {
            let Some((to, effects)) = both(pair, event) else {
                continue;
            };
            let failed = pair != to;
            assert_eq!(
                to.1 == TopupState::Failed,
                failed || pair.1 == TopupState::Failed,
                "{pair:?}"
            );
            assert_eq!(
                effects.contains(&Effect::TellFailure),
                failed,
                "{pair:?} by {event}"
            );
            assert_eq!(
                effects.contains(&Effect::CountFailure),
                failed,
                "{pair:?} by {event}"
            );
        }
    }
    for kind in PaymentKind::ALL.iter().copied() {
        for state in PaymentState::ALL.iter().copied() {
            for event in Event::ALL.iter().copied() {
                let Step::Go { effects, .. } = payment(kind, state, event) else {
                    continue;
                };
                assert!(
                    !effects.contains(&Effect::CountFailure),
                    "P4: a purchase's failure counts nothing"
                );
            }
        }
    }
}
