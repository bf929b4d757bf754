//! A request that comes twice is done once: by its key, whatever became of the first answer.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use topup_stack::workspace;
use topup_tests::{App, AppOptions, Reply, main_account, sub_account};

const PATH: &str = "/accounts/1001/transfers";

async fn family() -> Result<App> {
    let app = App::start(AppOptions::only(&["edge"])).await?;
    let accounts = [main_account(1001).credits(500), sub_account(2001, 1001)];
    app.import(&accounts).await?;
    Ok(app)
}

fn moves(credits: u32) -> Value {
    json!({"sub": 2001, "direction": "to-sub", "service": "sms", "credits": credits})
}

#[tokio::test]
async fn a_repeat_is_answered_the_same_and_another_request_by_its_key_is_refused() -> Result<()> {
    let mut app = family().await?;
    let main = app.holder(1001).await?;
    let first = main.post_as("november", PATH, &moves(100)).await?;
    first.with_status(201)?;
    let again = main.post_as("november", PATH, &moves(100)).await?;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(first.header("idempotency-replayed"), None);
    let other = main.post_as("november", PATH, &moves(101)).await?.problem(422)?;
    assert_eq!(other["type"], "/problems/key-reused");
    assert_eq!(app.balance(2001).await?, "100");

    // A refusal is an answer, too: by the same key it stays.
    let refused = main.post_as("december", PATH, &moves(1_000)).await?;
    refused.problem(422)?;
    app.adjust(1001, "1000").await?;
    assert_eq!(
        main.post_as("december", PATH, &moves(1_000)).await?.text,
        refused.text
    );
    // A key is its token's alone.
    let another = app.holder(1001).await?;
    another
        .post_as("november", PATH, &moves(100))
        .await?
        .with_status(201)?;
    assert_eq!(app.balance(2001).await?, "200");

    for key in ["", "two words", &"x".repeat(256)] {
        let asked = main.post_as(key, PATH, &moves(1)).await?;
        assert!(
            asked.problem(400)?["detail"]
                .as_str()
                .is_some_and(|it| it.contains("Idempotency-Key"))
        );
    }
    Reply::to(main.request(Method::POST, PATH).json(&moves(1)))
        .await?
        .problem(400)?;
    assert_eq!(app.balance(2001).await?, "200");
    app.finish().await
}

#[tokio::test]
async fn many_repeats_at_once_do_it_once() -> Result<()> {
    let mut app = family().await?;
    let main = app.holder(1001).await?;
    let asked = (0..10).map(async |_| main.post_as("november", PATH, &moves(100)).await);
    for answer in try_join_all(asked).await? {
        // The first one's answer, or that it is in hand.
        assert!([201, 409].contains(&answer.status), "{}", answer.text);
    }
    assert_eq!(app.balance(2001).await?, "100");
    app.finish().await
}

#[tokio::test]
async fn a_request_that_was_cut_short_behind_its_commit_finds_itself() -> Result<()> {
    let mut app = family().await?;
    let main = app.holder(1001).await?;
    let first = main.post_as("november", PATH, &moves(100)).await?;
    first.with_status(201)?;
    // As if the edge had died between the commit and the answer, more than a minute ago.
    let died = "UPDATE idempotent_requests SET status = NULL, content_type = NULL, body = NULL,
                       held_until = clock_timestamp() - interval '1 s'";
    app.rows.client().batch_execute(died).await?;
    let again = main.post_as("november", PATH, &moves(100)).await?;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), None);
    assert_eq!(app.balance(2001).await?, "100");
    app.finish().await
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_json_is_refused_with_its_own_status() -> Result<()> {
    let mut app = family().await?;
    let main = app.holder(1001).await?;
    let send = async |media: &str, body: String| -> Result<Reply> {
        let request = main.request(Method::PUT, "/accounts/1001/contact");
        Reply::to(request.header("content-type", media).body(body)).await
    };
    send("application/json", "x".repeat(64 * 1024 + 1))
        .await?
        .problem(413)?;
    send("text/plain", "{}".to_owned()).await?.problem(415)?;
    send("application/json", "{".to_owned()).await?.problem(400)?;
    send("application/json", "[]".to_owned()).await?.problem(400)?;
    app.finish().await
}

/// Every property that an answer of this shape may have, however deep.
fn properties(document: &Value, schema: &Value, found: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str)
                && seen.insert(name.to_owned())
            {
                let there = document.pointer(name.trim_start_matches('#'));
                properties(document, there.unwrap_or(&Value::Null), found, seen);
            }
            if let Some(Value::Object(named)) = fields.get("properties") {
                found.extend(named.keys().cloned());
            }
            for value in fields.values() {
                properties(document, value, found, seen);
            }
        }
        Value::Array(all) => all.iter().for_each(|it| properties(document, it, found, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A POST's answer is kept for two days, and the holder may be reached otherwise by then.
#[tokio::test]
async fn no_answer_that_is_kept_says_how_somebody_is_reached() -> Result<()> {
    let document = std::fs::read(workspace().join("infra/openapi.json"))?;
    let document: Value = serde_json::from_slice(&document)?;
    let mut posts = 0;
    for (path, operations) in document["paths"].as_object().context("paths")? {
        let Some(post) = operations.get("post") else {
            continue;
        };
        posts += 1;
        for (status, answer) in post["responses"].as_object().context("answers")? {
            let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
            properties(&document, answer, &mut found, &mut seen);
            assert!(
                !found.contains("email") && !found.contains("mobile"),
                "{path}: {status}: {found:?}"
            );
        }
    }
    assert!(posts >= 4, "{posts}");

    let mut app = family().await?;
    let platform = app.platform().await?;
    let (number, address) = ("+27829876543", "naledi@example.net");
    let account = main_account(1003)
        .credits(1)
        .mobile(Some(number))
        .email(Some(address));
    let line = account.line();
    platform.post("/accounts", &line).await?.with_status(201)?;
    platform.post("/accounts", &line).await?.ok()?;
    let mut wrong = line.clone();
    wrong["kind"] = json!("sub");
    wrong["parent_id"] = json!(1001);
    platform.post("/accounts", &wrong).await?.problem(422)?;
    let buys = json!({"service": "sms", "credits": 500, "method": "hosted", "email": address,
        "return_url": "https://example.com/back"});
    let holder = app.holder(1003).await?;
    holder
        .post("/accounts/1003/purchases", &buys)
        .await?
        .with_status(201)?;
    let told = "SELECT count(*), count(*) FILTER (WHERE position(convert_to($1, 'UTF8') IN body) > 0
                                                     OR position(convert_to($2, 'UTF8') IN body) > 0)
                  FROM idempotent_requests WHERE status IS NOT NULL";
    let row = app.rows.client().query_one(told, &[&number, &address]).await?;
    assert_eq!((row.get(0), row.get(1)), (4_i64, 0_i64));
    app.finish().await
}
