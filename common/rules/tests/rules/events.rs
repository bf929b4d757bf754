//! What platforms hear of: an example of each type, and nothing of the person in any.

use crate::given::{self, PURCHASE, account_id, at, credits, key, whole, zar};
use jiff::civil::date;
use std::fs;
use topup_rules::account::{AutoTopup, AutoTopupSettings, Method};
use topup_rules::events::{self, EventDraft};
use topup_rules::ids::Reference;
use topup_rules::message::DeclineClass;
use topup_rules::message::event::{Event, EventType};
use topup_rules::notices::{self, Bought, ExpiringCard, TakenBack};
use topup_rules::wake::SkipReason;
use uuid::Uuid;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/README.md");
const PAGE_AS_IT_IS: &str = include_str!("../../../../infra/README.md");
const BEGIN: &str = "<!-- events -->\n";
const END: &str = "<!-- /events -->";
/// Set to anything, it makes the test write the examples instead of comparing them.
const UPDATE: &str = "UPDATE_DOCS";
const CARD: Uuid = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0004);

fn settings() -> AutoTopupSettings {
    AutoTopupSettings {
        method: Method::Card,
        threshold: whole(100),
        quantity: whole(500),
    }
}

fn example(kind: EventType) -> EventDraft {
    let topup = given::topup();
    let reference = Reference::of_purchase(account_id(1001), PURCHASE);
    let bought = Bought {
        id: PURCHASE,
        wallet: key(1001),
        quantity: whole(500),
        amount: zar(35_247),
        tax_minor: 4_597,
        reference: &reference,
        card_last4: Some("4081"),
        billing_name: Some("Thandi Nkosi"),
    };
    let taken = TakenBack {
        wallet: key(1001),
        reference: &reference,
        reversal_id: "refund-1",
        amount: zar(35_247),
        credits: whole(500),
    };
    let card = ExpiringCard {
        account: account_id(1001),
        id: CARD,
        last4: Some("4081"),
        expires_on: date(2026, 12, 31),
    };
    let another_day = Some(DeclineClass::AnotherDay);
    match kind {
        EventType::TopupSucceeded => events::topup_succeeded(&topup, credits("540.5")),
        EventType::TopupFailed => {
            events::topup_failed(&topup, credits("40.5"), "Insufficient Funds", another_day, true)
        }
        EventType::TopupSkipped => {
            events::topup_skipped(&topup, credits("40.5"), &SkipReason::DayCap { limit: 5 })
        }
        EventType::AutoTopupEnabled => {
            let now = at("2026-11-22T08:15:00Z");
            events::settings_changed(key(1001), &AutoTopup::Enabled(settings()), now).unwrap()
        }
        EventType::AutoTopupDisabled => {
            events::disabled(key(1001), &settings(), "Insufficient Funds", "topup:1")
        }
        EventType::PurchaseSucceeded => events::purchase_succeeded(&bought, credits("540.5")),
        EventType::PurchaseFailed => events::purchase_failed(&bought, "Declined", another_day),
        EventType::PaymentReversed => events::payment_reversed(&taken, credits("40.5")),
        EventType::CreditsLow => events::credits_low(key(1001), credits("49.5"), whole(50), "0193-a-send"),
        EventType::CardExpiring => events::card_expiring(&card),
    }
}

fn told() -> impl Iterator<Item = Event> {
    let now = at("2026-11-22T08:15:00Z");
    EventType::ALL.iter().map(move |kind| example(*kind).at(now))
}

#[test]
fn the_operators_page_shows_an_example_of_each() {
    let (before, rest) = PAGE_AS_IT_IS.split_once(BEGIN).expect("a place for the examples");
    let (shown, after) = rest.split_once(END).expect("an end of the place");
    let mut wanted = String::from("| type | example |\n| --- | --- |\n");
    for event in told() {
        let json = serde_json::to_string(&event).unwrap();
        wanted.push_str(&format!("| `{}` | `{json}` |\n", event.kind.versioned()));
    }
    if std::env::var_os(UPDATE).is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        shown, wanted,
        "run the tests of topup-rules with {UPDATE}=1 to write them anew"
    );
}

#[test]
fn an_event_is_read_as_it_is_written_and_bears_the_id_of_its_cause() {
    for (event, kind) in told().zip(EventType::ALL) {
        assert_eq!(event.kind, *kind);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!(event.event_id, example(*kind).id());
        assert_eq!(event.event_id.get_version_num(), 5);
    }
    let mut ids: Vec<Uuid> = told().map(|event| event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), EventType::ALL.len());
}

#[test]
fn no_event_says_who_the_account_holder_is() {
    for event in told() {
        let text = serde_json::to_string(&event).unwrap();
        for personal in ["4081", "Thandi", "@", "+27"] {
            assert!(!text.contains(personal), "{text}");
        }
    }
}

#[test]
fn a_main_that_is_told_of_its_subs_failure_is_no_second_event() {
    let [to_sub, to_main] =
        notices::transfer_failed(&given::topup(), credits("40.5"), account_id(2002), whole(3), true);
    assert!(to_sub.event.is_some() && to_main.event.is_none());
}
