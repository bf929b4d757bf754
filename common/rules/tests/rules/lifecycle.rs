//! C5–C10, V1: the table of states and events, cell by cell, and both halves of it in step.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use topup_rules::lifecycle::{Already, Effect, Event, PaymentKind, Reason, Step, payment, topup};
use topup_rules::topup::{PaymentState, TopupState};

// A cell: `=` nothing new, `-` can't happen, `later` not to be decided yet; otherwise the new state and, after a colon,
// the name of what follows.

const PAYMENT_OF_TOPUP: &str = "
                 charging         pending          unknown          parked           succeeded          failed           reversed
wait             =                -                -                -                -                  -                -
charge           charging:intent  -                -                -                -                  -                -
move             -                -                -                -                -                  -                -
cannot-charge    failed           -                -                -                -                  -                -
not-wanted       failed           -                -                -                -                  -                -
our-trouble      charging:again   =                =                =                =                  =                =
captured         succeeded:credit succeeded:credit succeeded:late   succeeded:late   =                  succeeded:late   =
refused          failed           failed           failed           failed           =                  =                =
challenged       failed           failed           failed           failed           =                  =                =
processing       pending:ask      =                pending:ask      =                =                  =                =
no-verdict       unknown:ask      =                =                =                =                  =                =
not-known        charging:again   charging:again   charging:again   =                =                  =                =
out-of-time      parked:alert     parked:alert     parked:alert     =                =                  =                =
reversed-in-part later            later            later            later            succeeded:taken    later            =
reversed-whole   later            later            later            later            reversed:taken     later            =
came-and-went    reversed:both    reversed:both    reversed:both    reversed:both    reversed:taken     reversed:both    =
dispute-opened   later            later            later            later            succeeded:held     later            =
dispute-won      later            later            later            later            succeeded:released later            reversed:released
";

const PAYMENT_EFFECTS: &[(&str, &[Effect])] = &[
    ("", &[]),
    ("intent", &[Effect::CommitIntent, Effect::AskGateway]),
    ("again", &[Effect::SubmitAgain]),
    ("credit", &[Effect::Credit]),
    ("late", &[Effect::CreditLate]),
    ("ask", &[Effect::AskGateway]),
    ("alert", &[Effect::AlertOperators]),
    (
        "taken",
        &[Effect::TakeBack, Effect::DisableCards, Effect::TellReversal],
    ),
    (
        "both",
        &[
            Effect::CreditLate,
            Effect::TakeBack,
            Effect::DisableCards,
            Effect::TellReversal,
        ],
    ),
    ("held", &[Effect::Hold, Effect::AlertOperators]),
    ("released", &[Effect::ReleaseHold]),
];

/// One-click and on the gateway's page alike.
const PAYMENT_OF_PURCHASE: &str = "
                 charging         pending          unknown          parked           succeeded          failed           reversed
wait             -                -                -                -                -                  -                -
charge           -                -                -                -                -                  -                -
move             -                -                -                -                -                  -                -
cannot-charge    -                -                -                -                -                  -                -
not-wanted       -                -                -                -                -                  -                -
our-trouble      charging:ask     =                =                =                =                  =                =
captured         succeeded:credit succeeded:credit succeeded:late   succeeded:late   =                  succeeded:late   =
refused          failed:told      failed:told      failed:told      failed:told      =                  =                =
challenged       pending:page     =                pending:page     =                =                  =                =
processing       pending:ask      =                pending:ask      =                =                  =                =
no-verdict       unknown:ask      =                =                =                =                  =                =
not-known        failed:told      failed:told      failed:told      =                =                  =                =
out-of-time      parked:alert     parked:alert     parked:alert     =                =                  =                =
reversed-in-part later            later            later            later            succeeded:taken    later            =
reversed-whole   later            later            later            later            reversed:taken     later            =
came-and-went    reversed:both    reversed:both    reversed:both    reversed:both    reversed:taken     reversed:both    =
dispute-opened   later            later            later            later            succeeded:held     later            =
dispute-won      later            later            later            later            succeeded:released later            reversed:released
";

const PURCHASE_EFFECTS: &[(&str, &[Effect])] = &[
    ("credit", &[Effect::Credit, Effect::TellSuccess]),
    ("late", &[Effect::CreditLate, Effect::TellSuccess]),
    ("told", &[Effect::TellFailure]),
    ("ask", &[Effect::AskGateway]),
    ("page", &[Effect::LeadToPage, Effect::AskGateway]),
    ("alert", &[Effect::AlertOperators]),
    (
        "taken",
        &[Effect::TakeBack, Effect::DisableCards, Effect::TellReversal],
    ),
    (
        "both",
        &[
            Effect::CreditLate,
            Effect::TellSuccess,
            Effect::TakeBack,
            Effect::DisableCards,
            Effect::TellReversal,
        ],
    ),
    ("held", &[Effect::Hold, Effect::AlertOperators]),
    ("released", &[Effect::ReleaseHold]),
];

const TOPUP: &str = "
                 requested       scheduled       charging       pending        unknown           parked            succeeded failed         skipped        reversed
wait             scheduled       scheduled       -              -              -                 -                 -         -              -              -
charge           charging:claim  charging:claim  -              -              -                 -                 -         -              -              -
move             succeeded:moved succeeded:moved -              -              -                 -                 -         -              -              -
cannot-charge    failed:cannot   failed:cannot   -              -              -                 -                 -         -              -              -
not-wanted       skipped:give-up skipped:give-up -              -              -                 -                 -         -              -              -
our-trouble      -               =               scheduled      =              =                 =                 =         =              =              =
captured         -               succeeded:good  succeeded:good succeeded:good succeeded:claimed succeeded:claimed =         succeeded:late succeeded:late =
refused          -               failed:refused  failed:refused failed:refused failed:refused    failed:refused    =         =              =              =
challenged       -               failed:refused  failed:refused failed:refused failed:refused    failed:refused    =         =              =              =
processing       -               pending         pending        =              pending           =                 =         =              =              =
no-verdict       -               unknown         unknown        =              =                 =                 =         =              =              =
not-known        -               =               scheduled      scheduled      scheduled         =                 =         =              =              =
out-of-time      -               parked          parked         parked         parked            =                 =         =              =              =
reversed-in-part -               later           later          later          later             later             succeeded later          later          =
reversed-whole   -               later           later          later          later             later             reversed  later          later          =
came-and-went    -               reversed:claimed reversed:claimed reversed:claimed reversed:claimed reversed:claimed reversed reversed:late reversed:late =
dispute-opened   -               later           later          later          later             later             succeeded later          later          =
dispute-won      -               later           later          later          later             later             succeeded later          later          reversed
";

const TOPUP_EFFECTS: &[(&str, &[Effect])] = &[
    ("", &[]),
    ("claim", &[Effect::ClaimSpacing]),
    (
        "moved",
        &[Effect::MoveCredits, Effect::ResetFailures, Effect::TellSuccess],
    ),
    (
        "cannot",
        &[Effect::CountFailure, Effect::TellFailure, Effect::GiveUpClaim],
    ),
    ("give-up", &[Effect::GiveUpClaim]),
    (
        "good",
        &[Effect::ResetFailures, Effect::TellSuccess, Effect::FreeSpacing],
    ),
    ("claimed", &[Effect::TellSuccess, Effect::FreeSpacing]),
    ("late", &[Effect::TellSuccess]),
    (
        "refused",
        &[Effect::CountFailure, Effect::TellFailure, Effect::FreeSpacing],
    ),
];

/// What stands in a cell of the text, in a column of this state.
fn cell<S: std::str::FromStr<Err: Debug>>(
    text: &str,
    state: &str,
    effects: &[(&str, &'static [Effect])],
) -> Step<S> {
    match text {
        "-" => Step::Never,
        "later" => Step::Later(Reason::NotSucceededYet),
        "=" => Step::Nothing(match state {
            "succeeded" => Already::Succeeded,
            "failed" => Already::Failed,
            "skipped" => Already::Skipped,
            "reversed" => Already::Reversed,
            _ => Already::SameState,
        }),
        step => {
            let (to, name) = step.split_once(':').unwrap_or((step, ""));
            let effects = effects.iter().find(|(known, _)| *known == name);
            Step::Go {
                to: to.parse().unwrap(),
                effects: effects.unwrap_or_else(|| panic!("no effects {name}")).1,
            }
        }
    }
}

/// Compares a whole table; every state has a column and every event a row.
fn check<S>(
    table: &str,
    effects: &[(&str, &'static [Effect])],
    states: &[S],
    step: impl Fn(S, Event) -> Step<S>,
) where
    S: Copy + Debug + PartialEq + ToString + std::str::FromStr<Err: Debug>,
{
    let mut lines = table.lines().filter(|line| !line.is_empty());
    let columns: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let names: Vec<String> = states.iter().map(ToString::to_string).collect();
    assert_eq!(columns, names);
    let mut events = Vec::new();
    for line in lines {
        let mut cells = line.split_whitespace();
        let event: Event = cells.next().unwrap().parse().unwrap();
        events.push(event);
        let row: Vec<&str> = cells.collect();
        assert_eq!(row.len(), states.len(), "{event}");
        for (state, text) in states.iter().zip(row) {
            let expected = cell(text, &state.to_string(), effects);
            assert_eq!(
                step(*state, event),
                expected,
                "{event} while {}",
                state.to_string()
            );
        }
    }
    assert_eq!(events, Event::ALL);
}

#[test]
fn c5_to_c10_v1_every_event_in_every_state_of_a_topups_payment() {
    check(
        PAYMENT_OF_TOPUP,
        PAYMENT_EFFECTS,
        PaymentState::ALL,
        |state, event| payment(PaymentKind::Topup, state, event),
    );
}

#[test]
fn p4_v1_every_event_in_every_state_of_a_purchases_payment() {
    for kind in [PaymentKind::OneClick, PaymentKind::Hosted] {
        check(
            PAYMENT_OF_PURCHASE,
            PURCHASE_EFFECTS,
            PaymentState::ALL,
            |state, event| payment(kind, state, event),
        );
    }
}

#[test]
fn c1_to_c10_x1_v1_every_event_in_every_state_of_a_topup() {
    check(TOPUP, TOPUP_EFFECTS, TopupState::ALL, topup);
}

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
            assert_eq!(
                ended,
                to == PaymentState::Reversed && effects.contains(&Effect::TakeBack),
                "{kind}, {event}"
            );
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
