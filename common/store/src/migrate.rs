//! The schema, brought up to date by whoever comes first, while the fleet works.
//!
//! What a migration may do follows from that. The processes of the version before still run when it is applied, and go
//! on until the new ones have taken over: so it **expands**, and what nobody uses any more goes with the version after
//! (**contracts**). It takes no lock that lasts: a statement that has to wait for a table stops everybody who comes
//! after it, so it waits a moment only, gives way with all that it did, and comes again. `objection` says what else no
//! migration does; a test asks it about each of them.

use crate::{Store, StoreError};
use refinery::{Migration, Runner};
use std::error::Error as _;
use std::time::Duration;
use tokio_postgres::error::SqlState;

mod embedded {
    refinery::embed_migrations!("../../infra/migrations");
}

/// The advisory lock under which migrations run, so that two of them never meet.
const MIGRATION_LOCK: i64 = 0x746f_7075_7000_0001;
/// Between two tries to be the one who migrates.
const TURN_PAUSE: Duration = Duration::from_millis(200);
/// How long a migration waits for a table, and everybody behind it: less than people notice.
const LOCK_WAIT: &str = "SET lock_timeout = '500ms'";
/// How long it leaves them alone then.
const LOCK_PAUSE: Duration = Duration::from_millis(1_500);
/// How often it comes again: for ten minutes, longer than any work of the fleet's own.
const LOCK_TRIES_MAX: u32 = 300;

/// What a migration waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationWait {
    /// Somebody else migrates.
    Turn,
    /// A table is in use; it gives way and comes again, for ten minutes at most.
    TableInUse,
}

impl Store {
    /// Applies what is missing of the schema; safe to run at any time, by any number at once.
    /// Returns the names of what was applied.
    ///
    /// # Errors
    /// [`StoreError::Migration`] where a migration fails, an applied one was changed since, or a table stayed in use
    /// for ten minutes. What was applied before stays applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.migrate_telling(|_| {}).await
    }

    /// The names of the fleet's migrations that are not applied yet, in order.
    ///
    /// # Errors
    /// The database's.
    pub async fn unapplied_migrations(&self) -> Result<Vec<String>, StoreError> {
        let client = self.client().await?;
        let history: bool = client
            .query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[])
            .await?
            .get(0);
        let applied: Vec<String> = if history {
            let rows = client
                .query("SELECT name FROM refinery_schema_history", &[])
                .await?;
            rows.iter().map(|row| row.get(0)).collect()
        } else {
            Vec::new()
        };
        let runner = embedded::migrations::runner();
        let all = runner.get_migrations().iter();
        Ok(all
            .filter(|migration| !applied.iter().any(|name| name == migration.name()))
            .map(ToString::to_string)
            .collect())
    }

    /// The same, told what it waits for, once for each reason: it may take minutes.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub async fn migrate_telling(
        &self,
        told: impl FnMut(MigrationWait) + Send,
    ) -> Result<Vec<String>, StoreError> {
        self.migrate_beyond(&[], told).await
    }

    /// The same with further migrations behind the fleet's own, each a name (`V901__wider`) and its SQL: for tests of
    /// what a migration to come may do to a fleet that works.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub async fn migrate_beyond(
        &self,
        further: &[(&str, &str)],
        mut told: impl FnMut(MigrationWait) + Send,
    ) -> Result<Vec<String>, StoreError> {
        let mut said = Vec::new();
        let mut tell = |wait: MigrationWait| {
            if !said.contains(&wait) {
                told(wait);
                said.push(wait);
            }
        };
        let mut all = embedded::migrations::runner().get_migrations().clone();
        for (name, sql) in further {
            all.push(Migration::unapplied(name, sql)?);
        }
        let mut client = self.client().await?;
        // The lock and the setting end with the session.
        client.close_after_use();
        // Tried, not waited for: who waits for a lock is ended long before a large migration is.
        while !client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&MIGRATION_LOCK])
            .await?
            .get::<_, bool>(0)
        {
            tell(MigrationWait::Turn);
            tokio::time::sleep(TURN_PAUSE).await;
        }
        let client = client.raw();
        client.batch_execute(LOCK_WAIT).await?;
        let mut applied = Vec::new();
        for attempt in 1.. {
            let run = Runner::new(&all).run_async(client).await;
            let report = match &run {
                Ok(report) => Some(report),
                Err(error) => error.report(),
            };
            let names = report.into_iter().flat_map(|report| report.applied_migrations());
            applied.extend(names.map(ToString::to_string));
            match run {
                Ok(_) => break,
                Err(error) if attempt < LOCK_TRIES_MAX && is_in_use(&error) => {
                    tracing::info!(attempt, %error, "a table is in use: the migration gives way and comes again");
                    tell(MigrationWait::TableInUse);
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(applied)
    }
}

/// Somebody else holds a table, or holds one and wants another.
fn is_in_use(error: &refinery::Error) -> bool {
    let mut link = error.source();
    while let Some(cause) = link {
        if let Some(error) = cause.downcast_ref::<tokio_postgres::Error>() {
            return error.code().is_some_and(|state| {
                *state == SqlState::LOCK_NOT_AVAILABLE || *state == SqlState::T_R_DEADLOCK_DETECTED
            });
        }
        link = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last migration before there were fleets that must not stop for one.
    const BEFORE_FLEETS: i32 = 5;
    /// Tables that no queue worker writes to: whoever changes an account waits for a moment, and no send does.
    const READ_ALONE: [&str; 1] = ["accounts"];

    /// What speaks against a migration while a fleet works on the tables that were there before it.
    fn objection(sql: &str) -> Option<&'static str> {
        let code: String = sql
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join(" ");
        let statements: Vec<String> = code
            .to_ascii_lowercase()
            .split(';')
            .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let is_new = |table: &str| {
            let made = [format!("create table {table} "), format!("create table {table}(")];
            statements
                .iter()
                .any(|s| made.iter().any(|made| s.starts_with(made.as_str())))
        };
        statements.iter().find_map(|statement| {
            let words: Vec<&str> = statement.split([' ', '(']).collect();
            match words.as_slice() {
                ["create", "index", ..] | ["create", "unique", "index", ..] => {
                    let table = words.iter().skip_while(|word| **word != "on").nth(1);
                    (!table.is_some_and(|table| is_new(table) || READ_ALONE.contains(table)))
                        .then_some("an index is built while all writers of its table wait")
                }
                ["alter", "table", table, ..] if !is_new(table) => altered(statement),
                // What a function does with a table of its own migration is its business.
                ["update", table, ..] | ["delete", "from", table, ..] if is_new(table) => None,
                ["update" | "delete", ..] => {
                    Some("rows are changed by the table: do it in parts, outside a migration")
                }
                ["lock" | "truncate" | "cluster" | "vacuum" | "reindex", ..] => {
                    Some("a whole table is locked")
                }
                _ => None,
            }
        })
    }

    fn altered(statement: &str) -> Option<&'static str> {
        const SCANS: &str = "the whole table is looked through under a lock";
        const IN_USE: &str = "the version before still uses it";
        let refused = [
            (" type ", "the whole table is written anew under a lock"),
            (" set not null", SCANS),
            (" rename ", IN_USE),
            (" set data ", "the whole table is written anew under a lock"),
        ];
        let volatile = ["clock_timestamp", "random", "gen_random_uuid"];
        if statement.contains(" add constraint ")
            && !statement.contains(" not valid")
            && !statement.contains(" using index")
        {
            return Some(SCANS);
        }
        if statement.contains(" add column ") {
            if volatile.iter().any(|word| statement.contains(word)) {
                return Some("the whole table is written anew under a lock");
            }
            if statement.contains(" not null") && !statement.contains(" default ") {
                return Some("the version before does not fill it");
            }
        }
        refused
            .iter()
            .find(|(words, _)| statement.contains(words))
            .map(|(_, why)| *why)
    }

    #[test]
    fn no_migration_stops_a_fleet_that_works() {
        let all = embedded::migrations::runner();
        for migration in all.get_migrations() {
            if migration.version() > BEFORE_FLEETS {
                let sql = migration.sql().expect("an embedded migration has its text");
                assert_eq!(objection(sql), None, "{migration}");
            }
        }
    }

    #[test]
    fn what_stops_a_fleet_is_known() {
        for good in [
            "ALTER TABLE wallets ADD COLUMN note text; -- to be filled by the next version",
            "ALTER TABLE wallets ADD COLUMN notes integer NOT NULL DEFAULT 0",
            "ALTER TABLE wallets ADD CONSTRAINT sane CHECK (notes >= 0) NOT VALID",
            "ALTER TABLE wallets VALIDATE CONSTRAINT sane",
            "ALTER TABLE wallets DROP CONSTRAINT sane",
            "CREATE TABLE pages (id bigint); CREATE INDEX pages_by_id ON pages (id); ALTER TABLE pages ALTER COLUMN id SET NOT NULL",
            "CREATE TABLE pages (id bigint); DELETE FROM pages; UPDATE pages SET id = 1",
            "CREATE VIEW notes AS SELECT 1; GRANT SELECT ON notes TO PUBLIC",
        ] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in [
            "CREATE INDEX late ON payments (intent_at)",
            "CREATE UNIQUE INDEX late ON payments (intent_at)",
            "ALTER TABLE ledger ALTER COLUMN messages TYPE bigint",
            "ALTER TABLE ledger ALTER COLUMN batch_id SET NOT NULL",
            "ALTER TABLE wallets ADD CONSTRAINT sane CHECK (balance_milli > 0)",
            "ALTER TABLE wallets RENAME COLUMN balance_milli TO balance",
            "ALTER TABLE wallets ADD COLUMN note text NOT NULL",
            "ALTER TABLE wallets ADD COLUMN id uuid DEFAULT gen_random_uuid()",
            "UPDATE payments SET ask_at = now()",
            "DELETE FROM payments",
            "-- at first\nLOCK TABLE wallets",
            "TRUNCATE outbox",
        ] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }
}
