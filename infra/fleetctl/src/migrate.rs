//! `fleetctl migrate`: the schema brought up to date, and the ledger's days opened.

use crate::fleet::Fleet;
use crate::output::{Report, count};
use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write as _;
use topup_store::MigrationWait;

#[derive(Serialize)]
struct Migrated {
    migrations_applied: Vec<String>,
    days_opened: Vec<String>,
}

/// Applies what is missing.
///
/// # Errors
/// Settings; the database's.
pub(crate) async fn run(fleet: &Fleet) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let migrations_applied = store
        .migrate_telling(|wait| eprintln!("fleetctl: {}", patience(wait)))
        .await
        .context("the schema could not be brought up to date")?;
    let days_opened = store
        .ensure_partitions(&fleet.window(), topup_store::LEDGER_DAYS_AHEAD)
        .await
        .context("the ledger's days could not be opened")?;
    let mut text = String::new();
    for migration in &migrations_applied {
        writeln!(text, "applied {migration}")?;
    }
    if migrations_applied.is_empty() {
        text.push_str("the schema is up to date\n");
    }
    match (days_opened.first(), days_opened.last()) {
        (Some(first), Some(last)) => {
            let days = count(days_opened.len() as u64, "day", "days");
            writeln!(text, "opened {days} of the ledger: {first} to {last}")?;
        }
        (None, _) | (_, None) => text.push_str("the ledger's days are open\n"),
    }
    Report::fine(
        &Migrated {
            migrations_applied,
            days_opened,
        },
        text,
    )
}

/// Why nothing happens for a while.
const fn patience(wait: MigrationWait) -> &'static str {
    match wait {
        MigrationWait::Turn => "somebody else migrates at this moment; waiting for the end of that",
        MigrationWait::TableInUse => {
            "a table is in use for longer than debits may wait: giving way, and trying again for up to ten minutes; \
             a long report or an open transaction is what mostly holds it (see pg_stat_activity)"
        }
    }
}
