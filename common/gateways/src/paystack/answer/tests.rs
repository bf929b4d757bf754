//! Answers as the gateway gives them, and what they are read as.

use super::*;
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::json;
use topup_rules::ids::Reference;
use topup_rules::money::Money;

const RECEIVED: &str = "2026-11-22T08:15:30Z";

fn reading_bytes(http: u16, body: &[u8]) -> Charged {
    let reference: Reference = "topup-1001-a".parse().expect("a reference");
    let authorization_code = SecretString::from("AUTH_secretcode");
    let request = ChargeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        authorization_code: &authorization_code,
        email: "holder@example.com",
        metadata: &[],
    };
    let answer = HttpAnswer {
        status: StatusCode::from_u16(http).expect("a status"),
        retry_after_s: (http == 429).then_some(17),
        body: body.to_vec(),
    };
    read(
        &answer,
        &request,
        PaymentMode::Test,
        RECEIVED.parse().expect("a moment"),
    )
}

fn reading(http: u16, body: &Value) -> Charged {
    reading_bytes(http, body.to_string().as_bytes())
}

fn answered(http: u16, body: &Value) -> Answer {
    let read = reading(http, body);
    let Charged::Answered(answer) = read else {
        panic!("{read:?}")
    };
    *answer
}

/// A whole answer with `data` changed by `change`.
fn sample(change: &Value) -> Value {
    let mut body = json!({
        "status": true, "message": "Charge attempted",
        "data": {
            "amount": 35247, "currency": "ZAR", "transaction_date": "2026-11-22T08:15:00.000Z", "status": "success",
            "reference": "topup-1001-a", "domain": "test", "metadata": "", "gateway_response": "Approved",
            "message": null, "channel": "card", "ip_address": null, "log": null, "fees": 1172,
            "authorization": {
                "authorization_code": "AUTH_secretcode", "bin": "408408", "last4": "4081", "exp_month": "12",
                "exp_year": "2030", "channel": "card", "card_type": "visa ", "bank": "TEST BANK",
                "country_code": "ZA", "brand": "visa", "reusable": true, "signature": "SIG_1001",
                "account_name": null
            },
            "customer": {"id": 180_673, "email": "holder@example.com"},
            "plan": null, "id": 4_099_490_251_i64
        }
    });
    for (key, value) in change.as_object().into_iter().flatten() {
        body["data"][key] = value.clone();
    }
    body
}

#[test]
fn a_success_is_read_whole() {
    let answer = answered(200, &sample(&json!({})));
    let wanted = Answer {
        status: PaymentStatus::Success,
        amount_minor: Some(35_247),
        currency: "ZAR".parse().ok(),
        transaction_id: Some("4099490251".to_owned()),
        reason: Some("Approved".to_owned()),
        card: Some(CardSeen {
            brand: Some("visa".to_owned()),
            last4: Some("4081".to_owned()),
            exp_month: Some(12),
            exp_year: Some(2030),
            signature: Some("SIG_1001".to_owned()),
            reusable: Some(true),
        }),
        mode: PaymentMode::Test,
        occurred_at: "2026-11-22T08:15:00Z".parse().expect("a moment"),
        challenge_url: None,
    };
    assert_eq!(answer, wanted);
}

#[test]
fn the_status_in_the_data_is_the_outcome_and_the_http_status_is_not() {
    for (http, word, wanted) in [
        (200, "success", PaymentStatus::Success),
        (201, "SUCCESS ", PaymentStatus::Success),
        (200, "failed", PaymentStatus::Failed),
        (400, "failed", PaymentStatus::Failed),
        (200, "abandoned", PaymentStatus::Failed),
        (200, "pending", PaymentStatus::Pending),
        (200, "processing", PaymentStatus::Pending),
        (200, "ongoing", PaymentStatus::Pending),
        (200, "queued", PaymentStatus::Pending),
        (200, "reversed", PaymentStatus::Reversed),
    ] {
        let answer = answered(http, &sample(&json!({"status": word})));
        assert_eq!(answer.status, wanted, "{http} {word}");
    }
}

#[test]
fn c7_a_challenged_charge_needs_the_customer() {
    // As the gateway answers it: no status at all.
    let body = json!({"status": true, "message": "Please, redirect your customer to the authorization url", "data": {
        "authorization_url": "https://checkout.example/3ds", "reference": "topup-1001-a", "access_code": "x",
        "paused": true}});
    let answer = answered(200, &body);
    assert_eq!(answer.status, PaymentStatus::ActionRequired);
    assert_eq!(
        answer.challenge_url.as_deref(),
        Some("https://checkout.example/3ds")
    );
    assert_eq!(answer.amount_minor, None);
    assert_eq!(
        answer.reason.as_deref(),
        Some("The bank asks for your confirmation")
    );

    let both = answered(200, &sample(&json!({"paused": true, "status": "pending"})));
    assert_eq!(both.status, PaymentStatus::ActionRequired);
    let taken = answered(200, &sample(&json!({"paused": true, "status": "success"})));
    assert_eq!(
        taken.status,
        PaymentStatus::Success,
        "money taken is never called a challenge"
    );
}

#[test]
fn c8_what_says_nothing_of_this_payment_is_unknown() {
    for (http, body, told) in [
        (
            500,
            json!({"status": false, "message": "oops"}),
            "the payment gateway failed (HTTP 500): oops",
        ),
        (
            503,
            sample(&json!({"status": "failed"})),
            "the payment gateway failed (HTTP 503): Charge attempted",
        ),
        (
            400,
            json!({"status": false, "message": "Duplicate Transaction Reference", "code": "duplicate_reference"}),
            "the payment gateway knows this reference already",
        ),
        (
            400,
            json!({"status": false, "message": "Duplicate Transaction Reference"}),
            "the payment gateway knows this reference already",
        ),
        (
            200,
            sample(&json!({"status": "levitating"})),
            "the payment gateway's status `levitating` is not known here",
        ),
        (
            200,
            sample(&json!({"reference": "topup-1001-b"})),
            "the answer is about another payment: `topup-1001-b`",
        ),
        (
            200,
            sample(&json!({"reference": null})),
            "the answer is about another payment: no reference",
        ),
        (
            400,
            json!({"status": false, "message": "Amount is below the minimum", "type": "validation_error"}),
            "the payment gateway's answer (HTTP 400) holds no verdict: Amount is below the minimum",
        ),
        (
            200,
            json!({"status": true, "data": {}}),
            "the payment gateway's answer (HTTP 200) holds no verdict",
        ),
        (
            302,
            json!({}),
            "the payment gateway's answer (HTTP 302) holds no verdict",
        ),
        (
            404,
            json!({"message": "no such path"}),
            "the payment gateway's answer (HTTP 404) holds no verdict: no such path",
        ),
    ] {
        assert_eq!(
            reading(http, &body),
            Charged::Unknown {
                reason: told.to_owned()
            },
            "{http} {body}"
        );
    }
}

#[test]
fn c8_what_cannot_be_read_is_unknown() {
    let deep = "[".repeat(10_000);
    for body in [
        &b""[..],
        b"<html>",
        b"[]",
        b"\"success\"",
        b"{\"data\": {\"status\": \"succ",
        b"\xff\xfe",
        deep.as_bytes(),
    ] {
        let reason = "the answer (HTTP 200) is no JSON object".to_owned();
        assert_eq!(reading_bytes(200, body), Charged::Unknown { reason });
    }
}

#[test]
fn c9_what_was_turned_away_is_our_own_trouble() {
    for (http, body, told) in [
        (
            401,
            json!({"message": "Invalid key"}),
            "the payment gateway refuses our key (HTTP 401): Invalid key",
        ),
        (
            403,
            json!(null),
            "the payment gateway forbids the call (HTTP 403)",
        ),
        (
            429,
            json!({"message": "Rate limit exceeded!", "code": "rate_limited"}),
            "too many calls to the payment gateway (HTTP 429): Rate limit exceeded!",
        ),
        (
            400,
            json!({"code": "rate_limited"}),
            "too many calls to the payment gateway",
        ),
    ] {
        let wanted = OurTrouble {
            reason: told.to_owned(),
            retry_after_s: (http == 429).then_some(17),
        };
        assert_eq!(reading(http, &body), Charged::OurTrouble(wanted), "{http} {body}");
    }
}

#[test]
fn c7_an_error_that_can_only_be_about_the_card_is_a_definite_failure() {
    for (message, plainly) in [
        (
            "Authorization code does not exist or has been deactivated",
            "Card no longer valid",
        ),
        ("This authorization is not reusable", "Card not reusable"),
        (
            "Email does not match Authorization code. Authorization may be inactive or belong to a different email. \
             Please confirm.",
            "Card no longer valid",
        ),
        (
            "Charge attempt cannot be fulfilled until 1440 minutes",
            "Declined too often",
        ),
    ] {
        let body = json!({"status": false, "message": message, "type": "validation_error"});
        let answer = answered(400, &body);
        assert_eq!(answer.status, PaymentStatus::Failed, "{message}");
        assert_eq!(answer.reason, Some(format!("{plainly} ({message})")));
        assert_eq!((answer.mode, answer.amount_minor), (PaymentMode::Test, None));
    }
}

#[test]
fn fields_are_read_in_whatever_shape_they_come() {
    let answer = answered(
        200,
        &sample(&json!({
            "id": "4099490251", "amount": "35247", "metadata": 0, "fees": null, "gateway_response": null,
            "message": "Approved by bank", "transaction_date": "yesterday", "domain": "live",
            "authorization": {"last4": 4081, "exp_month": 7, "exp_year": "30", "card_type": "mastercard debit ",
                              "brand": "", "signature": null, "reusable": "true"}
        })),
    );
    assert_eq!(answer.transaction_id.as_deref(), Some("4099490251"));
    assert_eq!(answer.amount_minor, Some(35_247));
    assert_eq!(answer.reason.as_deref(), Some("Approved by bank"));
    assert_eq!(answer.mode, PaymentMode::Live);
    assert_eq!(answer.occurred_at.to_string(), RECEIVED);
    let card = answer.card.expect("a card");
    assert_eq!(card.brand.as_deref(), Some("mastercard debit"));
    assert_eq!(card.last4.as_deref(), Some("4081"));
    assert_eq!((card.exp_month, card.exp_year), (Some(7), Some(2030)));
    assert_eq!((card.signature, card.reusable), (None, Some(true)));
}

#[test]
fn odd_fields_never_make_a_success_unreadable() {
    for odd in [
        json!({"metadata": null}),
        json!({"metadata": {"a": [1]}}),
        json!({"authorization": null}),
        json!({"authorization": {}}),
        json!({"authorization": "AUTH_secretcode"}),
        json!({"authorization": {"exp_month": null, "exp_year": [], "last4": "40"}}),
        json!({"customer": null}),
        json!({"id": 18_446_744_073_709_551_615_u64}),
        json!({"currency": "zar"}),
        json!({"log": {"history": []}}),
    ] {
        let answer = answered(200, &sample(&odd));
        assert_eq!(answer.status, PaymentStatus::Success, "{odd}");
        assert_eq!(answer.currency, "ZAR".parse().ok(), "{odd}");
    }
}

#[test]
fn c11_fees_that_the_customer_bears_are_left_out_of_the_comparison() {
    for (amount, requested, fees, wanted) in [
        (36_419, json!(35_247), json!(1_172), 36_419 - 1_172),
        (36_418, json!("35247"), json!(1_172), 35_247),
        (35_247, json!(35_247), json!(1_172), 35_247),
        // More than the fees explain: it does not match, and is to be seen.
        (99_999, json!(35_247), json!(1_172), 99_999),
        (99_999, json!(35_247), json!(null), 99_999),
        // Less than was asked for.
        (1, json!(35_247), json!(1_172), 1),
        (35_247, json!(null), json!(null), 35_247),
    ] {
        let answer = answered(
            200,
            &sample(&json!({"amount": amount, "requested_amount": requested, "fees": fees})),
        );
        assert_eq!(answer.amount_minor, Some(wanted), "{amount} {requested} {fees}");
    }
}

#[test]
fn neither_token_nor_address_is_kept() {
    let said = "AUTH_secretcode of holder@example.com\nwas refused";
    let answer = answered(
        200,
        &sample(&json!({"status": "failed", "gateway_response": said})),
    );
    assert_eq!(answer.reason.as_deref(), Some("(hidden) of (hidden) was refused"));
    let whole = format!("{:?}", answered(200, &sample(&json!({}))));
    for private in ["AUTH_", "holder@", "408408"] {
        assert!(!whole.contains(private), "{private} in {whole}");
    }
}
