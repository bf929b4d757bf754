//! The broker restarted, killed, in alarm, closing channels, and with all its data lost: senders publish again what was
//! not confirmed, and everything else comes right by itself.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell, watch};
use tokio::time::{Instant, timeout};
use topup_runtime::broker::topology::WORK_QUEUES;
use topup_stack::{Act, Server, Space, Stack};
use topup_tests::{App, AppOptions, Checker, Event, ask, event, eventually, main_account, metric, own_stack};

/// Accounts that many sends are spread over.
const ACCOUNTS: i64 = 20;
/// Events that are published before their confirms are waited for.
const CHUNK: usize = 100;
/// The one broker.
const BROKER: Server = Server::Broker(0);
/// Longest that any worker may take until it consumes again, counted from when the broker serves. The promise is 5
/// seconds; the rest is for a machine that runs other tests beside this one.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// What the fleet is ready with, at most, before a test counts it as not coming back.
const BACK_AT_ALL: Duration = Duration::from_secs(60);

static STACK: OnceCell<Stack> = OnceCell::const_new();
/// What is done to the server is done to everybody on it.
static TURN: Mutex<()> = Mutex::const_new(());

/// A stack for this module alone, and leave to do anything to it.
async fn stack() -> Result<(MutexGuard<'static, ()>, Stack)> {
    let turn = TURN.lock().await;
    let stack = STACK.get_or_try_init(|| own_stack("broker", 1)).await?;
    Ok((turn, stack.clone()))
}

/// One of each worker, small batches, and a sweeper that looks every second for what is two seconds overdue.
fn fleet() -> AppOptions {
    AppOptions::whole()
        .alone()
        .setting("SMS_SENT__BATCH_MAX", "100")
        .setting("SMS_SENT__PREFETCH", "1000")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "2s")
        .setting("SWEEPER__TOPUP_OVERDUE", "2s")
}

/// Accounts whose first send asks for a top-up.
async fn import_accounts(app: &App, accounts: i64) -> Result<()> {
    let accounts: Vec<_> = (1..=accounts)
        .map(|id| main_account(id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await
}

/// So many sends of 1 credit, evenly spread.
fn events(count: i64) -> Vec<Event> {
    (0..count).map(|n| event(1 + n % ACCOUNTS)).collect()
}

/// Publishes as a proper sender does: again, what was not confirmed. Says how many were, each time.
async fn send(app: &mut App, events: &[Event], confirmed: watch::Sender<usize>) -> Result<()> {
    for chunk in events.chunks(CHUNK) {
        while app.send(chunk).await.is_err() {
            app.see_again().await?;
        }
        confirmed.send_modify(|so_far| *so_far += chunk.len());
    }
    Ok(())
}

/// How long it takes, from now, until each worker is ready and the broker knows of a consumer of each queue.
async fn consuming_again(workers: &[String], space: &Space) -> Result<Duration> {
    let began = Instant::now();
    let waited = timeout(BACK_AT_ALL, async {
        let connection = Connection::connect(space.amqp_url(), ConnectionProperties::default()).await?;
        for queue in WORK_QUEUES {
            eventually(&format!("a consumer of {queue}"), async || {
                let options = QueueDeclareOptions {
                    passive: true,
                    ..QueueDeclareOptions::default()
                };
                let channel = connection.create_channel().await?;
                let found = channel
                    .queue_declare(queue.into(), options, FieldTable::default())
                    .await;
                Ok(found.is_ok_and(|queue| queue.consumer_count() > 0).then_some(()))
            })
            .await?;
        }
        for url in workers {
            eventually(&format!("a ready worker at {url}"), async || {
                Ok(ask(url, "/readyz").await?.0.is_success().then_some(()))
            })
            .await?;
        }
        anyhow::Ok(())
    });
    waited.await.context("the fleet did not come back")??;
    Ok(began.elapsed())
}

fn urls(app: &mut App) -> Vec<String> {
    app.fleet
        .workers()
        .iter()
        .map(|worker| worker.http_url())
        .collect()
}

/// At rest, everything that was promised was kept.
async fn comes_right(app: &App, checker: &Checker) -> Result<()> {
    app.wait_until_idle().await?;
    checker.judge(app).await?.must_be_clean()
}

#[tokio::test]
async fn a_broker_that_is_restarted_or_killed_under_load_is_consumed_again_within_seconds_and_lost_nothing()
-> Result<()> {
    const EVENTS: i64 = 3_000;
    let (_turn, stack) = stack().await?;
    let mut app = App::start_on(&stack, fleet()).await?;
    import_accounts(&app, ACCOUNTS).await?;
    let mut checker = Checker::new();
    for act in [Act::Stop, Act::Kill] {
        let all = events(EVENTS);
        let (workers, space) = (urls(&mut app), app.space().clone());
        let (confirmed, mut so_far) = watch::channel(0);
        let fault = async {
            so_far.wait_for(|confirmed| *confirmed >= 1_000).await?;
            stack.act(BROKER, act).await?;
            stack.act(BROKER, Act::Start).await?;
            consuming_again(&workers, &space).await
        };
        let (sent, took) = join(send(&mut app, &all, confirmed), fault).await;
        sent?;
        let took = took?;
        println!("back after {act:?}: {} ms", took.as_millis());
        ensure!(took < BACK_WITHIN, "consumed again only {took:?} after {act:?}");
        all.iter().for_each(|event| checker.accepted(event));
        app.see_again().await?;
        comes_right(&app, &checker).await?;
    }
    app.finish().await
}

/// An alarm of the broker, and how it ends.
#[derive(Debug, Clone, Copy)]
enum Alarm {
    Memory,
    Disk,
}

impl Alarm {
    async fn raise(self, stack: &Stack) -> Result<()> {
        let arguments = match self {
            Self::Memory => ["set_vm_memory_high_watermark", "0"],
            Self::Disk => ["set_disk_free_limit", "1000000GB"],
        };
        stack.rabbitmqctl(0, &arguments).await.map(drop)
    }

    async fn end(self, stack: &Stack) -> Result<()> {
        let arguments = match self {
            Self::Memory => ["set_vm_memory_high_watermark", "0.9"],
            Self::Disk => ["set_disk_free_limit", "1MB"],
        };
        stack.rabbitmqctl(0, &arguments).await.map(drop)
    }
}

/// Messages of a queue, those included that somebody has in hand.
async fn messages(stack: &Stack, space: &Space, queue: &str) -> Result<u64> {
    let arguments = ["-q", "-p", space.vhost(), "list_queues", "name", "messages"];
    let listed = stack.rabbitmqctl(0, &arguments).await?;
    let line = listed
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{queue}\t")));
    Ok(line
        .with_context(|| format!("no {queue} in {listed}"))?
        .trim()
        .parse()?)
}

#[tokio::test]
async fn an_alarm_stops_senders_and_the_outbox_and_no_acknowledgement() -> Result<()> {
    const EVENTS: i64 = 2_000;
    let (_turn, stack) = stack().await?;
    let mut app = App::start_on(&stack, fleet()).await?;
    let mut checker = Checker::new();
    let space = app.space().clone();
    let url = app.fleet.worker("sms-sent")?.http_url();
    for (alarm, first) in [(Alarm::Memory, 1), (Alarm::Disk, 1 + ACCOUNTS)] {
        let accounts: Vec<_> = (first..first + ACCOUNTS)
            .map(|id| main_account(id).credits(101).card("AUTH_ok"))
            .collect();
        app.import(&accounts).await?;
        let all: Vec<_> = (0..EVENTS).map(|n| event(first + n % ACCOUNTS)).collect();
        let recorded = app.rows.sends().await?;
        // Everything lies in the queue, or in the hands of a worker that does nothing, when the alarm is raised.
        app.fleet.worker("sms-sent")?.signal(Signal::STOP)?;
        app.send(&all).await?;
        all.iter().for_each(|event| checker.accepted(event));
        alarm.raise(&stack).await?;
        app.fleet.worker("sms-sent")?.signal(Signal::CONT)?;
        app.sends_recorded(recorded + EVENTS).await?;
        eventually("a queue whose messages are all acknowledged", async || {
            Ok((messages(&stack, &space, "sms-sent").await? == 0).then_some(()))
        })
        .await?;
        let waiting = app.rows.count("SELECT count(*) FROM outbox").await?;
        ensure!(waiting > 0, "{alarm:?}: the outbox was published all the same");
        eventually("a worker that says that it is blocked", async || {
            let (status, said) = ask(&url, "/readyz").await?;
            Ok((!status.is_success() && said.contains("blocked by the broker")).then_some(()))
        })
        .await?;
        let one_more = [event(first)];
        let sending = timeout(Duration::from_secs(1), app.send(&one_more));
        ensure!(sending.await.is_err(), "{alarm:?}: a sender was not held up");

        alarm.end(&stack).await?;
        app.see_again().await?;
        app.send(&one_more).await?;
        checker.accepted(&one_more[0]);
        app.sends_recorded(recorded + EVENTS + 1).await?;
        comes_right(&app, &checker).await?;
    }
    app.finish().await
}

/// RabbitMQ closes a channel with 406 whose consumer keeps a message for too long.
#[tokio::test]
async fn a_channel_that_the_broker_closes_under_a_charge_charges_once_and_is_opened_again() -> Result<()> {
    let (_turn, stack) = stack().await?;
    let mut app = App::start_on(&stack, fleet().count("topup-requested", 0)).await?;
    import_accounts(&app, ACCOUNTS).await?;
    app.outside.post("latency", &json!({"ms": 4_000})).await?;
    // Channels that are opened from here on are looked at every second, and may keep a message for one.
    for expression in [
        "application:set_env(rabbit, consumer_timeout, 1000).",
        "application:set_env(rabbit, channel_tick_interval, 1000).",
    ] {
        stack.rabbitmqctl(0, &["eval", expression]).await?;
    }
    app.fleet.add("topup-requested").await?;
    let url = app.fleet.worker("topup-requested")?.http_url();
    let mut checker = Checker::new();
    let asked = event(1);
    app.send(std::slice::from_ref(&asked)).await?;
    checker.accepted(&asked);
    eventually("a lost session", async || {
        let lost = metric(&url, "topup_sessions_lost_total{role=\"consume\"}").await?;
        Ok((lost > 0.0).then_some(()))
    })
    .await?;
    for expression in [
        "application:set_env(rabbit, consumer_timeout, 1800000).",
        "application:set_env(rabbit, channel_tick_interval, 60000).",
    ] {
        stack.rabbitmqctl(0, &["eval", expression]).await?;
    }
    let log = std::fs::read_to_string(app.fleet.worker("topup-requested")?.log())?;
    ensure!(
        log.contains("PRECONDITION_FAILED") || log.contains("PRECONDITION-FAILED"),
        "closed for another reason: {log}"
    );
    app.balance_becomes(1, "sms", "600").await?;
    app.outside.post("latency", &json!({"ms": 0})).await?;
    let another = event(2);
    app.send(std::slice::from_ref(&another)).await?;
    checker.accepted(&another);
    app.balance_becomes(2, "sms", "600").await?;
    ensure!(
        app.outside.charges(2).await?.len() == 2,
        "a card was charged twice"
    );
    comes_right(&app, &checker).await?;
    app.finish().await
}

/// How late a top-up may be whose message the broker lost: one sweep.
const SWEPT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// How long top-ups wait, and charging them takes on a busy machine, before a test counts them as not charged.
const CHARGED_AT_ALL: Duration = Duration::from_secs(100);

/// Their last top-up settled so long ago that the next one is due in a while, each at a moment of its own.
async fn settled_before(app: &App, accounts: i64, due_after_s: i64, spread_s: i64) -> Result<()> {
    let spacing = app
        .env()
        .get("TOPUP__RULES__CARD_SPACING")
        .context("no spacing")?;
    let sql = format!(
        "INSERT INTO card_spacing (account_id, last_settled_at)
         SELECT account, clock_timestamp() - interval '{spacing}' + interval '{due_after_s} s'
                + interval '{spread_s} s' * account / {accounts}
           FROM generate_series(1, {accounts}) account"
    );
    Ok(app.rows.client().batch_execute(&sql).await?)
}

/// Whose top-up waits, and until when.
async fn waiting(app: &App) -> Result<Vec<(i64, Timestamp)>> {
    let sql = "SELECT account_id, due_at FROM topups WHERE state = 'scheduled'";
    let rows = app.rows.client().query(sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Waits until each of these accounts was charged, once and not early. Returns how late the latest was.
async fn each_is_charged(app: &App, due: &[(i64, Timestamp)]) -> Result<SignedDuration> {
    let count = due.len();
    let until = Instant::now() + CHARGED_AT_ALL;
    let captures = loop {
        // Waits by itself, for as long as it is patient.
        match app.outside.captures(count).await {
            Ok(captures) => break captures,
            Err(too_few) if Instant::now() > until => return Err(too_few),
            Err(_not_yet) => {}
        }
    };
    ensure!(
        captures.len() == count,
        "{} captures of {count} top-ups",
        captures.len()
    );
    let mut latest = SignedDuration::ZERO;
    for &(account, due) in due {
        let capture = captures.iter().find(|capture| capture.is_of(account));
        let capture = capture.with_context(|| format!("{account} was not charged"))?;
        ensure!(capture.at >= due, "{account} was charged early");
        latest = latest.max(capture.at.duration_since(due));
    }
    Ok(latest)
}

#[tokio::test]
async fn a_thousand_topups_wait_while_the_broker_loses_all_its_data_and_each_is_charged_on_time() -> Result<()>
{
    const WAITING: i64 = 1_000;
    // What is called again while it is being charged costs time, and the machine is small.
    let calm = fleet()
        .setting("SWEEPER__INTERVAL", "5s")
        .setting("SWEEPER__TOPUP_OVERDUE", "5s");
    let (_turn, stack) = stack().await?;
    let mut app = App::start_on(&stack, calm.spacing("10m")).await?;
    import_accounts(&app, WAITING).await?;
    settled_before(&app, WAITING, 45, 10).await?;
    let all: Vec<_> = (1..=WAITING).map(event).collect();
    let mut checker = Checker::new();
    app.send(&all).await?;
    all.iter().for_each(|event| checker.accepted(event));
    let due = eventually("a thousand top-ups that wait, and their messages", async || {
        // More messages, where the sweeper was impatient and called some of them again.
        let delayed = app.broker.delayed().await? >= u32::try_from(WAITING)?;
        Ok(Some(waiting(&app).await?).filter(|due| delayed && i64::try_from(due.len()) == Ok(WAITING)))
    })
    .await?;

    stack.act(BROKER, Act::Wipe).await?;
    stack.act(BROKER, Act::Start).await?;
    app.space().make_again().await?;
    let (workers, space) = (urls(&mut app), app.space().clone());
    let took = consuming_again(&workers, &space).await?;
    println!("back after a wipe: {} ms", took.as_millis());
    app.see_again().await?;
    ensure!(
        !waiting(&app).await?.is_empty(),
        "the broker was away for longer than any top-up waits"
    );
    let latest = each_is_charged(&app, &due).await?;
    println!("charged late by {latest:#} at most");
    ensure!(latest < SWEPT_WITHIN, "charged up to {latest:#} late");
    comes_right(&app, &checker).await?;
    app.finish().await
}
