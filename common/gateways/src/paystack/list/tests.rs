//! Pages of the list, and what they are read as.

use super::*;
use crate::paystack::samples::{self, REFERENCE, received_at, refusal, transaction};
use serde_json::json;
use topup_rules::lines::CallEnd;

fn page(number: u32, body: &Value) -> Result<TransactionPage, ListTrouble> {
    read(samples::json(200, body), number, PaymentMode::Test, received_at())
}

fn listed(data: &Value, meta: &Value) -> TransactionPage {
    page(
        1,
        &json!({"status": true, "message": "Transactions retrieved", "data": data, "meta": meta}),
    )
    .expect("a page")
}

#[test]
fn the_list_is_asked_for_by_period_and_page() {
    let at = |text: &str| -> Timestamp { text.parse().expect("a moment") };
    let asked = query(at("2026-11-21T22:00:00Z"), at("2026-11-22T22:00:00.0004Z"), 3);
    let wanted = [
        ("from", "2026-11-21T22:00:00.000Z"),
        ("to", "2026-11-22T22:00:00.000Z"),
        ("page", "3"),
        ("perPage", "100"),
    ];
    assert_eq!(
        asked.map(|(name, value)| format!("{name}={value}")),
        wanted.map(|(n, v)| format!("{n}={v}"))
    );
}

#[test]
fn every_payment_on_it_is_told_ours_or_not() {
    let data = json!([
        transaction(&json!({})),
        transaction(&json!({"reference": "shop 7", "status": "abandoned"})),
        transaction(&json!({"status": "levitating"})),
        transaction(&json!({"reference": null})),
        "nonsense",
    ]);
    let page = listed(&data, &json!({"pageCount": 1}));
    assert_eq!((page.unreadable, page.is_last), (2, true));
    let told: Vec<(&str, PaymentStatus)> = page
        .items
        .iter()
        .map(|item| (item.reference.as_str(), item.answer.status))
        .collect();
    let wanted = [
        (REFERENCE, PaymentStatus::Success),
        ("shop 7", PaymentStatus::ActionRequired),
        (REFERENCE, PaymentStatus::Unknown),
    ];
    assert_eq!(told, wanted);
    assert_eq!(page.items[2].answer.amount_minor, Some(35_247));
}

#[test]
fn the_last_page_is_known_by_the_count_or_by_being_empty() {
    let some = json!([transaction(&json!({}))]);
    for (number, data, meta, wanted) in [
        (1, &some, json!({"pageCount": 2}), false),
        (2, &some, json!({"pageCount": 2}), true),
        (2, &some, json!({"pageCount": "2"}), true),
        (1, &some, json!({"perPage": "50"}), false),
        (1, &some, json!(null), false),
        (1, &json!([]), json!(null), true),
        (3, &json!([]), json!({"pageCount": 9}), true),
    ] {
        let read = page(
            number,
            &json!({"status": true, "message": "m", "data": data, "meta": meta}),
        );
        assert_eq!(read.expect("a page").is_last, wanted, "{number} {meta}");
    }
}

#[test]
fn c8_a_page_that_cannot_be_read_is_trouble_and_not_an_empty_page() {
    for (http, body, end) in [
        (200, json!({"status": true, "message": "m"}), CallEnd::Answered),
        (
            200,
            json!({"status": false, "message": "m", "data": []}),
            CallEnd::Answered,
        ),
        (
            400,
            refusal("Invalid 'from' date", "invalid_params"),
            CallEnd::Answered,
        ),
        (503, json!({"status": true, "data": []}), CallEnd::Trouble),
        (429, json!({}), CallEnd::LeftAlone { for_s: 17 }),
    ] {
        let read = read(samples::json(http, &body), 1, PaymentMode::Test, received_at());
        assert_eq!(read.expect_err("trouble").end, end, "{http} {body}");
    }
}
