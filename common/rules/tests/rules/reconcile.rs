//! The gateway's list against ours.

use crate::given::{PURCHASE, TOPUP, account_id, currency, zar};
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentMode, PaymentStatus};
use topup_rules::reconcile::{Difference, Finding, Ours, Theirs, compare};
use topup_rules::topup::PaymentState;

fn ours(state: PaymentState) -> Ours {
    Ours {
        reference: Reference::of_topup(account_id(1001), TOPUP),
        state,
        amount: zar(35_247),
        reversed_minor: 0,
        mode: PaymentMode::Live,
    }
}

fn theirs(status: PaymentStatus) -> Theirs {
    Theirs {
        reference: Reference::of_topup(account_id(1001), TOPUP).to_string(),
        status,
        amount_minor: Some(35_247),
        currency: Some(currency("ZAR")),
        mode: PaymentMode::Live,
    }
}

#[test]
fn every_state_here_with_every_verdict_there() {
    use Difference as D;
    use Finding::{ForAPerson, Same, Settles};
    use PaymentState as At;
    let open = [
        Settles(D::NotSettledHere),
        Settles(D::NotSettledHere),
        Same,
        Same,
        Same,
        Settles(D::ReversedThere),
    ];
    //       success               failed                        action-required
    //       pending               unknown                       reversed
    let table = [
        (At::Charging, open),
        (At::Pending, open),
        (At::Unknown, open),
        (At::Parked, open),
        (
            At::Succeeded,
            [
                Same,
                ForAPerson(D::NotCapturedThere),
                ForAPerson(D::NotCapturedThere),
                ForAPerson(D::StillOpenThere),
                ForAPerson(D::StillOpenThere),
                Settles(D::ReversedThere),
            ],
        ),
        (
            At::Failed,
            [
                Settles(D::FailedHere),
                Same,
                Same,
                ForAPerson(D::StillOpenThere),
                ForAPerson(D::StillOpenThere),
                Settles(D::ReversedThere),
            ],
        ),
        (
            At::Reversed,
            [
                Same,
                ForAPerson(D::NotCapturedThere),
                ForAPerson(D::NotCapturedThere),
                ForAPerson(D::StillOpenThere),
                ForAPerson(D::StillOpenThere),
                Same,
            ],
        ),
    ];
    let verdicts = [
        PaymentStatus::Success,
        PaymentStatus::Failed,
        PaymentStatus::ActionRequired,
        PaymentStatus::Pending,
        PaymentStatus::Unknown,
        PaymentStatus::Reversed,
    ];
    assert_eq!(table.len(), At::ALL.len());
    for (state, row) in table {
        for (status, expected) in verdicts.into_iter().zip(row) {
            let found = compare(Some(&ours(state)), Some(&theirs(status)));
            assert_eq!(found, expected, "{state} here, {status} there");
        }
        for dispute in [PaymentStatus::DisputeOpened, PaymentStatus::DisputeWon] {
            assert_eq!(compare(Some(&ours(state)), Some(&theirs(dispute))), Same);
        }
    }
}

#[test]
fn what_is_not_on_their_list() {
    for state in PaymentState::ALL.iter().copied() {
        let captured = matches!(state, PaymentState::Succeeded | PaymentState::Reversed);
        let expected = if captured {
            Finding::ForAPerson(Difference::MissingThere)
        } else {
            Finding::Same
        };
        assert_eq!(compare(Some(&ours(state)), None), expected, "{state}");
    }
    assert_eq!(compare(None, None), Finding::Same);
}

#[test]
fn what_is_not_known_here() {
    let check = |reference: String, expected| {
        let theirs = Theirs {
            reference,
            ..theirs(PaymentStatus::Success)
        };
        assert_eq!(compare(None, Some(&theirs)), expected, "{}", theirs.reference);
    };
    let lost = Finding::ForAPerson(Difference::NotKnownHere);
    check(Reference::of_topup(account_id(1001), TOPUP).to_string(), lost);
    check(
        Reference::of_purchase(account_id(1001), PURCHASE).to_string(),
        lost,
    );
    check("T685312322670591".to_owned(), Finding::Foreign);
    check("shop order 17".to_owned(), Finding::Foreign);
    check(String::new(), Finding::Foreign);
}

#[test]
fn c11_another_amount_or_mode_is_for_a_person() {
    let other = |theirs: Theirs, difference| {
        for state in PaymentState::ALL.iter().copied() {
            let found = compare(Some(&ours(state)), Some(&theirs));
            assert_eq!(found, Finding::ForAPerson(difference), "{state}, {theirs:?}");
        }
    };
    for status in [PaymentStatus::Success, PaymentStatus::Reversed] {
        let amount_minor = Some(35_246);
        other(
            Theirs {
                amount_minor,
                ..theirs(status)
            },
            Difference::OtherAmount,
        );
        let amount_minor = None;
        other(
            Theirs {
                amount_minor,
                ..theirs(status)
            },
            Difference::OtherAmount,
        );
        let currency = Some(currency("NGN"));
        other(
            Theirs {
                currency,
                ..theirs(status)
            },
            Difference::OtherAmount,
        );
    }
    for status in PaymentStatus::ALL.iter().copied() {
        let mode = PaymentMode::Test;
        other(
            Theirs {
                mode,
                ..theirs(status)
            },
            Difference::OtherMode,
        );
    }
}
