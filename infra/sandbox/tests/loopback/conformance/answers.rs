//! What the sandbox answers and announces, in every state that a payment can be in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::published::hold;
use crate::app::{App, read};
use crate::webhooks::{Receiver, Webhook};

/// References of one kind of payment that are tried: what is drawn by reference differs between them.
const DRAWS: u32 = 12;

/// Every card that is answered whole, and where its payment stands then.
const ANSWERED: [(&str, &str); 6] = [
    ("AUTH_ok", "success"),
    ("AUTH_declined", "failed"),
    ("AUTH_insufficient", "failed"),
    ("AUTH_expired", "failed"),
    ("AUTH_paused", "ongoing"),
    ("AUTH_pending", "pending"),
];

async fn opened(app: &App, reference: &str, currency: &str) -> Value {
    let body =
        json!({"email": "ops@example.com", "amount": 10_000, "currency": currency, "reference": reference});
    let (status, answer) = read(app.post("/transaction/initialize", &body).await).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

async fn submit(app: &App, opened: &Value, form: &'static str) {
    let page = opened["data"]["authorization_url"].as_str().unwrap();
    let request = app
        .client
        .post(page)
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(form).send().await.unwrap();
}

fn announced(webhook: &Webhook) -> Value {
    json!({"event": webhook.event, "data": webhook.data})
}

#[tokio::test]
async fn charges_and_questions_are_answered_as_published() {
    let app = App::start().await;
    for (code, wanted) in ANSWERED {
        for n in 0..DRAWS {
            let reference = format!("{}-{n}", code.trim_start_matches("AUTH_"));
            let (status, answer) = app.charge(code, &reference).await;
            assert_eq!(status, StatusCode::OK);
            hold("charge.json#/$defs/answer", &answer);
            let (_, answer) = app.verify(&reference).await;
            hold("verify.json#/$defs/answer", &answer);
            let stands = answer["data"]["status"].as_str().unwrap();
            assert!(stands == wanted || wanted == "pending", "{code}: {stands}");
        }
    }
}

#[tokio::test]
async fn pages_are_opened_and_told_of_as_published() {
    let app = App::start().await;
    for (reference, currency, form) in [
        ("card", "ZAR", "action=pay"),
        ("phone", "KES", "action=pay&channel=mobile_money"),
        ("declined", "ZAR", "action=decline"),
    ] {
        let page = opened(&app, reference, currency).await;
        hold("initialize.json#/$defs/answer", &page);
        let (_, answer) = app.verify(reference).await;
        hold("verify.json#/$defs/answer", &answer);
        assert_eq!(answer["data"]["status"], "abandoned");
        submit(&app, &page, form).await;
        hold("verify.json#/$defs/answer", &app.verify(reference).await.1);
    }
    let (_, list) = read(app.get("/transaction").await).await;
    hold("list.json#/$defs/answer", &list);
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_list_is_as_published_for_every_card() {
    let app = App::start().await;
    for (code, _) in ANSWERED {
        for n in 0..DRAWS {
            app.charge(code, &format!("{}-{n}", code.trim_start_matches("AUTH_")))
                .await;
        }
    }
    for path in [
        "/transaction?perPage=100",
        "/transaction?perPage=5&page=3",
        "/transaction?page=99",
    ] {
        hold("list.json#/$defs/answer", &read(app.get(path).await).await.1);
    }
}

#[tokio::test]
async fn giving_back_and_forgetting_are_answered_as_published() {
    let app = App::start().await;
    for n in 0..DRAWS {
        let reference = format!("r{n}");
        app.charge("AUTH_ok", &reference).await;
        let (status, answer) = read(app.post("/refund", &json!({"transaction": reference})).await).await;
        assert_eq!(status, StatusCode::OK);
        hold("refund.json#/$defs/answer", &answer);
        hold("verify.json#/$defs/answer", &app.verify(&reference).await.1);
    }
    let card = json!({"authorization_code": "AUTH_ok"});
    let (_, answer) = read(app.post("/customer/authorization/deactivate", &card).await).await;
    hold("deactivate.json#/$defs/answer", &answer);
}

#[tokio::test]
async fn refusals_are_as_published() {
    let app = App::start().await;
    app.charge("AUTH_ok", "a").await;
    let charge = "/transaction/charge_authorization";
    let refused = async |path: &str, body: Value| read(app.post(path, &body).await).await;
    let good = crate::app::charge_body("AUTH_ok", "b");
    let changed = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let mut answers = vec![
        refused(charge, crate::app::charge_body("AUTH_ok", "a")).await,
        refused(charge, changed("amount", json!("a lot"))).await,
        refused(charge, changed("amount", json!(1))).await,
        refused(charge, changed("currency", json!("EUR"))).await,
        refused(charge, changed("reference", json!("a_b"))).await,
        refused(charge, changed("authorization_code", json!("4084084084084081"))).await,
        refused("/refund", json!({"transaction": "nobody"})).await,
        refused("/refund", json!({"transaction": "a", "amount": 99_999})).await,
        app.verify("nobody").await,
    ];
    for status in [401, 429] {
        app.order("trouble", json!({"status": status})).await;
        answers.push(app.verify("a").await);
    }
    for (status, answer) in answers {
        assert!(status.is_client_error(), "{answer}");
        hold("error.json#/$defs/error", &answer);
    }
}

#[tokio::test]
async fn webhooks_are_as_in_the_published_samples() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    let next = async |wanted: &str| {
        let webhook = receiver.next().await;
        assert_eq!(webhook.event, wanted);
        hold("webhook.json#/$defs/event", &announced(&webhook));
    };
    for n in 0..DRAWS {
        let reference = format!("r{n}");
        app.charge(if n % 2 == 0 { "AUTH_ok" } else { "AUTH_pending" }, &reference)
            .await;
        next("charge.success").await;
        app.order(
            "refund",
            json!({"reference": reference, "amount": 5, "outcome": "failed"}),
        )
        .await;
        next("refund.failed").await;
        app.post("/refund", &json!({"transaction": reference, "amount": 7}))
            .await;
        next("refund.pending").await;
        next("refund.processed").await;
        app.order("dispute", json!({"reference": reference, "amount": 100}))
            .await;
        next("charge.dispute.create").await;
        let outcome = ["won", "lost", "unanswered"][usize::try_from(n).unwrap() % 3];
        app.order("dispute", json!({"reference": reference, "outcome": outcome}))
            .await;
        next("charge.dispute.resolve").await;
        app.order("refund", json!({"reference": reference})).await;
        next("refund.processed").await;
        app.order("replay", json!({"reference": reference})).await;
        next("charge.success").await;
    }
}
