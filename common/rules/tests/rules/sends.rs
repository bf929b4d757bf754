//! S1–S4.

use crate::given::{account_id, at, credits, key, whole};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::SmsSent;
use topup_rules::sends::{
    EventTime, LedgerKey, OpenWindow, RecordedSend, Repeat, SendRefusal, admit, debit, entry_key, key_bound,
    ledger_key, repeat,
};
use uuid::Uuid;

const NOW: &str = "2026-11-22T08:15:00Z";

/// A UUID of version 7 of that moment.
fn v7(moment: &str) -> Uuid {
    let millisecond = u128::try_from(at(moment).as_millisecond()).unwrap();
    Uuid::from_u128((millisecond << 80) | 0x7abc_8123_4567_89ab_cdef)
}

/// Not of version 7.
fn v4() -> Uuid {
    "7d444840-9dc0-41d1-b245-5ffdce74fad2".parse().unwrap()
}

fn event() -> SmsSent {
    SmsSent {
        event_id: v7("2026-11-22T08:14:59Z"),
        account_id: account_id(1001),
        service: Service::Sms,
        credits: credits("1.5"),
        messages: 2,
        batch_id: None,
        sent_at: at("2026-11-22T08:15:00Z"),
    }
}

#[track_caller]
fn admitted(event: &SmsSent) {
    assert_eq!(
        admit(event, at(NOW), &OpenWindow::default()),
        Ok(ledger_key(event.event_id, event.sent_at))
    );
}

#[track_caller]
fn refused(event: &SmsSent, reason: &str) {
    let refusal = admit(event, at(NOW), &OpenWindow::default()).unwrap_err();
    assert_eq!(refusal.to_string(), reason);
}

#[test]
fn s2_a_version_7_id_is_its_own_key_whatever_its_sent_at() {
    let id = v7(NOW);
    assert_eq!(ledger_key(id, at(NOW)).uuid(), id);
    assert_eq!(ledger_key(id, at("2026-11-01T00:00:00Z")).uuid(), id);
    assert_eq!(ledger_key(id, at(NOW)).time(), at(NOW));
}

#[test]
fn s2_any_other_id_makes_a_key_with_sent_at() {
    let key = ledger_key(v4(), at(NOW));
    assert_eq!(key, ledger_key(v4(), at(NOW)), "the same again is the same key");
    assert_eq!(key.time(), at(NOW), "the time stands in front");
    assert_eq!(key.uuid().get_version_num(), 8);
    assert_eq!(key.uuid().get_variant(), uuid::Variant::RFC4122);
    assert_ne!(
        key,
        ledger_key(v4(), at("2026-11-22T08:15:01Z")),
        "another time is another event"
    );
    assert_ne!(
        key,
        ledger_key(Uuid::max(), at(NOW)),
        "another id is another event"
    );
    assert_eq!(
        key,
        ledger_key(v4(), at("2026-11-22T08:15:00.000000999Z")),
        "below a microsecond nothing is told apart"
    );
}

#[test]
fn s2_an_id_of_version_7_and_a_foreign_variant_is_any_other_id() {
    let foreign = Uuid::from_u128(v7(NOW).as_u128() | 0xc000_0000_0000_0000);
    assert_ne!(ledger_key(foreign, at(NOW)).uuid(), foreign);
}

#[test]
fn s1_entries_that_are_no_sends_have_keys_of_their_own() {
    let key = entry_key(at(NOW), "topup:1");
    assert_eq!(key, entry_key(at(NOW), "topup:1"), "made once");
    assert_ne!(key, entry_key(at(NOW), "topup:2"));
    assert_ne!(key, entry_key(at("2026-11-22T08:15:01Z"), "topup:1"));
    assert_eq!(key.uuid().get_version_num(), 8);
    assert_eq!(key.time(), at(NOW));
    assert_eq!(LedgerKey::from_uuid(key.uuid()), key);
}

#[test]
fn s4_the_window_is_open_from_90_days_back_to_an_hour_ahead() {
    let sent = |moment: &str| SmsSent {
        sent_at: at(moment),
        ..event()
    };
    admitted(&event());
    admitted(&sent("2026-08-24T08:15:00Z"));
    refused(
        &sent("2026-08-24T08:14:59.999999Z"),
        "S4: sent_at (2026-08-24T08:14:59.999999Z) is outside the open window, which begins at 2026-08-24T08:15:00Z",
    );
    admitted(&sent("2026-11-22T09:15:00Z"));
    refused(
        &sent("2026-11-22T09:15:00.000001Z"),
        "S4: sent_at (2026-11-22T09:15:00.000001Z) is outside the open window, which ends at 2026-11-22T09:15:00Z",
    );
}

#[test]
fn s4_the_time_inside_a_version_7_id_must_lie_in_the_window_too() {
    let named = |event_id: Uuid| SmsSent { event_id, ..event() };
    admitted(&named(v7("2026-08-24T08:15:00Z")));
    admitted(&named(v7("2026-11-22T09:15:00Z")));
    refused(
        &named(v7("2026-08-24T08:14:59.999Z")),
        "S4: the time inside event_id (2026-08-24T08:14:59.999Z) is outside the open window, which begins at 2026-08-24T08:15:00Z",
    );
    refused(
        &named(v7("2026-11-22T09:15:00.001Z")),
        "S4: the time inside event_id (2026-11-22T09:15:00.001Z) is outside the open window, which ends at 2026-11-22T09:15:00Z",
    );
    admitted(&named(v4()));
    admitted(&named(Uuid::nil()));
    admitted(&named(Uuid::max()));
}

#[test]
fn s4_the_window_is_a_setting() {
    let window = OpenWindow {
        back: SignedDuration::from_secs(1),
        ahead: SignedDuration::ZERO,
    };
    assert!(admit(&event(), at(NOW), &window).is_ok());
    let late = at(NOW).checked_add(2.seconds()).unwrap();
    let refusal = admit(&event(), late, &window).unwrap_err();
    assert!(matches!(
        refusal,
        SendRefusal::TooOld {
            what: EventTime::SentAt,
            ..
        }
    ));
}

#[test]
fn s4_a_window_wider_than_time_itself_lets_everything_in() {
    let window = OpenWindow {
        back: SignedDuration::MAX,
        ahead: SignedDuration::MAX,
    };
    for sent_at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let event = SmsSent {
            event_id: v4(),
            sent_at,
            ..event()
        };
        assert!(admit(&event, at(NOW), &window).is_ok());
    }
}

#[test]
fn s4_credits_are_above_0_and_at_most_a_million() {
    let costing = |text: &str| SmsSent {
        credits: credits(text),
        ..event()
    };
    admitted(&costing("0.001"));
    admitted(&costing("1000000"));
    refused(&costing("0"), "S4: credits must be above 0, and are 0");
    refused(&costing("-1.5"), "S4: credits must be above 0, and are -1.5");
    refused(
        &costing("1000000.001"),
        "S4: credits must be at most 1000000, and are 1000000.001",
    );
}

#[test]
fn s4_refusals_of_the_store_are_sentences_too() {
    let unknown = SendRefusal::UnknownAccount(account_id(9));
    assert_eq!(unknown.to_string(), "S4: unknown account 9");
    let no_wallet = SendRefusal::NoWallet(key(9));
    assert_eq!(
        no_wallet.to_string(),
        "S4: account 9 has no wallet for the service sms"
    );
}

#[test]
fn s1_the_same_event_again_is_already_done() {
    let recorded = RecordedSend::from(&event());
    assert_eq!(repeat(&recorded, &event()), Repeat::AlreadyDone);
    let finer = SmsSent {
        sent_at: at("2026-11-22T08:15:00.000000999Z"),
        ..event()
    };
    assert_eq!(repeat(&recorded, &finer), Repeat::AlreadyDone);
}

#[test]
fn s2_another_content_is_a_conflicting_duplicate_that_names_what_differs() {
    let conflict = |event: SmsSent, fields: &[&'static str]| {
        let refusal = SendRefusal::Conflicting {
            fields: fields.to_vec(),
        };
        let recorded = RecordedSend::from(&self::event());
        assert_eq!(repeat(&recorded, &event), Repeat::Conflicting(refusal));
    };
    conflict(
        SmsSent {
            account_id: account_id(1002),
            ..event()
        },
        &["account_id"],
    );
    conflict(
        SmsSent {
            service: Service::Whatsapp,
            ..event()
        },
        &["service"],
    );
    conflict(
        SmsSent {
            credits: credits("1.501"),
            ..event()
        },
        &["credits"],
    );
    conflict(
        SmsSent {
            messages: 3,
            ..event()
        },
        &["messages"],
    );
    conflict(
        SmsSent {
            batch_id: Some(v4()),
            ..event()
        },
        &["batch_id"],
    );
    conflict(
        SmsSent {
            sent_at: at("2026-11-22T08:15:00.000001Z"),
            messages: 3,
            ..event()
        },
        &["messages", "sent_at"],
    );
    let told = SendRefusal::Conflicting {
        fields: vec!["credits", "messages"],
    };
    assert_eq!(
        told.to_string(),
        "S2: conflicting duplicate: the same event is recorded with other credits, messages"
    );
}

#[test]
fn s3_a_debit_may_go_below_zero() {
    assert_eq!(debit(whole(10), credits("9.5")), credits("0.5"));
    assert_eq!(debit(whole(10), whole(10)), Credits::ZERO);
    assert_eq!(debit(whole(10), credits("10.001")), credits("-0.001"));
    assert_eq!(debit(whole(-5), whole(5)), whole(-10));
    assert_eq!(debit(Credits::BALANCE_MIN, whole(1)), Credits::BALANCE_MIN);
    assert_eq!(
        debit(Credits::from_milli(i64::MIN), Credits::from_milli(1)),
        Credits::BALANCE_MIN
    );
}

proptest! {
    /// Partitions hold exactly the keys of their time: keys sort by time first.
    #[test]
    fn s2_keys_sort_by_their_time(a_ms in 0_i64..253_402_000_000_000, b_ms in 0_i64..253_402_000_000_000, id: u128) {
        let (a, b) = (Timestamp::from_millisecond(a_ms).unwrap(), Timestamp::from_millisecond(b_ms).unwrap());
        let id = Uuid::from_u128(id & !(0xf << 76));
        for key in [ledger_key(id, a), entry_key(a, &id.to_string())] {
            prop_assert!(key.uuid() >= key_bound(a));
            prop_assert_eq!(key.time(), a);
            prop_assert_eq!(key.uuid() < key_bound(b), a_ms < b_ms);
        }
    }

    /// Sends and other entries never take each other's key, nor do two events.
    #[test]
    fn s2_different_identities_have_different_keys(a: u128, b: u128, micro in 0_i64..1_000_000_000_000_000) {
        let moment = Timestamp::from_microsecond(micro).unwrap();
        let (a, b) = (Uuid::from_u128(a), Uuid::from_u128(b));
        prop_assume!(a != b);
        prop_assert_ne!(ledger_key(a, moment), ledger_key(b, moment));
        prop_assert_ne!(ledger_key(a, moment), entry_key(moment, &a.to_string()));
    }

    /// The order in which sends arrive does not matter to the balance.
    #[test]
    fn s1_debits_commute(balance in -1_000_000_000_000_i64..1_000_000_000_000, a in 1_i64..=1_000_000_000, b in 1_i64..=1_000_000_000) {
        let (balance, a, b) = (Credits::from_milli(balance), Credits::from_milli(a), Credits::from_milli(b));
        let both = a.checked_add(b).unwrap();
        prop_assert_eq!(debit(debit(balance, a), b), debit(debit(balance, b), a));
        prop_assert_eq!(debit(debit(balance, a), b), debit(balance, both));
    }
}
