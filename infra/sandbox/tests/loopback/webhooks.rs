//! Webhooks: signed, repeated, and wrong in every way that can be ordered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use topup_sandbox::webhooks::{SIGNATURE_HEADER, signature};

use crate::app::{App, PATIENCE_MS};

/// Somebody who takes webhooks.
pub(crate) struct Receiver {
    received: Mutex<mpsc::UnboundedReceiver<Webhook>>,
    answer: Arc<AtomicU16>,
    server: JoinHandle<()>,
}

pub(crate) struct Webhook {
    pub(crate) event: String,
    pub(crate) data: Value,
    /// As it came.
    pub(crate) raw: Vec<u8>,
    pub(crate) signature: Option<String>,
    /// Whether the signature is right.
    genuine: bool,
}

impl Receiver {
    /// Takes the app's webhooks from now on.
    pub(crate) async fn start(app: &App) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let answer = Arc::new(AtomicU16::new(200));
        let answers = Arc::clone(&answer);
        let hook = move |headers: HeaderMap, body: Bytes| async move {
            let parsed: Value = serde_json::from_slice(&body).unwrap();
            let signed = headers[SIGNATURE_HEADER].to_str().unwrap();
            let genuine = signature("sk_test_sandbox", &body).as_deref() == Some(signed);
            let event = parsed["event"].as_str().unwrap().to_owned();
            // Chosen before the test hears of the webhook, and may choose the next answer.
            let status = StatusCode::from_u16(answers.load(Ordering::Relaxed)).unwrap();
            let _ = sender.send(Webhook {
                event,
                data: parsed["data"].clone(),
                raw: body.to_vec(),
                signature: Some(signed.to_owned()),
                genuine,
            });
            status
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hook));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        app.order("webhook-url", json!({"url": url})).await;
        Self {
            received: Mutex::new(received),
            answer,
            server,
        }
    }

    pub(crate) async fn next(&self) -> Webhook {
        let patience = Duration::from_millis(PATIENCE_MS);
        tokio::time::timeout(patience, self.received.lock().await.recv())
            .await
            .unwrap()
            .unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tokio::test]
async fn a_success_is_announced_signed_and_a_failure_is_not() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_declined", "a").await;
    let (_, answer) = app.charge("AUTH_ok", "b").await;
    let webhook = receiver.next().await;
    assert!(webhook.genuine);
    assert_eq!(
        (webhook.event.as_str(), &webhook.data["reference"]),
        ("charge.success", &json!("b"))
    );
    assert_eq!(
        [&webhook.data["id"], &webhook.data["amount"]],
        [&answer["data"]["id"], &json!(35_247)]
    );
    assert_eq!(app.column("webhooks", 1, "event").await, ["charge.success"]);
}

#[tokio::test]
async fn what_was_pending_or_unanswered_is_announced_too() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_pending", "a").await;
    assert_eq!(receiver.next().await.data["reference"], "a");
    let webhook = tokio::select! {
        answer = app.charge("AUTH_timeout", "b") => panic!("answered: {answer:?}"),
        webhook = receiver.next() => webhook,
    };
    assert_eq!(webhook.data["reference"], "b");
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_comes_again() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    receiver.answer.store(500, Ordering::Relaxed);
    app.charge("AUTH_ok", "a").await;
    receiver.next().await;
    receiver.answer.store(200, Ordering::Relaxed);
    receiver.next().await;
    let tries = app.seen("webhooks", 2).await;
    assert_eq!([&tries[0]["status"], &tries[0]["attempt"]], [500, 1]);
    assert_eq!([&tries[1]["status"], &tries[1]["attempt"]], [200, 2]);
}

#[tokio::test]
async fn webhooks_go_wrong_as_ordered() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    let trouble = async |what: &str| app.order("trouble", json!({"webhooks": what})).await;

    trouble("twice").await;
    app.charge("AUTH_ok", "twice").await;
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!((&first.data, first.genuine), (&second.data, second.genuine));

    trouble("never").await;
    app.charge("AUTH_ok", "never").await;
    trouble("forged").await;
    app.charge("AUTH_ok", "forged").await;
    let forged = receiver.next().await;
    assert_eq!(
        (forged.data["reference"].as_str(), forged.genuine),
        (Some("forged"), false)
    );

    trouble("wrong-amount").await;
    app.charge("AUTH_ok", "wrong").await;
    let wrong = receiver.next().await;
    assert_eq!(
        (wrong.data["amount"].as_u64(), wrong.genuine),
        (Some(35_248), true)
    );

    trouble("early").await;
    app.charge("AUTH_ok", "early").await;
    let early = receiver.received.lock().await.try_recv().unwrap();
    assert_eq!(early.data["reference"], "early", "there before the answer");
}

#[tokio::test]
async fn a_success_can_be_replayed_to_the_letter() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    app.charge("AUTH_ok", "a").await;
    let first = receiver.next().await;
    app.order("replay", json!({"reference": "a"})).await;
    assert_eq!(receiver.next().await.data, first.data);
}
