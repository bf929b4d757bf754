//! S4, A1: the ledger has a partition for every day that it may be written to, its entries stay as they are, and a
//! day that is closed leaves its sum behind.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{Send, SendOutcome};
use topup_tests::{App, AppOptions, Event, Library, event, main_account};
use uuid::{NoContext, Uuid};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn window(days_back: i32) -> OpenWindow {
    OpenWindow {
        back: DAY * days_back,
        ahead: SignedDuration::from_hours(1),
    }
}

/// A send of so many days ago, whose id carries that time.
fn days_ago(days: i32) -> Result<Event> {
    let at = Timestamp::now() - DAY * days;
    let inside = uuid::Timestamp::from_unix(NoContext, at.as_second().try_into()?, 0);
    Ok(event(1001).id(Uuid::new_v7(inside)).sent_at(at))
}

fn send(event: &Event) -> Result<Send> {
    let event: SmsSent = message::parse(event.body.to_string().as_bytes(), None, None, None)?;
    Ok(Send {
        event,
        traceparent: None,
    })
}

async fn database(library: &Library) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(library.space.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The days that have a partition, in order: `ledger_2026_11_22`.
async fn partitions(client: &Client) -> Result<Vec<String>> {
    let sql = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'ledger'::regclass ORDER BY 1";
    Ok(client
        .query(sql, &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect())
}

fn partition_of(at: Timestamp) -> String {
    at.strftime("ledger_%Y_%m_%d").to_string()
}

#[tokio::test]
async fn after_migrating_every_day_of_the_open_window_has_its_partition_and_days_ahead_too() -> Result<()> {
    let library = Library::with(&[]).await?;
    let partitions = partitions(&database(&library).await?).await?;
    let now = Timestamp::now();
    for day in -3..=90 {
        let wanted = partition_of(now - DAY * day);
        assert!(partitions.contains(&wanted), "{wanted} is not in {partitions:?}");
    }
    // The window is open; nothing is made twice.
    let made = library.store.ensure_partitions(&window(90), 3).await?;
    assert!(made.is_empty(), "{made:?}");
    Ok(())
}

#[tokio::test]
async fn partitions_that_several_make_at_once_are_made_once() -> Result<()> {
    let library = Library::with(&[]).await?;
    let before = partitions(&database(&library).await?).await?.len();
    let window = window(120);
    let make = || library.store.ensure_partitions(&window, 3);
    let (first, second, third) = futures_util::try_join!(make(), make(), make())?;
    let after = partitions(&database(&library).await?).await?.len();
    assert_eq!(first.len() + second.len() + third.len(), after - before);
    assert!(after - before >= 29, "{before} before, {after} after");
    Ok(())
}

#[tokio::test]
async fn entries_can_be_neither_changed_nor_deleted() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    library
        .store
        .record_sends(&[send(&event(1001))?], &window(90))
        .await?;
    let client = database(&library).await?;
    for statement in [
        "UPDATE ledger SET credits_milli = 0",
        "DELETE FROM ledger",
        &format!("DELETE FROM {}", partition_of(Timestamp::now())),
    ] {
        let refused = client.execute(statement, &[]).await;
        let refused = refused
            .err()
            .with_context(|| format!("{statement} went through"))?;
        let said = refused.as_db_error().context("no word of the database")?;
        assert!(said.message().contains("never changed or deleted"), "{said}");
    }
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_day_that_leaves_the_window_is_carried_forward_and_its_table_kept_apart() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    let old = [days_ago(10)?.credits(3), days_ago(10)?.credits(4)];
    let all = [&old[0], &old[1], &event(1001).credits(5)];
    let sends: Vec<Send> = all.into_iter().map(send).collect::<Result<_>>()?;
    let recorded = library.store.record_sends(&sends, &window(90)).await?;
    assert!(
        recorded
            .outcomes
            .iter()
            .all(|outcome| *outcome == SendOutcome::Debited)
    );
    library.audit_is_clean().await?;

    // From now on the window reaches two days back; whoever closes days beside us finds nothing to do.
    let close = || async { library.store.close_days(&window(2)).await };
    let (one, other) = futures_util::try_join!(close(), close())?;
    assert!(
        one.is_empty() != other.is_empty(),
        "{} and {}",
        one.len(),
        other.len()
    );
    let again = library.store.close_days(&window(2)).await?;
    assert!(again.is_empty(), "{again:?}");

    let client = database(&library).await?;
    let table = partition_of(Timestamp::now() - DAY * 10);
    assert!(!partitions(&client).await?.contains(&table));
    assert!(
        partitions(&client)
            .await?
            .contains(&partition_of(Timestamp::now()))
    );
    let kept = client
        .query_one(
            &format!("SELECT count(*), sum(credits_milli)::bigint FROM {table}"),
            &[],
        )
        .await?;
    assert_eq!((kept.get::<_, i64>(0), kept.get::<_, i64>(1)), (2, -7_000));
    let carried = "SELECT credits_milli FROM carried_forward WHERE account_id = 1001 AND service = 'sms'";
    assert_eq!(client.query_one(carried, &[]).await?.get::<_, i64>(0), -7_000);
    // Not even there are they changed.
    assert!(
        client
            .execute(&format!("DELETE FROM {table}"), &[])
            .await
            .is_err()
    );
    library.audit_is_clean().await?;

    // A repeat of a closed day's event is refused by its time, and debits nothing.
    let late = library.store.record_sends(&sends[..1], &window(2)).await?;
    assert!(
        matches!(late.outcomes[0], SendOutcome::Refused(_)),
        "{:?}",
        late.outcomes
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn an_event_for_a_day_that_is_closed_is_parked_and_the_rest_of_its_batch_debited() -> Result<()> {
    // The sweeper closes what a shorter window leaves behind as soon as it starts.
    let app = App::start(
        AppOptions::only(&["sms-sent", "sweeper"])
            .setting("RULES__WINDOW_BACK", "2d")
            .setting("SWEEPER__INTERVAL", "1s"),
    )
    .await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let closed = format!("to_regclass('{}')", partition_of(Timestamp::now() - DAY * 10));
    topup_tests::eventually("a closed day", async || {
        let sql = format!(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ledger'::regclass AND inhrelid = {closed}"
        );
        Ok((app.rows.count(&sql).await? == 0).then_some(()))
    })
    .await?;
    app.send(&[event(1001), days_ago(10)?, days_ago(1)?]).await?;
    let parked = app.broker.dead("sms-sent", 1).await?;
    assert!(
        parked[0].reason().contains("outside the open window"),
        "{}",
        parked[0].reason()
    );
    app.sends_recorded(2).await?;
    app.balance_becomes(1001, "sms", "148").await?;
    app.finish().await
}
