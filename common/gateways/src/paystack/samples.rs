//! Answers as the gateway gives them, for the tests of all calls.

use crate::http::{Answer, Exchange};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use topup_rules::ids::Reference;

/// The payment that all samples are about.
pub(super) const REFERENCE: &str = "topup-1001-0193b6a0-0000-7000-8000-00000000000a";

pub(super) fn reference() -> Reference {
    REFERENCE.parse().expect("a reference")
}

/// When every sample is received.
pub(super) fn received_at() -> Timestamp {
    "2026-11-22T08:15:30Z".parse().expect("a moment")
}

/// An answer of this HTTP status. A 429 asks for 17 seconds.
pub(super) fn bytes(http: u16, body: &[u8]) -> Exchange {
    Exchange::Answered(Answer {
        status: StatusCode::from_u16(http).expect("a status"),
        retry_after_s: (http == 429).then_some(17),
        body: body.to_vec(),
    })
}

pub(super) fn json(http: u16, body: &Value) -> Exchange {
    bytes(http, body.to_string().as_bytes())
}

/// A payment, with `change` in it; null takes a field out.
pub(super) fn transaction(change: &Value) -> Value {
    let mut data = json!({
        "amount": 35247, "currency": "ZAR", "transaction_date": "2026-11-22T08:15:00.000Z", "status": "success",
        "reference": REFERENCE, "domain": "test", "metadata": "", "gateway_response": "Approved",
        "message": null, "channel": "card", "ip_address": null, "log": null, "fees": 1172,
        "authorization": {
            "authorization_code": "AUTH_secretcode", "bin": "408408", "last4": "4081", "exp_month": "12",
            "exp_year": "2030", "channel": "card", "card_type": "visa ", "bank": "TEST BANK",
            "country_code": "ZA", "brand": "visa", "reusable": true, "signature": "SIG_1001",
            "account_name": null
        },
        "customer": {"id": 180_673, "email": "holder@example.com"},
        "plan": null, "id": 4_099_490_251_i64
    });
    for (key, value) in change.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    data
}

/// A whole answer about a payment.
pub(super) fn about(change: &Value) -> Value {
    json!({"status": true, "message": "Charge attempted", "data": transaction(change)})
}

/// A refusal.
pub(super) fn refusal(message: &str, code: &str) -> Value {
    json!({"status": false, "message": message, "meta": {"nextStep": "x"}, "type": "validation_error", "code": code})
}
