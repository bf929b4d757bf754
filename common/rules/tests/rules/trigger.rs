//! T1–T3, and C7 as far as the next send goes.

use crate::given::{OTHER_TOPUP, by, credits, disabled, wallet, whole};
use topup_rules::account::{AutoTopup, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::settle::disables;
use topup_rules::trigger::{Quiet, Trigger, after_send, triggering_send};

/// After a send, with a threshold of 100.
fn after(balance: &str) -> Wallet {
    Wallet {
        balance: credits(balance),
        ..wallet(0)
    }
}

#[test]
fn t1_reaching_the_threshold_triggers() {
    let request = Trigger::Request(by(Method::Card));
    assert_eq!(after_send(&after("100")), request);
    assert_eq!(after_send(&after("99.999")), request);
    assert_eq!(after_send(&after("0")), request);
    assert_eq!(after_send(&after("-12.5")), request);
    assert_eq!(
        after_send(&after("100.001")),
        Trigger::None(Quiet::AboveThreshold)
    );
}

#[test]
fn t1_a_threshold_of_0_is_reached_by_the_last_credit() {
    let mut settings = by(Method::Card);
    settings.threshold = Credits::ZERO;
    let with = |balance: &str| Wallet {
        auto_topup: AutoTopup::Enabled(settings),
        ..after(balance)
    };
    assert_eq!(after_send(&with("0")), Trigger::Request(settings));
    assert_eq!(after_send(&with("0.001")), Trigger::None(Quiet::AboveThreshold));
}

#[test]
fn t1_a_trigger_asks_by_the_settings_of_the_moment() {
    let by_transfer = Wallet {
        auto_topup: AutoTopup::Enabled(by(Method::Transfer)),
        ..after("5")
    };
    assert_eq!(after_send(&by_transfer), Trigger::Request(by(Method::Transfer)));
}

#[test]
fn t1_without_enabled_auto_topup_nothing_triggers() {
    let off = Wallet {
        auto_topup: AutoTopup::Off,
        ..after("0")
    };
    assert_eq!(after_send(&off), Trigger::None(Quiet::Off));
    let ended = Wallet {
        auto_topup: disabled(Method::Card),
        ..after("0")
    };
    assert_eq!(after_send(&ended), Trigger::None(Quiet::Disabled));
}

#[test]
fn t2_a_wallet_with_an_open_topup_joins_it() {
    let open = |balance| Wallet {
        open_topup: Some(OTHER_TOPUP),
        ..after(balance)
    };
    assert_eq!(after_send(&open("100")), Trigger::None(Quiet::AlreadyOpen));
    assert_eq!(after_send(&open("-50")), Trigger::None(Quiet::AlreadyOpen));
    assert_eq!(after_send(&open("101")), Trigger::None(Quiet::AboveThreshold));
}

/// Each failure but the last of its row leaves auto top-up as it is, and the wallet's next send asks again.
#[test]
fn c7_a_failure_that_does_not_disable_yet_waits_for_the_next_send() {
    let to_disable = 3;
    let mut failing = after("50");
    for failures_before in 0..to_disable {
        assert_eq!(
            after_send(&failing),
            Trigger::Request(by(Method::Card)),
            "{failures_before}"
        );
        if disables(failing.consecutive_failures, to_disable) {
            failing.auto_topup = disabled(Method::Card);
        }
        failing.consecutive_failures += 1;
    }
    assert_eq!(failing.consecutive_failures, to_disable);
    assert_eq!(
        after_send(&failing),
        Trigger::None(Quiet::Disabled),
        "the third one disabled it"
    );
}

#[test]
fn t2_every_send_at_or_below_the_threshold_asks_again() {
    // Level, not edge: the second send asks as the first one did.
    assert_eq!(after_send(&after("90")), after_send(&after("80")));
}

#[test]
fn t3_open_holds_do_not_trigger() {
    let held = Wallet {
        held: whole(150),
        ..after("160")
    };
    assert_eq!(after_send(&held), Trigger::None(Quiet::AboveThreshold));
}

#[test]
fn t1_in_a_batch_the_first_send_at_or_below_the_threshold_is_the_one() {
    let check = |before: i64, debits: &[i64], expected: Option<usize>| {
        let debits: Vec<_> = debits.iter().copied().map(whole).collect();
        assert_eq!(triggering_send(whole(before), &debits, whole(100)), expected);
    };
    check(110, &[5, 5, 5], Some(1));
    check(110, &[10], Some(0));
    check(110, &[5], None);
    check(110, &[], None);
    check(100, &[1, 1], Some(0));
    check(50, &[1, 1], Some(0));
    check(1_000, &[1, 2_000, 1], Some(1));
}
