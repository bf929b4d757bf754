//! Whatever comes, of any status and shape: nothing panics, no failure and no success is read that isn't said, and
//! nobody's token or address is kept.

use super::samples::{self, REFERENCE, received_at};
use super::{charge, decline, initialize, list, refund, verify, webhook};
use crate::payment::{ChargeRequest, Charged, InitializeRequest, Initialized, Refunded, Verified, Webhook};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use proptest::sample::select;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha512;
use topup_rules::message::{DeclineClass, PaymentMode, PaymentStatus};
use topup_rules::money::Money;

const MODE: PaymentMode = PaymentMode::Test;
const KEY: &str = "sk_test_key";
const TOKEN: &str = "AUTH_secretcode";
const ADDRESS: &str = "holder@example.com";

fn charged(http: u16, body: &[u8]) -> Charged {
    let reference = samples::reference();
    let authorization_code = SecretString::from(TOKEN);
    let request = ChargeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        authorization_code: &authorization_code,
        email: ADDRESS,
        metadata: &[],
    };
    charge::read(samples::bytes(http, body), &request, MODE, received_at())
}

fn verified(http: u16, body: &[u8]) -> Verified {
    verify::read(
        samples::bytes(http, body),
        &samples::reference(),
        MODE,
        received_at(),
    )
}

fn initialized(http: u16, body: &[u8]) -> Initialized {
    let reference = samples::reference();
    let request = InitializeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        email: ADDRESS,
        channels: &[],
        callback_url: None,
        metadata: &[],
    };
    initialize::read(samples::bytes(http, body), &request)
}

fn signed(raw: &[u8]) -> Webhook {
    let mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).expect("any key");
    let signature = hex::encode(mac.chain_update(raw).finalize().into_bytes());
    webhook::read(raw, Some(&signature), KEY, ("paystack", MODE), received_at())
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(select(FIELDS), inner, 0..8).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "success",
    "failed",
    "abandoned",
    "pending",
    "reversed",
    "SUCCESS",
    "",
    "true",
    "0",
    "35247",
    "ZAR",
    REFERENCE,
    "topup-1001-b",
    "Declined",
    "Authorization code is invalid",
    "Transaction reference not found",
    "Duplicate Transaction Reference",
    "duplicate_reference",
    "transaction_not_found",
    "charge.success",
    "refund.processed",
    "charge.dispute.resolve",
    "charge.dispute.create",
    "declined",
    "merchant-accepted",
    "https://checkout.example/x",
    TOKEN,
    ADDRESS,
    "test",
    "live",
    "2026-11-22T08:15:00Z",
];

/// Fields that are read somewhere.
const FIELDS: &[&str] = &[
    "status",
    "message",
    "code",
    "type",
    "data",
    "paused",
    "reference",
    "amount",
    "requested_amount",
    "fees",
    "currency",
    "id",
    "gateway_response",
    "authorization",
    "authorization_url",
    "access_code",
    "last4",
    "signature",
    "domain",
    "paid_at",
    "event",
    "transaction",
    "transaction_reference",
    "refund_amount",
    "resolution",
    "meta",
    "pageCount",
];

/// A payment in which fields have become something else.
fn odd_payment() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(select(FIELDS), any_json(), 0..4).prop_map(|changes| {
        let changes: serde_json::Map<String, Value> = changes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        samples::transaction(&Value::Object(changes))
    })
}

/// A body that is nearly one of the gateway's, or any bytes at all.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = |value: Value| value.to_string().into_bytes();
    let answer = (odd_payment(), any_json(), any_json())
        .prop_map(|(data, status, message)| json!({"status": status, "message": message, "data": data}));
    let announced =
        (select(WORDS), odd_payment()).prop_map(|(event, data)| json!({"event": event, "data": data}));
    prop_oneof![
        answer.prop_map(text),
        announced.prop_map(text),
        any_json().prop_map(text),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn http() -> impl Strategy<Value = u16> {
    select(
        &[
            200_u16, 201, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504,
        ][..],
    )
}

/// What the body says in so many words, read apart from the code under test.
struct Stated {
    object: bool,
    ours: bool,
    word: String,
    paused: bool,
    refused: bool,
}

fn stated(body: &[u8]) -> Stated {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let data = &body["data"];
    Stated {
        object: body.is_object(),
        ours: data["reference"].as_str().map(str::trim) == Some(REFERENCE),
        word: data["status"].as_str().unwrap_or_default().trim().to_lowercase(),
        paused: !matches!(data["paused"], Value::Null | Value::Bool(false)),
        refused: !matches!(body["status"], Value::Null | Value::Bool(true)),
    }
}

/// Whether a verdict may be read at all.
fn may_be(status: PaymentStatus, http: u16, said: &Stated, may_refuse: bool) -> bool {
    let by_word = |word: &str| said.ours && said.word == word;
    let well = said.object && http < 500 && ![401, 403, 429].contains(&http);
    well && match status {
        PaymentStatus::Success => by_word("success"),
        PaymentStatus::Failed => {
            by_word("failed") || (may_refuse && said.refused && (400..500).contains(&http))
        }
        PaymentStatus::ActionRequired => said.ours && (said.word == "abandoned" || said.paused),
        PaymentStatus::Pending => {
            said.ours && ["pending", "processing", "ongoing", "queued"].contains(&said.word.as_str())
        }
        PaymentStatus::Reversed => by_word("reversed"),
        PaymentStatus::Unknown
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon
        | PaymentStatus::RefundFailed => false,
    }
}

fn keeps_nobody(told: &str) -> bool {
    !told.contains(TOKEN) && !told.contains(ADDRESS)
}

/// A reason is a header of a message, a line of a log, a line of a list.
fn is_one_short_line(told: &str) -> bool {
    !told.is_empty() && told.chars().count() <= 400 && !told.chars().any(char::is_control)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c8_a_charge_ends_as_nothing_that_its_answer_does_not_say(http in http(), body in body()) {
        let read = charged(http, &body);
        if let Charged::Answered(answer) = &read {
            prop_assert!(may_be(answer.status, http, &stated(&body), true), "{read:?}");
            let reason = answer.reason.as_deref().unwrap_or("none");
            prop_assert!(keeps_nobody(reason) && is_one_short_line(reason), "{read:?}");
        } else {
            prop_assert!(keeps_nobody(&format!("{read:?}")), "{read:?}");
        }
    }

    #[test]
    fn c8_a_question_is_answered_by_nothing_that_is_not_said(http in http(), body in body()) {
        let read = verified(http, &body);
        match &read {
            Verified::Answered(answer) => prop_assert!(may_be(answer.status, http, &stated(&body), false), "{read:?}"),
            Verified::NotKnown => prop_assert!((400..500).contains(&http) && stated(&body).refused, "{read:?}"),
            Verified::Unknown { .. } | Verified::OurTrouble(_) => {}
        }
    }

    #[test]
    fn no_other_call_is_done_or_refused_unsaid(http in http(), body in body()) {
        let opened = initialized(http, &body);
        let given_back = refund::read(samples::bytes(http, &body));
        let said = stated(&body);
        if matches!(opened, Initialized::Page { .. }) || matches!(given_back, Refunded::Taken { .. }) {
            prop_assert!(said.object && (200..300).contains(&http), "{opened:?} {given_back:?}");
        }
        if matches!(opened, Initialized::Refused { .. }) || matches!(given_back, Refunded::Refused { .. }) {
            prop_assert!(said.refused && (400..500).contains(&http), "{opened:?} {given_back:?}");
        }
        refund::read_withdrawal(samples::bytes(http, &body));
        let page = list::read(samples::bytes(http, &body), 1, MODE, received_at());
        prop_assert!(page.is_err() || (200..300).contains(&http), "{page:?}");
    }

    #[test]
    fn a_webhook_says_no_failure_ever_and_no_success_unsaid(body in body()) {
        if let Webhook::Result(result) = signed(&body) {
            let written = serde_json::to_vec(&result).expect("it can be written");
            prop_assert_eq!(serde_json::from_slice(&written).ok(), Some(result.clone()));
            prop_assert!(result.reason.as_deref().is_none_or(is_one_short_line), "{result:?}");
            let told: Value = serde_json::from_slice(&body).expect("JSON");
            let event = told["event"].as_str().unwrap_or_default().trim().to_owned();
            let wanted = match result.status {
                PaymentStatus::Success => event == "charge.success" && stated(&body).word == "success",
                PaymentStatus::Reversed => ["refund.processed", "charge.dispute.resolve"].contains(&event.as_str()),
                PaymentStatus::DisputeOpened => event == "charge.dispute.create",
                PaymentStatus::RefundFailed => ["refund.failed", "refund.needs-attention"].contains(&event.as_str()),
                PaymentStatus::DisputeWon => event == "charge.dispute.resolve",
                PaymentStatus::Failed
                | PaymentStatus::Pending
                | PaymentStatus::Unknown
                | PaymentStatus::ActionRequired => false,
            };
            prop_assert!(wanted, "{result:?}");
            prop_assert!(result.reference.parts().is_some());
        }
    }

    #[test]
    fn a_refusal_has_a_class_whatever_its_words(words in any::<String>()) {
        prop_assert!(DeclineClass::ALL.contains(&decline::class(&words)));
    }

    #[test]
    fn nothing_unsigned_is_believed(body in body(), signature in prop_oneof!["[0-9a-f]{128}", ".{0,140}"]) {
        let read = webhook::read(&body, Some(&signature), KEY, ("paystack", MODE), received_at());
        prop_assert_eq!(read, Webhook::Forged);
    }
}
