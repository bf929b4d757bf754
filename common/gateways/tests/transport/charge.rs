//! A charge over a network that fails in every way.

use crate::server::{Does, LONG, SHORT, Server, answer, closed_port};
use secrecy::SecretString;
use std::time::Duration;
use topup_gateways::payment::{ChargeRequest, Charged, PaymentGateway};
use topup_gateways::paystack::{Paystack, PaystackSettings};
use topup_rules::ids::Reference;
use topup_rules::message::PaymentStatus;
use topup_rules::money::Money;

const SUCCESS: &str = r#"{"status":true,"data":{"status":"success","reference":"topup-1001-a","amount":35247,"currency":"ZAR","id":1}}"#;

fn gateway(address: &str, timeout: Duration) -> PaymentGateway {
    let settings = PaystackSettings {
        url: address,
        secret_key: "sk_test_key".into(),
        timeout,
    };
    PaymentGateway::Paystack(Paystack::new(settings).expect("good settings"))
}

async fn charge_with(gateway: &PaymentGateway) -> Charged {
    let reference: Reference = "topup-1001-a".parse().expect("a reference");
    let authorization_code = SecretString::from("AUTH_code");
    let request = ChargeRequest {
        reference: &reference,
        amount: Money::new(35_247, "ZAR".parse().expect("a currency")),
        authorization_code: &authorization_code,
        email: "holder@example.com",
        metadata: &[("account_id", "1001".to_owned())],
    };
    gateway.charge_authorization(&request).await
}

async fn charge(does: Does, timeout: Duration) -> (Charged, usize) {
    let server = Server::start(does).await;
    let gateway = gateway(&format!("http://{}", server.address), timeout);
    let charged = charge_with(&gateway).await;
    (charged, server.seen().len())
}

fn unknown_reason(charged: &Charged) -> &str {
    match charged {
        Charged::Unknown { reason, .. } => reason,
        Charged::Answered(_) | Charged::OurTrouble(_) => "(not unknown)",
    }
}

#[tokio::test]
async fn a_charge_is_asked_for_as_the_gateway_wants_it() {
    let server = Server::start(Does::Answer(answer("200 OK", "", SUCCESS))).await;
    let gateway = gateway(&format!("http://{}/", server.address), LONG);
    let charged = charge_with(&gateway).await;
    let Charged::Answered(verdict) = charged else {
        panic!("{charged:?}")
    };
    assert_eq!(verdict.status, PaymentStatus::Success);

    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a request");
    assert!(
        head.starts_with("POST /transaction/charge_authorization HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: Bearer sk_test_key"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let wanted = serde_json::json!({
        "reference": "topup-1001-a", "amount": 35247, "currency": "ZAR", "email": "holder@example.com",
        "authorization_code": "AUTH_code", "metadata": "{\"account_id\":\"1001\"}"});
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn c8_a_gateway_that_never_answers_leaves_the_charge_unknown() {
    let (charged, calls) = charge(Does::Nothing, SHORT).await;
    assert_eq!(unknown_reason(&charged), "no answer in time");
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn c8_a_connection_that_breaks_leaves_the_charge_unknown_and_is_not_tried_again() {
    let half = &answer("200 OK", "", SUCCESS)[..120];
    for does in [
        Does::Drop,
        Does::AnswerAndDrop("HTTP/1.1 200 OK\r\nconte".to_owned()),
        Does::AnswerAndDrop(half.to_owned()),
        Does::AnswerAndDrop("SSH-2.0-OpenSSH_9.9\r\n".to_owned()),
    ] {
        let (charged, calls) = charge(does, LONG).await;
        let reason = unknown_reason(&charged);
        assert!(reason.starts_with("the connection broke"), "{reason}");
        assert_eq!(calls, 1, "{reason}");
    }
}

#[tokio::test]
async fn c8_an_answer_cut_short_without_a_break_is_unknown_too() {
    let half = answer("200 OK", "", SUCCESS)[..120].to_owned();
    let (charged, _) = charge(Does::Answer(half), SHORT).await;
    assert_eq!(unknown_reason(&charged), "no answer in time");
}

#[tokio::test]
async fn c8_an_answer_of_any_size_is_read_only_so_far() {
    let huge = " ".repeat(300 * 1024);
    for does in [
        Does::Answer(answer("200 OK", "", &huge)),
        // Without a length: the end of the connection would be the end of the body.
        Does::AnswerAndDrop(format!("HTTP/1.1 200 OK\r\n\r\n{huge}")),
    ] {
        let (charged, _) = charge(does, LONG).await;
        assert_eq!(unknown_reason(&charged), "the answer is larger than 262144 bytes");
    }
}

#[tokio::test]
async fn c8_a_redirect_is_not_followed() {
    let elsewhere = Server::start(Does::Answer(answer("200 OK", "", SUCCESS))).await;
    let location = format!("location: http://{}/elsewhere\r\n", elsewhere.address);
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let (charged, _) = charge(Does::Answer(answer(status, &location, "{}")), LONG).await;
        assert!(unknown_reason(&charged).contains("holds no verdict"), "{status}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn c8_a_failing_gateway_is_unknown_whatever_it_says() {
    for status in ["500 Oops", "502 Bad Gateway", "503 Busy", "504 Gateway Timeout"] {
        let (charged, calls) = charge(Does::Answer(answer(status, "", SUCCESS)), LONG).await;
        assert!(
            unknown_reason(&charged).starts_with("the payment gateway failed"),
            "{status}"
        );
        assert_eq!(calls, 1);
    }
}

#[tokio::test]
async fn c9_a_gateway_that_turns_us_away_is_our_own_trouble() {
    for (status, headers, wait_s) in [
        ("401 Unauthorized", "", None),
        ("403 Forbidden", "", None),
        ("429 Too Many Requests", "x-ratelimit-reset: 42\r\n", Some(42)),
        (
            "429 Too Many Requests",
            "retry-after: 7\r\nx-ratelimit-reset: 42\r\n",
            Some(7),
        ),
        ("429 Too Many Requests", "retry-after: soon\r\n", None),
    ] {
        let (charged, _) = charge(Does::Answer(answer(status, headers, "{}")), LONG).await;
        let Charged::OurTrouble(trouble) = charged else {
            panic!("{charged:?}")
        };
        assert_eq!(trouble.retry_after_s, wait_s, "{status} {headers}");
    }
}

#[tokio::test]
async fn c9_a_gateway_that_cannot_be_reached_is_our_own_trouble() {
    let gateway = gateway(&format!("http://{}", closed_port().await), LONG);
    let charged = charge_with(&gateway).await;
    let Charged::OurTrouble(trouble) = charged else {
        panic!("{charged:?}")
    };
    assert!(
        trouble.reason.starts_with("the payment gateway can't be reached"),
        "{trouble}"
    );
}

#[tokio::test]
async fn a_call_that_crosses_the_end_of_its_connection_is_never_sent_twice() {
    const CALLS: usize = 50;
    let server = Server::start(Does::AnswerAndDrop(answer("200 OK", "", SUCCESS))).await;
    let gateway = gateway(&format!("http://{}", server.address), LONG);
    let mut answered = 0;
    for _ in 0..CALLS {
        match charge_with(&gateway).await {
            Charged::Answered(_) => answered += 1,
            // The server closed just when the call went out: it may have been seen.
            Charged::Unknown { .. } => {}
            Charged::OurTrouble(trouble) => panic!("{trouble}"),
        }
    }
    let seen = server.seen().len();
    assert!(
        answered <= seen && seen <= CALLS,
        "{answered} answered, {seen} seen"
    );
}

#[tokio::test]
async fn a_whole_page_of_the_list_is_read_though_it_is_larger_than_any_other_answer() {
    let padding = " ".repeat(1024 * 1024);
    let body = format!(r#"{{"status":true,"message":"m",{padding}"data":[],"meta":{{"pageCount":0}}}}"#);
    let server = Server::start(Does::Answer(answer("200 OK", "", &body))).await;
    let gateway = gateway(&format!("http://{}", server.address), LONG);
    let day = jiff::Timestamp::UNIX_EPOCH;
    let page = gateway.transactions(day, day, 1).await.expect("a page");
    assert!(page.is_last && page.items.is_empty());
}
