//! C6–C11.

use crate::given::{TOPUP, account_id, at, currency, whole, zar};
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::settle::{Already, Misfit, PaymentIntent, Settlement, disables, settle};
use topup_rules::topup::PaymentState;

fn intent(state: PaymentState) -> PaymentIntent {
    PaymentIntent {
        reference: Reference::of_topup(account_id(1001), TOPUP),
        amount: zar(35_247),
        mode: PaymentMode::Test,
        state,
        topup: TOPUP,
        quantity: whole(500),
    }
}

fn result(status: PaymentStatus) -> PaymentResult {
    PaymentResult {
        reference: Reference::of_topup(account_id(1001), TOPUP),
        gateway: "paystack".to_owned(),
        status,
        amount_minor: Some(35_247),
        currency: Some(currency("ZAR")),
        gateway_transaction_id: None,
        reason: Some("Declined".to_owned()),
        card: None,
        source: ResultSource::Charge,
        mode: PaymentMode::Test,
        reversal_id: None,
        occurred_at: at("2026-11-22T08:00:00Z"),
    }
}

fn settled(state: PaymentState, result: &PaymentResult) -> Settlement {
    settle(&intent(state), result, 0, 1)
}

/// Every state with every status: the whole table.
#[test]
fn c6_to_c11_every_result_in_every_state() {
    use PaymentState as At;
    use PaymentStatus as Says;
    let credit = || Settlement::Credit {
        quantity: whole(500),
        late: false,
    };
    let late = || Settlement::Credit {
        quantity: whole(500),
        late: true,
    };
    let fail = || Settlement::Fail {
        disable: true,
        reason: "Declined".to_owned(),
    };
    let pending = || Settlement::StillOpen(At::Pending);
    let unknown = || Settlement::StillOpen(At::Unknown);
    let same = || Settlement::Nothing(Already::SameState);
    let done = || Settlement::Nothing(Already::Succeeded);
    let failed = || Settlement::Nothing(Already::Failed);
    let reversed = || Settlement::Nothing(Already::Reversed);

    //                  success     failed      action-required  pending     unknown
    let table = [
        (At::Charging, [credit(), fail(), fail(), pending(), unknown()]),
        (At::Pending, [credit(), fail(), fail(), same(), same()]),
        (At::Unknown, [late(), fail(), fail(), pending(), same()]),
        (At::Parked, [late(), fail(), fail(), same(), same()]),
        (At::Succeeded, [done(), done(), done(), done(), done()]),
        (At::Failed, [late(), failed(), failed(), failed(), failed()]),
        (
            At::Reversed,
            [reversed(), reversed(), reversed(), reversed(), reversed()],
        ),
    ];
    let statuses = [
        Says::Success,
        Says::Failed,
        Says::ActionRequired,
        Says::Pending,
        Says::Unknown,
    ];
    assert_eq!(table.len(), At::ALL.len());
    for (state, row) in table {
        for (status, expected) in statuses.into_iter().zip(row) {
            assert_eq!(settled(state, &result(status)), expected, "{state}, {status}");
        }
    }
}

#[test]
fn c10_a_success_is_never_overwritten() {
    for status in PaymentStatus::ALL.iter().copied() {
        let settlement = settled(PaymentState::Succeeded, &result(status));
        assert!(
            matches!(
                settlement,
                Settlement::Nothing(_) | Settlement::Park(Misfit::NotHandled(_))
            ),
            "{status}: {settlement:?}"
        );
    }
}

#[test]
fn c7_so_many_failures_in_a_row_disable() {
    let declined = |before, setting| {
        settle(
            &intent(PaymentState::Charging),
            &result(PaymentStatus::Failed),
            before,
            setting,
        )
    };
    let check = |before, setting, expected: bool| {
        let Settlement::Fail { disable, .. } = declined(before, setting) else {
            panic!("a decline is a failure");
        };
        assert_eq!(disable, expected, "{before} before, {setting} disable");
        assert_eq!(disables(before, setting), expected);
    };
    check(0, 1, true);
    check(0, 3, false);
    check(1, 3, false);
    check(2, 3, true);
    check(3, 3, true);
    // A setting of 0 means the same as 1.
    check(0, 0, true);
    check(u32::MAX, u32::MAX, true);
}

#[test]
fn c7_a_failure_says_why_in_one_short_line() {
    let why = |status, reason: Option<&str>| {
        let result = PaymentResult {
            reason: reason.map(str::to_owned),
            ..result(status)
        };
        let Settlement::Fail { reason, .. } = settled(PaymentState::Charging, &result) else {
            panic!("{status} is a failure");
        };
        reason
    };
    assert_eq!(
        why(PaymentStatus::Failed, Some("Insufficient Funds")),
        "Insufficient Funds"
    );
    assert_eq!(
        why(PaymentStatus::Failed, Some(" Do not\r\nhonour ")),
        "Do not honour"
    );
    assert_eq!(why(PaymentStatus::Failed, None), "the card was declined");
    assert_eq!(why(PaymentStatus::Failed, Some("  ")), "the card was declined");
    assert_eq!(
        why(PaymentStatus::ActionRequired, None),
        "the bank wants the card holder to confirm the payment"
    );
    assert_eq!(why(PaymentStatus::Failed, Some(&"x".repeat(9_000))).len(), 200);
}

#[test]
fn c11_a_success_that_does_not_match_is_parked() {
    let parked = |result: PaymentResult, reason: &str| {
        for state in PaymentState::ALL.iter().copied() {
            let Settlement::Park(misfit) = settled(state, &result) else {
                panic!("parked while {state}");
            };
            assert_eq!(misfit.to_string(), reason, "{state}");
        }
    };
    let success = || result(PaymentStatus::Success);
    parked(
        PaymentResult {
            amount_minor: Some(35_246),
            ..success()
        },
        "C11: success over 35246 minor units, but ZAR 352.47 was asked for",
    );
    parked(
        PaymentResult {
            amount_minor: Some(35_248),
            ..success()
        },
        "C11: success over 35248 minor units, but ZAR 352.47 was asked for",
    );
    parked(
        PaymentResult {
            amount_minor: None,
            ..success()
        },
        "C11: success over unnamed minor units, but ZAR 352.47 was asked for",
    );
    parked(
        PaymentResult {
            currency: Some(currency("NGN")),
            ..success()
        },
        "C11: success in NGN, but ZAR was asked for",
    );
    parked(
        PaymentResult {
            currency: None,
            ..success()
        },
        "C11: success in no currency, but ZAR was asked for",
    );
    parked(
        PaymentResult {
            mode: PaymentMode::Live,
            ..success()
        },
        "C11: the result is of mode live, the intent of mode test",
    );
    parked(
        PaymentResult {
            reference: "topup-1-x".parse().unwrap(),
            ..success()
        },
        &format!("C11: the result is of the reference topup-1-x, the intent of topup-1001-{TOPUP}"),
    );
}

#[test]
fn c7_a_failure_needs_no_amount() {
    let bare = PaymentResult {
        amount_minor: None,
        currency: None,
        ..result(PaymentStatus::Failed)
    };
    assert!(matches!(
        settled(PaymentState::Charging, &bare),
        Settlement::Fail { .. }
    ));
    let elsewhere = PaymentResult {
        mode: PaymentMode::Live,
        ..bare
    };
    assert!(matches!(
        settled(PaymentState::Charging, &elsewhere),
        Settlement::Park(Misfit::Mode { .. })
    ));
}

#[test]
fn v1_reversals_and_disputes_wait_for_a_person() {
    for status in [
        PaymentStatus::Reversed,
        PaymentStatus::DisputeOpened,
        PaymentStatus::DisputeWon,
    ] {
        for state in PaymentState::ALL.iter().copied() {
            let expected = Settlement::Park(Misfit::NotHandled(status));
            assert_eq!(settled(state, &result(status)), expected);
        }
    }
}
