//! What the gateway refuses, by itself and when it is told to.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use topup_sandbox::{Options, Sandbox};

use crate::app::{App, charge_body, read};

#[tokio::test]
async fn a_call_without_the_key_is_refused_and_does_nothing() {
    let app = App::start().await;
    for key in [None, Some("sk_test_other")] {
        let request = app.client.post(app.url("/transaction/charge_authorization"));
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let (status, answer) = read(
            request
                .body(charge_body("AUTH_ok", "a").to_string())
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert_eq!(
            (status, &answer["status"]),
            (StatusCode::UNAUTHORIZED, &json!(false))
        );
    }
    assert!(app.seen("captures", 0).await.is_empty());
    assert_eq!(app.verify("a").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_request_is_a_validation_error() {
    let app = App::start().await;
    for (field, value) in [
        ("amount", json!(99)),
        ("amount", json!(-1)),
        ("amount", json!(1.5)),
        ("amount", Value::Null),
        ("currency", json!("EUR")),
        ("email", json!("nobody")),
        ("reference", json!("with space")),
        ("reference", json!("")),
        ("authorization_code", Value::Null),
        ("authorization_code", json!("4084084084084081")),
    ] {
        let mut body = charge_body("AUTH_ok", "a");
        body[field] = value.clone();
        let (status, answer) = read(app.post("/transaction/charge_authorization", &body).await).await;
        assert_eq!(
            (status, &answer["type"]),
            (StatusCode::BAD_REQUEST, &json!("validation_error")),
            "{field}: {value}"
        );
    }
    let answer = app
        .post("/transaction/charge_authorization", &json!("no object"))
        .await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(app.seen("captures", 0).await.is_empty());
}

#[tokio::test]
async fn each_currency_has_its_minimum() {
    let app = App::start().await;
    for (currency, minimum) in [
        ("ZAR", 100),
        ("KES", 300),
        ("NGN", 5_000),
        ("GHS", 10),
        ("USD", 200),
    ] {
        for (amount, expected) in [(minimum - 1, StatusCode::BAD_REQUEST), (minimum, StatusCode::OK)] {
            let mut body = charge_body("AUTH_ok", currency);
            body["currency"] = json!(currency);
            body["amount"] = json!(amount.to_string());
            assert_eq!(
                app.post("/transaction/charge_authorization", &body)
                    .await
                    .status(),
                expected,
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn trouble_spoils_as_many_calls_as_were_ordered() {
    let app = App::start().await;
    for (status, calls) in [(429, 2), (401, 1), (503, 1)] {
        app.order("trouble", json!({"status": status, "calls": calls}))
            .await;
        for _ in 0..calls {
            let answer = app
                .post("/transaction/charge_authorization", &charge_body("AUTH_ok", "a"))
                .await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers().contains_key("x-ratelimit-reset"), status == 429);
        }
        assert_eq!(app.verify("a").await.1["code"], "transaction_not_found");
    }
    assert_eq!(app.charge("AUTH_ok", "a").await.1["data"]["status"], "success");
    assert_eq!(
        app.column("charges", 5, "outcome").await,
        [
            "spoiled-429",
            "spoiled-429",
            "spoiled-401",
            "spoiled-503",
            "success"
        ]
    );
}

#[tokio::test]
async fn the_next_success_is_of_the_amount_ordered_everywhere() {
    let app = App::start().await;
    app.order("trouble", json!({"amount": 7})).await;
    app.charge("AUTH_declined", "a").await;
    assert_eq!(app.charge("AUTH_ok", "b").await.1["data"]["amount"], 7);
    assert_eq!(app.charge("AUTH_ok", "c").await.1["data"]["amount"], 35_247);
    let verified = app.verify("b").await.1;
    assert_eq!(
        [&verified["data"]["amount"], &verified["data"]["requested_amount"]],
        [7, 7]
    );
    assert_eq!(app.seen("captures", 1).await[0]["amount"], 7);
}

#[tokio::test]
async fn a_fee_borne_by_the_customer_is_in_the_amount_and_not_in_the_requested_one() {
    let app = App::start().await;
    app.order("trouble", json!({"customer_fee": 53})).await;
    assert_eq!(app.charge("AUTH_ok", "a").await.1["data"]["amount"], 35_300);
    let verified = app.verify("a").await.1;
    assert_eq!(
        [&verified["data"]["amount"], &verified["data"]["requested_amount"]],
        [35_300, 35_247]
    );
}

#[tokio::test]
async fn latency_holds_up_every_gateway_call() {
    let app = App::start().await;
    app.order("latency", json!({"ms": 500})).await;
    let started = Instant::now();
    app.charge("AUTH_ok", "a").await;
    assert!(started.elapsed() >= Duration::from_millis(500));
    let charge = &app.seen("charges", 1).await[0];
    let moment = |field: &str| {
        charge[field]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(moment("at").duration_since(moment("received_at")).as_millis() >= 500);
    app.order("reset", json!({})).await;
    let started = Instant::now();
    app.verify("a").await;
    assert!(started.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn an_order_with_a_mistake_is_refused_with_a_sentence() {
    let app = App::start().await;
    for (path, body) in [
        ("trouble", json!({})),
        ("trouble", json!({"statuss": 429})),
        ("trouble", json!({"status": 200})),
        ("webhook-url", json!({"url": "http://example.com/"})),
        ("refund", json!({"reference": "nobody"})),
        ("dispute", json!({"reference": "nobody"})),
        ("latency", json!({})),
    ] {
        let (status, answer) = read(app.post(&format!("/sandbox/{path}"), &body).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(answer["message"].is_string(), "{path} {body}: {answer}");
    }
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let options = Options {
        http: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    let error = Sandbox::start(options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "--http 0.0.0.0:0: the sandbox listens on loopback alone"
    );
}
