//! Messages that are taken, and what they mean.

use crate::given::{account_id, at, credits};
use serde_json::{Value, json};
use topup_rules::ids::Service;
use topup_rules::message::{
    Channel, DeclineClass, Message, Notification, PaymentMode, PaymentResult, PaymentStatus, ResultSource,
    SmsSent, Template, TopupRequested, parse,
};

const EVENT_ID: &str = "0193a5f0-0000-7000-8000-0000000000ab";

const EVENT: &str = r#"{"event_id": "0193a5f0-0000-7000-8000-0000000000ab", "account_id": 1001, "service": "sms", "credits": 1.5, "messages": 1, "batch_id": null, "sent_at": "2026-11-22T08:15:00Z"}"#;

fn read<M: Message>(body: &str) -> M {
    parse(body.as_bytes(), None, None, None).unwrap_or_else(|reason| panic!("{reason}: {body}"))
}

/// The event with one field set to something else.
fn event_with(field: &str, value: Value) -> SmsSent {
    let mut body: Value = serde_json::from_str(EVENT).unwrap();
    body[field] = value;
    read(&body.to_string())
}

#[test]
fn a_send_is_read_as_it_is_written_in_the_contract() {
    let event: SmsSent = read(EVENT);
    let expected = SmsSent {
        event_id: EVENT_ID.parse().unwrap(),
        account_id: account_id(1001),
        service: Service::Sms,
        credits: credits("1.5"),
        messages: 1,
        batch_id: None,
        sent_at: at("2026-11-22T08:15:00Z"),
    };
    assert_eq!(event, expected);
}

#[test]
fn service_messages_and_batch_may_be_missing_and_unknown_fields_are_ignored() {
    let event: SmsSent = read(
        r#" {"sent_at": "2026-11-22T10:15:00+02:00", "credits": "1.5", "account_id": "1001",
             "event_id": "0193A5F0-0000-7000-8000-0000000000AB", "campaign": {"name": ["x", 1e999]}} "#,
    );
    assert_eq!(event, read(EVENT));
}

#[test]
fn numbers_may_be_strings_and_keep_every_digit() {
    for (value, expected) in [
        (json!(1), "1"),
        (json!("188.6"), "188.6"),
        (json!(0.001), "0.001"),
        (json!("1e3"), "1000"),
        (json!("1000000.001"), "1000000.001"),
    ] {
        assert_eq!(event_with("credits", value).credits, credits(expected));
    }
    let largest = json!("9223372036854775807");
    assert_eq!(event_with("account_id", largest).account_id, account_id(i64::MAX));
    let escaped = EVENT
        .replace("1001", r#""\u0031001""#)
        .replace("1.5", r#""1\u002e5""#);
    assert_eq!(read::<SmsSent>(&escaped), read(EVENT));
}

#[test]
fn a_time_counts_to_the_microsecond() {
    let event = event_with("sent_at", json!("2026-11-22T08:15:00.123456999Z"));
    assert_eq!(event.sent_at, at("2026-11-22T08:15:00.123456Z"));
}

#[test]
fn a_send_survives_being_written_and_read() {
    let event = SmsSent {
        service: Service::Whatsapp,
        batch_id: Some(EVENT_ID.parse().unwrap()),
        ..read(EVENT)
    };
    let body = serde_json::to_string(&event).unwrap();
    assert_eq!(read::<SmsSent>(&body), event);
    let value = serde_json::to_value(&event).unwrap();
    assert_eq!(serde_json::from_value::<SmsSent>(value).unwrap(), event);
}

#[test]
fn properties_may_be_missing_empty_or_right() {
    for message_id in [None, Some(""), Some(EVENT_ID), Some(&*EVENT_ID.to_uppercase())] {
        for kind in [None, Some(""), Some("sms-sent.v1")] {
            for content_type in [None, Some("application/json"), Some("text/plain")] {
                let event = parse::<SmsSent>(EVENT.as_bytes(), message_id, kind, content_type);
                assert!(event.is_ok(), "{message_id:?} {kind:?} {content_type:?}");
            }
        }
    }
}

#[test]
fn every_message_type_is_named_after_its_queue() {
    fn check<M: Message>() {
        assert_eq!(M::TYPE, format!("{}.v1", M::QUEUE));
    }
    check::<SmsSent>();
    check::<TopupRequested>();
    check::<PaymentResult>();
    check::<Notification>();
    assert_eq!(read::<SmsSent>(EVENT).id(), EVENT_ID);
}

#[test]
fn a_topup_request_is_read() {
    let body = json!({"topup_id": EVENT_ID, "account_id": 1001, "service": "whatsapp", "requested_at": "2026-11-22T08:15:00Z"});
    let request: TopupRequested = read(&body.to_string());
    assert_eq!(request.service, Service::Whatsapp);
    assert_eq!(request.id(), EVENT_ID);
    assert_eq!(serde_json::to_value(&request).unwrap(), body);
}

#[test]
fn a_payment_result_is_read_and_its_message_id_is_free() {
    let body = json!({
        "reference": "topup-1001-x", "gateway": "paystack", "status": "action-required", "amount_minor": 35247,
        "currency": "ZAR", "gateway_transaction_id": "4099490251", "reason": "Approved", "card": null,
        "source": "webhook", "mode": "test", "reversal_id": null, "occurred_at": "2026-11-22T08:15:00Z",
    });
    let text = body.to_string();
    let result: PaymentResult = parse(
        text.as_bytes(),
        Some("anything"),
        Some("payment-results.v1"),
        None,
    )
    .unwrap();
    assert_eq!(result.status, PaymentStatus::ActionRequired);
    assert_eq!(result.source, ResultSource::Webhook);
    assert_eq!(result.mode, PaymentMode::Test);
    assert_eq!(result.amount_minor, Some(35_247));
    assert_eq!(result.id(), "topup-1001-x:action-required");
    assert_eq!(serde_json::to_value(&result).unwrap(), body);
}

#[test]
fn a_payment_result_may_say_what_kind_of_refusal_it_is() {
    let result: PaymentResult = read(
        r#"{"reference": "r", "gateway": "paystack", "status": "failed", "decline": "never-again", "source": "charge", "mode": "live", "occurred_at": "2026-11-22T08:15:00Z"}"#,
    );
    assert_eq!(result.decline, Some(DeclineClass::NeverAgain));
    assert_eq!(serde_json::to_value(&result).unwrap()["decline"], "never-again");
}

#[test]
fn an_unknown_outcome_needs_neither_amount_nor_currency() {
    let result: PaymentResult = read(
        r#"{"reference": "r", "gateway": "paystack", "status": "unknown", "source": "charge", "mode": "live", "reversal_id": "7", "occurred_at": "2026-11-22T08:15:00Z"}"#,
    );
    assert_eq!((result.amount_minor, result.currency), (None, None));
    assert_eq!(result.id(), "r:unknown:7");
}

#[test]
fn a_notification_is_read() {
    let body = json!({
        "notification_id": EVENT_ID, "account_id": 1001, "channel": "email", "template": "topup-succeeded",
        "params": {"credits": "500", "balance": "540.5"},
    });
    let notice: Notification = read(&body.to_string());
    assert_eq!(notice.channel, Channel::Email);
    assert_eq!(notice.template, Template::TopupSucceeded);
    assert_eq!(serde_json::to_value(&notice).unwrap(), body);
}

#[test]
fn every_name_is_read_as_it_is_written() {
    macro_rules! check {
        ($($name:ty),+) => {$(
            for name in <$name>::ALL.iter().copied() {
                assert_eq!(name.as_str().parse(), Ok(name));
                assert_eq!(name.to_string(), name.as_str());
                assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
                assert_eq!(serde_json::from_value::<$name>(json!(name.as_str())).unwrap(), name);
            }
        )+};
    }
    use topup_rules::account::Method;
    use topup_rules::ids::ReferenceKind;
    use topup_rules::lifecycle::{Effect, Event, PaymentKind};
    use topup_rules::lines::CallClass;
    use topup_rules::reconcile::Difference;
    use topup_rules::registration::RegistrationOutcome;
    use topup_rules::settle::{PurchaseMethod, ReversalState};
    use topup_rules::topup::{PaymentState, TopupState};
    check!(
        CallClass,
        Channel,
        DeclineClass,
        Difference,
        Effect,
        Event,
        Method,
        PaymentKind,
        PaymentMode,
        PaymentState,
        PaymentStatus,
        PurchaseMethod,
        ReferenceKind,
        RegistrationOutcome,
        ResultSource,
        ReversalState,
        Service,
        Template,
        TopupState
    );
    let error = "fax".parse::<Channel>().unwrap_err();
    assert_eq!(error.to_string(), "`fax` is no channel: known are sms, email");
}
