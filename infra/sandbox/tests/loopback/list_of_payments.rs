//! `GET /transaction`, and the lists at `/sandbox/…` when they are long.

use serde_json::{Value, json};

use crate::app::App;

#[tokio::test]
async fn a_period_is_listed_page_by_page_newest_first() {
    let app = App::start().await;
    app.charge("AUTH_ok", "before").await;
    let verified = app.verify("before").await.1;
    for n in 0..5 {
        app.charge(if n == 2 { "AUTH_declined" } else { "AUTH_ok" }, &format!("r{n}"))
            .await;
    }
    let from = app.verify("r0").await.1["data"]["created_at"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(verified["data"]["created_at"], from.as_str());
    let page = async |n: u32| -> Value {
        app.get(&format!("/transaction?from={from}&perPage=2&page={n}"))
            .await
            .json()
            .await
            .unwrap()
    };
    let references = |answer: &Value| -> Vec<String> {
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["reference"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = page(1).await;
    assert_eq!(
        first["meta"],
        json!({"total": 5, "total_volume": 5 * 35_247, "skipped": 0, "perPage": 2, "page": 1, "pageCount": 3})
    );
    assert_eq!(references(&first), ["r4", "r3"]);
    assert_eq!(references(&page(3).await), ["r0"]);
    assert_eq!(references(&page(4).await), [] as [&str; 0]);
    let failed: Value = app.get("/transaction?status=failed").await.json().await.unwrap();
    assert_eq!(references(&failed), ["r2"]);
    let today: Value = app
        .get("/transaction?from=2000-01-01&to=2000-01-02")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(today["meta"]["total"], 0);
}

#[tokio::test]
async fn a_list_goes_on_where_the_last_answer_ended_and_a_reset_forgets_it() {
    let app = App::start().await;
    app.charge("AUTH_ok", "a").await;
    let answer = app.get("/sandbox/captures").await;
    let next = answer.headers()["x-sandbox-next"].to_str().unwrap().to_owned();
    app.charge("AUTH_ok", "b").await;
    let rest: Vec<Value> = app
        .get(&format!("/sandbox/captures?after={next}"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["reference"], "b");
    let since = rest[0]["at"].as_str().unwrap();
    let rest: Vec<Value> = app
        .get(&format!("/sandbox/captures?since={since}"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    app.order("reset", json!({})).await;
    assert!(app.seen("captures", 0).await.is_empty());
    assert!(app.seen("charges", 0).await.is_empty());
    assert_eq!(app.verify("a").await.1["code"], "transaction_not_found");
}
