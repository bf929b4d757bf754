//! The hosted page: opened, shown, paid, declined, returned from.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::app::{App, read};

async fn open(app: &App, reference: &str, currency: &str) -> (String, Value) {
    let body = json!({
        "email": "ops@example.com", "amount": 10_000, "currency": currency, "reference": reference,
        "callback_url": "http://127.0.0.1:9/back?from=shop", "metadata": {"order": "<7>"},
    });
    let (status, answer) = read(app.post("/transaction/initialize", &body).await).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    (
        answer["data"]["authorization_url"].as_str().unwrap().to_owned(),
        answer,
    )
}

async fn submit(app: &App, page: &str, form: &'static str) -> Response {
    let request = app
        .client
        .post(page)
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(form).send().await.unwrap()
}

#[tokio::test]
async fn a_card_pays_and_is_saved_for_the_address_that_paid() {
    let app = App::start().await;
    let (page, opened) = open(&app, "buy-1", "ZAR").await;
    assert_eq!(opened["data"]["reference"], "buy-1");
    assert_eq!(app.verify("buy-1").await.1["data"]["status"], "abandoned");
    let shown = app.client.get(&page).send().await.unwrap().text().await.unwrap();
    assert!(
        shown.contains("Pay ZAR 100.00") && shown.contains("id=\"decline\"") && shown.contains("Sandbox"),
        "{shown}"
    );
    assert!(!shown.contains("M-Pesa"), "not in rand");
    let answer = submit(&app, &page, "action=pay&channel=card&card=4084084084084081").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()["location"],
        "http://127.0.0.1:9/back?from=shop&trxref=buy-1&reference=buy-1"
    );
    let data = app.verify("buy-1").await.1["data"].clone();
    assert_eq!(
        (&data["status"], &data["metadata"]),
        (&json!("success"), &json!({"order": "<7>"}))
    );
    assert_eq!(data["authorization"]["reusable"], true);
    assert!(data["authorization"]["signature"].is_string());
    let saved = data["authorization"]["authorization_code"].as_str().unwrap();
    assert_eq!(app.charge(saved, "again-1").await.1["data"]["status"], "success");
    let mut other = crate::app::charge_body(saved, "again-2");
    other["email"] = json!("other@example.com");
    let answer = app.post("/transaction/charge_authorization", &other).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_page_is_paid_once() {
    let app = App::start().await;
    let (page, _) = open(&app, "buy-1", "ZAR").await;
    for form in ["action=pay", "action=pay", "action=decline"] {
        assert_eq!(submit(&app, &page, form).await.status(), StatusCode::SEE_OTHER);
    }
    assert_eq!(app.verify("buy-1").await.1["data"]["status"], "success");
    assert_eq!(app.seen("captures", 1).await.len(), 1);
}

#[tokio::test]
async fn a_saved_card_does_what_its_chosen_code_says() {
    let app = App::start().await;
    let (page, _) = open(&app, "buy-1", "ZAR").await;
    submit(&app, &page, "action=pay&saves=AUTH_declined_1").await;
    assert_eq!(
        app.charge("AUTH_declined_1", "a").await.1["data"]["status"],
        "failed"
    );
}

#[tokio::test]
async fn declined_and_refused_cards_fail() {
    let app = App::start().await;
    for (reference, form, words) in [
        ("a", "action=decline", "Declined"),
        ("b", "action=pay&card=4084080000005408", "Declined"),
        ("c", "action=pay&card=4084080000670037", "Insufficient Funds"),
    ] {
        let (page, _) = open(&app, reference, "ZAR").await;
        assert_eq!(submit(&app, &page, form).await.status(), StatusCode::SEE_OTHER);
        let data = app.verify(reference).await.1["data"].clone();
        assert_eq!([&data["status"], &data["gateway_response"]], ["failed", words]);
    }
    assert!(app.seen("captures", 0).await.is_empty());
}

#[tokio::test]
async fn who_cancels_comes_back_without_having_paid_and_may_pay_after_all() {
    let app = App::start().await;
    let (page, _) = open(&app, "buy-1", "ZAR").await;
    let answer = submit(&app, &page, "action=cancel").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(app.verify("buy-1").await.1["data"]["status"], "abandoned");
    submit(&app, &page, "action=pay").await;
    assert_eq!(app.verify("buy-1").await.1["data"]["status"], "success");
}

#[tokio::test]
async fn a_card_whose_bank_asks_pays_when_the_customer_says_yes_and_fails_when_not() {
    let app = App::start().await;
    for (reference, answer, status, words) in [
        ("yes", "action=pay", "success", "Approved"),
        ("no", "action=decline", "failed", "3-D Secure was declined"),
    ] {
        let (page, _) = open(&app, reference, "ZAR").await;
        let asked = submit(&app, &page, "action=pay&card=4084080000000409&saves=AUTH_ok_1").await;
        assert_eq!(asked.status(), StatusCode::SEE_OTHER);
        let bank = app.url(asked.headers()["location"].to_str().unwrap());
        assert_eq!(app.verify(reference).await.1["data"]["status"], "ongoing");
        let shown = app.client.get(&bank).send().await.unwrap().text().await.unwrap();
        assert!(
            shown.contains("card ending 0409") && shown.contains("ZAR 100.00"),
            "{shown}"
        );
        let answered = submit(&app, &bank, answer).await;
        assert!(
            answered.headers()["location"]
                .to_str()
                .unwrap()
                .starts_with("http://127.0.0.1:9/back")
        );
        let data = app.verify(reference).await.1["data"].clone();
        assert_eq!([&data["status"], &data["gateway_response"]], [status, words]);
    }
    let captures = app.seen("captures", 1).await;
    assert_eq!(captures[0]["authorization_code"], "AUTH_ok_1");
    assert_eq!(captures.len(), 1);
}

#[tokio::test]
async fn a_card_that_pays_once_is_declined_when_it_is_charged_again() {
    let app = App::start().await;
    let (page, _) = open(&app, "buy-1", "ZAR").await;
    submit(&app, &page, "action=pay&card=4084080000004093").await;
    let data = app.verify("buy-1").await.1["data"].clone();
    assert_eq!(
        (&data["status"], &data["authorization"]["last4"]),
        (&json!("success"), &json!("4093"))
    );
    let saved = data["authorization"]["authorization_code"].as_str().unwrap();
    assert_eq!(app.charge(saved, "again").await.1["data"]["status"], "failed");
}

#[tokio::test]
async fn a_phone_pays_a_little_later_and_cannot_be_charged_again() {
    let app = App::start().await;
    let (page, _) = open(&app, "buy-1", "KES").await;
    let shown = app.client.get(&page).send().await.unwrap().text().await.unwrap();
    assert!(
        shown.contains("M-Pesa") && shown.contains("Airtel Money"),
        "{shown}"
    );
    submit(
        &app,
        &page,
        "action=pay&channel=mobile_money&wallet=airtel&phone=%2B254733000000",
    )
    .await;
    assert_eq!(app.seen("captures", 1).await[0]["channel"], "mobile_money");
    let data = app.verify("buy-1").await.1["data"].clone();
    assert_eq!(
        (&data["status"], &data["channel"]),
        (&json!("success"), &json!("mobile_money"))
    );
    assert_eq!(
        (
            &data["authorization"]["reusable"],
            &data["authorization"]["brand"]
        ),
        (&json!(false), &json!("Airtel Money"))
    );
}

#[tokio::test]
async fn a_challenged_charge_is_finished_on_its_page() {
    let app = App::start().await;
    let (_, answer) = app.charge("AUTH_paused", "a").await;
    let page = answer["data"]["authorization_url"].as_str().unwrap().to_owned();
    submit(&app, &page, "action=pay").await;
    assert_eq!(app.verify("a").await.1["data"]["status"], "success");
    assert_eq!(
        app.seen("captures", 1).await[0]["authorization_code"],
        "AUTH_paused"
    );
}

#[tokio::test]
async fn a_reference_and_an_unknown_page_are_refused() {
    let app = App::start().await;
    open(&app, "buy-1", "ZAR").await;
    let body = json!({"email": "ops@example.com", "amount": 100, "reference": "buy-1"});
    let (_, answer) = read(app.post("/transaction/initialize", &body).await).await;
    assert_eq!(answer["code"], "duplicate_reference");
    let phone =
        json!({"email": "ops@example.com", "amount": 100, "currency": "ZAR", "channels": ["mobile_money"]});
    assert_eq!(
        app.post("/transaction/initialize", &phone).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        app.client
            .get(app.url("/pay/nothing"))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NOT_FOUND
    );
}
