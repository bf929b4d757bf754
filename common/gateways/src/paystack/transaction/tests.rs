//! A payment in the shapes that real ones come in.

use super::*;
use crate::paystack::samples::{received_at, transaction};
use serde_json::json;

/// The sample with `change` in it.
fn told(change: &Value) -> Answer {
    let read = read(&transaction(change), None, PaymentMode::Test, received_at());
    read.expect("a verdict").expect("a known word")
}

#[test]
fn fields_are_read_in_whatever_shape_they_come() {
    let answer = told(&json!({
            "id": "4099490251", "amount": "35247", "metadata": 0, "fees": null, "gateway_response": null,
            "message": "Approved by bank", "transaction_date": "yesterday", "domain": "live",
            "authorization": {"last4": 4081, "exp_month": 7, "exp_year": "30", "card_type": "mastercard debit ",
                              "brand": "", "signature": null, "reusable": "true"}
    }));
    assert_eq!(answer.transaction_id.as_deref(), Some("4099490251"));
    assert_eq!(answer.amount_minor, Some(35_247));
    assert_eq!(answer.reason.as_deref(), Some("Approved by bank"));
    assert_eq!(answer.mode, PaymentMode::Live);
    assert_eq!(answer.occurred_at, received_at());
    let card = answer.card.expect("a card");
    assert_eq!(card.brand.as_deref(), Some("mastercard debit"));
    assert_eq!(card.last4.as_deref(), Some("4081"));
    assert_eq!((card.exp_month, card.exp_year), (Some(7), Some(2030)));
    assert_eq!((card.signature, card.reusable), (None, Some(true)));
}

#[test]
fn odd_fields_never_make_a_success_unreadable() {
    for odd in [
        json!({"metadata": ""}),
        json!({"metadata": 0}),
        json!({"metadata": null}),
        json!({"metadata": {"a": [1]}}),
        json!({"authorization": null}),
        json!({"authorization": {}}),
        json!({"authorization": "AUTH_secretcode"}),
        json!({"authorization": {"exp_month": null, "exp_year": [], "last4": "40"}}),
        json!({"authorization": {"signature": null, "reusable": null, "card_type": "visa  "}}),
        json!({"customer": null}),
        json!({"fees": null, "log": null}),
        json!({"id": 18_446_744_073_709_551_615_u64}),
        json!({"currency": "zar"}),
        json!({"log": {"history": []}}),
        json!({"amount": "a lot"}),
    ] {
        let answer = told(&odd);
        assert_eq!(answer.status, PaymentStatus::Success, "{odd}");
        assert_eq!(answer.currency, "ZAR".parse().ok(), "{odd}");
    }
}
