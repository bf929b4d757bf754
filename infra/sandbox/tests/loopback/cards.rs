//! What each card does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::app::{App, charge_body};

const CHARGE: &str = "/transaction/charge_authorization";

#[tokio::test]
async fn an_ok_card_is_approved_and_captured_once() {
    let app = App::start().await;
    let (status, answer) = app.charge("AUTH_ok", "topup-1-a").await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!(true)));
    let data = &answer["data"];
    assert_eq!(
        [&data["status"], &data["reference"], &data["domain"]],
        ["success", "topup-1-a", "test"]
    );
    assert_eq!(
        (&data["amount"], &data["currency"]),
        (&json!(35_247), &json!("ZAR"))
    );
    assert!(data["id"].as_u64().unwrap() > u64::from(u32::MAX));
    assert_eq!(data["authorization"]["authorization_code"], "AUTH_ok");
    let captures = app.seen("captures", 1).await;
    assert_eq!(captures.len(), 1);
    assert_eq!(
        (&captures[0]["amount"], &captures[0]["authorization_code"]),
        (&json!(35_247), &json!("AUTH_ok"))
    );
    captures[0]["at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    let (_, verified) = app.verify("topup-1-a").await;
    assert_eq!(
        (&verified["data"]["status"], &verified["data"]["id"]),
        (&json!("success"), &data["id"])
    );
    assert_eq!(verified["data"]["requested_amount"], 35_247);
    assert!(verified["data"]["paid_at"].is_string());
}

#[tokio::test]
async fn a_second_use_of_a_reference_is_refused_and_captures_nothing() {
    let app = App::start().await;
    for code in ["AUTH_ok", "AUTH_declined"] {
        app.charge(code, code.trim_start_matches("AUTH_")).await;
        let (status, answer) = app.charge("AUTH_ok", code.trim_start_matches("AUTH_")).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::BAD_REQUEST, &json!("duplicate_reference"))
        );
    }
    assert_eq!(app.seen("captures", 0).await.len(), 1);
    assert_eq!(
        app.column("charges", 4, "outcome").await,
        ["success", "duplicate-reference", "failed", "duplicate-reference"]
    );
}

#[tokio::test]
async fn refused_cards_fail_with_the_gateways_words_and_status_200() {
    let app = App::start().await;
    for (code, words) in [
        ("AUTH_declined", "Declined"),
        ("AUTH_insufficient", "Insufficient Funds"),
        ("AUTH_expired", "Expired Card"),
    ] {
        let reference = code.replace('_', "-");
        let (status, answer) = app.charge(code, &reference).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            [&answer["data"]["status"], &answer["data"]["gateway_response"]],
            ["failed", words]
        );
        assert_eq!(app.verify(&reference).await.1["data"]["status"], "failed");
    }
    assert!(app.seen("captures", 0).await.is_empty());
}

#[tokio::test]
async fn a_challenged_card_is_paused_and_says_no_status() {
    let app = App::start().await;
    let (status, answer) = app.charge("AUTH_paused", "a").await;
    assert_eq!(
        (status, &answer["data"]["paused"]),
        (StatusCode::OK, &json!(true))
    );
    assert!(answer["data"].get("status").is_none());
    assert!(
        answer["data"]["authorization_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "ongoing");
    assert!(app.seen("captures", 0).await.is_empty());
}

#[tokio::test]
async fn a_pending_card_is_captured_a_little_later() {
    let app = App::start().await;
    let (_, answer) = app.charge("AUTH_pending", "a").await;
    assert_eq!(answer["data"]["status"], "pending");
    assert_eq!(app.column("captures", 1, "reference").await, ["a"]);
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
}

#[tokio::test]
async fn a_timed_out_card_is_captured_never_answers_and_is_known_afterwards() {
    let app = App::start().await;
    let mut unanswered = Box::pin(app.charge("AUTH_timeout", "a"));
    tokio::select! {
        answer = &mut unanswered => panic!("answered: {answer:?}"),
        captured = app.column("captures", 1, "reference") => assert_eq!(captured, ["a"]),
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(200), unanswered)
            .await
            .is_err()
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
    assert_eq!(
        app.charge("AUTH_timeout", "a").await.1["code"],
        "duplicate_reference"
    );
}

#[tokio::test]
async fn a_5xx_card_fails_without_capture_and_succeeds_by_the_same_reference() {
    let app = App::start().await;
    let mut pages = 0;
    for reference in ["a", "b", "c", "d"] {
        let (status, answer) = app.charge("AUTH_5xx", reference).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        pages += usize::from(answer.is_string());
        let (status, answer) = app.verify(reference).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::NOT_FOUND, &json!("transaction_not_found"))
        );
        assert_eq!(
            app.charge("AUTH_5xx", reference).await.1["data"]["status"],
            "success"
        );
    }
    assert_eq!(app.column("captures", 4, "reference").await, ["a", "b", "c", "d"]);
    assert!((1..4).contains(&pages), "some errors are no JSON: {pages} of 4");
}

#[tokio::test]
async fn a_lost_card_is_captured_and_the_answer_breaks_off_in_the_middle() {
    let app = App::start().await;
    let answer = app.post(CHARGE, &charge_body("AUTH_lost", "a")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let promised = answer.content_length().unwrap();
    let mut received = 0;
    let mut answer = answer;
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => received += chunk.len() as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(
        broken && received > 0 && received < promised,
        "{received} of {promised} bytes"
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
    assert_eq!(app.seen("captures", 1).await.len(), 1);
}

#[tokio::test]
async fn every_flaky_charge_ends_in_exactly_one_capture() {
    let app = App::start().await;
    let references: Vec<String> = (0..30).map(|n| format!("flaky-{n}")).collect();
    for reference in &references {
        // Whatever an answer says, or if none comes: what counts is what the gateway says afterwards.
        for _ in 0..5 {
            let patience = Duration::from_millis(300);
            let _ =
                tokio::time::timeout(patience, app.post(CHARGE, &charge_body("AUTH_flaky", reference))).await;
            if app.verify(reference).await.0 == StatusCode::OK {
                break;
            }
        }
    }
    let mut captured = app.column("captures", references.len(), "reference").await;
    captured.sort();
    let mut expected = references.clone();
    expected.sort();
    assert_eq!(captured, expected);
    let outcomes = app.column("charges", references.len(), "outcome").await;
    for outcome in ["success", "pending", "timeout", "server-error", "lost"] {
        assert!(
            outcomes.iter().any(|seen| seen == outcome),
            "no {outcome} in thirty"
        );
    }
}

#[tokio::test]
async fn a_withdrawn_card_is_charged_no_more() {
    let app = App::start().await;
    let withdrawn = json!({"authorization_code": "AUTH_ok"});
    assert_eq!(
        app.post("/customer/authorization/deactivate", &withdrawn)
            .await
            .status(),
        StatusCode::OK
    );
    let (status, answer) = app.charge("AUTH_ok", "a").await;
    assert_eq!(
        (status, &answer["type"]),
        (StatusCode::BAD_REQUEST, &json!("validation_error"))
    );
    assert_eq!(
        app.column("deactivated", 1, "authorization_code").await,
        ["AUTH_ok"]
    );
    app.order("reset", json!({})).await;
    assert_eq!(app.charge("AUTH_ok", "a").await.1["data"]["status"], "success");
}
