//! Money that was taken after all, and questions as they were asked.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, read};
use crate::webhooks::Receiver;

#[tokio::test]
async fn a_payment_that_failed_was_captured_after_all() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    for code in ["AUTH_declined", "AUTH_paused"] {
        let reference = code.replace('_', "-");
        app.charge(code, &reference).await;
        app.order("succeed", json!({"reference": reference})).await;
        let webhook = receiver.next().await;
        assert_eq!(
            (webhook.event.as_str(), &webhook.data["reference"]),
            ("charge.success", &json!(reference))
        );
        assert_eq!(app.verify(&reference).await.1["data"]["status"], "success");
        let (status, _) = read(
            app.post("/sandbox/succeed", &json!({"reference": reference}))
                .await,
        )
        .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "once is all");
    }
    assert_eq!(app.seen("captures", 2).await.len(), 2);
}

#[tokio::test]
async fn questions_are_listed_with_what_was_known_then() {
    let app = App::start().await;
    app.verify("a").await;
    app.charge("AUTH_ok", "a").await;
    app.verify("a").await;
    let asked = app.seen("verifications", 2).await;
    let told: Vec<(&Value, &Value)> = asked.iter().map(|it| (&it["reference"], &it["status"])).collect();
    assert_eq!(
        told,
        [(&json!("a"), &json!(null)), (&json!("a"), &json!("success"))]
    );
}
