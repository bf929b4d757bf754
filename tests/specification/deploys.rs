//! Processes that are told to end (SIGTERM), as every deploy tells them: under load, with charges in hand, while broker
//! or database are away, and where what they have in hand takes longer than they are given. Old and new versions side by
//! side are among the faults.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::{join, join_all};
use serde_json::json;
use topup_stack::WORKERS;
use topup_tests::{
    Account, App, AppOptions, Checker, Event, Weather, ask, event, eventually, main_account, metric,
    sub_account,
};

/// Accounts with a card, and as many subs that are topped up from their main.
const ACCOUNTS: i64 = 20;
/// The main of the subs.
const MAIN: i64 = 1;
/// How soon a process ends that has nothing in hand that could take longer; well inside its grace period.
const PROMPTLY: Duration = Duration::from_secs(20);

/// A fleet that finds out soon what was left behind.
fn quick(options: AppOptions) -> AppOptions {
    options
        .setting("SMS_SENT__BATCH_MAX", "50")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "2s")
}

fn cards() -> impl Iterator<Item = i64> {
    1_001..1_001 + ACCOUNTS
}

fn subs() -> impl Iterator<Item = i64> {
    2_001..2_001 + ACCOUNTS
}

/// Everybody has 150 credits, and is topped up at 100.
fn accounts() -> Vec<Account> {
    let main = main_account(MAIN).credits(1_000_000);
    let cards = cards().map(|id| main_account(id).credits(150).card("AUTH_ok"));
    let subs = subs().map(|id| sub_account(id, MAIN).credits(150).transfer());
    [main].into_iter().chain(cards).chain(subs).collect()
}

/// One send of everybody's, of 1 credit.
fn round() -> Vec<Event> {
    cards().chain(subs()).map(event).collect()
}

/// No message was tried again or parked by this worker: its end, or its beginning, was nobody's failure.
async fn counts_nothing(url: &str) -> Result<()> {
    for outcome in ["retried", "parked", "unreadable"] {
        let counted = metric(url, &format!("topup_messages_total{{outcome=\"{outcome}\"}}")).await?;
        ensure!(counted == 0.0, "{url}: {counted} {outcome}");
    }
    Ok(())
}

#[tokio::test]
async fn a_deploy_of_the_whole_fleet_under_load_loses_doubles_and_counts_nothing() -> Result<()> {
    const ROUNDS: usize = 120;
    let options = WORKERS
        .into_iter()
        .fold(AppOptions::whole(), |options, worker| options.count(worker, 2));
    let mut app = App::start(quick(options)).await?;
    app.import(&accounts()).await?;
    let rounds: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    let (fleet, broker, rows) = (&mut app.fleet, &app.broker, &app.rows);
    let deployed = async {
        for worker in WORKERS {
            for label in [worker.to_owned(), format!("{worker}-2")] {
                let ending = fleet.worker(&label)?;
                counts_nothing(&ending.http_url()).await?;
                let status = ending.terminate().await?;
                ensure!(status.success(), "{label}: {status}");
                fleet.add(worker).await?;
            }
        }
        anyhow::Ok(())
    };
    let sent = async {
        let mut sent = 0;
        for round in &rounds {
            broker.publish(round.iter().map(Event::message)).await?;
            sent += i64::try_from(round.len())?;
            eventually("the sends of a round", async || {
                Ok((rows.sends().await? >= sent).then_some(()))
            })
            .await?;
        }
        anyhow::Ok(())
    };
    let (deployed, sent) = join(deployed, sent).await;
    deployed?;
    sent?;
    app.wait_until_idle().await?;
    for worker in app.fleet.workers() {
        counts_nothing(&worker.http_url()).await?;
    }
    let mut checker = Checker::new();
    rounds.iter().flatten().for_each(|event| checker.accepted(event));
    let verdict = checker.judge(&app).await?;
    verdict.must_be_clean()?;
    assert_eq!(verdict.captures, cards().count() as u64, "{verdict}");
    app.finish().await
}

#[tokio::test]
async fn a_charging_worker_that_is_told_to_end_waits_for_the_answers_of_the_charges_in_hand() -> Result<()> {
    const AT_ONCE: usize = 4;
    let options = AppOptions::whole()
        .count("edge", 0)
        .setting("TOPUP_REQUESTED__AT_ONCE", &AT_ONCE.to_string());
    let mut app = App::start(options).await?;
    app.import(&accounts()).await?;
    app.outside.post("latency", &json!({"ms": 500})).await?;
    let events: Vec<_> = cards().map(|id| event(id).credits(50)).collect();
    app.send(&events).await?;
    app.outside.captures(1).await?;
    let status = app.fleet.worker("topup-requested")?.terminate().await?;
    ensure!(status.success(), "{status}");
    let unanswered = "SELECT count(*) FROM payments WHERE state = 'charging' AND answer IS NULL";
    assert_eq!(app.rows.count(unanswered).await?, 0);
    let begun = app.rows.count("SELECT count(*) FROM payments").await?;
    assert!(begun < ACCOUNTS, "all were charged before it ended");
    app.outside.post("latency", &json!({"ms": 0})).await?;
    app.fleet.add("topup-requested").await?;
    let captures = app.outside.captures(cards().count()).await?;
    assert_eq!(captures.len(), cards().count());
    app.wait_until_idle().await?;
    let mut checker = Checker::new();
    events.iter().for_each(|event| checker.accepted(event));
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

/// It ends hard, and says so by its exit code. What the gateway made of the charge is found out by a question.
#[tokio::test]
async fn a_charge_that_takes_longer_than_the_grace_period_is_found_out_about_by_whoever_comes_after()
-> Result<()> {
    const FORCED: i32 = 1;
    const CARD: i64 = 1_001;
    let options = quick(AppOptions::whole())
        .count("edge", 0)
        .setting("SHUTDOWN__GRACE", "1s");
    let mut app = App::start(options).await?;
    app.import(&accounts()).await?;
    app.outside.post("latency", &json!({"ms": 20_000})).await?;
    let send = event(CARD).credits(50);
    app.send(std::slice::from_ref(&send)).await?;
    app.topup_in(CARD, "sms", &["charging"]).await?;
    let began = Instant::now();
    let status = app.fleet.worker("topup-requested")?.terminate().await?;
    assert_eq!(status.code(), Some(FORCED), "{status}");
    assert!(began.elapsed() < PROMPTLY, "it took {:?}", began.elapsed());
    app.outside.post("latency", &json!({"ms": 0})).await?;
    app.fleet.add("topup-requested").await?;
    its_time_passes(&app).await?;
    app.balance_becomes(CARD, "sms", "600").await?;
    app.wait_until_idle().await?;
    let mut checker = Checker::new();
    checker.accepted(&send);
    let verdict = checker.judge(&app).await?;
    verdict.must_be_clean()?;
    assert_eq!(verdict.captures, 1, "{verdict}");
    app.finish().await
}

/// It waits a while for a database that does not answer, and leaves the rest to whoever asks the gateway.
#[tokio::test]
async fn an_answer_that_nobody_can_write_down_does_not_keep_its_process_from_ending_well() -> Result<()> {
    const CARD: i64 = 1_001;
    let options = quick(AppOptions::whole())
        .setting("DATABASE__STATEMENT_TIMEOUT", "3s")
        .behind_wires();
    let mut app = App::start(options).await?;
    app.import(&accounts()).await?;
    app.outside.post("latency", &json!({"ms": 1_000})).await?;
    let send = event(CARD).credits(50);
    app.send(std::slice::from_ref(&send)).await?;
    app.topup_in(CARD, "sms", &["charging"]).await?;
    app.outside.captures(1).await?;
    app.wires()?.database.set(Weather::STALLED);
    all_end_promptly(&mut app, "the answer can't be written down").await?;
    app.wires()?.database.set(Weather::Fair);
    app.outside.post("latency", &json!({"ms": 0})).await?;
    for worker in WORKERS {
        app.fleet.add(worker).await?;
    }
    its_time_passes(&app).await?;
    app.balance_becomes(CARD, "sms", "600").await?;
    app.wait_until_idle().await?;
    let mut checker = Checker::new();
    checker.accepted(&send);
    let verdict = checker.judge(&app).await?;
    verdict.must_be_clean()?;
    assert_eq!(verdict.captures, 1, "{verdict}");
    app.finish().await
}

/// So much time passes that somebody asks what became of a charge.
async fn its_time_passes(app: &App) -> Result<()> {
    let sql = "UPDATE payments SET intent_at = intent_at - interval '1 hour';
               UPDATE topups SET woken_at = woken_at - interval '1 hour'";
    Ok(app.rows.client().batch_execute(sql).await?)
}

/// Tells every worker to end, all at once; each has to do so promptly, and well.
async fn all_end_promptly(app: &mut App, why: &str) -> Result<()> {
    let began = Instant::now();
    let endings = app.fleet.workers().iter_mut().map(async |worker| {
        let status = worker.terminate().await?;
        let took = began.elapsed();
        ensure!(status.success(), "{} while {why}: {status}", worker.label());
        ensure!(took < PROMPTLY, "{} while {why} took {took:?}", worker.label());
        anyhow::Ok(())
    });
    join_all(endings).await.into_iter().collect()
}

#[tokio::test]
async fn a_process_that_is_told_to_end_while_broker_or_database_are_away_ends_promptly_and_well() -> Result<()>
{
    // Who is silent is found out about within seconds.
    let options = quick(AppOptions::whole())
        .setting("AMQP__HEARTBEAT", "2s")
        .setting("AMQP__CONNECT_TIMEOUT", "3s")
        // An answer that a process could not write down is asked about when the call has had its time; the gateway's
        // word for it may be lost with the edge that it was told to.
        .setting("PAYSTACK__TIMEOUT", "2s")
        .setting("DATABASE__STATEMENT_TIMEOUT", "3s")
        .behind_wires();
    let mut app = App::start(options).await?;
    app.import(&accounts()).await?;
    let mut checker = Checker::new();
    let away = [
        ("the broker is away", true, Weather::Down),
        ("the database is away", false, Weather::Down),
        ("the broker is silent", true, Weather::STALLED),
        ("the database is silent", false, Weather::STALLED),
    ];
    for (why, is_broker, weather) in away {
        // Much is in hand, and nobody waits until it is done.
        let events: Vec<_> = (0..20).flat_map(|_| round()).collect();
        app.send(&events).await?;
        events.iter().for_each(|event| checker.accepted(event));
        let wires = app.wires()?;
        let wire = if is_broker { &wires.broker } else { &wires.database };
        wire.set(weather);
        let url = app.fleet.worker("sms-sent")?.http_url();
        if weather == Weather::Down {
            eventually("a worker that knows", async || {
                Ok((ask(&url, "/readyz").await?.0.as_u16() == 503).then_some(()))
            })
            .await?;
        }
        all_end_promptly(&mut app, why).await?;
        let wires = app.wires()?;
        wires.broker.set(Weather::Fair);
        wires.database.set(Weather::Fair);
        for worker in WORKERS {
            app.fleet.add(worker).await.context(why)?;
        }
        let sent = i64::try_from(checker.promised())?;
        app.sends_recorded(sent).await.context(why)?;
    }
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}
