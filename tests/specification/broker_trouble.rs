//! What a broker does to its users while it serves: queues that vanish, consumers that are cancelled, messages that
//! no queue takes. Nobody has to start anything again, and nothing that was written down is lost.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join;
use serde_json::json;
use topup_runtime::broker::topology::WORK_QUEUES;
use topup_tests::{App, AppOptions, Checker, Event, event, eventually, main_account, metric};

/// Accounts that are topped up.
const ACCOUNTS: i64 = 20;

/// One of each worker, but these, and a sweeper that looks every second for what is a second overdue.
fn fleet_without(absent: &[&'static str]) -> AppOptions {
    let options = AppOptions::whole()
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s");
    absent
        .iter()
        .fold(options, |options, worker| options.count(worker, 0))
}

/// Accounts whose first send asks for a top-up.
async fn import_accounts(app: &App) -> Result<()> {
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await
}

/// Waits until every work queue takes messages of senders again.
async fn queues_are_bound(app: &App) -> Result<()> {
    let management = app.management()?;
    let bindings = format!("/api/exchanges/{}/topup/bindings/source", app.space().vhost());
    eventually("the queues and their bindings", async || {
        let bindings = management.get(&bindings).await?;
        let bound = |queue| {
            bindings
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["destination"] == queue))
        };
        Ok(WORK_QUEUES.into_iter().all(bound).then_some(()))
    })
    .await
}

/// Sends an event until a queue has taken it. A binding is listed a moment before its exchange routes by it; what comes
/// in between is confirmed all the same, and kept with what nobody is bound to.
async fn send_until_taken(app: &App, event: &Event) -> Result<()> {
    queues_are_bound(app).await?;
    eventually("a queue that takes the event", async || {
        app.send(std::slice::from_ref(event)).await?;
        if app.broker.ready("topup.unroutable").await? == Some(0) {
            return Ok(Some(()));
        }
        app.broker.purge("topup.unroutable").await?;
        Ok(None)
    })
    .await
}

/// What the broker confirmed for a queue that is deleted afterwards is gone with it: only queues without messages are
/// deleted here.
#[tokio::test]
async fn queues_that_are_deleted_under_their_consumers_are_made_again_and_consumed() -> Result<()> {
    const TIMES: i64 = 3;
    let app = App::start(fleet_without(&[])).await?;
    import_accounts(&app).await?;
    let mut checker = Checker::new();
    for account in 1..=TIMES {
        for queue in WORK_QUEUES {
            app.broker.delete(queue).await?;
        }
        let sent = event(account);
        send_until_taken(&app, &sent).await?;
        checker.accepted(&sent);
        app.balance_becomes(account, "sms", "600").await?;
        app.wait_until_idle().await?;
    }
    app.outside.sms(3).await?;
    app.outside.mail(3).await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

/// Its unread messages go with the queue, and only their sender can bring them back: by publishing them again, which
/// is safe.
#[tokio::test]
async fn a_consumer_that_is_cancelled_at_work_comes_back_and_what_is_published_again_is_debited_once()
-> Result<()> {
    const EVENTS: i64 = 4_000;
    let options = fleet_without(&[])
        .setting("SMS_SENT__BATCH_MAX", "100")
        .setting("SMS_SENT__PREFETCH", "1000");
    let mut app = App::start(options).await?;
    import_accounts(&app).await?;
    let mut checker = Checker::new();
    let events: Vec<Event> = (0..EVENTS).map(|n| event(1 + n % ACCOUNTS)).collect();
    let deleted = async {
        eventually("sends in the ledger", async || {
            Ok((app.rows.sends().await? >= 500).then_some(()))
        })
        .await?;
        app.broker.delete("sms-sent").await
    };
    let (_confirmed, deleted) = join(app.send(&events), deleted).await;
    deleted?;
    // Gone with it is what nobody had read, and what came while there was none was kept for people. The sender's own
    // connection need not have survived that.
    app.see_again().await?;
    app.broker.purge("topup.unroutable").await?;
    ensure!(
        app.rows.sends().await? < EVENTS,
        "all was debited before the fault"
    );
    let (first, _rest) = events.split_first().context("no events")?;
    send_until_taken(&app, first).await?;
    app.send(&events).await?;
    events.iter().for_each(|event| checker.accepted(event));
    app.sends_recorded(EVENTS).await?;
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

#[tokio::test]
async fn what_a_full_queue_refuses_waits_in_the_outbox_until_there_is_room() -> Result<()> {
    let mut app = App::start(fleet_without(&["topup-requested"])).await?;
    import_accounts(&app).await?;
    let mut checker = Checker::new();
    let management = app.management()?;
    let policy = format!("/api/policies/{}/full", app.space().vhost());
    let full = json!({"pattern": "^topup-requested$", "apply-to": "queues", "definition": {"max-length": 1}});
    management.put(&policy, &full).await?;
    let url = app.fleet.worker("sms-sent")?.http_url();
    let mut sent = 0;
    // A queue tells its publishers that it is full once it is; how many messages are on their way then is not said.
    eventually("a refused message", async || {
        if sent < ACCOUNTS {
            sent += 1;
            let asked = event(sent);
            app.send(std::slice::from_ref(&asked)).await?;
            checker.accepted(&asked);
        }
        Ok((metric_of(&url, "refused").await? > 0.0).then_some(()))
    })
    .await?;
    let waiting = app.rows.count("SELECT count(*) FROM outbox").await?;
    ensure!(waiting > 0, "nothing waits for room");

    management.delete(&policy).await?;
    app.fleet.add("topup-requested").await?;
    for account in 1..=sent {
        app.balance_becomes(account, "sms", "600").await?;
    }
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

/// Messages of a worker that came to this end.
async fn metric_of(url: &str, outcome: &str) -> Result<f64> {
    metric(url, &format!("topup_publishes_total{{result=\"{outcome}\"}}")).await
}

#[tokio::test]
async fn what_no_queue_takes_waits_in_the_outbox_and_the_queue_is_made_again() -> Result<()> {
    let mut app = App::start(fleet_without(&["notifications"])).await?;
    import_accounts(&app).await?;
    let mut checker = Checker::new();
    app.broker.delete("notifications").await?;
    let sent = event(1);
    app.send(std::slice::from_ref(&sent)).await?;
    checker.accepted(&sent);
    app.balance_becomes(1, "sms", "600").await?;
    eventually("both notices in their queue", async || {
        Ok((app.broker.ready("notifications").await? == Some(2)).then_some(()))
    })
    .await?;
    app.fleet.add("notifications").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}
