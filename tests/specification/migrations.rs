//! A migration comes to a fleet that works: it never stands in anybody's way for longer than a moment.

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio_postgres::NoTls;
use topup_store::MigrationWait;
use topup_tests::{App, AppOptions, Event, event, eventually, main_account, store_on};

/// Wants every table that it names for itself.
const FURTHER: [(&str, &str); 1] = [("V901__to_come", "ALTER TABLE wallets ADD COLUMN to_come text")];
/// Accounts that send.
const ACCOUNTS: i64 = 20;

/// Without giving way, the migration would wait for the report, and every debit for the migration.
#[tokio::test]
async fn a_migration_that_finds_a_table_in_use_gives_way_and_debits_go_on_until_it_is_free() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    let accounts: Vec<_> = (1..=ACCOUNTS).map(|id| main_account(id).credits(1_000)).collect();
    app.import(&accounts).await?;
    // Somebody's report, which takes long.
    let (report, connection) = tokio_postgres::connect(app.space().database_url(), NoTls).await?;
    tokio::spawn(connection);
    report
        .batch_execute("BEGIN; SELECT count(*) FROM wallets")
        .await?;
    let store = store_on(app.space())?;
    let (told, mut heard) = mpsc::unbounded_channel();
    let migrating = tokio::spawn(async move {
        let told = |wait| told.send(wait).expect("who listens");
        store.migrate_beyond(&FURTHER, told).await
    });
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                  WHERE c.relname = 'wallets' AND NOT l.granted AND l.mode = 'AccessExclusiveLock'
                    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let mut sent = 0;
    for _wait in 0..3 {
        eventually("a migration that waits", async || {
            Ok((app.rows.count(waits).await? > 0).then_some(()))
        })
        .await?;
        let events: Vec<Event> = (1..=ACCOUNTS).map(event).collect();
        app.send(&events).await?;
        sent += ACCOUNTS;
        app.sends_recorded(sent).await?;
    }
    assert!(!migrating.is_finished(), "it did not wait for the report");
    report.batch_execute("COMMIT").await?;
    let applied = migrating.await??;
    assert_eq!(applied, ["V901__to_come"], "{applied:?}");
    assert_eq!(heard.recv().await, Some(MigrationWait::TableInUse));
    assert_eq!(heard.recv().await, None, "it said so more than once");
    app.send(&[event(1)]).await?;
    app.sends_recorded(sent + 1)
        .await
        .context("after the migration")?;
    drop(report);
    app.finish().await
}
