//! S5.

use crate::given::{at, credits, disabled, wallet, whole};
use jiff::SignedDuration;
use proptest::prelude::*;
use topup_rules::account::{AutoTopup, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::holds::{Answer, Hold, HoldRefusal, Leave, answer, lasts, leave, use_hold};
use topup_rules::ids::Service;

fn hold(set_aside: i64, used: i64) -> Hold {
    Hold {
        credits: whole(set_aside),
        used: whole(used),
        open: true,
        expires_at: at("2026-11-22T09:00:00Z"),
    }
}

#[test]
fn s5_leave_is_given_for_what_is_available_and_refused_whole_beyond_it() {
    let check = |balance: i64, held: i64, cost: &str, expected: Leave| {
        let wallet = Wallet {
            held: whole(held),
            ..wallet(balance)
        };
        assert_eq!(
            leave(&wallet, credits(cost)),
            expected,
            "{balance} − {held} for {cost}"
        );
    };
    let missing = |text: &str| Leave::Refused {
        missing: credits(text),
    };
    check(100, 0, "100", Leave::Granted);
    check(100, 0, "100.001", missing("0.001"));
    check(100, 40, "60", Leave::Granted);
    check(100, 40, "61", missing("1"));
    check(100, 100, "0.5", missing("0.5"));
    check(0, 0, "1", missing("1"));
    check(-5, 0, "1", missing("6"));
}

#[test]
fn s5_auto_topup_makes_no_difference_to_leave() {
    for auto_topup in [AutoTopup::Off, disabled(Method::Card), wallet(0).auto_topup] {
        let wallet = Wallet {
            auto_topup,
            ..wallet(10)
        };
        assert_eq!(leave(&wallet, whole(11)), Leave::Refused { missing: whole(1) });
        assert_eq!(leave(&wallet, whole(10)), Leave::Granted);
    }
}

#[test]
fn s5_a_batch_has_leave_once_and_hears_the_same_again() {
    let open = hold(100, 40);
    let ended = Hold { open: false, ..open };
    let check = |balance: i64, before: Option<(Service, &Hold)>, cost: i64, expected: Answer| {
        assert_eq!(
            answer(&wallet(balance), before, whole(cost)),
            expected,
            "{cost} of {balance} after {before:?}"
        );
    };
    let again = Answer::AlreadyGranted {
        expires_at: open.expires_at,
    };
    let missing = |credits: i64| Answer::Refused {
        missing: whole(credits),
    };
    check(100, None, 100, Answer::Granted);
    check(100, None, 101, missing(1));
    check(100, None, 0, Answer::NotPositive);
    check(100, None, -1, Answer::NotPositive);
    // However little is available by now, and however much of it is used.
    check(0, Some((Service::Sms, &open)), 100, again);
    check(-50, Some((Service::Sms, &open)), 100, again);
    check(500, Some((Service::Sms, &ended)), 100, Answer::AlreadyEnded);
    check(500, Some((Service::Sms, &open)), 99, Answer::Conflicting);
    check(500, Some((Service::Whatsapp, &open)), 100, Answer::Conflicting);
    check(500, Some((Service::Sms, &ended)), 101, Answer::Conflicting);
    check(500, Some((Service::Sms, &open)), 0, Answer::NotPositive);
}

#[test]
fn s5_a_hold_lasts_as_long_as_is_asked_for_within_what_is_allowed() {
    let (usual, max) = (SignedDuration::from_mins(15), SignedDuration::from_hours(24));
    let seconds = |asked| lasts(asked, usual, max).map(|lasts| lasts.as_secs());
    let refused = Err(HoldRefusal::Lasts { max_s: 86_400 });
    assert_eq!(seconds(None), Ok(900));
    assert_eq!(seconds(Some(1)), Ok(1));
    assert_eq!(seconds(Some(86_400)), Ok(86_400));
    assert_eq!(seconds(Some(86_401)), refused);
    assert_eq!(seconds(Some(0)), refused);
    assert_eq!(seconds(Some(-1)), refused);
    // A platform that allows less than what is usual.
    let minute = SignedDuration::from_mins(1);
    assert_eq!(lasts(None, usual, minute), Ok(minute));
}

#[test]
fn s5_events_use_a_hold_up_and_then_go_on_without_it() {
    assert_eq!(use_hold(&hold(100, 0), whole(30)), whole(30));
    assert_eq!(use_hold(&hold(100, 80), whole(30)), whole(20));
    assert_eq!(use_hold(&hold(100, 100), whole(30)), Credits::ZERO);
    assert_eq!(use_hold(&hold(100, 120), whole(30)), Credits::ZERO);
}

#[test]
fn s5_a_closed_hold_covers_nothing() {
    let closed = Hold {
        open: false,
        ..hold(100, 0)
    };
    assert_eq!(closed.remaining(), Credits::ZERO);
    assert_eq!(use_hold(&closed, whole(30)), Credits::ZERO);
}

proptest! {
    /// However a batch is cut into events, they use up no more than the hold, and all of what they cost up to it.
    #[test]
    fn s5_a_hold_is_used_up_exactly(set_aside in 0_i64..1_000_000, events in prop::collection::vec(1_i64..100_000, 0..30)) {
        let mut hold = Hold { credits: Credits::from_milli(set_aside), ..hold(0, 0) };
        for event in &events {
            let used = use_hold(&hold, Credits::from_milli(*event));
            hold.used = hold.used.checked_add(used).unwrap();
        }
        prop_assert_eq!(hold.used.milli(), set_aside.min(events.iter().sum()));
    }
}
