//! C1–C4, C8, C12, X1, X2.

use crate::given::{
    OTHER_TOPUP, TOPUP, at, by, credits, disabled, key, main_account, sub_account, topup, transfer, wallet,
    whole, zar,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use topup_rules::account::{Account, AutoTopup, Caps, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::lifecycle::Event;
use topup_rules::topup::{SpacingClaim, Topup, TopupState};
use topup_rules::wake::{
    CapUsage, SkipReason, Waits, Wake, WakeFacts, WakeFailure, delay_s, next_moment, wake,
};

/// Facts that can be told row by row; in the beginning nothing stands in a card top-up's way.
struct Given {
    topup: Topup,
    wallet: Wallet,
    account: Account,
    claim: SpacingClaim,
    usage: CapUsage,
    main: Option<Wallet>,
    has_card: bool,
    now: Timestamp,
}

fn card() -> Given {
    Given {
        topup: topup(),
        wallet: wallet(100),
        account: main_account(),
        claim: SpacingClaim::default(),
        usage: CapUsage::default(),
        main: None,
        has_card: true,
        now: at("2026-11-22T08:00:00Z"),
    }
}

/// Nothing stands in a transfer's way either: its main has 500 credits.
fn from_main() -> Given {
    let by_transfer = Wallet {
        auto_topup: AutoTopup::Enabled(by(Method::Transfer)),
        ..wallet(100)
    };
    let main = Wallet {
        key: key(2002),
        auto_topup: AutoTopup::Off,
        ..wallet(500)
    };
    Given {
        topup: transfer(),
        wallet: by_transfer,
        account: sub_account(),
        main: Some(main),
        has_card: false,
        ..card()
    }
}

impl Given {
    fn wake(&self) -> Wake {
        wake(&WakeFacts {
            topup: &self.topup,
            wallet: &self.wallet,
            account: &self.account,
            claim: self.claim,
            usage: self.usage,
            main: self.main.as_ref(),
            has_card: self.has_card,
            card_spacing: SignedDuration::from_mins(30),
            now: self.now,
        })
    }

    fn state(mut self, state: TopupState) -> Self {
        self.topup.state = state;
        self
    }

    fn auto_topup(mut self, auto_topup: AutoTopup) -> Self {
        self.wallet.auto_topup = auto_topup;
        self
    }

    fn balance(mut self, balance: &str) -> Self {
        self.wallet.balance = credits(balance);
        self
    }

    fn last_settled(mut self, moment: &str) -> Self {
        self.claim.last_settled_at = Some(at(moment));
        self
    }

    fn caps(mut self, topups_per_day: Option<u32>, amount_minor_per_month: Option<i64>) -> Self {
        self.account.caps = Caps {
            topups_per_day,
            amount_minor_per_month,
        };
        self
    }

    fn used(mut self, topups_today: u32, amount_minor_this_month: i64) -> Self {
        self.usage = CapUsage {
            topups_today,
            amount_minor_this_month,
        };
        self
    }

    fn main_has(mut self, balance: &str, held: &str) -> Self {
        self.main = self.main.map(|main| Wallet {
            balance: credits(balance),
            held: credits(held),
            ..main
        });
        self
    }
}

fn charge() -> Wake {
    Wake::Charge { amount: zar(35_247) }
}

#[test]
fn c3_only_a_waiting_topup_acts() {
    for state in TopupState::ALL.iter().copied() {
        let acts = matches!(state, TopupState::Requested | TopupState::Scheduled);
        let expected = if acts { charge() } else { Wake::Nothing(state) };
        assert_eq!(card().state(state).wake(), expected, "{state}");
    }
}

#[test]
fn c3_what_is_not_wanted_any_more_is_skipped() {
    let skipped = |given: Given, reason: SkipReason| assert_eq!(given.wake(), Wake::Skip(reason));
    skipped(card().auto_topup(AutoTopup::Off), SkipReason::Disabled);
    skipped(card().auto_topup(disabled(Method::Card)), SkipReason::Disabled);
    skipped(
        card().auto_topup(AutoTopup::Enabled(by(Method::Transfer))),
        SkipReason::OtherMethod,
    );
    skipped(
        from_main().auto_topup(AutoTopup::Enabled(by(Method::Card))),
        SkipReason::OtherMethod,
    );
    skipped(card().balance("100.001"), SkipReason::AboveThreshold);
    assert_eq!(card().balance("100").wake(), charge());
    assert_eq!(card().balance("-3").wake(), charge());
}

#[test]
fn c3_the_threshold_is_the_present_one() {
    let mut raised = by(Method::Card);
    raised.threshold = whole(200);
    assert_eq!(
        card()
            .balance("150")
            .auto_topup(AutoTopup::Enabled(raised))
            .wake(),
        charge()
    );
}

#[test]
fn c3_skipping_comes_before_waiting() {
    let given = card()
        .auto_topup(disabled(Method::Card))
        .last_settled("2026-11-22T07:59:00Z");
    assert_eq!(given.wake(), Wake::Skip(SkipReason::Disabled));
}

#[test]
fn c4_the_price_of_the_request_is_charged() {
    let mut given = card();
    given.topup.price = Some(zar(1));
    assert_eq!(given.wake(), Wake::Charge { amount: zar(1) });
    given.topup.price = None;
    assert_eq!(given.wake(), Wake::NotPriced);
}

#[test]
fn c7_without_a_card_it_fails() {
    let given = Given {
        has_card: false,
        ..card()
    };
    assert_eq!(given.wake(), Wake::Fail(WakeFailure::NoCard));
}

#[test]
fn c1_thirty_minutes_lie_between_two_card_topups() {
    let settled = |moment: &str, expected: Wake| {
        assert_eq!(
            card().last_settled(moment).wake(),
            expected,
            "settled at {moment}"
        );
    };
    let until = |moment: &str| Wake::Wait {
        until: Some(at(moment)),
        why: Waits::TooEarly,
    };
    settled("2026-11-22T07:00:00Z", charge());
    settled("2026-11-22T07:30:00Z", charge());
    settled(
        "2026-11-22T07:30:00.000001Z",
        until("2026-11-22T08:00:00.000001Z"),
    );
    settled("2026-11-22T07:59:00Z", until("2026-11-22T08:29:00Z"));
    settled("2026-11-22T08:00:00Z", until("2026-11-22T08:30:00Z"));
    // A clock that was ahead when the earlier one settled.
    settled("2026-11-22T09:00:00Z", until("2026-11-22T09:30:00Z"));
}

#[test]
fn c2_while_an_earlier_one_is_unsettled_it_waits_for_that_one() {
    let mut given = card().last_settled("2026-11-22T01:00:00Z");
    given.claim.unsettled = Some(OTHER_TOPUP);
    let expected = Wake::Wait {
        until: None,
        why: Waits::EarlierUnsettled(OTHER_TOPUP),
    };
    assert_eq!(given.wake(), expected);
    given.claim.unsettled = Some(TOPUP);
    assert_eq!(given.wake(), charge(), "its own claim is no obstacle");
}

#[test]
fn c12_at_the_days_cap_it_is_skipped() {
    let day = |limit, used| card().caps(Some(limit), None).used(used, 0).wake();
    assert_eq!(day(2, 1), charge());
    assert_eq!(day(2, 2), Wake::Skip(SkipReason::DayCap { limit: 2 }));
    assert_eq!(day(2, 3), Wake::Skip(SkipReason::DayCap { limit: 2 }));
    assert_eq!(day(0, 0), Wake::Skip(SkipReason::DayCap { limit: 0 }));
}

#[test]
fn c12_past_the_months_cap_it_is_skipped() {
    let month = |limit, used| card().caps(None, Some(limit)).used(0, used).wake();
    let capped = |limit| Wake::Skip(SkipReason::MonthCap { limit: zar(limit) });
    assert_eq!(month(70_494, 35_247), charge());
    assert_eq!(month(70_493, 35_247), capped(70_493));
    assert_eq!(month(35_246, 0), capped(35_246));
    assert_eq!(month(i64::MAX - 1, i64::MAX), capped(i64::MAX - 1));
}

#[test]
fn c12_without_caps_nothing_is_capped_and_the_days_cap_speaks_first() {
    assert_eq!(card().used(u32::MAX, i64::MAX).wake(), charge());
    let both = card().caps(Some(1), Some(1)).used(1, 1);
    assert_eq!(both.wake(), Wake::Skip(SkipReason::DayCap { limit: 1 }));
}

#[test]
fn x1_a_transfer_takes_the_whole_quantity_from_the_main() {
    let moved = Wake::Move {
        from: key(2002),
        quantity: whole(500),
    };
    assert_eq!(from_main().wake(), moved);
    assert_eq!(from_main().main_has("9000", "8500").wake(), moved);
}

#[test]
fn x1_a_transfer_knows_neither_spacing_nor_price_nor_caps() {
    let mut given = from_main()
        .last_settled("2026-11-22T08:00:00Z")
        .caps(Some(0), Some(0));
    given.claim.unsettled = Some(OTHER_TOPUP);
    assert!(matches!(given.wake(), Wake::Move { .. }));
}

#[test]
fn x2_a_main_with_too_little_is_a_failure_holds_counted() {
    let short = |balance: &str, held: &str, has: &str| {
        let failure = WakeFailure::MainShort {
            main: key(2002),
            has: credits(has),
        };
        assert_eq!(from_main().main_has(balance, held).wake(), Wake::Fail(failure));
    };
    short("499.999", "0", "499.999");
    short("500", "0.5", "499.5");
    short("0", "0", "0");
    short("-10", "0", "-10");
}

#[test]
fn x1_only_a_sub_account_is_refilled_from_its_own_main() {
    let failed = |given: Given| assert_eq!(given.wake(), Wake::Fail(WakeFailure::NoMain));
    failed(Given {
        main: None,
        ..from_main()
    });
    failed(Given {
        account: main_account(),
        ..from_main()
    });
    let stranger = Wallet {
        key: key(3003),
        ..wallet(9_000)
    };
    failed(Given {
        main: Some(stranger),
        ..from_main()
    });
}

/// A top-up that the gateway does not know waits in `scheduled` and holds the account's claim; it wakes like any other.
#[test]
fn c8_it_is_submitted_again_only_while_it_is_still_wanted() {
    let not_known = |given: Given| {
        let mut given = given
            .state(TopupState::Scheduled)
            .last_settled("2026-11-22T07:59:00Z");
        given.claim.unsettled = Some(TOPUP);
        given.wake()
    };
    assert_eq!(not_known(card()), charge());
    assert_eq!(
        not_known(card().auto_topup(disabled(Method::Card))),
        Wake::Skip(SkipReason::Disabled)
    );
    assert_eq!(
        not_known(card().auto_topup(AutoTopup::Enabled(by(Method::Transfer)))),
        Wake::Skip(SkipReason::OtherMethod)
    );
    assert_eq!(
        not_known(card().balance("101")),
        Wake::Skip(SkipReason::AboveThreshold)
    );
    let forgotten = Given {
        has_card: false,
        ..card()
    };
    assert_eq!(not_known(forgotten), Wake::Fail(WakeFailure::NoCard));
}

#[test]
fn c3_what_waking_decides_is_an_event_of_the_topup() {
    let check = |wake: Wake, event| assert_eq!(wake.event(), event, "{wake:?}");
    check(charge(), Some(Event::Charge));
    check(from_main().wake(), Some(Event::Move));
    check(Wake::Fail(WakeFailure::NoCard), Some(Event::CannotCharge));
    check(
        card().last_settled("2026-11-22T07:59:00Z").wake(),
        Some(Event::Wait),
    );
    check(Wake::Skip(SkipReason::Disabled), Some(Event::NotWanted));
    check(Wake::NotPriced, None);
    check(Wake::Nothing(TopupState::Charging), None);
}

#[test]
fn c2_a_delay_is_whole_seconds_rounded_up() {
    let now = at("2026-11-22T08:00:00Z");
    let check = |due: &str, expected: u32| assert_eq!(delay_s(now, at(due)), expected, "{due}");
    check("2026-11-22T08:00:00Z", 0);
    check("2026-11-22T07:00:00Z", 0);
    check("2026-11-22T08:00:00.000000001Z", 1);
    check("2026-11-22T08:00:01Z", 1);
    check("2026-11-22T08:00:01.000001Z", 2);
    check("2026-11-22T08:30:00Z", 1_800);
    assert_eq!(delay_s(Timestamp::MIN, Timestamp::MAX), u32::MAX);
}

#[test]
fn c1_the_next_moment_never_overflows() {
    let spacing = SignedDuration::from_mins(30);
    assert_eq!(
        next_moment(at("2026-11-22T08:00:00Z"), spacing),
        at("2026-11-22T08:30:00Z")
    );
    assert_eq!(next_moment(Timestamp::MAX, spacing), Timestamp::MAX);
}

#[test]
fn c3_every_reason_is_a_sentence_for_people() {
    let told = |reason: SkipReason| reason.to_string();
    assert_eq!(
        told(SkipReason::DayCap { limit: 5 }),
        "the account's limit of 5 card top-ups a day is reached"
    );
    assert_eq!(
        told(SkipReason::MonthCap {
            limit: zar(5_000_000)
        }),
        "the account's limit of ZAR 50000.00 of card top-ups a month would be passed"
    );
    let short = WakeFailure::MainShort {
        main: key(2002),
        has: credits("12.5"),
    };
    assert_eq!(
        short.to_string(),
        "the main account 2002 has only 12.5 credits available"
    );
}

proptest! {
    /// A delayed message that comes when it should is never early, and at most a second late.
    #[test]
    fn c2_a_delay_ends_at_or_just_after_its_moment(now_us in 0_i64..4_000_000_000_000_000, wait_us in 0_i64..4_000_000_000) {
        let now = Timestamp::from_microsecond(now_us).unwrap();
        let due = Timestamp::from_microsecond(now_us + wait_us).unwrap();
        let woken = now + SignedDuration::from_secs(i64::from(delay_s(now, due)));
        prop_assert!(woken >= due);
        prop_assert!(woken.duration_since(due) < SignedDuration::from_secs(1));
    }

    /// A3: no charge comes sooner than the spacing after the last one settled.
    #[test]
    fn c1_no_charge_inside_the_spacing(settled_s in 0_i64..10_000, now_s in 0_i64..10_000) {
        let mut given = card();
        given.claim.last_settled_at = Some(Timestamp::from_second(settled_s).unwrap());
        given.now = Timestamp::from_second(now_s).unwrap();
        prop_assert_eq!(given.wake() == charge(), now_s - settled_s >= 1_800);
    }

    /// A main never goes below zero for a sub.
    #[test]
    fn x2_a_transfer_leaves_the_main_at_zero_or_above(balance: i32, held in 0_i32.., quantity in 1_i32..) {
        let mut given = from_main();
        given.topup.quantity = Credits::from_milli(quantity.into());
        given.main = given.main.map(|main| Wallet {
            balance: Credits::from_milli(balance.into()),
            held: Credits::from_milli(held.into()),
            ..main
        });
        let enough = i64::from(balance) - i64::from(held) - i64::from(quantity) >= 0;
        prop_assert_eq!(matches!(given.wake(), Wake::Move { .. }), enough);
    }
}
