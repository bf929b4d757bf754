//! C6–C11, P4.

use crate::given::{PURCHASE, TOPUP, account_id, at, currency, whole, zar};
use topup_rules::credits::Credits;
use topup_rules::ids::Reference;
use topup_rules::lifecycle::PaymentKind;
use topup_rules::message::{DeclineClass, PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::settle::{
    Already, FailureCount, Misfit, PaidFor, PaymentIntent, PurchaseMethod, Settlement, disables, settle,
};
use topup_rules::topup::PaymentState;

pub(crate) const FIRST_FAILURE: FailureCount = FailureCount {
    consecutive: 0,
    to_disable: 1,
};

/// 500 credits for ZAR 352.47, by an automatic top-up.
pub(crate) fn intent(state: PaymentState) -> PaymentIntent {
    PaymentIntent {
        reference: Reference::of_topup(account_id(1001), TOPUP),
        amount: zar(35_247),
        mode: PaymentMode::Test,
        state,
        quantity: whole(500),
        paid_for: PaidFor::Topup(TOPUP),
        reversed_minor: 0,
        taken_back: Credits::ZERO,
        reversal: None,
    }
}

/// The same, bought by hand.
fn bought(method: PurchaseMethod, state: PaymentState) -> PaymentIntent {
    PaymentIntent {
        paid_for: PaidFor::Purchase { id: PURCHASE, method },
        ..intent(state)
    }
}

/// A card's registration, for as much.
fn registration(state: PaymentState) -> PaymentIntent {
    PaymentIntent {
        quantity: Credits::ZERO,
        paid_for: PaidFor::Registration(PURCHASE),
        ..intent(state)
    }
}

pub(crate) fn result(status: PaymentStatus) -> PaymentResult {
    PaymentResult {
        reference: Reference::of_topup(account_id(1001), TOPUP),
        gateway: "paystack".to_owned(),
        status,
        amount_minor: Some(35_247),
        currency: Some(currency("ZAR")),
        gateway_transaction_id: None,
        reason: Some("Declined".to_owned()),
        decline: None,
        card: None,
        source: ResultSource::Charge,
        mode: PaymentMode::Test,
        reversal_id: None,
        occurred_at: at("2026-11-22T08:00:00Z"),
    }
}

fn settled(state: PaymentState, result: &PaymentResult) -> Settlement {
    settle(&intent(state), result, FIRST_FAILURE)
}

const STATUSES: [PaymentStatus; 5] = [
    PaymentStatus::Success,
    PaymentStatus::Failed,
    PaymentStatus::ActionRequired,
    PaymentStatus::Pending,
    PaymentStatus::Unknown,
];

fn credit(late: bool) -> Settlement {
    Settlement::Credit {
        quantity: whole(500),
        late,
    }
}

fn fail(disable: bool, decline: DeclineClass) -> Settlement {
    Settlement::Fail {
        disable,
        reason: "Declined".to_owned(),
        decline,
    }
}

fn open(state: PaymentState, lead_to_page: bool) -> Settlement {
    Settlement::StillOpen { state, lead_to_page }
}

/// Every state with every verdict: the whole table of a top-up's payment.
#[test]
fn c6_to_c11_every_verdict_in_every_state_of_a_topup() {
    use PaymentState as At;
    let (credited, late) = (|| credit(false), || credit(true));
    let fail_ = || fail(true, DeclineClass::AnotherDay);
    let challenged = || fail(true, DeclineClass::NeedsCustomer);
    let pending = || open(At::Pending, false);
    let unknown = || open(At::Unknown, false);
    let same = || Settlement::Nothing(Already::SameState);
    let done = || Settlement::Nothing(Already::Succeeded);
    let failed = || Settlement::Nothing(Already::Failed);
    let gone = || Settlement::Nothing(Already::Reversed);

    //                  success     failed   action-required  pending    unknown
    let table = [
        (
            At::Charging,
            [credited(), fail_(), challenged(), pending(), unknown()],
        ),
        (At::Pending, [credited(), fail_(), challenged(), same(), same()]),
        (At::Unknown, [late(), fail_(), challenged(), pending(), same()]),
        (At::Parked, [late(), fail_(), challenged(), same(), same()]),
        (At::Succeeded, [done(), done(), done(), done(), done()]),
        (At::Failed, [late(), failed(), failed(), failed(), failed()]),
        (At::Reversed, [gone(), gone(), gone(), gone(), gone()]),
    ];
    assert_eq!(table.len(), At::ALL.len());
    for (state, row) in table {
        for (status, expected) in STATUSES.into_iter().zip(row) {
            assert_eq!(settled(state, &result(status)), expected, "{state}, {status}");
        }
    }
}

/// The same for what is bought by hand: a challenge leads to the page, and a failure disables nothing.
#[test]
fn p4_every_verdict_in_every_state_of_a_purchase() {
    use PaymentState as At;
    let (credited, late) = (|| credit(false), || credit(true));
    let fail_ = || fail(false, DeclineClass::AnotherDay);
    let page = || open(At::Pending, true);
    let pending = || open(At::Pending, false);
    let unknown = || open(At::Unknown, false);
    let same = || Settlement::Nothing(Already::SameState);
    let done = || Settlement::Nothing(Already::Succeeded);
    let failed = || Settlement::Nothing(Already::Failed);
    let gone = || Settlement::Nothing(Already::Reversed);

    //                  success   failed  action-required  pending    unknown
    let table = [
        (At::Charging, [credited(), fail_(), page(), pending(), unknown()]),
        (At::Pending, [credited(), fail_(), same(), same(), same()]),
        (At::Unknown, [late(), fail_(), page(), pending(), same()]),
        (At::Parked, [late(), fail_(), same(), same(), same()]),
        (At::Succeeded, [done(), done(), done(), done(), done()]),
        (At::Failed, [late(), failed(), failed(), failed(), failed()]),
        (At::Reversed, [gone(), gone(), gone(), gone(), gone()]),
    ];
    for method in PurchaseMethod::ALL.iter().copied() {
        for (state, row) in table.clone() {
            for (status, expected) in STATUSES.into_iter().zip(row) {
                let settlement = settle(&bought(method, state), &result(status), FIRST_FAILURE);
                assert_eq!(settlement, expected, "{method}, {state}, {status}");
            }
        }
    }
}

/// The same for a card that is registered: it credits nothing, and what comes too late enables nothing.
#[test]
fn e3_every_verdict_in_every_state_of_a_registration() {
    use PaymentState as At;
    let registered = |enable| Settlement::Register { enable };
    let fail_ = || fail(false, DeclineClass::AnotherDay);
    let page = || open(At::Pending, true);
    let pending = || open(At::Pending, false);
    let unknown = || open(At::Unknown, false);
    let same = || Settlement::Nothing(Already::SameState);
    let done = || Settlement::Nothing(Already::Succeeded);
    let failed = || Settlement::Nothing(Already::Failed);
    let gone = || Settlement::Nothing(Already::Reversed);

    //                  success           failed   action-required  pending    unknown
    let table = [
        (
            At::Charging,
            [registered(true), fail_(), page(), pending(), unknown()],
        ),
        (At::Pending, [registered(true), fail_(), same(), same(), same()]),
        (
            At::Unknown,
            [registered(true), fail_(), page(), pending(), same()],
        ),
        (At::Parked, [registered(true), fail_(), same(), same(), same()]),
        (At::Succeeded, [done(), done(), done(), done(), done()]),
        (
            At::Failed,
            [registered(false), failed(), failed(), failed(), failed()],
        ),
        (At::Reversed, [gone(), gone(), gone(), gone(), gone()]),
    ];
    for (state, row) in table {
        for (status, expected) in STATUSES.into_iter().zip(row) {
            let settlement = settle(&registration(state), &result(status), FIRST_FAILURE);
            assert_eq!(settlement, expected, "{state}, {status}");
        }
    }
}

#[test]
fn e3_v1_a_registration_that_is_given_back_takes_no_credits_and_disables_nothing() {
    for reversal_id in [None, Some("refund-1".to_owned())] {
        let given_back = PaymentResult {
            reversal_id,
            ..result(PaymentStatus::Reversed)
        };
        let settlement = settle(&registration(PaymentState::Succeeded), &given_back, FIRST_FAILURE);
        let Settlement::TakeBack(taken) = settlement else {
            panic!("{settlement:?}");
        };
        assert_eq!(
            (taken.credits, taken.disable_cards, taken.whole),
            (Credits::ZERO, false, true)
        );
    }
}

#[test]
fn p4_a_payment_is_decided_on_by_what_it_is_for() {
    let kind = |paid_for: PaidFor| paid_for.kind();
    let purchase = |method| PaidFor::Purchase { id: PURCHASE, method };
    assert_eq!(kind(PaidFor::Topup(TOPUP)), PaymentKind::Topup);
    assert_eq!(kind(purchase(PurchaseMethod::OneClick)), PaymentKind::OneClick);
    assert_eq!(kind(purchase(PurchaseMethod::Hosted)), PaymentKind::Hosted);
    assert_eq!(kind(PaidFor::Registration(PURCHASE)), PaymentKind::Registration);
}

#[test]
fn c10_a_success_is_never_overwritten_by_a_failure() {
    for status in STATUSES {
        let settlement = settled(PaymentState::Succeeded, &result(status));
        assert_eq!(settlement, Settlement::Nothing(Already::Succeeded), "{status}");
    }
}

#[test]
fn c7_so_many_failures_in_a_row_disable() {
    let declined = |consecutive, to_disable| {
        settle(
            &intent(PaymentState::Charging),
            &result(PaymentStatus::Failed),
            FailureCount {
                consecutive,
                to_disable,
            },
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
fn c7_a_failure_says_what_can_be_done_about_it() {
    let class = |status, decline| {
        let result = PaymentResult {
            decline,
            ..result(status)
        };
        let Settlement::Fail { decline, .. } = settled(PaymentState::Charging, &result) else {
            panic!("{status} is a failure");
        };
        decline
    };
    for named in DeclineClass::ALL.iter().copied() {
        assert_eq!(class(PaymentStatus::Failed, Some(named)), named);
    }
    assert_eq!(class(PaymentStatus::Failed, None), DeclineClass::AnotherDay);
    assert_eq!(
        class(PaymentStatus::ActionRequired, None),
        DeclineClass::NeedsCustomer
    );
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
fn c11_every_result_has_to_be_of_the_intents_mode() {
    for status in PaymentStatus::ALL.iter().copied() {
        let elsewhere = PaymentResult {
            mode: PaymentMode::Live,
            ..result(status)
        };
        for state in PaymentState::ALL.iter().copied() {
            let settlement = settled(state, &elsewhere);
            assert!(
                matches!(settlement, Settlement::Park(Misfit::Mode { .. })),
                "{status}, {state}: {settlement:?}"
            );
        }
    }
}

#[test]
fn c7_a_failure_needs_no_amount() {
    let bare = PaymentResult {
        amount_minor: None,
        currency: None,
        ..result(PaymentStatus::Failed)
    };
    assert_eq!(
        settled(PaymentState::Charging, &bare),
        fail(true, DeclineClass::AnotherDay)
    );
}
