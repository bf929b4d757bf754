//! A database that is there and not well: it refuses, runs out of something, ends what others are in the way of, or
//! lets wait. Whatever it says of itself is no message's fault: nothing is counted, and everything is done when it is
//! well again.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use topup_rules::message::{self, PaymentStatus, ResultSource, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{Send, SendOutcome, Settled};
use topup_tests::{
    App, AppOptions, Event, Library, event, eventually, main_account, metric, result_of, session_on,
    settlement_policy, sms_wallet, store_on,
};

/// Who writes to the database on the way from a send to a notice.
const WORKERS: [&str; 4] = ["sms-sent", "topup-requested", "payment-results", "notifications"];

/// What a database says of itself, as SQL states.
const STATES: [(&str, &str); 9] = [
    ("53100", "the disk is full"),
    ("53200", "out of memory"),
    ("53300", "too many connections"),
    ("25006", "read only: a standby"),
    ("57P01", "shutting down"),
    ("57P03", "not taking connections now"),
    ("58030", "input or output failed"),
    ("40001", "serialization failure"),
    ("40P01", "deadlock"),
];

/// Lets the first, second and fourth write of each worker fail with the state of the moment. A sequence counts on even
/// where the transaction is rolled back.
const TROUBLE: &str = r#"
    CREATE TABLE trouble (worker text PRIMARY KEY, state text NOT NULL);
    INSERT INTO trouble SELECT unnest(ARRAY['sms-sent', 'topup-requested', 'payment-results', 'notifications']), '';
    CREATE SEQUENCE "writes of sms-sent";
    CREATE SEQUENCE "writes of topup-requested";
    CREATE SEQUENCE "writes of payment-results";
    CREATE SEQUENCE "writes of notifications";
    CREATE FUNCTION make_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        who text := current_setting('application_name');
        said text := (SELECT state FROM trouble WHERE worker = who);
    BEGIN
        IF said <> '' AND nextval(format('%I', 'writes of ' || who)) IN (1, 2, 4) THEN
            RAISE EXCEPTION 'on purpose' USING ERRCODE = said;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER trouble BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION make_trouble();
    CREATE TRIGGER trouble BEFORE UPDATE ON topups FOR EACH ROW EXECUTE FUNCTION make_trouble();
    CREATE TRIGGER trouble BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION make_trouble();
    CREATE TRIGGER trouble BEFORE UPDATE ON notices FOR EACH ROW EXECUTE FUNCTION make_trouble();
"#;

/// Each worker's writes are counted from the beginning.
const COUNT_AGAIN: &str = "SELECT count(setval(format('%I', 'writes of ' || worker), 1, false)) FROM trouble";

/// How many writes the worker with the fewest has tried.
const FEWEST_WRITES: &str = r#"SELECT least(
    (SELECT last_value FROM "writes of sms-sent"), (SELECT last_value FROM "writes of topup-requested"),
    (SELECT last_value FROM "writes of payment-results"), (SELECT last_value FROM "writes of notifications"))"#;

#[tokio::test]
async fn whatever_the_database_says_of_itself_is_waited_out_by_every_worker_and_no_attempt_is_counted()
-> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    let accounts: Vec<_> = (1001..).take(STATES.len()).collect();
    let imported: Vec<_> = accounts
        .iter()
        .map(|id| main_account(*id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&imported).await?;
    app.rows.client().batch_execute(TROUBLE).await?;
    for (account, (state, means)) in accounts.iter().zip(STATES) {
        app.rows.count(COUNT_AGAIN).await?;
        let told = "UPDATE trouble SET state = $1";
        app.rows.client().execute(told, &[&state]).await?;
        app.send(&[event(*account)]).await?;
        app.balance_becomes(*account, "sms", "600").await.context(means)?;
        eventually(&format!("two notices after: {means}"), async || {
            let sent = app.rows.notices().await?.into_iter();
            let sent = sent.filter(|n| n.account_id == *account && n.state == "sent");
            Ok((sent.count() == 2).then_some(()))
        })
        .await?;
        let tried = app.rows.count(FEWEST_WRITES).await?;
        assert!(tried >= 3, "{means}: a worker had no trouble");
    }
    app.rows
        .client()
        .execute("UPDATE trouble SET state = ''", &[])
        .await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(0).await?.len(), STATES.len());
    for worker in WORKERS {
        let url = app.fleet.worker(worker)?.http_url();
        let retried = metric(&url, "topup_messages_total{outcome=\"retried\"}").await?;
        assert_eq!(retried, 0.0, "{worker}");
        assert!(
            metric(&url, "topup_database_waits_total").await? > 0.0,
            "{worker}"
        );
        let dead = app.broker.ready(&format!("{worker}.dead")).await?;
        assert_eq!(dead, Some(0), "{worker}");
    }
    app.finish().await
}

/// Somebody looks at a wallet in a transaction and goes to lunch: its sends wait, and nobody else's.
#[tokio::test]
async fn a_locked_row_holds_up_none_but_its_own_and_is_debited_when_it_is_free() -> Result<()> {
    const OTHERS: i64 = 60;
    let options = AppOptions::only(&["sms-sent"])
        .setting("DATABASE__STATEMENT_TIMEOUT", "1s")
        .setting("SMS_SENT__RETRY_FIRST", "1s")
        .setting("SMS_SENT__RETRY_MAX", "1s")
        .setting("SMS_SENT__ATTEMPTS_MAX", "100");
    let app = App::start(options).await?;
    app.import(&[main_account(1001).credits(100), main_account(1002).credits(100)])
        .await?;
    let mut holder = session_on(app.space()).await?;
    let held = holder.transaction().await?;
    held.execute("SELECT FROM wallets WHERE account_id = 1001 FOR UPDATE", &[])
        .await?;
    let mut events: Vec<Event> = (0..OTHERS).map(|_| event(1002)).collect();
    events.insert(20, event(1001));
    app.send(&events).await?;
    app.sends_recorded(OTHERS).await?;
    held.rollback().await?;
    app.sends_recorded(OTHERS + 1).await?;
    app.balance_becomes(1001, "sms", "99").await?;
    app.balance_becomes(1002, "sms", "40").await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

/// Two connections, and both wait for a lock: everybody else waits for a connection.
#[tokio::test]
async fn while_every_connection_of_the_pool_is_taken_messages_wait_and_no_attempt_is_counted() -> Result<()> {
    const ACCOUNTS: i64 = 12;
    let options = AppOptions::whole().setting("DATABASE__CONNECTIONS_MAX", "2");
    let mut app = App::start(options).await?;
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    let mut holder = session_on(app.space()).await?;
    let held = holder.transaction().await?;
    held.batch_execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        .await?;
    let all: Vec<Event> = (1..=ACCOUNTS).map(event).collect();
    app.send(&all).await?;
    let url = app.fleet.worker("topup-requested")?.http_url();
    eventually("messages that wait for a connection", async || {
        let waits = metric(&url, "topup_database_waits_total")
            .await
            .unwrap_or_default();
        Ok((waits >= 2.0).then_some(()))
    })
    .await?;
    held.rollback().await?;
    for account in 1..=ACCOUNTS {
        app.balance_becomes(account, "sms", "600").await?;
    }
    assert_eq!(app.outside.captures(0).await?.len(), usize::try_from(ACCOUNTS)?);
    assert_eq!(app.broker.ready("topup-requested.dead").await?, Some(0));
    app.finish().await
}

fn send(event: &Event) -> Result<Send> {
    let event: SmsSent = message::parse(event.body.to_string().as_bytes(), None, None, None)?;
    Ok(Send {
        event,
        traceparent: None,
    })
}

/// Runs `work` against a session that holds one row and then wants another, which the work holds by then. The
/// database ends the work, which has waited longer, and its whole transaction is tried again.
async fn in_a_deadlock<T>(
    library: &Library,
    (first, second): (&str, &str),
    work: impl AsyncFnOnce(topup_store::Store) -> Result<T>,
) -> Result<T> {
    let mut other = session_on(&library.space).await?;
    other
        .batch_execute(&format!(
            "ALTER DATABASE \"{}\" SET deadlock_timeout = '2s'; SET deadlock_timeout = '1min'",
            library.space.database()
        ))
        .await?;
    // Its connections are new, and have the setting.
    let store = store_on(&library.space)?;
    let rows = library.rows().await?;
    let theirs = other.transaction().await?;
    theirs.execute(first, &[]).await?;
    let crossing = async {
        eventually("a worker that waits for the lock", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            Ok((rows.count(waiting).await? > 0).then_some(()))
        })
        .await?;
        theirs.execute(second, &[]).await?;
        theirs.commit().await?;
        anyhow::Ok(())
    };
    let (worked, crossed) = futures_util::future::join(work(store), crossing).await;
    crossed.context("the other session")?;
    eventually("a deadlock that the database counts", async || {
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        Ok((rows.count(deadlocks).await? > 0).then_some(()))
    })
    .await?;
    worked
}

#[tokio::test]
async fn a_batch_that_ends_in_a_deadlock_is_debited_whole_by_its_next_try() -> Result<()> {
    let accounts = [1001, 1002, 1003].map(|id| main_account(id).credits(150));
    let library = Library::with(&accounts).await?;
    let sends: Vec<Send> = [1001, 1002, 1003]
        .map(|id| send(&event(id)))
        .into_iter()
        .collect::<Result<_>>()?;
    let crosswise = (
        "SELECT FROM wallets WHERE account_id = 1003 FOR UPDATE",
        "SELECT FROM wallets WHERE account_id = 1001 FOR UPDATE",
    );
    let recorded = in_a_deadlock(&library, crosswise, async |store| {
        Ok(store.record_sends(&sends, &OpenWindow::default()).await?)
    })
    .await?;
    assert_eq!(recorded.outcomes, [const { SendOutcome::Debited }; 3]);
    let rows = library.rows().await?;
    assert_eq!(rows.sends().await?, 3);
    for account in [1001, 1002, 1003] {
        assert_eq!(rows.balance(account, "sms").await?.to_string(), "149");
    }
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_settlement_that_ends_in_a_deadlock_is_credited_once_by_its_next_try() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(101).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    let topup = library.send(&event(1001)).await?.context("no top-up")?;
    let intent = library.charges(sms_wallet(1001), topup).await?;
    let success = result_of(&intent, PaymentStatus::Success, ResultSource::Charge);
    let crosswise = (
        "SELECT FROM topups WHERE account_id = 1001 FOR UPDATE",
        "SELECT FROM wallets WHERE account_id = 1001 FOR UPDATE",
    );
    let settled = in_a_deadlock(&library, crosswise, async |store| {
        Ok(store.settle_payment(&success, &settlement_policy()).await?)
    })
    .await?;
    assert!(matches!(settled, Settled::Credited { .. }), "{settled:?}");
    let rows = library.rows().await?;
    assert_eq!(rows.balance(1001, "sms").await?.to_string(), "600");
    library.audit_is_clean().await
}

#[tokio::test]
async fn sends_that_collide_under_serializable_isolation_are_each_debited_once() -> Result<()> {
    const AT_ONCE: usize = 4;
    const BATCHES: usize = 5;
    let library = Library::with(&[main_account(1001).credits(1_000)]).await?;
    let rows = library.rows().await?;
    let stricter = format!(
        "ALTER DATABASE \"{}\" SET default_transaction_isolation = 'serializable'",
        library.space.database()
    );
    rows.client().batch_execute(&stricter).await?;
    let store = store_on(&library.space)?;
    let debit_batches = async |_| {
        for _ in 0..BATCHES {
            let sends: Vec<Send> = (0..5).map(|_| send(&event(1001))).collect::<Result<_>>()?;
            loop {
                match store.record_sends(&sends, &OpenWindow::default()).await {
                    Ok(recorded) => {
                        assert_eq!(recorded.outcomes, [const { SendOutcome::Debited }; 5]);
                        break;
                    }
                    // As a worker does: the same again.
                    Err(error) if error.is_outage() => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        anyhow::Ok(())
    };
    try_join_all((0..AT_ONCE).map(debit_batches)).await?;
    assert_eq!(rows.sends().await?, i64::try_from(AT_ONCE * BATCHES * 5)?);
    assert_eq!(rows.balance(1001, "sms").await?.to_string(), "900");
    library.audit_is_clean().await
}
