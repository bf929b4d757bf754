//! A commit whose connection breaks has an outcome that nobody knows. It costs nothing: the same again finds itself
//! done, or does it.

use anyhow::{Context as _, Result};
use futures_util::future::join;
use jiff::Timestamp;
use serde_json::json;
use topup_rules::lines::CallEnd;
use topup_rules::message::{self, PaymentStatus, ResultSource, SmsSent};
use topup_rules::retry::RetryPolicy;
use topup_rules::sends::OpenWindow;
use topup_rules::topup::TopupState;
use topup_store::{
    Answer, ChargeIntent, GatewayCall, LineEnd, Send, SendOutcome, Settled, StoreError, Woken,
};
use topup_tests::{
    App, AppOptions, Cut, Event, Library, Wire, event, eventually, free_line, main_account, result_of,
    settlement_policy, sms_wallet, store_at, topup_policy,
};
use uuid::Uuid;

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

/// The pauses after our own trouble, of which there is none.
const NEVER_USED: RetryPolicy = RetryPolicy {
    attempts_max: 1,
    first_s: 1,
    max_s: 1,
};
/// How the call ended.
const ANSWERED: LineEnd = LineEnd {
    end: CallEnd::Answered,
    policy: free_line(),
};

/// A wallet of 100 credits whose top-up is requested, and the same database behind a wire.
struct Requested {
    library: Library,
    behind_wire: Library,
    wire: Wire,
    topup: Uuid,
}

impl Requested {
    async fn new() -> Result<Self> {
        let library = Library::with(&[main_account(1001).credits(101).card("AUTH_ok")]).await?;
        library.list_prices().await?;
        let topup = library.send(&event(1001)).await?.context("no top-up")?;
        let wire = Wire::to(library.space.database_url()).await?;
        let behind_wire = Library {
            store: store_at(wire.url())?,
            space: library.space.clone(),
        };
        Ok(Self {
            library,
            behind_wire,
            wire,
            topup,
        })
    }

    /// Wakes the top-up, and the commit is cut.
    async fn wake_cut(&self, cut: Cut) -> Result<()> {
        self.wire.cut_next_commit(cut);
        let store = &self.behind_wire.store;
        is_outage(
            store
                .wake_topup(sms_wallet(1001), self.topup, &topup_policy())
                .await,
        )
    }

    async fn intent(&self) -> Result<ChargeIntent> {
        self.library.charges(sms_wallet(1001), self.topup).await
    }

    async fn payments(&self) -> Result<i64> {
        let rows = self.library.rows().await?;
        rows.count("SELECT count(*) FROM payments").await
    }
}

/// Nothing that is this one's own fault, and nothing that is counted.
fn is_outage<T>(broken: Result<T, StoreError>) -> Result<()> {
    let error = broken.err().context("the commit went through")?;
    assert!(error.is_outage(), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_topup_whose_intent_never_arrived_is_charged_the_next_time() -> Result<()> {
    let requested = Requested::new().await?;
    requested.wake_cut(Cut::BeforeIt).await?;
    assert_eq!(requested.payments().await?, 0);
    requested.intent().await?;
    assert_eq!(requested.payments().await?, 1);
    requested.library.audit_is_clean().await
}

/// Whoever committed it may be calling the gateway: only a question finds out.
#[tokio::test]
async fn a_topup_whose_intent_was_committed_unheard_is_not_charged_by_whoever_comes_next() -> Result<()> {
    let requested = Requested::new().await?;
    requested.wake_cut(Cut::BeforeItsAnswer).await?;
    let store = &requested.library.store;
    let again = store
        .wake_topup(sms_wallet(1001), requested.topup, &topup_policy())
        .await?;
    assert!(matches!(again, Woken::Stale(TopupState::Charging)), "{again:?}");
    assert_eq!(requested.payments().await?, 1);
    requested.library.asked().await?;
    requested.library.audit_is_clean().await
}

#[tokio::test]
async fn an_answer_and_a_settlement_whose_commits_break_are_credited_once() -> Result<()> {
    for cut in [Cut::BeforeIt, Cut::BeforeItsAnswer] {
        let requested = Requested::new().await?;
        let (library, behind_wire) = (&requested.library, &requested.behind_wire);
        let intent = requested.intent().await?;
        let success = result_of(&intent, PaymentStatus::Success, ResultSource::Charge);
        let answer = Answer::Result {
            result: Box::new(success.clone()),
            challenge_url: None,
        };
        // One call, however often its answer has to be written down.
        let call = GatewayCall {
            started_at: Timestamp::now(),
        };
        let store = &behind_wire.store;
        let record = || store.record_answer(&intent, call, &answer, &NEVER_USED, ANSWERED);
        requested.wire.cut_next_commit(cut);
        is_outage(record().await)?;
        record().await?;

        requested.wire.cut_next_commit(cut);
        let policy = settlement_policy();
        is_outage(behind_wire.store.settle_payment(&success, &policy).await)?;
        let again = behind_wire.store.settle_payment(&success, &policy).await?;
        match cut {
            Cut::BeforeIt => assert!(matches!(again, Settled::Credited { .. }), "{again:?}"),
            Cut::BeforeItsAnswer => assert!(matches!(again, Settled::Already(_)), "{again:?}"),
        }
        let rows = library.rows().await?;
        assert_eq!(rows.balance(1001, "sms").await?.to_string(), "600");
        assert_eq!(rows.notices().await?.len(), 2, "one SMS and one mail");
        library.audit_is_clean().await?;
    }
    Ok(())
}

/// All that follows a send: charging, settling, telling. What a cut leaves behind is asked about, and swept up.
#[tokio::test]
async fn a_fleet_whose_connections_are_cut_in_the_middle_of_its_work_tops_up_and_tells_once() -> Result<()> {
    const ACCOUNTS: i64 = 40;
    const CUTS: i64 = 30;
    let options = AppOptions::whole()
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s")
        .setting("SWEEPER__INTERVAL", "500ms")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s");
    let app = App::start(options).await?;
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(101).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    // Enough for charges, results and notices to be under way side by side.
    app.outside.post("latency", &json!({"ms": 40})).await?;
    let all: Vec<Event> = (1..=ACCOUNTS).map(event).collect();
    let cuts = async {
        let mut cut = 0;
        while cut < CUTS {
            cut += eventually("connections at work to cut", async || {
                let cut = app.rows.count(CUT_ALL).await?;
                let is_over = app.rows.count(TOLD).await? == 2 * ACCOUNTS;
                Ok((cut > 0 || is_over).then_some(if is_over { CUTS } else { cut }))
            })
            .await?;
        }
        anyhow::Ok(())
    };
    let (sent, cut) = join(app.send(&all), cuts).await;
    sent?;
    cut?;
    for account in 1..=ACCOUNTS {
        app.balance_becomes(account, "sms", "600").await?;
    }
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(0).await?.len(), usize::try_from(ACCOUNTS)?);
    let notices = app.rows.notices().await?;
    assert!(notices.iter().all(|notice| notice.state == "sent"), "{notices:?}");
    assert_eq!(i64::try_from(notices.len())?, 2 * ACCOUNTS);
    for queue in [
        "topup-requested.dead",
        "payment-results.dead",
        "notifications.dead",
    ] {
        assert_eq!(app.broker.ready(queue).await?, Some(0), "{queue}");
    }
    app.finish().await
}

/// Notices that were delivered.
const TOLD: &str = "SELECT count(*) FROM notices WHERE state = 'sent'";

/// Cuts whatever connection of the three workers is in the middle of a transaction, or of a statement.
const CUT_ALL: &str = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND state <> 'idle'
        AND application_name IN ('topup-requested', 'payment-results', 'notifications')";

/// How many of the worker's connections were there, and are not any more.
const CUT: &str = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'sms-sent'";
