//! Answers to opening a page, and what they are read as.

use super::*;
use crate::paystack::samples::{self, REFERENCE, refusal};
use serde_json::{Value, json};
use topup_rules::lines::CallEnd;
use topup_rules::money::Money;

fn opening(http: u16, body: &Value) -> Initialized {
    let reference = samples::reference();
    let request = InitializeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        email: "holder@example.com",
        channels: &[],
        callback_url: None,
        metadata: &[],
    };
    read(samples::json(http, body), &request)
}

fn opened(data: &Value) -> Value {
    json!({"status": true, "message": "Authorization URL created", "data": data})
}

#[test]
fn a_page_is_where_the_customer_goes() {
    let data = json!({"authorization_url": "https://checkout.example/x", "access_code": "x", "reference": REFERENCE});
    let wanted = Initialized::Page {
        url: "https://checkout.example/x".to_owned(),
        access_code: Some("x".to_owned()),
    };
    let read = opening(200, &opened(&data));
    assert_eq!(read.call_end(), CallEnd::Answered);
    assert_eq!(read, wanted);
}

#[test]
fn p4_only_a_refusal_is_a_refusal() {
    let refused = opening(
        400,
        &refusal("Currency not supported by merchant", "unsupported_currency"),
    );
    let reason = "the payment gateway opens no page: Currency not supported by merchant".to_owned();
    assert_eq!(refused, Initialized::Refused { reason });
    for (http, body) in [
        (
            400,
            refusal("Duplicate Transaction Reference", "duplicate_reference"),
        ),
        (500, refusal("oops", "unknown")),
        (200, refusal("odd", "unknown")),
        (200, opened(&json!({"reference": REFERENCE}))),
        (
            200,
            opened(&json!({"authorization_url": "javascript:x", "reference": REFERENCE})),
        ),
        (
            200,
            opened(&json!({"authorization_url": "https://x.example/", "reference": "topup-1-b"})),
        ),
        (404, json!({})),
    ] {
        let read = opening(http, &body);
        assert!(
            matches!(read, Initialized::Unknown { .. }),
            "{http} {body}: {read:?}"
        );
    }
    for http in [401, 429] {
        let read = opening(http, &refusal("no", "x"));
        assert!(matches!(read, Initialized::OurTrouble(_)), "{http}: {read:?}");
    }
}
