//! Every worker killed (SIGKILL) between any two of its steps, under load: at each point by one process, whose place is
//! taken by the next one that is to be killed, and at last by one that is not. What each of them left behind is taken up
//! by whoever comes after; the judge finds nothing lost, nothing doubled, no money taken twice.
//!
//! A point that a worker does not have stands in none of its lines: `notifications` has no transaction, and publishes
//! nothing of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use topup_failpoints::{Failpoint, Point, VARIABLE};
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::Send;
use topup_tests::{
    Account, App, AppOptions, Checker, Event, event, eventually, main_account, store_on, sub_account,
};

/// What a killed process ends with.
const SIGKILL: i32 = 9;

/// The points of each worker, in the order in which its processes are killed at them.
const SMS_SENT: [&str; 9] = [
    "received",
    "received=20",
    "row-written",
    "row-written=2",
    "result-committed",
    "published",
    "confirmed",
    "outbox-removed",
    "acknowledged",
];
const TOPUP_REQUESTED: [&str; 11] = [
    "received",
    "row-written",
    "intent-committed",
    "charge-sent",
    "charge-answered",
    // Of one top-up: the intent's transaction, then the answer's.
    "row-written=4",
    "result-committed",
    "published",
    "confirmed",
    "outbox-removed",
    "acknowledged",
];
const PAYMENT_RESULTS: [&str; 7] = [
    "received",
    "row-written",
    "result-committed",
    "published",
    "confirmed",
    "outbox-removed",
    "acknowledged",
];
const NOTIFICATIONS: [&str; 4] = ["received", "notice-taken", "result-committed", "acknowledged"];
const SWEEPER: [&str; 5] = [
    "row-written",
    "published",
    "confirmed",
    "outbox-removed",
    "result-committed",
];
const EDGE: [&str; 3] = ["received", "published", "confirmed"];

/// Sends of the account that many sends come from.
const SENDS: usize = 30;

/// A fleet that finds out soon what was left behind, from the gateway's answers and not from its webhooks.
fn quick() -> AppOptions {
    AppOptions::whole()
        .count("edge", 0)
        .setting("SMS_SENT__BATCH_MAX", "10")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s")
        .setting("PAYSTACK__TIMEOUT", "5s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "2s")
}

/// The accounts of one step: a good card, a bad one, a main with a sub that is topped up from it. Nobody else's.
fn accounts(step: i64) -> [Account; 4] {
    let id = 1_000 * step;
    [
        main_account(id + 1).credits(101).card("AUTH_ok"),
        main_account(id + 2).credits(101).card("AUTH_declined"),
        main_account(id + 3).credits(1_000),
        sub_account(id + 4, id + 3).credits(101).transfer(),
    ]
}

/// What happens to them: everybody who is topped up gets to the threshold, and is told.
fn sends(step: i64) -> Vec<Event> {
    let id = 1_000 * step;
    let many = (0..SENDS).map(|_| event(id + 3));
    many.chain([event(id + 1), event(id + 2), event(id + 4)])
        .collect()
}

/// Sends, and keeps what was promised by it.
async fn send(app: &App, checker: &mut Checker, events: &[Event]) -> Result<()> {
    app.send(events).await?;
    events.iter().for_each(|event| checker.accepted(event));
    Ok(())
}

/// One more of a worker, that is to be killed; its label.
async fn doomed(app: &mut App, worker: &str, failpoint: &str) -> Result<String> {
    let started = app.fleet.add_with(worker, &[(VARIABLE, failpoint)]).await?;
    Ok(started.label().to_owned())
}

/// Waits for its end, which has to be the one that it was given.
async fn is_killed(app: &mut App, label: &str, failpoint: &str) -> Result<()> {
    let worker = app.fleet.worker(label)?;
    let waited_for = format!("the end of {label} at {failpoint}");
    let status = eventually(&waited_for, async || worker.try_wait()).await?;
    ensure!(
        status.signal() == Some(SIGKILL),
        "{label} at {failpoint}: {status}"
    );
    let log = fs::read_to_string(worker.log())?;
    let said = format!("killed at the failpoint {failpoint}\n");
    ensure!(log.contains(&said), "{label} did not die at {failpoint}");
    Ok(())
}

/// The first of a worker is taken away, its successors are killed one after the other, each under the load of a step,
/// and the last one is left alone.
async fn kill_at_each(app: &mut App, checker: &mut Checker, worker: &str, failpoints: &[&str]) -> Result<()> {
    let steps = || (1..).zip(failpoints);
    let all: Vec<_> = steps().flat_map(|(step, _)| accounts(step)).collect();
    app.import(&all).await?;
    app.fleet.worker(worker)?.terminate().await?;
    for (step, failpoint) in steps() {
        let label = doomed(app, worker, failpoint).await?;
        send(app, checker, &sends(step)).await?;
        is_killed(app, &label, failpoint).await?;
    }
    app.fleet.add(worker).await.map(drop)
}

/// Everything comes to rest. Of charges whose worker died it is not known what became of them: their time passes.
async fn come_to_rest(app: &App) -> Result<()> {
    // One after the other: whoever writes both at once gets in the way of those who work. So the second one takes only
    // what the first one took: more may have fallen silent between them.
    const SILENT: &str = "state = 'charging' AND answer IS NULL AND ask_at IS NULL AND intent_at
        BETWEEN clock_timestamp() - interval '30 minutes' AND clock_timestamp() - interval '2 seconds'";
    let time_passes = [
        format!(
            "UPDATE topups SET woken_at = woken_at - interval '1 hour'
              WHERE topup_id IN (SELECT topup_id FROM payments WHERE {SILENT})"
        ),
        format!(
            "UPDATE payments SET intent_at = intent_at - interval '1 hour'
              WHERE {SILENT} AND topup_id IN
                    (SELECT topup_id FROM topups WHERE woken_at < clock_timestamp() - interval '30 minutes')"
        ),
    ];
    let open = "SELECT count(*) FROM topups WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown')";
    eventually("an end of every top-up", async || {
        for passes in &time_passes {
            app.rows.client().batch_execute(passes).await?;
        }
        Ok((app.rows.count(open).await? == 0).then_some(()))
    })
    .await?;
    app.wait_until_idle().await
}

/// The good cards were charged once and credited, the bad ones disabled, the subs topped up from their mains.
async fn each_got_theirs(app: &App, steps: usize) -> Result<()> {
    let captures = app.outside.captures(0).await?;
    ensure!(
        captures.len() == steps,
        "{} captures in {steps} steps",
        captures.len()
    );
    for step in 1..=i64::try_from(steps)? {
        let id = 1_000 * step;
        for (account, balance) in [(id + 1, "600"), (id + 2, "100"), (id + 3, "470"), (id + 4, "600")] {
            let now = app.rows.balance(account, "sms").await?.to_string();
            ensure!(now == balance, "{account} has {now} and not {balance}");
        }
        let captured = captures.iter().filter(|capture| capture.is_of(id + 1)).count();
        ensure!(captured == 1, "{captured} captures of {}", id + 1);
    }
    let disabled = "SELECT count(*) FROM wallets WHERE auto_method IS NOT NULL AND NOT auto_enabled";
    let disabled = app.rows.count(disabled).await?;
    ensure!(
        usize::try_from(disabled)? == steps,
        "{disabled} wallets are disabled"
    );
    Ok(())
}

async fn a_worker_is_killed_at(worker: &str, failpoints: &[&str]) -> Result<()> {
    let mut app = App::start(quick()).await?;
    let mut checker = Checker::new();
    kill_at_each(&mut app, &mut checker, worker, failpoints).await?;
    come_to_rest(&app).await?;
    each_got_theirs(&app, failpoints.len()).await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

#[tokio::test]
async fn a_debiting_worker_killed_at_any_point_debits_every_send_once() -> Result<()> {
    a_worker_is_killed_at("sms-sent", &SMS_SENT).await
}

#[tokio::test]
async fn a_charging_worker_killed_at_any_point_takes_no_money_twice() -> Result<()> {
    a_worker_is_killed_at("topup-requested", &TOPUP_REQUESTED).await
}

#[tokio::test]
async fn a_settling_worker_killed_at_any_point_credits_every_payment_once() -> Result<()> {
    a_worker_is_killed_at("payment-results", &PAYMENT_RESULTS).await
}

#[tokio::test]
async fn a_telling_worker_killed_at_any_point_tells_everybody() -> Result<()> {
    a_worker_is_killed_at("notifications", &NOTIFICATIONS).await
}

/// A send recorded by a worker that was gone before it could publish what follows.
async fn recorded_and_not_published(app: &App, checker: &mut Checker, account: i64) -> Result<()> {
    let event = event(account);
    let body = event.body.to_string();
    let sent: SmsSent = message::parse(body.as_bytes(), None, None, None)?;
    let window = OpenWindow {
        back: SignedDuration::from_hours(24),
        ahead: SignedDuration::from_hours(1),
    };
    let send = Send {
        event: sent,
        traceparent: None,
    };
    let recorded = store_on(app.space())?.record_sends(&[send], &window).await?;
    ensure!(recorded.outbox.len() == 1, "{recorded:?}");
    checker.accepted(&event);
    Ok(())
}

#[tokio::test]
async fn a_sweeper_killed_at_any_point_leaves_what_it_looked_after_to_the_next_one() -> Result<()> {
    let mut app = App::start(quick()).await?;
    let mut checker = Checker::new();
    // Takes the money, and breaks the connection half way through its answer: somebody has to ask.
    let unanswered = || (2..).zip(SWEEPER);
    let asked_about = unanswered().map(|(id, _)| main_account(id).credits(101).card("AUTH_lost"));
    let accounts: Vec<_> = asked_about
        .chain([main_account(1).credits(101).card("AUTH_ok")])
        .collect();
    app.import(&accounts).await?;
    app.fleet.worker("sweeper")?.terminate().await?;
    recorded_and_not_published(&app, &mut checker, 1).await?;
    for (account, failpoint) in unanswered() {
        let label = doomed(&mut app, "sweeper", failpoint).await?;
        send(&app, &mut checker, &[event(account)]).await?;
        is_killed(&mut app, &label, failpoint).await?;
    }
    // What they had taken up is nobody else's for a minute, which passes.
    app.rows
        .client()
        .batch_execute("UPDATE payments SET ask_at = clock_timestamp() WHERE ask_at IS NOT NULL")
        .await?;
    app.fleet.add("sweeper").await?;
    come_to_rest(&app).await?;
    for account in 1..=i64::try_from(accounts.len())? {
        app.balance_becomes(account, "sms", "600").await?;
    }
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

/// What an edge did not take, the gateway tells again.
#[tokio::test]
async fn an_edge_killed_at_any_point_hears_of_it_again() -> Result<()> {
    let mut app = App::start(quick()).await?;
    let mut checker = Checker::new();
    let steps = || (1_i64..).zip(EDGE);
    let all: Vec<_> = steps().flat_map(|(step, _)| accounts(step)).collect();
    app.import(&all).await?;
    // One address, whoever listens there: the gateway knows no other.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let listen = ("TOPUP__EDGE__LISTEN", address.as_str());
    for (step, failpoint) in steps() {
        let edge = app
            .fleet
            .add_with("edge", &[listen, (VARIABLE, failpoint)])
            .await?;
        let label = edge.label().to_owned();
        send(&app, &mut checker, &sends(step)).await?;
        is_killed(&mut app, &label, failpoint).await?;
    }
    app.fleet.add_with("edge", &[listen]).await?;
    come_to_rest(&app).await?;
    each_got_theirs(&app, EDGE.len()).await?;
    let heard = eventually("every webhook taken", async || {
        let tries = app.outside.webhooks(0).await?;
        let taken = tries.iter().filter(|it| it.status == Some(200)).count();
        Ok((taken >= EDGE.len()).then_some(tries.len()))
    });
    let tries = heard.await?;
    ensure!(tries > EDGE.len(), "nothing had to be told again");
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

#[test]
fn there_is_no_point_at_which_nobody_is_killed() -> Result<()> {
    let lines: [&[&str]; 6] = [
        &SMS_SENT,
        &TOPUP_REQUESTED,
        &PAYMENT_RESULTS,
        &NOTIFICATIONS,
        &SWEEPER,
        &EDGE,
    ];
    let mut points = Vec::new();
    for failpoint in lines.concat() {
        points.push(failpoint.parse::<Failpoint>().context(failpoint)?.point);
    }
    for point in Point::ALL {
        assert!(points.contains(&point), "{point}");
    }
    Ok(())
}
