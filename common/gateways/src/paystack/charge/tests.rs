//! Answers to a charge, and what they are read as.

use super::*;
use crate::payment::OurTrouble;
use crate::paystack::samples::{self, REFERENCE, about, received_at, refusal};
use secrecy::SecretString;
use serde_json::{Value, json};
use topup_rules::cards::SeenCard;
use topup_rules::lines::CallEnd;
use topup_rules::money::Money;

fn reading_of(exchange: Exchange) -> Charged {
    let reference = samples::reference();
    let authorization_code = SecretString::from("AUTH_secretcode");
    let request = ChargeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        authorization_code: &authorization_code,
        email: "holder@example.com",
        metadata: &[],
    };
    read(exchange, &request, PaymentMode::Test, received_at())
}

fn reading(http: u16, body: &Value) -> Charged {
    reading_of(samples::json(http, body))
}

fn answered(http: u16, body: &Value) -> Answer {
    let read = reading(http, body);
    let Charged::Answered(answer) = read else {
        panic!("{read:?}")
    };
    *answer
}

#[test]
fn a_success_is_read_whole() {
    let answer = answered(200, &about(&json!({})));
    let wanted = Answer {
        status: PaymentStatus::Success,
        amount_minor: Some(35_247),
        currency: "ZAR".parse().ok(),
        transaction_id: Some("4099490251".to_owned()),
        reason: Some("Approved".to_owned()),
        decline: None,
        card: Some(SeenCard {
            authorization_code: Some("AUTH_secretcode".to_owned()),
            email: Some("holder@example.com".to_owned()),
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
        (200, "abandoned", PaymentStatus::ActionRequired),
        (200, "pending", PaymentStatus::Pending),
        (200, "processing", PaymentStatus::Pending),
        (200, "ongoing", PaymentStatus::Pending),
        (200, "queued", PaymentStatus::Pending),
        (200, "reversed", PaymentStatus::Reversed),
    ] {
        let answer = answered(http, &about(&json!({"status": word})));
        assert_eq!(answer.status, wanted, "{http} {word}");
    }
}

#[test]
fn c7_a_challenged_charge_needs_the_customer() {
    // As the gateway answers it: no status at all.
    let body = json!({"status": true, "message": "Please, redirect your customer to the authorization url", "data": {
        "authorization_url": "https://checkout.example/3ds", "reference": REFERENCE, "access_code": "x",
        "paused": true}});
    let answer = answered(200, &body);
    assert_eq!(answer.status, PaymentStatus::ActionRequired);
    assert_eq!(answer.decline, Some(DeclineClass::NeedsCustomer));
    assert_eq!(
        answer.challenge_url.as_deref(),
        Some("https://checkout.example/3ds")
    );
    assert_eq!(answer.amount_minor, None);
    assert_eq!(
        answer.reason.as_deref(),
        Some("The bank asks for your confirmation")
    );

    let both = answered(200, &about(&json!({"paused": true, "status": "pending"})));
    assert_eq!(both.status, PaymentStatus::ActionRequired);
    let taken = answered(200, &about(&json!({"paused": true, "status": "success"})));
    assert_eq!(
        taken.status,
        PaymentStatus::Success,
        "money taken is never called a challenge"
    );
    let left = answered(
        200,
        &about(&json!({"status": "abandoned", "gateway_response": "Left"})),
    );
    assert_eq!(
        left.reason.as_deref(),
        Some("The payment was not completed (Left)")
    );
    assert_eq!(left.decline, Some(DeclineClass::NeedsCustomer));
}

#[test]
fn c7_a_declined_charge_bears_its_class_and_nothing_else_does() {
    for (status, words, wanted) in [
        (
            "failed",
            json!("Insufficient Funds"),
            Some(DeclineClass::AnotherDay),
        ),
        ("failed", json!("Expired Card"), Some(DeclineClass::NeverAgain)),
        ("failed", json!("Declined"), Some(DeclineClass::NeedsCustomer)),
        ("failed", json!(null), Some(DeclineClass::AnotherDay)),
        ("success", json!("Expired Card"), None),
        ("pending", json!("Expired Card"), None),
        ("reversed", json!("Expired Card"), None),
    ] {
        let answer = answered(200, &about(&json!({"status": status, "gateway_response": words})));
        assert_eq!(answer.decline, wanted, "{status} {words}");
    }
}

#[test]
fn c8_what_says_nothing_of_this_payment_is_unknown_though_the_line_is_well() {
    for (http, body, told) in [
        (
            400,
            refusal("Duplicate Transaction Reference", "duplicate_reference"),
            "the payment gateway knows this reference already",
        ),
        (
            400,
            json!({"status": false, "message": "Duplicate charge request for reference"}),
            "the payment gateway knows this reference already",
        ),
        (
            200,
            about(&json!({"status": "levitating"})),
            "the payment gateway's status `levitating` is not known here",
        ),
        (
            200,
            about(&json!({"reference": "topup-1001-b"})),
            "the answer is about another payment: `topup-1001-b`",
        ),
        (
            200,
            about(&json!({"reference": null})),
            "the answer is about another payment: no reference",
        ),
        (
            400,
            refusal("Amount is below the minimum", "invalid_params"),
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
        // Words about a card, and yet no refusal.
        (
            200,
            json!({"status": true, "message": "Invalid authorization code"}),
            "the payment gateway's answer (HTTP 200) holds no verdict: Invalid authorization code",
        ),
    ] {
        let wanted = Charged::Unknown {
            reason: told.to_owned(),
            end: CallEnd::Answered,
        };
        assert_eq!(reading(http, &body), wanted, "{http} {body}");
    }
}

#[test]
fn c8_a_gateway_in_trouble_leaves_the_charge_unknown_whatever_it_says() {
    for (http, body, told) in [
        (
            500,
            json!({"status": false, "message": "oops"}),
            "the payment gateway failed (HTTP 500): oops",
        ),
        (
            503,
            about(&json!({"status": "failed"})),
            "the payment gateway failed (HTTP 503): Charge attempted",
        ),
        (
            502,
            about(&json!({})),
            "the payment gateway failed (HTTP 502): Charge attempted",
        ),
    ] {
        let wanted = Charged::Unknown {
            reason: told.to_owned(),
            end: CallEnd::Trouble,
        };
        assert_eq!(reading(http, &body), wanted, "{http} {body}");
    }
    let lost = Exchange::Lost("no answer in time".to_owned());
    let wanted = Charged::Unknown {
        reason: "no answer in time".to_owned(),
        end: CallEnd::Trouble,
    };
    assert_eq!(reading_of(lost), wanted);
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
        let wanted = Charged::Unknown {
            reason: "the answer (HTTP 200) is no JSON object".to_owned(),
            end: CallEnd::Trouble,
        };
        assert_eq!(reading_of(samples::bytes(200, body)), wanted);
    }
}

#[test]
fn c9_what_was_turned_away_is_our_own_trouble() {
    let left_alone = |for_s| CallEnd::LeftAlone { for_s };
    for (http, body, told, end) in [
        (
            401,
            json!({"message": "Invalid key"}),
            "the payment gateway refuses our key (HTTP 401): Invalid key",
            CallEnd::Trouble,
        ),
        (
            403,
            json!(null),
            "the payment gateway forbids the call (HTTP 403)",
            CallEnd::Trouble,
        ),
        (
            429,
            refusal("Rate limit exceeded!", "rate_limited"),
            "too many calls to the payment gateway (HTTP 429): Rate limit exceeded!",
            left_alone(17),
        ),
        (
            400,
            json!({"code": "rate_limited"}),
            "too many calls to the payment gateway",
            left_alone(30),
        ),
        (
            400,
            refusal("Please wait a few minutes and try again.", "unknown"),
            "too many calls to the payment gateway: Please wait a few minutes and try again.",
            left_alone(30),
        ),
        (
            400,
            refusal("Integration has been deactivated", "unknown"),
            "the payment gateway does not serve us: Integration has been deactivated",
            CallEnd::Trouble,
        ),
    ] {
        let wanted = OurTrouble {
            reason: told.to_owned(),
            retry_after_s: (http == 429).then_some(17),
            end,
        };
        let read = reading(http, &body);
        assert_eq!(read.call_end(), end, "{http} {body}");
        assert_eq!(read, Charged::OurTrouble(wanted), "{http} {body}");
    }
    let not_sent = reading_of(Exchange::NotSent("connection refused".to_owned()));
    assert_eq!(not_sent.call_end(), CallEnd::Trouble);
    assert!(matches!(not_sent, Charged::OurTrouble(_)), "{not_sent:?}");
}

#[test]
fn c7_an_error_that_can_only_be_about_the_card_is_a_definite_failure() {
    for (message, plainly, class) in [
        (
            "Authorization code does not exist or has been deactivated",
            "Card no longer valid",
            DeclineClass::NeverAgain,
        ),
        (
            "This authorization is not reusable",
            "Card not reusable",
            DeclineClass::NeverAgain,
        ),
        (
            "Email does not match Authorization code. Authorization may be inactive or belong to a different email. \
             Please confirm.",
            "Card no longer valid",
            DeclineClass::NeverAgain,
        ),
        (
            "Charge attempt cannot be fulfilled until 1440 minutes",
            "Declined too often",
            DeclineClass::AnotherDay,
        ),
    ] {
        let answer = answered(400, &refusal(message, "invalid_params"));
        assert_eq!(answer.status, PaymentStatus::Failed, "{message}");
        assert_eq!(answer.reason, Some(format!("{plainly} ({message})")));
        assert_eq!((answer.mode, answer.amount_minor), (PaymentMode::Test, None));
        assert_eq!(answer.decline, Some(class), "{message}");
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
        // The answer to a charge says nothing of what was asked for, which was 35,247.
        (36_419, json!(null), json!(1_172), 35_247),
        (36_419, json!(null), json!(1_171), 36_419),
        (36_419, json!(null), json!(null), 36_419),
        (35_247, json!(null), json!(1_172), 35_247),
        (34_075, json!(null), json!(-1_172), 34_075),
    ] {
        let answer = answered(
            200,
            &about(&json!({"amount": amount, "requested_amount": requested, "fees": fees})),
        );
        assert_eq!(answer.amount_minor, Some(wanted), "{amount} {requested} {fees}");
    }
}

#[test]
fn neither_token_nor_address_is_kept() {
    let said = "AUTH_secretcode of holder@example.com\nwas refused, call +27820000001";
    let answer = answered(
        200,
        &about(&json!({"status": "failed", "gateway_response": said})),
    );
    assert_eq!(
        answer.reason.as_deref(),
        Some("(hidden) of (hidden) was refused, call (hidden)")
    );
    let whole = format!("{:?}", answered(200, &about(&json!({}))));
    for private in ["AUTH_", "holder@", "408408"] {
        assert!(!whole.contains(private), "{private} in {whole}");
    }
}
