//! The SMS provider.

use reqwest::StatusCode;
use serde_json::{Value, json};
use topup_sandbox::Options;

use crate::app::{App, read};

async fn send(app: &App, key: &str, numbers: &[&str]) -> (StatusCode, Value) {
    let recipients: Vec<Value> = numbers
        .iter()
        .map(|it| json!({"mobileNumber": it, "clientMessageId": format!("id-{it}")}))
        .collect();
    let body = json!({"message": "500 credits", "recipients": recipients});
    let request = app
        .client
        .post(app.url("/sms/outgoing/send"))
        .header("AUTHORIZATION", key);
    read(request.body(body.to_string()).send().await.unwrap()).await
}

#[tokio::test]
async fn a_message_is_taken_and_listed_and_a_repeat_is_another() {
    let app = App::start().await;
    for _ in 0..2 {
        let (status, answer) = send(&app, "any", &["27820000001"]).await;
        assert_eq!(
            (status, &answer["recipients"][0]["accepted"]),
            (StatusCode::OK, &json!(true))
        );
        assert!(answer["recipients"][0]["apiMessageId"].is_u64());
    }
    let seen = app.seen("sms", 2).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(
        [&seen[0]["to"], &seen[0]["message"]],
        ["27820000001", "500 credits"]
    );
    assert_eq!(seen[0]["client_message_id"], "id-27820000001");
}

#[tokio::test]
async fn a_200_can_hold_a_refused_recipient() {
    let app = App::start().await;
    let (status, answer) = send(&app, "any", &["27820000001", "27000001234", "+27820000001"]).await;
    assert_eq!(status, StatusCode::OK);
    let accepted: Vec<&Value> = (0..3).map(|n| &answer["recipients"][n]["accepted"]).collect();
    assert_eq!(accepted, [&json!(true), &json!(false), &json!(false)]);
    assert!(answer["recipients"][1]["acceptError"].is_string());
    let listed: Vec<bool> = app
        .seen("sms", 3)
        .await
        .iter()
        .map(|it| it["accepted"].as_bool().unwrap())
        .collect();
    assert_eq!(listed, [true, false, false]);
}

#[tokio::test]
async fn the_key_is_looked_at_where_there_is_one_and_trouble_sends_nothing() {
    let app = App::with(Options {
        sms_api_key: Some("secret".to_owned()),
        ..Options::default()
    })
    .await;
    assert_eq!(
        send(&app, "wrong", &["27820000001"]).await.0,
        StatusCode::UNAUTHORIZED
    );
    app.order("trouble", json!({"sms_status": 503})).await;
    assert_eq!(
        send(&app, "secret", &["27820000001"]).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert!(app.seen("sms", 0).await.is_empty());
    assert_eq!(send(&app, "secret", &["27820000001"]).await.0, StatusCode::OK);
    assert_eq!(app.seen("sms", 1).await.len(), 1);
}
