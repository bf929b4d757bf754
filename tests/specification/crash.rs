//! Nothing is lost and nothing doubled when processes are killed, connections break, queues vanish and the broker
//! forgets: whoever comes after takes up the work.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{Send, SendOutcome};
use topup_tests::{App, AppOptions, Event, Rows, event, eventually, main_account, metric, store_on};

/// Accounts that many sends are spread over.
const ACCOUNTS: i64 = 20;

/// Small batches, so that there is a middle in which something can happen.
const BATCH_MAX: i64 = 100;

/// A worker of them.
fn in_small_batches(options: AppOptions) -> AppOptions {
    options
        .setting("SMS_SENT__BATCH_MAX", &BATCH_MAX.to_string())
        .setting("SMS_SENT__PREFETCH", "1000")
}

/// A sweeper that looks every second for what is a second overdue.
fn with_quick_sweeper(options: AppOptions) -> AppOptions {
    options
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s")
}

/// Accounts with so many credits each and no auto top-up.
async fn import_wallets(app: &App, credits: i64) -> Result<()> {
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(credits))
        .collect();
    app.import(&accounts).await
}

/// So many sends of 1 credit, evenly spread.
fn events(count: i64) -> Vec<Event> {
    (0..count).map(|n| event(1 + n % ACCOUNTS)).collect()
}

/// Each wallet has this balance, and everybody agrees.
async fn balances_are(app: &App, credits: i64) -> Result<()> {
    let wrong = format!(
        "SELECT count(*) FROM wallets WHERE balance_milli <> {}",
        credits * 1_000
    );
    let wrong = app.rows.count(&wrong).await?;
    ensure!(wrong == 0, "{wrong} wallets have not {credits} credits");
    Ok(())
}

/// Waits until at least so many sends are recorded; fails if it is too late to disturb the rest of `of`.
async fn in_the_middle(rows: &Rows, at_least: i64, of: i64) -> Result<()> {
    let sends = eventually(&format!("{at_least} sends in the ledger"), async || {
        Ok(Some(rows.sends().await?).filter(|sends| *sends >= at_least))
    })
    .await?;
    ensure!(sends < of, "all {sends} sends were recorded before the fault");
    Ok(())
}

#[tokio::test]
async fn a_worker_killed_twice_in_the_middle_of_ten_thousand_events_debits_ten_thousand() -> Result<()> {
    const EVENTS: i64 = 10_000;
    let mut app = App::start(in_small_batches(AppOptions::only(&["sms-sent"]))).await?;
    import_wallets(&app, 1_000).await?;
    let (fleet, rows) = (&mut app.fleet, &app.rows);
    let killed = async {
        for at_least in [1_000, 3_000] {
            in_the_middle(rows, at_least, EVENTS).await?;
            fleet.worker("sms-sent")?.kill9()?;
            fleet.add("sms-sent").await?;
        }
        anyhow::Ok(())
    };
    let all: Vec<_> = events(EVENTS).iter().map(Event::message).collect();
    let (published, killed) = join(app.broker.publish(all), killed).await;
    published?;
    killed?;
    app.sends_recorded(EVENTS).await?;
    app.wait_until_idle().await?;
    app.sends_recorded(EVENTS).await?;
    balances_are(&app, 1_000 - EVENTS / ACCOUNTS).await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn sigterm_with_a_full_prefetch_ends_well_loses_nothing_and_counts_no_attempt() -> Result<()> {
    const EVENTS: i64 = 5_000;
    let mut app = App::start(in_small_batches(AppOptions::only(&["sms-sent"]))).await?;
    import_wallets(&app, 1_000).await?;
    let (fleet, rows) = (&mut app.fleet, &app.rows);
    let terminated = async {
        in_the_middle(rows, 100, EVENTS).await?;
        fleet.worker("sms-sent")?.terminate().await
    };
    let all: Vec<_> = events(EVENTS).iter().map(Event::message).collect();
    let (published, status) = join(app.broker.publish(all), terminated).await;
    published?;
    let status = status?;
    assert!(status.success(), "{status}");
    let left = app.broker.look("sms-sent").await?;
    let recorded = app.rows.sends().await?;
    assert!(!left.is_empty(), "nothing was left to give back");
    // What it had in hand is done and acknowledged, all else is back.
    ensure!(
        recorded + i64::try_from(left.len())? == EVENTS,
        "{recorded} recorded and {} left",
        left.len()
    );
    for message in &left {
        assert!(
            !message.headers.contains_key("x-topup-attempts"),
            "{:?}",
            message.headers
        );
    }
    app.fleet.add("sms-sent").await?;
    app.sends_recorded(EVENTS).await?;
    balances_are(&app, 1_000 - EVENTS / ACCOUNTS).await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn two_debiting_workers_share_the_work() -> Result<()> {
    const EVENTS: i64 = 4_000;
    let options = in_small_batches(AppOptions::only(&["sms-sent"]).count("sms-sent", 2));
    let mut app = App::start(options).await?;
    import_wallets(&app, 1_000).await?;
    app.send(&events(EVENTS)).await?;
    app.sends_recorded(EVENTS).await?;
    let mut debited = Vec::new();
    for label in ["sms-sent", "sms-sent-2"] {
        let url = app.fleet.worker(label)?.http_url();
        debited.push(metric(&url, "topup_sends_debited_total").await?);
    }
    assert!(debited.iter().all(|debits| *debits > 0.0), "{debited:?}");
    balances_are(&app, 1_000 - EVENTS / ACCOUNTS).await?;
    app.finish().await
}

/// Charges that were with the gateway when their worker was killed stay open: nobody knows what came of them, so
/// nothing is charged again and nobody is disabled. All others go on.
#[tokio::test]
async fn a_charging_worker_killed_at_work_charges_nobody_twice_and_disables_nobody() -> Result<()> {
    const AT_ONCE: i64 = 4;
    let options = AppOptions::whole().setting("TOPUP_REQUESTED__AT_ONCE", &AT_ONCE.to_string());
    let mut app = App::start(options).await?;
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    app.outside.post("latency", &json!({"ms": 200})).await?;
    app.send(&events(ACCOUNTS)).await?;
    app.outside.captures(6).await?;
    app.fleet.worker("topup-requested")?.kill9()?;
    app.fleet.add("topup-requested").await?;

    let succeeded = "SELECT count(*) FROM topups WHERE state = 'succeeded'";
    let open = "SELECT count(*) FROM topups WHERE state IN ('charging', 'pending', 'unknown')";
    eventually("every other top-up", async || {
        let (succeeded, open) = (app.rows.count(succeeded).await?, app.rows.count(open).await?);
        Ok((succeeded >= ACCOUNTS - AT_ONCE && succeeded + open == ACCOUNTS).then_some(()))
    })
    .await?;
    let captures = app.outside.captures(0).await?;
    for account in 1..=ACCOUNTS {
        let captured = captures.iter().filter(|capture| capture.is_of(account)).count();
        assert!(captured <= 1, "{captured} captures of account {account}");
        assert_eq!(app.rows.topups(account).await?.len(), 1);
    }
    // In one look: what is open still may be settled at any moment.
    let wrong = "SELECT count(*) FROM topups t JOIN wallets w USING (account_id, service)
                  WHERE w.balance_milli <> CASE WHEN t.state = 'succeeded' THEN 600000 ELSE 100000 END";
    assert_eq!(app.rows.count(wrong).await?, 0);
    let disabled = "SELECT count(*) FROM wallets WHERE NOT auto_enabled";
    assert_eq!(app.rows.count(disabled).await?, 0);
    app.stop().await
}

/// A worker that died between its commit and its publishing left rows in the outbox, and nothing else.
#[tokio::test]
async fn what_a_killed_worker_did_not_publish_the_sweeper_publishes() -> Result<()> {
    let app = App::start(with_quick_sweeper(AppOptions::whole())).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    let body = event(1001).body.to_string();
    let event: SmsSent = message::parse(body.as_bytes(), None, None, None)?;
    let window = OpenWindow {
        back: SignedDuration::from_hours(24),
        ahead: SignedDuration::from_hours(1),
    };
    let send = Send {
        event,
        traceparent: None,
    };
    let recorded = store_on(app.space())?.record_sends(&[send], &window).await?;
    assert_eq!(recorded.outcomes, [SendOutcome::Debited]);
    assert_eq!(recorded.outbox.len(), 1);
    drop(recorded);

    let captures = app.outside.captures(1).await?;
    assert!(captures[0].is_of(1001));
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    assert_eq!(app.rows.count("SELECT count(*) FROM outbox").await?, 0);
    app.finish().await
}

#[tokio::test]
async fn lost_connections_are_made_again_and_everything_goes_on() -> Result<()> {
    const EVENTS: i64 = 3_000;
    let options = with_quick_sweeper(in_small_batches(AppOptions::whole()));
    let app = App::start(options).await?;
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(200).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    let all = events(EVENTS);
    app.connections_are_listed().await?;
    let disturbed = async {
        in_the_middle(&app.rows, 200, EVENTS).await?;
        let first = app.close_connections_beside(&[]).await?;
        app.close_connections_beside(&first).await
    };
    let (published, disturbed) = join(app.send(&all), disturbed).await;
    published?;
    disturbed?;
    app.sends_recorded(EVENTS).await?;
    // Half an hour's spacing: one top-up of 500 each, now, and one that waits.
    for account in 1..=ACCOUNTS {
        let credits = 200 - EVENTS / ACCOUNTS + 500;
        app.balance_becomes(account, "sms", &credits.to_string()).await?;
    }
    assert_eq!(app.outside.captures(1).await?.len(), usize::try_from(ACCOUNTS)?);
    app.finish().await
}

#[tokio::test]
async fn a_waiting_topup_whose_message_the_broker_lost_is_charged_on_time_all_the_same() -> Result<()> {
    const SPACING: SignedDuration = SignedDuration::from_secs(5);
    /// Interval and grace of the quick sweeper, and what a busy machine adds.
    const SWEEP_MAX: SignedDuration = SignedDuration::from_secs(10);
    let app = App::start(with_quick_sweeper(AppOptions::whole()).spacing("5s")).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.send(&[event(1001).credits(500)]).await?;
    eventually("a message in the delay queues", async || {
        Ok((app.broker.delayed().await? > 0).then_some(()))
    })
    .await?;
    for level in 0..12 {
        app.broker.purge(&format!("delay.v1.{level:02}")).await?;
    }
    assert_eq!(
        app.broker.delayed().await?,
        0,
        "it moved on while the queues were emptied"
    );

    let captures = app.outside.captures(2).await?;
    let first = app.rows.topups(1001).await?[0].settled_at;
    let waited = captures[1].at.duration_since(first.unwrap_or(Timestamp::MAX));
    assert!(
        waited >= SPACING && waited < SPACING + SWEEP_MAX,
        "charged {waited:#} after the first settled"
    );
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}

#[tokio::test]
async fn a_database_that_goes_away_is_waited_for_and_no_attempt_is_counted() -> Result<()> {
    const EVENTS: i64 = 2_000;
    /// Longer than the first pauses between tries.
    const AWAY: Duration = Duration::from_secs(2);
    let mut app = App::start(in_small_batches(AppOptions::whole())).await?;
    import_wallets(&app, 1_000).await?;
    let all = events(EVENTS);
    let disturbed = async {
        in_the_middle(&app.rows, 100, EVENTS).await?;
        app.take_database_away().await?;
        let since = Timestamp::now();
        eventually("the end of the outage", async || {
            let away = Timestamp::now().duration_since(since).unsigned_abs();
            Ok((away >= AWAY).then_some(()))
        })
        .await?;
        app.give_database_back().await
    };
    let (published, disturbed) = join(app.send(&all), disturbed).await;
    published?;
    disturbed?;
    app.sends_recorded(EVENTS).await?;
    balances_are(&app, 1_000 - EVENTS / ACCOUNTS).await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    let url = app.fleet.worker("sms-sent")?.http_url();
    assert_eq!(
        metric(&url, "topup_messages_total{outcome=\"retried\"}").await?,
        0.0
    );
    assert!(metric(&url, "topup_database_waits_total").await? > 0.0);
    app.finish().await
}
