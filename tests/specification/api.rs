//! The HTTP interface: who calls, what is told who may not, what a repeat is answered, lists in pages, and limits.

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{App, AppOptions, Reply, Weather, event, eventually, main_account, metric, sub_account};

/// The edge by itself: whoever asks is answered by the database.
fn edge() -> AppOptions {
    AppOptions::only(&["edge"])
}

#[tokio::test]
async fn a_wallet_is_told_as_it_stands_and_a_stranger_hears_that_there_is_none() -> Result<()> {
    let mut app = App::start(edge()).await?;
    let accounts = [
        main_account(1001).credits(150.5).low_credit(50).card("AUTH_ok"),
        main_account(1002).credits(1),
        sub_account(2001, 1001).credits(7),
    ];
    app.import(&accounts).await?;
    let holder = app.holder(1001).await?;
    let wallet = holder.get("/accounts/1001/wallets/sms").await?.ok()?;
    assert_eq!(wallet["balance"], "150.5");
    assert_eq!(wallet["available"], "150.5");
    assert_eq!(wallet["held"], "0");
    assert_eq!(wallet["auto_topup"]["method"], "card");
    assert_eq!(wallet["auto_topup"]["card"]["last4"], "4081");
    assert_eq!(wallet["open_topup"], json!(null));
    let all = holder.get("/accounts/1001/wallets").await?.ok()?;
    assert_eq!(all["items"], json!([wallet]));

    // A main sees its subs; nobody else's exist for it, nor do those that nobody has.
    holder.get("/accounts/2001/wallets").await?.ok()?;
    let others = holder.get("/accounts/1002/wallets").await?.problem(404)?;
    let nobodys = holder.get("/accounts/77/wallets").await?.problem(404)?;
    assert_eq!(others["detail"], "there is no account 1002");
    assert_eq!(nobodys["detail"], "there is no account 77");
    holder
        .get("/accounts/1001/wallets/whatsapp")
        .await?
        .problem(404)?;
    holder.get("/accounts/1001/wallets/pigeon").await?.problem(404)?;
    holder.get("/accounts/none/wallets").await?.problem(404)?;
    holder.get("/nothing").await?.problem(404)?;
    holder.delete("/accounts/1001/wallets").await?.problem(405)?;
    app.platform().await?.get("/accounts/1002/wallets").await?.ok()?;

    // Counted by route and by what it came to, and by nobody's name.
    let process = app.fleet.worker("edge")?.http_url();
    let counted = async |labels: &str| metric(&process, &format!("topup_requests_total{{{labels}}}")).await;
    let one = r#"route="/v1/accounts/{account}/wallets/{service}""#;
    assert_eq!(counted(&format!(r#"{one},outcome="done""#)).await?, 1.0);
    assert_eq!(counted(&format!(r#"{one},outcome="refused""#)).await?, 2.0);
    assert_eq!(counted(r#"route="none",outcome="refused""#).await?, 1.0);
    assert_eq!(counted(r#"outcome="trouble""#).await?, 0.0);
    app.finish().await
}

#[tokio::test]
async fn who_bears_no_token_or_none_that_is_known_hears_401() -> Result<()> {
    let mut app = App::start(edge()).await?;
    app.import(&[main_account(1001)]).await?;
    let stranger = app.stranger()?;
    for caller in [stranger.clone(), stranger.with_token("topup_nobody")] {
        let answer = caller.get("/accounts/1001/wallets").await?;
        answer.problem(401)?;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"topup\""));
    }
    let made = app
        .fleetctl(&[
            "token",
            "create",
            "--account",
            "1001",
            "--scope",
            "send",
            "--name",
            "x",
        ])
        .await?;
    let token = made["token"].as_str().context("a token")?;
    let sender = app.stranger()?.with_token(token);
    let refused = sender.get("/accounts/1001/wallets").await?.problem(403)?;
    assert_eq!(refused["detail"], "this needs a token with the scope `read`");
    let id = made["token_id"].as_str().context("its id")?;
    app.fleetctl(&["token", "revoke", id]).await?;
    eventually("the end of a revoked token", async || {
        let answer = sender.get("/accounts/1001/wallets").await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    app.finish().await
}

#[tokio::test]
async fn every_answer_says_that_it_is_not_to_be_kept_guessed_at_or_framed() -> Result<()> {
    let mut app = App::start(edge()).await?;
    let stranger = app.stranger()?;
    for path in ["/openapi.json", "/accounts/1/wallets", "/nothing"] {
        let answer = stranger.get(path).await?;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
    let document = stranger.get("/openapi.json").await?.ok()?;
    assert_eq!(document["openapi"], "3.1.0");
    app.finish().await
}

#[tokio::test]
async fn a_token_that_calls_too_often_is_told_when_to_come_again_and_others_go_on() -> Result<()> {
    let mut app = App::start(edge().setting("EDGE__REQUESTS_PER_SECOND", "1")).await?;
    app.import(&[main_account(1001)]).await?;
    let (hasty, calm) = (app.holder(1001).await?, app.holder(1001).await?);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(hasty.get("/accounts/1001/wallets").await?);
    }
    let refused: Vec<&Reply> = answers.iter().filter(|it| it.status == 429).collect();
    let first = refused.first().context("a refusal")?;
    first.problem(429)?;
    let again: u64 = first.header("retry-after").context("when")?.parse()?;
    assert!((1..=3).contains(&again), "{again}");
    calm.get("/accounts/1001/wallets").await?.ok()?;
    app.finish().await
}

#[tokio::test]
async fn without_a_database_webhooks_are_taken_and_everybody_else_is_told_to_come_again() -> Result<()> {
    let mut app = App::start(AppOptions::whole().behind_wires()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    let holder = app.holder(1001).await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let captures = app.outside.captures(1).await?;
    let told = app.outside.webhooks(1).await?.len();

    app.wires()?.database.set(Weather::Down);
    let answer = holder.get("/accounts/1001/wallets").await?;
    answer.problem(503)?;
    assert!(answer.header("retry-after").is_some());
    app.outside
        .post("refund", &json!({"reference": captures[0].reference}))
        .await?;
    let webhooks = app.outside.webhooks(told + 1).await?;
    assert!(webhooks.iter().all(|it| it.status == Some(200)), "{webhooks:?}");

    app.wires()?.database.set(Weather::Fair);
    app.balance_becomes(1001, "sms", "100").await?;
    eventually("an answer", async || {
        let answer = holder.get("/accounts/1001/wallets").await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    app.finish().await
}
