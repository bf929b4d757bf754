//! The ledger's days that are over, made ready for those who read them: each is indexed by wallet, and counted.
//!
//! Neither is done on the day that is being written: the index would cost who writes a fifth of what he can. A day that is
//! over is counted once, and once more a while after entries came late.

use crate::client::Client;
use crate::listing::start_of;
use crate::partitions::{first_key, is_locked, owns_ledger, partition_name, utc_day};
use crate::{Store, StoreError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::time::Duration;
use topup_rules::sends::key_bound;

/// How long a day has been over before it is indexed and counted: most of what comes late is in by then.
const AFTER: SignedDuration = SignedDuration::from_hours(2);
/// Days with fewer bytes are read without an index as fast.
const INDEXED_FROM_BYTES: i64 = 64 * 1_024;
/// Days with more are not indexed but by the owner: 4,000,000 entries or so. With two cores and everything in memory,
/// five million were indexed in 10 seconds beside other work, which is longer than writers would wait, and each attempt
/// would be lost. Readers bear it; the owner may make the index at any time.
pub const INDEXED_BY_FUNCTION_TO_BYTES: i64 = 400 * 1_024 * 1_024;
/// A day is not counted again sooner than so, however many entries come late.
const COUNTED_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(20);
/// The advisory lock under which days are indexed and counted.
const HISTORY_LOCK: i64 = 0x746f_7075_7000_0004;
/// How long the owner, whom nobody waits for, may take to make an index, or anybody to count a day.
const WORK_TIME_MAX: Duration = Duration::from_mins(10);
/// Where it is not the owner who makes the index, writers of late entries wait for it: so for shorter than they wait for
/// a lock at all.
const INDEX_BY_FUNCTION: &str =
    "SET lock_timeout = '200ms'; SET statement_timeout = '8s'; SET maintenance_work_mem = '256MB'";
const INDEX_BY_OWNER: &str =
    "SET lock_timeout = '10s'; SET statement_timeout = '10min'; SET maintenance_work_mem = '256MB'";
const COUNTING: &str = "SET lock_timeout = '2s'; SET statement_timeout = '10min'";

/// What there is to do about a day.
struct Todo {
    day: Date,
    wants_index: bool,
    is_too_large: bool,
    wants_count: bool,
}

/// What was done about days that are over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaysReady {
    /// They have their index now.
    pub indexed: Vec<Date>,
    /// They are counted now.
    pub counted: Vec<Date>,
    /// They could not be given their index: somebody wrote to them, or it took too long. It is tried again.
    pub put_off: Vec<Date>,
    /// They lack their index, and only the owner of the tables could make it beside those who write.
    pub too_large: Vec<Date>,
}

impl Store {
    /// Indexes and counts the ledger's days that have been over for two hours, as far as that is not done; `zone` says
    /// when the platform's days begin. Days of more than `function_max_bytes`, as a rule [`INDEXED_BY_FUNCTION_TO_BYTES`],
    /// are indexed for the owner of the tables alone. Nothing where somebody else is at it.
    ///
    /// # Errors
    /// The database's; what is done stays done, and the rest is taken up by the next run.
    pub async fn ready_days(
        &self,
        zone: &TimeZone,
        function_max_bytes: i64,
    ) -> Result<DaysReady, StoreError> {
        // A connection of its own: its end, however it comes, releases the session's lock.
        let mut client = self.client().await?;
        client.close_after_use();
        let alone: bool = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&HISTORY_LOCK])
            .await?
            .get(0);
        let mut ready = DaysReady::default();
        if !alone {
            return Ok(ready);
        }
        let is_owner = owns_ledger(&client).await?;
        let mut is_counted_so_far = true;
        let indexed_to_bytes = if is_owner { i64::MAX } else { function_max_bytes };
        for todo in todo(&client, indexed_to_bytes).await? {
            if todo.is_too_large {
                ready.too_large.push(todo.day);
            }
            if todo.wants_index {
                match index(&mut client, todo.day, is_owner).await {
                    Ok(()) => ready.indexed.push(todo.day),
                    Err(error) if is_locked(&error) || error.is_too_slow() => ready.put_off.push(todo.day),
                    Err(error) => return Err(error),
                }
            }
            if todo.wants_count && is_counted_so_far {
                is_counted_so_far = count(&mut client, todo.day, zone).await?;
                if is_counted_so_far {
                    ready.counted.push(todo.day);
                }
            }
        }
        Ok(ready)
    }
}

async fn todo(client: &Client, indexed_to_bytes: i64) -> Result<Vec<Todo>, StoreError> {
    let now: Timestamp = client.query_one("SELECT clock_timestamp()", &[]).await?.get(0);
    let over = utc_day(now.checked_sub(AFTER).unwrap_or(now)).saturating_sub(1.day());
    let rows = client
        .query(
            include_str!("history/todo.sql"),
            &[
                &partition_name(over),
                &INDEXED_FROM_BYTES,
                &COUNTED_AGAIN_AFTER.as_secs_f64(),
                &indexed_to_bytes,
            ],
        )
        .await?;
    let mut days = Vec::new();
    for row in rows {
        let day: &str = row.try_get("day")?;
        let Ok(day) = day.parse::<Date>() else { continue };
        days.push(Todo {
            day,
            wants_index: row.try_get("wants_index")?,
            is_too_large: row.try_get("is_too_large")?,
            wants_count: row.try_get("wants_count")?,
        });
    }
    Ok(days)
}

/// The owner makes it beside those who write; anybody else by the function that does it in the owner's name.
async fn index(client: &mut Client, day: Date, is_owner: bool) -> Result<(), StoreError> {
    let name = partition_name(day);
    if !is_owner {
        client.batch_execute(INDEX_BY_FUNCTION).await?;
        return at_length(client, &format!("SELECT ledger_index_day('{name}')")).await;
    }
    client.batch_execute(INDEX_BY_OWNER).await?;
    // What an attempt left that was cut short.
    at_length(
        client,
        &format!("DROP INDEX CONCURRENTLY IF EXISTS {name}_by_wallet"),
    )
    .await?;
    let sql = format!("CREATE INDEX CONCURRENTLY {name}_by_wallet ON {name} (account_id, service, event_id)");
    at_length(client, &sql).await
}

/// Whether it could be done: in time, and with nobody in the way.
async fn count(client: &mut Client, day: Date, zone: &TimeZone) -> Result<bool, StoreError> {
    let name = partition_name(day);
    // The platform's day that begins within the ledger's; at the same moment, where it is counted in UTC.
    let begins = TimeZone::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .map_or(day, |start| start.to_zoned(zone.clone()).date());
    let after = match start_of(begins, zone) {
        Some(start) if key_bound(start) >= first_key(day) => begins,
        Some(_) | None => begins.saturating_add(1.day()),
    };
    let before = after.saturating_sub(1.day());
    let midnight = start_of(after, zone).map_or(first_key(day), key_bound);
    client.batch_execute(COUNTING).await?;
    let counted = at_length(
        client,
        &format!("SELECT ledger_count_day('{name}', '{day}', '{midnight}', '{before}', '{after}')"),
    )
    .await;
    match counted {
        Ok(()) => Ok(true),
        Err(error) if is_locked(&error) || error.is_too_slow() => Ok(false),
        Err(error) => Err(error),
    }
}

/// A statement that takes longer than others do. The server bounds it; so does this, should nothing come back.
async fn at_length(client: &mut Client, sql: &str) -> Result<(), StoreError> {
    match tokio::time::timeout(WORK_TIME_MAX, client.raw().batch_execute(sql)).await {
        Ok(done) => Ok(done?),
        Err(_elapsed) => Err(StoreError::Silent {
            after_s: WORK_TIME_MAX.as_secs(),
        }),
    }
}
