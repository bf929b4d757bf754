//! S1–S4: every send is debited once, whatever happens to its message on the way.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::NoTls;
use topup_rules::message;
use topup_rules::sends::OpenWindow;
use topup_store::Send;
use topup_tests::{App, AppOptions, Event, Library, event, eventually, main_account, metric};
use uuid::Uuid;

fn only_sends() -> AppOptions {
    AppOptions::only(&["sms-sent"])
}

/// An id that is not of version 7, the same for the same name.
fn other_id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

/// The same order in every run, in which repeats lie far apart.
fn shuffled(events: Vec<Event>) -> Vec<Event> {
    let count = events.len();
    // Coprime to the count, so that every event has its turn.
    (0..count)
        .map(|turn| events[(turn * 387 + 11) % count].clone())
        .collect()
}

#[tokio::test]
async fn two_hundred_events_delivered_five_times_each_in_any_order_are_two_hundred_debits() -> Result<()> {
    let app = App::start(only_sends().count("sms-sent", 2)).await?;
    app.import(&[main_account(1001).credits(1000), main_account(1002).credits(1000)])
        .await?;
    let once: Vec<Event> = (0..200)
        .map(|number| event(1001 + number % 2).credits("1.5"))
        .collect();
    let deliveries = shuffled((0..5).flat_map(|_| once.clone()).collect());
    assert_eq!(deliveries.len(), 1000);
    app.send(&deliveries).await?;
    app.wait_until_idle().await?;
    app.sends_recorded(200).await?;
    assert_eq!(app.balance(1001).await?, "850");
    assert_eq!(app.balance(1002).await?, "850");
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn the_same_id_with_other_content_is_parked_and_changes_nothing() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[
        main_account(1001).credits(100).whatsapp().credits(100),
        main_account(1002).credits(100),
    ])
    .await?;
    let first = event(1001).credits(10);
    app.send(std::slice::from_ref(&first)).await?;
    app.sends_recorded(1).await?;
    let conflicts = [
        (first.clone().credits(11), "credits"),
        (first.clone().with("account_id", 1002), "account_id"),
        (first.clone().service("whatsapp"), "service"),
        (first.clone().with("messages", 2), "messages"),
        (
            first
                .clone()
                .sent_at(Timestamp::now() - SignedDuration::from_mins(1)),
            "sent_at",
        ),
        (
            first.clone().with("batch_id", Uuid::now_v7().to_string()),
            "batch_id",
        ),
    ];
    for (number, (conflict, field)) in (1..).zip(&conflicts) {
        app.send(std::slice::from_ref(conflict)).await?;
        let parked = app.broker.dead("sms-sent", number).await?;
        let reasons: Vec<&str> = parked.iter().map(|message| message.reason()).collect();
        let of_this = reasons
            .iter()
            .any(|reason| reason.contains("conflicting duplicate") && reason.ends_with(field));
        assert!(of_this, "no conflict over {field} in {reasons:?}");
    }
    // A repeat of the first is still none.
    app.send(&[first]).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(6));
    assert_eq!(app.balance(1001).await?, "90");
    assert_eq!(
        app.account(1001).await?.wallet("whatsapp")?.credits.to_string(),
        "100"
    );
    assert_eq!(app.balance(1002).await?, "100");
    app.sends_recorded(1).await?;
    app.finish().await
}

#[tokio::test]
async fn of_two_events_with_one_id_in_one_batch_one_is_debited_and_the_other_parked() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(1000)]).await?;
    let pairs: Vec<Event> = (0..20)
        .flat_map(|_| {
            let first = event(1001).credits(10);
            let second = first.clone().credits(20);
            [first, second]
        })
        .collect();
    app.send(&pairs).await?;
    app.broker.dead("sms-sent", 20).await?;
    app.wait_until_idle().await?;
    app.sends_recorded(20).await?;
    // The first of each pair stood first in the queue, and one worker keeps the order.
    assert_eq!(app.balance(1001).await?, "800");
    app.finish().await
}

#[tokio::test]
async fn an_id_that_is_not_of_version_7_names_an_event_together_with_its_time() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(100)]).await?;
    let now = Timestamp::now();
    let first = event(1001).id(other_id("a")).sent_at(now).credits(1);
    let later = first.clone().sent_at(now + SignedDuration::from_secs(1));
    let other = first.clone().id(other_id("b"));
    app.send(&[first.clone(), later.clone(), other, first.clone(), later])
        .await?;
    app.wait_until_idle().await?;
    app.sends_recorded(3).await?;
    assert_eq!(app.balance(1001).await?, "97");
    app.send(&[first.credits(2)]).await?;
    let parked = app.broker.dead("sms-sent", 1).await?;
    assert!(
        parked[0].reason().contains("conflicting duplicate"),
        "{}",
        parked[0].reason()
    );
    assert_eq!(app.balance(1001).await?, "97");
    app.finish().await
}

#[tokio::test]
async fn a_send_that_takes_the_balance_below_zero_is_recorded_and_counted() -> Result<()> {
    let mut app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(5)]).await?;
    app.send(&[event(1001).credits("12.5")]).await?;
    app.sends_recorded(1).await?;
    assert_eq!(app.balance(1001).await?, "-7.5");
    app.wait_until_idle().await?;
    let url = app.fleet.worker("sms-sent")?.http_url();
    let counted = metric(&url, "topup_wallets_below_zero_total").await?;
    assert!((counted - 1.0).abs() < f64::EPSILON);
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn a_send_that_can_not_be_one_is_parked_with_the_reason() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(100)]).await?;
    let now = Timestamp::now();
    let days_ago = |days: i64| now - SignedDuration::from_hours(24 * days);
    let old_id = {
        let seconds = u64::try_from(days_ago(91).as_second())?;
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0))
    };
    let refused = [
        (event(1999), "unknown account 1999"),
        (
            event(1001).service("whatsapp"),
            "no wallet for the service whatsapp",
        ),
        (event(1001).credits(0), "credits"),
        (event(1001).credits(-5), "credits"),
        (event(1001).credits("1000000.001"), "credits"),
        (event(1001).sent_at(days_ago(91)), "sent_at"),
        (event(1001).id(old_id), "event_id"),
        (
            event(1001).sent_at(now + SignedDuration::from_hours(2)),
            "sent_at",
        ),
    ];
    app.send(&refused.clone().map(|(event, _)| event)).await?;
    let parked = app.broker.dead("sms-sent", 8).await?;
    for (event, words) in &refused {
        let id = Some(event.event_id());
        let reason = parked
            .iter()
            .find(|message| message.message_id == id)
            .map(|message| message.reason());
        assert!(
            reason.is_some_and(|reason| reason.contains(words)),
            "{words}: {reason:?}"
        );
    }
    assert_eq!(app.balance(1001).await?, "100");
    app.sends_recorded(0).await?;
    // What lies just inside the window is none of these.
    app.send(&[
        event(1001).id(other_id("old")).sent_at(days_ago(89)),
        event(1001)
            .id(other_id("new"))
            .sent_at(now + SignedDuration::from_mins(50)),
    ])
    .await?;
    app.sends_recorded(2).await?;
    assert_eq!(app.balance(1001).await?, "98");
    app.finish().await
}

#[tokio::test]
async fn sms_and_whatsapp_wallets_are_debited_apart() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(100).whatsapp().credits(50)])
        .await?;
    app.send(&[
        event(1001).credits(1),
        event(1001).service("whatsapp").credits("2.25"),
        event(1001).without("service").credits(3),
    ])
    .await?;
    app.sends_recorded(3).await?;
    let account = app.account(1001).await?;
    assert_eq!(account.wallet("sms")?.credits.to_string(), "96");
    assert_eq!(account.wallet("whatsapp")?.credits.to_string(), "47.75");
    app.finish().await
}

/// Two batches that share wallets wait for each other in one direction alone, so that they can't block each other.
#[tokio::test]
async fn a_batch_locks_its_wallets_one_after_the_other_in_the_order_of_their_keys() -> Result<()> {
    const ACCOUNTS: i64 = 40;
    const HELD: i64 = 1020;
    let accounts: Vec<_> = (1001..=1000 + ACCOUNTS).map(main_account).collect();
    let library = Library::with(&accounts).await?;
    let (mut client, connection) = tokio_postgres::connect(library.space.database_url(), NoTls).await?;
    tokio::spawn(connection);
    // A transaction would see the same activity whenever it looked.
    let (watcher, connection) = tokio_postgres::connect(library.space.database_url(), NoTls).await?;
    tokio::spawn(connection);
    // What the planner could be led by: many rows that it knows of.
    client.batch_execute("ANALYZE wallets").await?;
    let holder = client.transaction().await?;
    let held = "SELECT FROM wallets WHERE account_id = $1 FOR UPDATE";
    holder.execute(held, &[&HELD]).await?;

    let of_each: Vec<Event> = (0..ACCOUNTS).map(|number| event(1001 + number)).collect();
    let sends: Vec<Send> = shuffled(of_each)
        .iter()
        .map(|event| {
            let event = message::parse(event.body.to_string().as_bytes(), None, None, None)?;
            let traceparent = None;
            Ok(Send { event, traceparent })
        })
        .collect::<Result<_>>()?;
    let store = library.store.clone();
    let batch = tokio::spawn(async move { store.record_sends(&sends, &OpenWindow::default()).await });
    let waiting =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the batch to wait for the wallet that is held", async || {
        Ok(watcher.query_opt(waiting, &[]).await?.map(drop))
    })
    .await?;
    let free = "SELECT account_id FROM wallets WHERE account_id <> $1 ORDER BY 1 FOR UPDATE SKIP LOCKED";
    let rows = holder.query(free, &[&HELD]).await?;
    let free: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(free, (HELD + 1..=1000 + ACCOUNTS).collect::<Vec<_>>());

    holder.rollback().await?;
    assert_eq!(batch.await??.outcomes.len(), accounts.len());
    library.audit_is_clean().await
}
