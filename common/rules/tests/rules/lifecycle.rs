//! C5–C10, V1: the table of states and events, cell by cell.

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

/// A card that is registered: nothing is bought, so nothing is taken back.
const PAYMENT_OF_REGISTRATION: &str = "
                 charging         pending          unknown          parked           succeeded          failed           reversed
wait             -                -                -                -                -                  -                -
charge           -                -                -                -                -                  -                -
move             -                -                -                -                -                  -                -
cannot-charge    -                -                -                -                -                  -                -
not-wanted       -                -                -                -                -                  -                -
our-trouble      charging:ask     =                =                =                =                  =                =
captured         succeeded:card   succeeded:card   succeeded:card   succeeded:card   =                  succeeded:back   =
refused          failed           failed           failed           failed           =                  =                =
challenged       pending:page     =                pending:page     =                =                  =                =
processing       pending:ask      =                pending:ask      =                =                  =                =
no-verdict       unknown:ask      =                =                =                =                  =                =
not-known        failed           failed           failed           =                =                  =                =
out-of-time      parked:alert     parked:alert     parked:alert     =                =                  =                =
reversed-in-part later            later            later            later            succeeded          later            =
reversed-whole   later            later            later            later            reversed           later            =
came-and-went    reversed         reversed         reversed         reversed         reversed           reversed         =
dispute-opened   later            later            later            later            succeeded:held     later            =
dispute-won      later            later            later            later            succeeded:released later            reversed:released
";

const REGISTRATION_EFFECTS: &[(&str, &[Effect])] = &[
    ("", &[]),
    ("card", &[Effect::RegisterCard, Effect::GiveBack]),
    ("back", &[Effect::GiveBack]),
    ("ask", &[Effect::AskGateway]),
    ("page", &[Effect::LeadToPage, Effect::AskGateway]),
    ("alert", &[Effect::AlertOperators]),
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
fn e3_v1_every_event_in_every_state_of_a_registrations_payment() {
    check(
        PAYMENT_OF_REGISTRATION,
        REGISTRATION_EFFECTS,
        PaymentState::ALL,
        |state, event| payment(PaymentKind::Registration, state, event),
    );
}

#[test]
fn c1_to_c10_x1_v1_every_event_in_every_state_of_a_topup() {
    check(TOPUP, TOPUP_EFFECTS, TopupState::ALL, topup);
}
