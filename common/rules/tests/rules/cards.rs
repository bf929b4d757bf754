//! When cards run out.

use jiff::civil::Date;
use serde_json::json;
use topup_rules::cards::{CardUnfit, expires_on, is_expiring, keepable};

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn a_card_works_until_the_last_day_of_its_month() {
    assert_eq!(expires_on(12, 2026), Some(date("2026-12-31")));
    assert_eq!(expires_on(2, 2028), Some(date("2028-02-29")));
    assert_eq!(expires_on(2, 2027), Some(date("2027-02-28")));
    for (month, year) in [(0, 2026), (13, 2026), (255, 2026), (12, 10_000), (12, u16::MAX)] {
        assert_eq!(expires_on(month, year), None, "{month}/{year}");
    }
}

#[test]
fn a_card_is_expiring_in_its_last_days_and_ever_after() {
    let check = |today: &str, ahead_days, expected| {
        assert_eq!(
            is_expiring(12, 2026, date(today), ahead_days),
            expected,
            "{today}"
        );
    };
    check("2026-11-30", 30, false);
    check("2026-12-01", 30, true);
    check("2026-12-31", 30, true);
    check("2027-06-01", 30, true);
    check("2026-12-30", 0, false);
    check("2026-12-31", 0, true);
    check("2026-01-01", u32::MAX, true);
    assert!(
        !is_expiring(13, 2026, date("2026-12-01"), 30),
        "what is no month never expires"
    );
}

#[test]
fn e3_p3_a_card_is_saved_where_it_says_that_it_can_be_charged_again() {
    let check = |card: Option<serde_json::Value>, expected: Result<&str, CardUnfit>| {
        let kept = keepable(card.as_ref()).map(|card| card.authorization_code.unwrap_or_default());
        assert_eq!(kept, expected.map(str::to_owned), "{card:?}");
    };
    let code = "AUTH_x";
    check(
        Some(json!({"reusable": true, "authorization_code": code})),
        Ok(code),
    );
    check(
        Some(json!({"reusable": false, "authorization_code": code})),
        Err(CardUnfit::NotReusable),
    );
    check(
        Some(json!({"authorization_code": code})),
        Err(CardUnfit::NotReusable),
    );
    check(
        Some(json!({"reusable": true, "authorization_code": ""})),
        Err(CardUnfit::NoCard),
    );
    check(Some(json!({"reusable": true})), Err(CardUnfit::NoCard));
    check(Some(json!("visa")), Err(CardUnfit::NoCard));
    check(None, Err(CardUnfit::NoCard));
}

#[test]
fn what_is_printed_of_a_seen_card_bears_neither_token_nor_address() {
    let card = keepable(Some(&json!({
        "reusable": true, "authorization_code": "AUTH_secret", "email": "ops@example.com", "last4": "4081",
    })));
    let printed = format!("{card:?}");
    assert!(
        printed.contains("4081") && !printed.contains("AUTH") && !printed.contains("ops@"),
        "{printed}"
    );
}
