//! Money given back: by the merchant, on the gateway's own page, by the customer's bank.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, read};
use crate::webhooks::Receiver;

fn minor(amount: &Value) -> u64 {
    amount
        .as_u64()
        .unwrap_or_else(|| amount.as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_refund_is_taken_at_once_and_announced_when_it_is_done() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_ok", "a").await;
    assert_eq!(receiver.next().await.event, "charge.success");
    let (status, answer) = read(
        app.post("/refund", &json!({"transaction": "a", "amount": 247}))
            .await,
    )
    .await;
    assert_eq!(
        (status, &answer["data"]["status"]),
        (StatusCode::OK, &json!("pending"))
    );
    assert_eq!(minor(&answer["data"]["amount"]), 247);
    assert_eq!(answer["data"]["transaction"]["reference"], "a");
    assert_eq!(receiver.next().await.event, "refund.pending");
    let done = receiver.next().await;
    assert_eq!(
        (done.event.as_str(), &done.data["transaction_reference"]),
        ("refund.processed", &json!("a"))
    );
    assert_eq!(
        (minor(&done.data["amount"]), &done.data["id"]),
        (247, &answer["data"]["id"])
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
    let (status, answer) = read(
        app.post("/refund", &json!({"transaction": "a", "amount": "35001"}))
            .await,
    )
    .await;
    assert_eq!(
        (status, &answer["type"]),
        (StatusCode::BAD_REQUEST, &json!("validation_error"))
    );
    let id = app.verify("a").await.1["data"]["id"].clone();
    assert_eq!(
        app.post("/refund", &json!({"transaction": id})).await.status(),
        StatusCode::OK
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "reversed");
}

#[tokio::test]
async fn somebody_refunds_on_the_gateways_own_page() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_ok", "a").await;
    receiver.next().await;
    app.order("refund", json!({"reference": "a", "outcome": "failed"}))
        .await;
    assert_eq!(receiver.next().await.event, "refund.failed");
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
    app.order("refund", json!({"reference": "a"})).await;
    let done = receiver.next().await;
    assert_eq!(
        (done.event.as_str(), minor(&done.data["amount"])),
        ("refund.processed", 35_247)
    );
    assert_eq!(app.verify("a").await.1["data"]["status"], "reversed");
}

#[tokio::test]
async fn a_dispute_is_opened_then_won_or_lost() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    for (outcome, resolution, status) in [
        ("won", "declined", "success"),
        ("lost", "merchant-accepted", "reversed"),
        ("unanswered", "auto-accepted", "reversed"),
    ] {
        app.charge("AUTH_ok", outcome).await;
        receiver.next().await;
        app.order("dispute", json!({"reference": outcome})).await;
        let opened = receiver.next().await;
        assert_eq!(opened.event, "charge.dispute.create");
        assert_eq!(opened.data["transaction"]["reference"], outcome);
        assert_eq!(opened.data["resolution"], Value::Null);
        app.order("dispute", json!({"reference": outcome, "outcome": outcome}))
            .await;
        let resolved = receiver.next().await;
        assert_eq!(resolved.event, "charge.dispute.resolve");
        assert_eq!(
            (&resolved.data["id"], &resolved.data["resolution"]),
            (&opened.data["id"], &json!(resolution))
        );
        assert_eq!(resolved.data["refund_amount"], 35_247);
        assert_eq!(app.verify(outcome).await.1["data"]["status"], status);
    }
}

#[tokio::test]
async fn a_dispute_with_its_outcome_is_announced_in_order() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_ok", "a").await;
    receiver.next().await;
    app.order(
        "dispute",
        json!({"reference": "a", "amount": 100, "outcome": "lost"}),
    )
    .await;
    assert_eq!(receiver.next().await.event, "charge.dispute.create");
    assert_eq!(receiver.next().await.event, "charge.dispute.resolve");
}
