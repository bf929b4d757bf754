//! How much of the edge anybody can have: what happens when all of it is taken, when strangers call again and again, and
//! when there is no database at all.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, Response};
use topup_stack::plain_client;
use topup_tests::{App, AppOptions, PATIENCE, Reply, event, eventually, main_account};
use uuid::Uuid;

/// A month's entries of so many bytes, all together, do not fit between two sockets.
const ENTRIES: usize = 10_000;
const DETAIL_BYTES: usize = 8_000;

/// One in hand at once; the gateway is not asked, so that a pending charge's end comes by its webhook or not at all.
fn narrow() -> AppOptions {
    AppOptions::whole()
        .setting("EDGE__REQUESTS_MAX", "1")
        .setting("INQUIRIES__FIRST", "1h")
        .setting("INQUIRIES__MAX", "1h")
}

/// Entries that come to nothing.
async fn many_entries(app: &App, account: i64) -> Result<()> {
    let ids: Vec<Uuid> = (0..ENTRIES).map(|_| Uuid::now_v7()).collect();
    let detail = "x".repeat(DETAIL_BYTES);
    app.rows
        .client()
        .execute(
            "INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, sent_at, detail)
             SELECT id, $2, 'sms', 'adjustment', CASE WHEN n % 2 = 0 THEN 1000 ELSE -1000 END, clock_timestamp(), $3
               FROM unnest($1::uuid[]) WITH ORDINALITY AS t (id, n)",
            &[&ids, &account, &detail],
        )
        .await?;
    Ok(())
}

fn must_come_again(answer: &Reply) -> Result<()> {
    answer.problem(503)?;
    let when = answer.header("retry-after").context("when to come again")?;
    ensure!((1..=60).contains(&when.parse::<u64>()?), "{when}");
    Ok(())
}

async fn page(app: &mut App, path: &str) -> Result<Response> {
    let client = plain_client().timeout(PATIENCE).build()?;
    Ok(client.get(format!("{}{path}", app.edge_url()?)).send().await?)
}

#[tokio::test]
async fn a_statement_that_is_still_being_read_keeps_its_place_and_webhooks_have_room_all_the_same()
-> Result<()> {
    let mut app = App::start(narrow()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_pending")])
        .await?;
    // Its first word is lost; what it says when it is asked to say it again is not.
    let silent = serde_json::json!({"webhooks": "never"});
    app.outside.trouble(silent).await?;
    app.send(&[event(1001).credits(50)]).await?;
    let pending = app.topup_in(1001, "sms", &["pending"]).await?;
    many_entries(&app, 1001).await?;
    let holder = app.holder(1001).await?;
    let month = jiff::Timestamp::now().strftime("%Y-%m").to_string();
    let path = format!("/accounts/1001/wallets/sms/statement?month={month}");
    let mut statement: Response = holder.request(Method::GET, &path).send().await?;
    ensure!(statement.status().is_success(), "{}", statement.status());

    // All of the room is taken by somebody who does not read on.
    must_come_again(&holder.get("/accounts/1001/wallets").await?)?;
    assert_eq!(page(&mut app, "/sign-in").await?.status(), 503);
    let reference = serde_json::json!({"reference": format!("topup-1001-{}", pending.topup_id)});
    app.outside.post("replay", &reference).await?;
    let told = app.outside.webhooks(1).await?;
    assert!(told.iter().all(|it| it.status == Some(200)), "{told:?}");
    must_come_again(&holder.get("/accounts/1001/wallets").await?)?;

    let (mut lines, mut last) = (0, 0);
    while let Some(piece) = statement.chunk().await? {
        lines += piece.iter().filter(|&&byte| byte == b'\n').count();
        last = piece.last().copied().unwrap_or_default();
    }
    assert_eq!(last, b'\n');
    assert!(lines > ENTRIES, "{lines}");
    eventually("room again", async || {
        let answer = holder.get("/accounts/1001/wallets").await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}

#[tokio::test]
async fn strangers_who_call_again_and_again_are_looked_up_no_more_and_who_is_known_goes_on() -> Result<()> {
    const LET: usize = 20;
    let options = AppOptions::only(&["edge"]).setting("EDGE__UNKNOWN_PER_MINUTE", &LET.to_string());
    let mut app = App::start(options).await?;
    app.import(&[main_account(1001)]).await?;
    let holder = app.holder(1001).await?;
    holder.get("/accounts/1001/wallets").await?.ok()?;
    let guess =
        |app: &mut App| Ok::<_, anyhow::Error>(app.stranger()?.with_token(&Uuid::now_v7().to_string()));
    for _ in 0..LET / 2 {
        guess(&mut app)?
            .get("/accounts/1001/wallets")
            .await?
            .problem(401)?;
        app.stranger()?
            .get("/accounts/1001/wallets")
            .await?
            .problem(401)?;
    }
    for path in ["/accounts/1001/wallets", "/accounts/1001/holds/1"] {
        for stranger in [guess(&mut app)?, app.stranger()?] {
            let answer = stranger.get(path).await?;
            answer.problem(429)?;
            let when: u64 = answer.header("retry-after").context("when")?.parse()?;
            assert!((1..=61).contains(&when), "{when}");
        }
    }
    // Nobody asks the database for them: not even for a token that is good, and was never seen here.
    let unseen = app.holder(1001).await?;
    unseen.get("/accounts/1001/wallets").await?.problem(429)?;
    holder.get("/accounts/1001/wallets").await?.ok()?;
    app.stranger()?.get("/openapi.json").await?.ok()?;
    app.finish().await
}

#[tokio::test]
async fn an_edge_that_has_no_database_takes_webhooks_and_tells_everybody_else_to_come_again() -> Result<()> {
    let mut app = App::start(narrow().without("edge", "DATABASE__URL")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_pending")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    let holder = app.holder(1001).await?;
    let wanted = serde_json::json!({"batch_id": Uuid::now_v7(), "credits": "1"});
    must_come_again(&holder.get("/accounts/1001/wallets").await?)?;
    must_come_again(&holder.post("/accounts/1001/holds", &wanted).await?)?;
    for path in ["/", "/history", "/sign-in"] {
        let page = page(&mut app, path).await?;
        assert_eq!(page.status(), 503, "{path}");
        assert!(page.headers().contains_key("retry-after"), "{path}");
    }
    holder.get("/openapi.json").await?.ok()?;
    app.finish().await
}
