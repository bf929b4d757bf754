//! A commit whose connection breaks has an outcome that nobody knows. It costs nothing: the same sends again find
//! themselves, or do not.

use anyhow::{Context as _, Result};
use futures_util::future::join;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{Send, SendOutcome};
use topup_tests::{App, AppOptions, Cut, Event, Library, Wire, event, eventually, main_account, store_at};

fn send(event: &Event) -> Result<Send> {
    let event: SmsSent = message::parse(event.body.to_string().as_bytes(), None, None, None)?;
    Ok(Send {
        event,
        traceparent: None,
    })
}

/// Five sends of one credit, whose commit is cut; then the same five again.
async fn five_sends_cut(cut: Cut, expected: &SendOutcome) -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    let wire = Wire::to(library.space.database_url()).await?;
    let store = store_at(wire.url())?;
    let sends: Vec<Send> = (0..5).map(|_| send(&event(1001))).collect::<Result<_>>()?;

    wire.cut_next_commit(cut);
    let broken = store.record_sends(&sends, &OpenWindow::default()).await;
    let error = broken.err().context("the commit went through")?;
    assert!(error.is_outage(), "{error}");

    let again = store.record_sends(&sends, &OpenWindow::default()).await?;
    assert!(
        again.outcomes.iter().all(|outcome| outcome == expected),
        "{:?}",
        again.outcomes
    );
    let (client, connection) =
        tokio_postgres::connect(library.space.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let sql = "SELECT balance_milli, (SELECT count(*) FROM ledger WHERE kind = 'send') FROM wallets";
    let row = client.query_one(sql, &[]).await?;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (145_000, 5));
    library.audit_is_clean().await
}

#[tokio::test]
async fn sends_whose_commit_never_arrived_are_debited_the_next_time() -> Result<()> {
    five_sends_cut(Cut::BeforeIt, &SendOutcome::Debited).await
}

#[tokio::test]
async fn sends_whose_commit_was_never_answered_are_recognised_the_next_time() -> Result<()> {
    five_sends_cut(Cut::BeforeItsAnswer, &SendOutcome::AlreadyDone).await
}

#[tokio::test]
async fn a_worker_whose_connections_are_cut_in_the_middle_of_its_work_debits_each_send_once() -> Result<()> {
    const EVENTS: i64 = 4_000;
    let options = AppOptions::only(&["sms-sent"])
        .setting("SMS_SENT__BATCH_MAX", "50")
        .setting("SMS_SENT__PREFETCH", "1000");
    let app = App::start(options).await?;
    app.import(&[main_account(1001).credits(10_000)]).await?;
    let events: Vec<Event> = (0..EVENTS).map(|_| event(1001)).collect();
    let cuts = async {
        for at_least in (1..=5).map(|n| n * EVENTS / 10) {
            // Whichever step of a batch it has come to.
            eventually("connections to cut in the middle of the work", async || {
                let is_reached = app.rows.sends().await? >= at_least;
                Ok((is_reached && app.rows.count(CUT).await? > 0).then_some(()))
            })
            .await?;
        }
        anyhow::Ok(())
    };
    let (sent, cut) = join(app.send(&events), cuts).await;
    sent?;
    cut?;
    app.sends_recorded(EVENTS).await?;
    app.balance_becomes(1001, "sms", "6000").await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

/// How many of the worker's connections were there, and are not any more.
const CUT: &str = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'sms-sent'";
