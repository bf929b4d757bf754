//! A queue that an operator paused: nobody takes from it, nothing is lost by that, and nobody's end ends it.

use std::cell::Cell;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{App, AppOptions, Event, Weather, ask, event, eventually, main_account, raw};
use uuid::Uuid;

/// Sends that are published at once, again and again, while workers are told to rest.
const AT_ONCE: usize = 20;

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|_| event(1001)).collect()
}

/// Waits until so many workers say that they rest, each of them since `since`, which is SQL.
async fn so_many_rest(app: &App, workers: i64, since: &str) -> Result<()> {
    let sql = format!(
        "SELECT count(*) FROM processes WHERE name = 'sms-sent' AND state = 'paused' AND seen_at > {since}"
    );
    eventually(&format!("{workers} workers that rest"), async || {
        Ok((app.rows.count(&sql).await? == workers).then_some(()))
    })
    .await
}

/// A moment of the database's clock, as SQL.
async fn now(app: &App) -> Result<String> {
    let row = app
        .rows
        .client()
        .query_one("SELECT clock_timestamp()::text", &[])
        .await?;
    Ok(format!("timestamptz '{}'", row.get::<_, &str>(0)))
}

/// Waits until every send is either in the ledger or in the queue, and in one of them alone.
async fn each_is_debited_or_waits(app: &App, sent: usize) -> Result<i64> {
    let debited = eventually("each send in one place", async || {
        let waiting = app.broker.ready("sms-sent").await?.context("no queue sms-sent")?;
        let debited = app.rows.sends().await?;
        Ok((debited + i64::from(waiting) == i64::try_from(sent)?).then_some(debited))
    });
    debited.await
}

#[tokio::test]
async fn workers_of_a_paused_queue_take_nothing_until_it_is_resumed_and_then_all_of_it_once() -> Result<()> {
    let options = AppOptions::only(&["sms-sent", "topup-requested"]).count("sms-sent", 2);
    let mut app = App::start(options).await?;
    app.import(&[main_account(1001).credits(100_000)]).await?;

    let (is_over, sent) = (Cell::new(false), Cell::new(0));
    let pausing = async {
        eventually("workers at work", async || {
            Ok((app.rows.sends().await? > 0).then_some(()))
        })
        .await?;
        let order = ["pause", "sms-sent", "--reason", "ticket 4711", "--by", "ops"];
        let paused = app.fleetctl(&order).await?;
        so_many_rest(&app, 2, "'-infinity'").await?;
        is_over.set(true);
        anyhow::Ok(paused)
    };
    let sending = async {
        while !is_over.get() {
            app.send(&events(AT_ONCE)).await?;
            sent.set(sent.get() + AT_ONCE);
        }
        anyhow::Ok(())
    };
    let (paused, ()) = tokio::try_join!(pausing, sending)?;
    assert_eq!(
        (&paused["paused"], &paused["already"], &paused["workers"]),
        (&json!(true), &json!(false), &json!(2))
    );
    // What was in hand is acknowledged, and the rest is back.
    let sent = sent.get();
    let debited = each_is_debited_or_waits(&app, sent).await?;
    assert!(debited < i64::try_from(sent)?, "nothing waits");
    // A resting worker is a ready one.
    for worker in ["sms-sent", "sms-sent-2"] {
        let url = app.fleet.worker(worker)?.http_url();
        let (status, said) = ask(&url, "/readyz").await?;
        assert!(status.is_success(), "{worker}: {said}");
    }
    // Others work on: by the time that this one is parked, whoever took sends would have taken one.
    app.send(&events(1)).await?;
    let probe = json!({"topup_id": Uuid::now_v7(), "account_id": 1001, "service": "sms", "requested_at": "2026-11-22T08:15:00Z"});
    let probe = raw(probe.to_string()).kind(Some("topup-requested.v1"));
    app.broker.publish_to("topup-requested", [probe]).await?;
    app.broker.dead("topup-requested", 1).await?;
    assert_eq!(each_is_debited_or_waits(&app, sent + 1).await?, debited);

    let resumed = app.fleetctl(&["resume", "sms-sent", "--by", "ops"]).await?;
    assert_eq!(
        (&resumed["paused"], &resumed["already"]),
        (&json!(false), &json!(false))
    );
    app.sends_recorded(i64::try_from(sent + 1)?).await?;
    // No attempt was counted.
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    assert_eq!(app.broker.delayed().await?, 0);
    let again = app.fleetctl(&["resume", "sms-sent"]).await?;
    assert_eq!(again["already"], true);
    let acts = app
        .rows
        .client()
        .query(
            "SELECT act, split_part(who, '@', 1), reason FROM operator_acts ORDER BY at",
            &[],
        )
        .await?;
    let acts: Vec<[&str; 3]> = acts
        .iter()
        .map(|act| [act.get(0), act.get(1), act.get(2)])
        .collect();
    assert_eq!(
        acts,
        [["pause", "ops", "ticket 4711"], ["resume", "ops", "resumed"]]
    );
    app.finish().await
}

#[tokio::test]
async fn a_pause_outlasts_its_workers_and_its_database_and_ends_when_its_time_is_over() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent"]).behind_wires()).await?;
    app.import(&[main_account(1001).credits(100_000)]).await?;
    app.fleetctl(&["pause", "sms-sent", "--reason", "a test"]).await?;
    so_many_rest(&app, 1, "'-infinity'").await?;

    // One that is killed, and one that is started while nobody can say whether the queue is paused.
    let worker = app.fleet.worker("sms-sent")?;
    let log = worker.log().to_owned();
    worker.kill9()?;
    let wires = app.wires()?.clone();
    wires.database.set(Weather::Down);
    app.send(&events(10)).await?;
    let back = async {
        eventually("a worker that can't ask", async || {
            let asked = fs::read_to_string(&log)?.contains("a pause of its queue is not heard of");
            Ok(asked.then_some(()))
        })
        .await?;
        wires.database.set(Weather::Fair);
        anyhow::Ok(())
    };
    let (started, back) = tokio::join!(app.fleet.add("sms-sent"), back);
    started?;
    back?;
    let since = now(&app).await?;
    so_many_rest(&app, 1, &since).await?;
    assert_eq!(each_is_debited_or_waits(&app, 10).await?, 0);

    // The database is away for a while: what was heard last counts.
    wires.database.set(Weather::Down);
    let url = app.fleet.worker("sms-sent")?.http_url();
    eventually("a worker without database", async || {
        Ok((ask(&url, "/readyz").await?.0.as_u16() == 503).then_some(()))
    })
    .await?;
    wires.database.set(Weather::Fair);
    let since = now(&app).await?;
    so_many_rest(&app, 1, &since).await?;
    assert_eq!(each_is_debited_or_waits(&app, 10).await?, 0);

    let changed = app
        .fleetctl(&["pause", "sms-sent", "--reason", "a test", "--for", "1s"])
        .await?;
    assert_eq!(changed["already"], true);
    assert!(changed["ends_at"].is_string(), "{changed}");
    app.sends_recorded(10).await?;
    let over = app.fleetctl(&["resume", "sms-sent"]).await?;
    assert_eq!(over["already"], true);
    app.finish().await
}
