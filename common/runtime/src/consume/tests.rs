//! From deliveries to verdicts, without a broker or a database.

mod filling;

use super::batch::{read, verdicts};
use super::delivery::Received;
use super::each::verdict;
use super::session::Stop;
use super::settle::{Desk, Stopped, Verdict};
use super::{BatchHandler, Failure, Handler, Meta, Outcome, ParkClass};
use crate::broker::Publisher;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::process::{Clock, Presence, Process, Shutdown, Stopper};
use crate::settings::Settings;
use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;
use topup_rules::message::SmsSent;
use topup_store::{Store, StoreOptions};

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";
/// The account whose messages the handlers of these tests fail on.
const POISON: i64 = 666;

struct Bench {
    health: Health,
    desk: Desk,
    stop: Stop,
    stopper: Stopper,
    _lost: watch::Sender<bool>,
}

/// What a consumer has around it, with neither broker nor database in reach.
fn bench() -> Bench {
    let settings = Settings::of(&[("TOPUP__AMQP__URL", &format!("amqp://u:p@{NOWHERE}"))]);
    let health = Health::default();
    let clock = Clock::default();
    let (stopper, shutdown) = Shutdown::new();
    let store = Store::new(&StoreOptions {
        url: format!("postgres://u@{NOWHERE}/none"),
        connections_max: 1,
        ca_file: None,
        application_name: "test".to_owned(),
        statement_timeout_s: 1,
    })
    .unwrap();
    let part = health.part("publisher");
    let publisher =
        Publisher::start("sms-sent", &settings.amqp, clock.clone(), part, shutdown.clone()).unwrap();
    let (outbox, _task) = Outbox::start(store.clone(), publisher.clone());
    let retry = settings.sms_sent.retry;
    let settings = Arc::new(settings);
    let process = Process {
        name: "sms-sent",
        settings,
        store,
        publisher,
        outbox,
        shutdown: shutdown.clone(),
        health: health.clone(),
        clock,
        presence: Presence::unpaused(),
    };
    let (lost, lost_receiver) = watch::channel(false);
    Bench {
        health,
        desk: Desk::new(&process, "sms-sent", retry),
        stop: Stop::of(shutdown, lost_receiver),
        stopper,
        _lost: lost,
    }
}

fn body(account: i64) -> Vec<u8> {
    format!(
        r#"{{"event_id":"0193e5a0-0000-7000-8000-000000000000","account_id":{account},"credits":1,"sent_at":"2026-11-22T08:15:00Z"}}"#
    )
    .into_bytes()
}

fn delivery(tag: u64, exchange: &str, body: Vec<u8>) -> Delivery {
    Delivery::mock(tag, exchange.into(), "sms-sent".into(), false, body)
}

/// Numbered from 1, of these accounts; 0 is a body that can't be read.
fn deliveries(accounts: &[i64]) -> Vec<Received> {
    let bodies = accounts.iter().map(|account| {
        if *account == 0 {
            b"{nope".to_vec()
        } else {
            body(*account)
        }
    });
    (1..)
        .zip(bodies)
        .map(|(tag, body)| Received::new(delivery(tag, "topup", body)))
        .collect()
}

/// Fails a whole batch for one message; counts how often it is called.
#[derive(Default)]
struct Picky(AtomicUsize);

impl BatchHandler for Picky {
    type Message = SmsSent;

    async fn handle(&self, batch: Vec<(SmsSent, &Meta)>) -> Result<Vec<Outcome>, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if batch
            .iter()
            .any(|(message, _)| message.account_id.get() == POISON)
        {
            return Err(Failure::of("no such thing"));
        }
        Ok(batch.iter().map(|(message, _)| outcome(message)).collect())
    }
}

/// Accounts divisible by 7 are parked, so that an outcome can be told from its neighbours.
fn outcome(message: &SmsSent) -> Outcome {
    if message.account_id.get() % 7 == 0 {
        Outcome::park(ParkClass::Refused, "seven")
    } else {
        Outcome::Done
    }
}

async fn of_batch<H: BatchHandler<Message = SmsSent>>(handler: &H, accounts: &[i64]) -> Vec<String> {
    let bench = bench();
    let received = deliveries(accounts);
    let items = received
        .iter()
        .map(|received| read(received, &bench.desk))
        .collect();
    let verdicts = verdicts(&received, items, &bench.desk, handler, &bench.stop)
        .await
        .unwrap();
    verdicts.iter().map(short).collect()
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Of(Outcome::Done) => "done".to_owned(),
        Verdict::Of(Outcome::Retry { reason }) => format!("retry: {reason}"),
        Verdict::Of(Outcome::Park { reason, .. }) => format!("park: {reason}"),
        Verdict::Unreadable(_) => "unreadable".to_owned(),
        Verdict::TooEarly => "too early".to_owned(),
    }
}

#[tokio::test]
async fn every_message_of_a_batch_has_its_own_outcome() {
    let handler = Picky::default();
    let verdicts = of_batch(&handler, &[1, 7, 0, 3]).await;
    assert_eq!(verdicts, ["done", "park: seven", "unreadable", "done"]);
    assert_eq!(handler.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_message_that_fails_its_batch_costs_itself_alone() {
    let handler = Picky::default();
    let verdicts = of_batch(&handler, &[1, 2, 3, 4, POISON, 7, 8, 0]).await;
    let expected = [
        "done",
        "done",
        "done",
        "done",
        "retry: no such thing",
        "park: seven",
        "done",
        "unreadable",
    ];
    assert_eq!(verdicts, expected);
    // 7, then 3 and 4 of them, 2 and 2, 1 and 1.
    assert_eq!(handler.0.load(Ordering::Relaxed), 7);
}

/// Takes too long for a whole batch because of one message.
#[derive(Default)]
struct Slow(AtomicUsize);

impl BatchHandler for Slow {
    type Message = SmsSent;

    async fn handle(&self, batch: Vec<(SmsSent, &Meta)>) -> Result<Vec<Outcome>, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if batch
            .iter()
            .any(|(message, _)| message.account_id.get() == POISON)
        {
            return Err(Failure::Slow("took too long".to_owned()));
        }
        Ok(vec![Outcome::Done; batch.len()])
    }
}

#[tokio::test]
async fn a_message_that_takes_its_batch_too_long_is_not_waited_out_for_ever() {
    let handler = Slow::default();
    let verdicts = of_batch(&handler, &[1, 2, POISON, 4]).await;
    assert_eq!(verdicts, ["done", "done", "retry: took too long", "done"]);
    // 4 twice, since that may be the database's; then 2, 2, 1 and 1.
    assert_eq!(handler.0.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn a_batch_of_what_can_not_be_read_troubles_no_handler() {
    let handler = Picky::default();
    assert_eq!(of_batch(&handler, &[0, 0]).await, ["unreadable", "unreadable"]);
    assert_eq!(handler.0.load(Ordering::Relaxed), 0);
}

/// Loses count.
struct Forgetful;

impl BatchHandler for Forgetful {
    type Message = SmsSent;

    async fn handle(&self, _: Vec<(SmsSent, &Meta)>) -> Result<Vec<Outcome>, Failure> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_handler_that_forgets_outcomes_acknowledges_nothing_by_it() {
    let said = "retry: the handler gave 0 outcomes for 1 messages";
    assert_eq!(of_batch(&Forgetful, &[1, 2]).await, [said, said]);
}

/// What becomes of a message is its account's number.
struct Several;

impl Handler for Several {
    type Message = SmsSent;

    async fn handle(&self, message: &SmsSent, meta: &Meta) -> Result<Outcome, Failure> {
        match message.account_id.get() {
            1 => Ok(Outcome::retry(format!("after {}", meta.attempts))),
            2 => panic!("two"),
            3 => Err(std::io::Error::other("three").into()),
            4 => Err(Failure::Outage("the database is away".to_owned())),
            5 => Err(Failure::Slow("five took too long".to_owned())),
            _ => Ok(Outcome::Done),
        }
    }
}

async fn of_one(received: &Received) -> Result<String, Stopped> {
    let bench = bench();
    Ok(short(
        &verdict(received, &bench.desk, &Several, &bench.stop).await?,
    ))
}

#[tokio::test]
async fn a_failure_nobody_thought_of_is_a_retry_with_its_words() {
    for (account, expected) in [
        (9, "done"),
        (1, "retry: after 0"),
        (2, "retry: the handler panicked: two"),
        (3, "retry: three"),
        (5, "retry: five took too long"),
        (0, "unreadable"),
    ] {
        assert_eq!(of_one(&deliveries(&[account])[0]).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_message_waits_in_hand_for_the_database_and_is_given_back_when_the_process_stops() {
    let Bench {
        health,
        desk,
        stop,
        stopper,
        _lost,
    } = bench();
    let received = deliveries(&[4]).remove(0);
    let waiting = tokio::spawn(async move {
        verdict(&received, &desk, &Several, &stop)
            .await
            .map(|v| short(&v))
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    stopper.stop();
    assert_eq!(waiting.await.unwrap(), Err(Stopped));
    // It waits for nothing any more, and says so.
    assert_eq!(health.missing().get("handler"), None);
}

/// A message that says it has been tried three times and is to wait for an hour.
fn delayed(exchange: &str) -> Received {
    let mut table = FieldTable::default();
    let later = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
    table.insert("x-topup-not-before".into(), AMQPValue::LongString(later.into()));
    table.insert("x-topup-attempts".into(), AMQPValue::LongLongInt(3));
    let mut delivery = delivery(1, exchange, body(1));
    delivery.properties = BasicProperties::default().with_headers(table);
    Received::new(delivery)
}

#[tokio::test]
async fn the_fleets_headers_count_only_where_the_fleet_published() {
    for (exchange, attempts, expected) in [
        ("delay.v1.deliver", 3, "too early"),
        ("delay.v1.00", 3, "too early"),
        ("", 3, "too early"),
        ("topup", 0, "retry: after 0"),
        ("amq.topic", 0, "retry: after 0"),
    ] {
        let received = delayed(exchange);
        assert_eq!(received.meta.attempts, attempts, "{exchange:?}");
        assert_eq!(of_one(&received).await.unwrap(), expected, "{exchange:?}");
    }
}

#[test]
fn a_dead_letter_that_was_moved_back_as_it_was_begins_anew() {
    let mut table = FieldTable::default();
    table.insert("x-topup-attempts".into(), AMQPValue::LongLongInt(20));
    table.insert("x-topup-reason".into(), AMQPValue::LongString("gave up".into()));
    let mut delivery = delivery(1, "", body(1));
    delivery.properties = BasicProperties::default().with_headers(table);
    assert_eq!(Received::new(delivery).meta.attempts, 0);
}

#[test]
fn an_error_is_an_outage_when_its_cause_is_the_stores() {
    #[derive(Debug, thiserror::Error)]
    #[error("charging")]
    struct Wrapped(#[source] topup_store::StoreError);

    let contended = || topup_store::StoreError::Contended { attempts: 3 };
    assert!(matches!(Failure::from(contended()), Failure::Outage(_)));
    assert!(
        matches!(Failure::from(Wrapped(contended())), Failure::Outage(text) if text.starts_with("charging: "))
    );
    let settings = topup_store::StoreError::Settings("x".to_owned());
    assert!(matches!(Failure::from(settings), Failure::Unexpected(_)));
}
