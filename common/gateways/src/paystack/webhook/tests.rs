//! Webhooks, and what they are read as.

use super::*;
use crate::paystack::samples::{REFERENCE, received_at, transaction};
use serde_json::json;

const KEY: &str = "sk_test_key";

fn signed_with(key: &str, raw: &[u8]) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).expect("any key");
    hex::encode(mac.chain_update(raw).finalize().into_bytes())
}

fn reading_bytes(raw: &[u8]) -> Webhook {
    let signature = signed_with(KEY, raw);
    read(
        raw,
        Some(&signature),
        KEY,
        ("paystack", PaymentMode::Test),
        received_at(),
    )
}

fn reading(event: &str, data: &Value) -> Webhook {
    reading_bytes(json!({"event": event, "data": data}).to_string().as_bytes())
}

fn result(event: &str, data: &Value) -> PaymentResult {
    let read = reading(event, data);
    let Webhook::Result(result) = read else {
        panic!("{read:?}")
    };
    *result
}

/// A refund as it is announced.
fn refund(change: &Value) -> Value {
    let mut data = json!({
        "id": 3_018_284, "status": "processed", "transaction_reference": REFERENCE, "refund_reference": "132013318360",
        "amount": "10000", "currency": "ZAR", "processor": "instant-transfer", "integration": 412_829, "domain": "test",
        "customer": {"first_name": null, "last_name": null, "email": "holder@example.com"}
    });
    for (key, value) in change.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    data
}

/// A dispute as it is announced.
fn dispute(resolution: &Value) -> Value {
    json!({
        "id": 358_949, "refund_amount": 5700, "currency": "ZAR", "status": "resolved", "resolution": resolution,
        "domain": "live", "transaction": transaction(&json!({"status": "reversed"})), "transaction_reference": null,
        "category": "chargeback", "bin": "123456", "last4": "1234", "history": [], "messages": []
    })
}

#[test]
fn a_success_is_read_whole() {
    let read = result(
        "charge.success",
        &transaction(&json!({"paid_at": "2026-11-22T08:15:01Z"})),
    );
    assert_eq!(
        serde_json::to_value(read).expect("JSON"),
        json!({
            "reference": REFERENCE, "gateway": "paystack", "status": "success", "amount_minor": 35247,
            "currency": "ZAR", "gateway_transaction_id": "4099490251", "reason": "Approved",
            "card": {"brand": "visa", "last4": "4081", "exp_month": 12, "exp_year": 2030, "signature": "SIG_1001",
                     "reusable": true},
            "source": "webhook", "mode": "test", "reversal_id": null, "occurred_at": "2026-11-22T08:15:01Z"
        })
    );
}

#[test]
fn a_success_that_the_payment_does_not_state_is_not_believed() {
    for odd in [
        json!({"status": "failed"}),
        json!({"status": "pending"}),
        json!({"status": null}),
        json!({"status": "levitating"}),
    ] {
        let read = reading("charge.success", &transaction(&odd));
        assert!(matches!(read, Webhook::Malformed { .. }), "{odd}: {read:?}");
    }
}

#[test]
fn v1_a_refund_that_is_done_takes_back_its_amount() {
    for amount in [json!(10_000), json!("10000")] {
        let read = result("refund.processed", &refund(&json!({"amount": amount})));
        assert_eq!(read.status, PaymentStatus::Reversed);
        assert_eq!(read.reversal_id.as_deref(), Some("refund-3018284"));
        assert_eq!(
            (read.amount_minor, read.currency),
            (Some(10_000), "ZAR".parse().ok())
        );
        assert_eq!(
            (read.mode, read.gateway_transaction_id),
            (PaymentMode::Test, None)
        );
    }
    let by_the_bank = result("refund.processed", &refund(&json!({"id": null})));
    assert_eq!(by_the_bank.reversal_id.as_deref(), Some("refund-132013318360"));
    let nameless = reading(
        "refund.processed",
        &refund(&json!({"id": null, "refund_reference": null})),
    );
    assert!(matches!(nameless, Webhook::Malformed { .. }), "{nameless:?}");
}

#[test]
fn v1_a_refund_that_follows_from_a_dispute_is_that_dispute_and_takes_nothing_twice() {
    for dispute in [json!(358_949), json!("358949"), json!({"id": 358_949})] {
        let read = result("refund.processed", &refund(&json!({"dispute": dispute})));
        assert_eq!(read.reversal_id.as_deref(), Some("dispute-358949"), "{dispute}");
        assert_eq!(read.status, PaymentStatus::Reversed);
    }
    for none in [json!(null), json!(""), json!({}), json!([])] {
        let read = result("refund.processed", &refund(&json!({"dispute": none})));
        assert_eq!(read.reversal_id.as_deref(), Some("refund-3018284"), "{none}");
    }
}

#[test]
fn v1_a_dispute_is_opened_won_or_lost() {
    let nobody = json!(null);
    for (event, resolution, wanted) in [
        ("charge.dispute.create", nobody, PaymentStatus::DisputeOpened),
        (
            "charge.dispute.resolve",
            json!("declined"),
            PaymentStatus::DisputeWon,
        ),
        (
            "charge.dispute.resolve",
            json!("merchant-accepted"),
            PaymentStatus::Reversed,
        ),
        // Nobody answered in time.
        (
            "charge.dispute.resolve",
            json!("auto-accepted"),
            PaymentStatus::Reversed,
        ),
    ] {
        let read = result(event, &dispute(&resolution));
        assert_eq!(read.status, wanted, "{event} {resolution}");
        assert_eq!(read.reversal_id.as_deref(), Some("dispute-358949"));
        assert_eq!((read.amount_minor, read.mode), (Some(5700), PaymentMode::Live));
        assert_eq!(read.gateway_transaction_id.as_deref(), Some("4099490251"));
    }
}

#[test]
fn v1_a_refund_that_is_not_made_says_so_under_its_own_name() {
    for (event, reason) in [
        ("refund.failed", "the refund failed"),
        ("refund.needs-attention", "the refund needs attention"),
    ] {
        let read = result(event, &refund(&json!({"amount": 5700})));
        assert_eq!(read.status, PaymentStatus::RefundFailed);
        assert_eq!(read.reversal_id.as_deref(), Some("refund-3018284"));
        assert_eq!(
            (read.amount_minor, read.reason.as_deref()),
            (Some(5700), Some(reason))
        );
        // Also where it follows from a dispute, whose credits stay held.
        let of_dispute = result(event, &refund(&json!({"dispute": 358_949})));
        assert_eq!(of_dispute.reversal_id.as_deref(), Some("refund-3018284"));
    }
}

#[test]
fn anything_else_is_a_hint_at_most() {
    for (event, data) in [
        ("charge.failed", transaction(&json!({"status": "failed"}))),
        ("refund.pending", refund(&json!({}))),
        ("refund.processing", refund(&json!({}))),
        ("charge.dispute.remind", dispute(&json!(null))),
        ("charge.dispute.resolve", dispute(&json!(null))),
        ("charge.dispute.resolve", dispute(&json!("levitated"))),
        ("transfer.success", json!({})),
    ] {
        let event_told = event.to_owned();
        assert_eq!(reading(event, &data), Webhook::Ignored { event: event_told });
    }
}

#[test]
fn a_payment_of_somebody_else_is_foreign() {
    for reference in ["T685312322670591", "topup-x-y", "a b", "topup-1001-a"] {
        let data = transaction(&json!({"reference": reference}));
        assert_eq!(reading("charge.success", &data), Webhook::Foreign, "{reference}");
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    for raw in [&b""[..], b"[]", b"{}", b"\xff", b"{\"event\": 1e999}"] {
        assert!(matches!(reading_bytes(raw), Webhook::Malformed { .. }), "{raw:?}");
    }
    for data in [json!(null), json!({}), json!({"reference": {}})] {
        let read = reading("charge.success", &data);
        assert!(matches!(read, Webhook::Malformed { .. }), "{data}: {read:?}");
    }
}

#[test]
fn a_webhook_that_we_did_not_sign_is_forged_whatever_it_says() {
    let raw = json!({"event": "charge.success", "data": transaction(&json!({}))}).to_string();
    let right = signed_with(KEY, raw.as_bytes());
    let reading = |signature: Option<&str>| {
        read(
            raw.as_bytes(),
            signature,
            KEY,
            ("paystack", PaymentMode::Test),
            received_at(),
        )
    };
    let other_key = signed_with("sk_test_other", raw.as_bytes());
    let mut flipped = right.clone();
    flipped.replace_range(0..1, if right.starts_with('0') { "1" } else { "0" });
    for wrong in [
        None,
        Some(""),
        Some("0"),
        Some("signed"),
        Some(&right[..126]),
        Some(&format!("{right}00")[..]),
        Some(&other_key[..]),
        Some(&flipped[..]),
    ] {
        assert_eq!(reading(wrong), Webhook::Forged, "{wrong:?}");
    }
    for fine in [right.clone(), right.to_uppercase(), format!(" {right} ")] {
        assert!(matches!(reading(Some(&fine)), Webhook::Result(_)), "{fine}");
    }
    let changed = raw.replace("35247", "35248");
    let read = read(
        changed.as_bytes(),
        Some(&right),
        KEY,
        ("paystack", PaymentMode::Test),
        received_at(),
    );
    assert_eq!(read, Webhook::Forged);
}
