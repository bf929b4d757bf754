//! The edge is the one part of the fleet that strangers can keep busy. However busy it is, and where it is dead: sends are
//! debited, cards charged and payments settled as ever.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use reqwest::StatusCode;
use topup_tests::{App, AppOptions, Interface, ask, event, eventually, main_account, session_on};
use uuid::Uuid;

/// Connections to the database that the edge has, as everywhere.
const CONNECTIONS: i64 = 8;
/// Callers who ask again as soon as they are answered, or refused.
const CALLERS: usize = 60;
/// Fewer requests than there are callers: some hear 503.
const REQUESTS_MAX: &str = "40";
/// Each connection of the edge that waits for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'edge' AND wait_event_type = 'Lock'";
/// Two that need the card: one that the gateway charges at once, one that it tells of later, by a webhook.
const AT_ONCE: i64 = 1001;
const LATER: i64 = 1002;

/// The sweeper's own question to the gateway is far off: `LATER`'s result comes by the edge, or not at all.
fn fleet() -> AppOptions {
    AppOptions::whole()
        .setting("INQUIRIES__FIRST", "1h")
        .setting("INQUIRIES__MAX", "1h")
        .setting("EDGE__DATABASE_CONNECTIONS", &CONNECTIONS.to_string())
        .setting("EDGE__REQUESTS_MAX", REQUESTS_MAX)
}

async fn import(app: &App) -> Result<()> {
    app.import(&[
        main_account(AT_ONCE).credits(150).card("AUTH_ok"),
        main_account(LATER).credits(150).card("AUTH_pending"),
    ])
    .await
}

/// Both are at their threshold after it.
async fn send(app: &App) -> Result<()> {
    app.send(&[event(AT_ONCE).credits(50), event(LATER).credits(50)])
        .await
}

#[tokio::test]
async fn while_the_edge_has_no_connection_and_no_room_left_sends_are_debited_and_cards_charged_and_settled()
-> Result<()> {
    let mut app = App::start(fleet()).await?;
    import(&app).await?;
    let known = app.holder(AT_ONCE).await?;
    // Whoever calls has to be looked up, and that waits.
    let holding = session_on(app.space()).await?;
    holding
        .batch_execute("BEGIN; LOCK TABLE access_tokens IN ACCESS EXCLUSIVE MODE")
        .await?;
    let enough = Arc::new(AtomicBool::new(false));
    let callers = tokio::spawn(join_all(
        (0..CALLERS).map(|_| busy(known.clone(), Arc::clone(&enough))),
    ));
    all_wait(&app).await?;

    send(&app).await?;
    app.topup_in(AT_ONCE, "sms", &["succeeded"]).await?;
    app.balance_becomes(AT_ONCE, "sms", "600").await?;
    // The gateway's word came through the edge all the same: webhooks have room of their own.
    app.topup_in(LATER, "sms", &["succeeded"]).await?;
    app.balance_becomes(LATER, "sms", "600").await?;
    all_wait(&app).await?;
    ensure!(!callers.is_finished(), "the callers went");

    enough.store(true, Ordering::Relaxed);
    holding.batch_execute("ROLLBACK").await?;
    let answers: Vec<Answers> = callers.await?.into_iter().collect::<Result<_>>()?;
    let told: usize = answers.iter().map(|it| it.told_to_come_again).sum();
    ensure!(told > 0, "nobody was told to come again: {answers:?}");
    let platform = app.platform().await?;
    platform.get("/accounts/1001/wallets").await?.ok()?;
    app.finish().await
}

/// Every connection of the edge waits.
async fn all_wait(app: &App) -> Result<()> {
    eventually("an edge whose connections all wait", async || {
        Ok((app.rows.count(WAITING).await? == CONNECTIONS).then_some(()))
    })
    .await
}

/// What a caller heard.
#[derive(Debug, Default)]
struct Answers {
    told_to_come_again: usize,
}

/// Asks until it is enough.
async fn busy(caller: Interface, enough: Arc<AtomicBool>) -> Result<Answers> {
    let mut answers = Answers::default();
    while !enough.load(Ordering::Relaxed) {
        let answer = caller.get("/accounts/1001/wallets").await?;
        match answer.status {
            503 => answers.told_to_come_again += 1,
            200 | 429 => {}
            other => anyhow::bail!("{other}: {}", answer.text),
        }
    }
    Ok(answers)
}

#[tokio::test]
async fn while_the_edge_is_dead_everything_but_its_own_work_goes_on_and_it_takes_that_up_again() -> Result<()>
{
    let mut app = App::start(
        fleet()
            .setting("INQUIRIES__FIRST", "2s")
            .setting("SWEEPER__INTERVAL", "1s"),
    )
    .await?;
    import(&app).await?;
    let holder = app.holder(AT_ONCE).await?;
    let batch = Uuid::now_v7();
    let wanted = serde_json::json!({"batch_id": batch, "credits": "40"});
    holder
        .post("/accounts/1001/holds", &wanted)
        .await?
        .with_status(201)?;

    app.fleet.worker("edge")?.kill9()?;
    send(&app).await?;
    app.balance_becomes(AT_ONCE, "sms", "600").await?;
    // No webhook reaches anybody; the sweeper asks instead.
    app.balance_becomes(LATER, "sms", "600").await?;
    let ready = app.fleet.worker("sms-sent")?.http_url();
    ensure!(
        ask(&ready, "/readyz").await?.0 == StatusCode::OK,
        "sms-sent is not ready"
    );

    app.fleet.add("edge").await?;
    // Elsewhere now, and what it had granted is there.
    let holder = app.holder(AT_ONCE).await?;
    let hold = holder.get(&format!("/accounts/1001/holds/{batch}")).await?.ok()?;
    ensure!(hold["state"] == "open", "{hold}");
    app.finish().await
}

/// How far each thread of a process stands behind others for the processors: 19 is the farthest.
fn nice(pid: i32) -> Result<Vec<i32>> {
    let of = |stat: String| {
        // Behind the name, which may hold anything, the third field follows; this is the nineteenth.
        let field = stat.rsplit_once(')')?.1.split_whitespace().nth(19 - 3)?;
        field.parse().ok()
    };
    fs::read_dir(format!("/proc/{pid}/task"))?
        .map(|thread| of(fs::read_to_string(thread?.path().join("stat"))?).context("a thread's line"))
        .collect()
}

#[tokio::test]
async fn for_the_processors_of_its_machine_the_edge_stands_as_far_behind_the_workers_as_was_set() -> Result<()>
{
    // The farthest: whoever runs this may stand somewhere behind already, and the workers with it.
    let mut app = App::start(fleet().setting("EDGE__NICE", "19")).await?;
    let own = nice(i32::try_from(std::process::id())?)?;
    let edge = nice(app.fleet.worker("edge")?.pid())?;
    ensure!(edge.iter().all(|nice| *nice == 19), "the edge: {edge:?}");
    let worker = nice(app.fleet.worker("sms-sent")?.pid())?;
    ensure!(
        worker.iter().all(|nice| own.contains(nice)),
        "sms-sent: {worker:?}, here: {own:?}"
    );
    app.finish().await
}
