//! What the fleet's client sends, as somebody on the other end sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use topup_gateways::payment::{ChargeRequest, InitializeRequest, PayChannel, PaymentGateway, RefundRequest};
use topup_rules::ids::Reference;
use topup_rules::money::Money;

use super::published::hold;

/// Largest request that is looked at, in bytes.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// A request as it came.
struct Seen {
    /// `POST /transaction/initialize`
    line: String,
    query: Value,
    body: Value,
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// Takes down whatever comes, and turns it away.
async fn take_down(State(log): State<Log>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    assert_eq!(head.headers["authorization"], "Bearer sk_test_sandbox");
    let body = axum::body::to_bytes(body, REQUEST_MAX_BYTES).await.unwrap();
    if !body.is_empty() {
        assert_eq!(head.headers["content-type"], "application/json");
    }
    let url = reqwest::Url::parse(&format!("http://x{}", head.uri)).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    log.lock().await.push(Seen {
        line: format!("{} {}", head.method, url.path()),
        query: serde_json::to_value(query).unwrap(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    StatusCode::SERVICE_UNAVAILABLE
}

async fn listening() -> (PaymentGateway, Log) {
    let log = Log::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(take_down).with_state(Arc::clone(&log));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let key = SecretString::from("sk_test_sandbox");
    let gateway = PaymentGateway::paystack(&url, key, Duration::from_secs(20)).unwrap();
    (gateway, log)
}

fn reference() -> Reference {
    let id = "0193b6a0-0000-7000-8000-00000000000a".parse().unwrap();
    Reference::of_topup("1001".parse().unwrap(), id)
}

fn amount() -> Money {
    Money::new(35_247, "ZAR".parse().unwrap())
}

#[tokio::test]
async fn a_charge_is_asked_for_as_published() {
    let (gateway, log) = listening().await;
    let (reference, code) = (reference(), SecretString::from("AUTH_ok"));
    let request = ChargeRequest {
        reference: &reference,
        amount: amount(),
        authorization_code: &code,
        email: "ops@example.com",
        metadata: &[("account", "1001".to_owned()), ("topup", "0193 \"b\"".to_owned())],
    };
    gateway.charge_authorization(&request).await;
    let bare = ChargeRequest {
        metadata: &[],
        ..request
    };
    gateway.charge_authorization(&bare).await;
    let seen = log.lock().await;
    for seen in seen.iter() {
        assert_eq!(seen.line, "POST /transaction/charge_authorization");
        hold("charge.json#/$defs/request", &seen.body);
    }
    let metadata: Value = serde_json::from_str(seen[0].body["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["topup"], "0193 \"b\"");
    assert!(seen[1].body.get("metadata").is_none());
}

#[tokio::test]
async fn a_question_and_the_list_are_asked_for_as_published() {
    let (gateway, log) = listening().await;
    let reference = reference();
    gateway.verify(&reference).await;
    let (from, to) = (
        "2026-11-21T22:00:00Z".parse().unwrap(),
        "2026-11-22T22:00:00Z".parse().unwrap(),
    );
    gateway.transactions(from, to, 2).await.unwrap_err();
    let seen = log.lock().await;
    assert_eq!(seen[0].line, format!("GET /transaction/verify/{reference}"));
    assert_eq!(
        (seen[0].query.clone(), &seen[0].body),
        (serde_json::json!({}), &Value::Null)
    );
    assert_eq!(seen[1].line, "GET /transaction");
    hold("list.json#/$defs/request", &seen[1].query);
    assert_eq!(seen[1].body, Value::Null);
}

#[tokio::test]
async fn a_page_is_asked_for_as_published() {
    let (gateway, log) = listening().await;
    let reference = reference();
    let request = InitializeRequest {
        reference: &reference,
        amount: amount(),
        email: "ops@example.com",
        channels: &[PayChannel::Card, PayChannel::MobileMoney],
        callback_url: Some("https://example.org/back"),
        metadata: &[("account", "1001".to_owned())],
    };
    gateway.initialize(&request).await;
    let bare = InitializeRequest {
        channels: &[],
        callback_url: None,
        metadata: &[],
        ..request
    };
    gateway.initialize(&bare).await;
    for seen in log.lock().await.iter() {
        assert_eq!(seen.line, "POST /transaction/initialize");
        hold("initialize.json#/$defs/request", &seen.body);
    }
}

#[tokio::test]
async fn giving_back_and_forgetting_are_asked_for_as_published() {
    let (gateway, log) = listening().await;
    let reference = reference();
    for (amount_minor, merchant_note) in [(Some(247), Some("asked for by phone")), (None, None)] {
        let request = RefundRequest {
            reference: &reference,
            amount_minor,
            merchant_note,
        };
        gateway.refund(&request).await;
    }
    gateway.deactivate(&SecretString::from("AUTH_ok")).await;
    let seen = log.lock().await;
    for seen in &seen[..2] {
        assert_eq!(seen.line, "POST /refund");
        hold("refund.json#/$defs/request", &seen.body);
    }
    assert_eq!(seen[2].line, "POST /customer/authorization/deactivate");
    hold("deactivate.json#/$defs/request", &seen[2].body);
}
