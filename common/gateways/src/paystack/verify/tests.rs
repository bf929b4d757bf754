//! Answers to a question, and what they are read as.

use super::*;
use crate::paystack::samples::{self, about, received_at, refusal};
use serde_json::{Value, json};
use topup_rules::inquiries::Told;
use topup_rules::lines::CallEnd;
use topup_rules::message::PaymentStatus;

fn asked(http: u16, body: &Value) -> Verified {
    let reference = samples::reference();
    read(
        samples::json(http, body),
        &reference,
        PaymentMode::Test,
        received_at(),
    )
}

#[test]
fn a_verdict_is_told_as_after_a_charge() {
    for (word, wanted) in [
        ("success", PaymentStatus::Success),
        ("failed", PaymentStatus::Failed),
        ("abandoned", PaymentStatus::ActionRequired),
        ("ongoing", PaymentStatus::Pending),
        ("reversed", PaymentStatus::Reversed),
    ] {
        let told = asked(200, &about(&json!({"status": word})));
        assert_eq!(told.told(), Told::Verdict(wanted), "{word}");
        assert_eq!(told.call_end(), CallEnd::Answered);
    }
}

#[test]
fn c8_not_known_is_believed_in_the_gateways_own_words_alone() {
    for (http, body) in [
        (
            404,
            refusal("Transaction reference not found.", "transaction_not_found"),
        ),
        (400, refusal("Transaction reference not found", "unknown")),
        (404, refusal("Transaction not found", "")),
        (400, refusal("Transaction reference is invalid", "")),
    ] {
        assert_eq!(asked(http, &body), Verified::NotKnown, "{http} {body}");
    }
    for (http, body) in [
        (404, json!({"message": "no such path"})),
        (404, refusal("Customer not found", "not_found")),
        (
            200,
            refusal("Transaction reference not found", "transaction_not_found"),
        ),
        (
            404,
            json!({"status": true, "message": "Transaction reference not found"}),
        ),
        (
            500,
            refusal("Transaction reference not found", "transaction_not_found"),
        ),
    ] {
        assert_eq!(asked(http, &body).told(), Told::NoVerdict, "{http} {body}");
    }
}

#[test]
fn c8_an_answer_about_another_payment_says_nothing() {
    let told = asked(200, &about(&json!({"reference": "topup-1-a"})));
    assert_eq!(told.told(), Told::NoVerdict);
    assert_eq!(told.call_end(), CallEnd::Answered);
}

#[test]
fn c9_a_question_that_was_turned_away_says_so() {
    let told = asked(429, &refusal("slow down", "rate_limited"));
    assert_eq!(told.told(), Told::OurTrouble { at_least_s: Some(17) });
    assert_eq!(told.call_end(), CallEnd::LeftAlone { for_s: 17 });
    let told = asked(401, &refusal("Invalid key", "invalid_Key"));
    assert_eq!(told.told(), Told::OurTrouble { at_least_s: None });
    assert_eq!(told.call_end(), CallEnd::Trouble);
}
