//! The ledger's days: opened ahead of time, closed behind the open window (S4).
//!
//! A day is a UTC day of keys. Its partition is named after it, `ledger_2026_11_22`. A closed day's table is
//! detached and kept under that name; deleting or archiving it is left to people.

use crate::client::Client;
use crate::transaction::Tx;
use crate::{Store, StoreError};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use topup_rules::sends::{OpenWindow, key_bound};
use uuid::Uuid;

/// How long a day stays open after the window has left it: more than any clock is wrong by.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);
/// How often a lock that somebody else holds is asked for again.
const LOCK_WAITS_MAX: u32 = 5;
/// The pause between two such attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(500);
/// How long detaching a day may make who writes wait, where it is not the owner who does it. The connection is not used
/// for anything else afterwards.
const DETACH_LOCK_WAIT: &str = "SET lock_timeout = '200ms'";
/// Days opened in one transaction: each holds some locks until its end.
const OPENED_AT_ONCE_MAX: usize = 200;
/// The advisory lock under which days are opened, so that two who do so never meet.
const OPENING_LOCK: i64 = 0x746f_7075_7000_0002;
/// The one under which days are closed.
const CLOSING_LOCK: i64 = 0x746f_7075_7000_0003;

/// A partition of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    attached: Attached,
    /// By wallet; a day that is over has one, unless it is small.
    pub(crate) has_index: bool,
}

/// Where a day's table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attached {
    /// A partition like any other.
    Whole,
    /// Its detaching was begun and not finished.
    Half,
}

/// How many days ahead of now the ledger is kept open: as long as it may go without being looked after.
pub const LEDGER_DAYS_AHEAD: u16 = 7;

impl Store {
    /// Opens every day that the window touches, a margin of one day before it, and `days_ahead` after it, as far
    /// as they are not there yet. Returns the names of the partitions that it made.
    ///
    /// # Errors
    /// The database's; where a lock could not be had in time, all may be tried again later.
    pub async fn ensure_partitions(
        &self,
        window: &OpenWindow,
        days_ahead: u16,
    ) -> Result<Vec<String>, StoreError> {
        let mut opened = Vec::new();
        let mut waits = 0;
        loop {
            match self.open_missing_days(window, days_ahead).await {
                Ok(more) if more.is_empty() => return Ok(opened),
                Ok(more) => opened.extend(more),
                Err(error) if waits < LOCK_WAITS_MAX && is_locked(&error) => {
                    waits += 1;
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn open_missing_days(
        &self,
        window: &OpenWindow,
        days_ahead: u16,
    ) -> Result<Vec<String>, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            // Whoever writes sends does not wait for this; this must not wait long for anybody either.
            tx.execute("SELECT set_config('lock_timeout', '2s', true)", &[])
                .await?;
            tx.execute("SELECT pg_advisory_xact_lock($1)", &[&OPENING_LOCK])
                .await?;
            let now = tx.clock().await?;
            let attached = attached_days(tx).await?;
            let closed_through = closed_through(tx).await?;
            let missing: Vec<Date> = wanted_days(now, window, days_ahead)
                .into_iter()
                .filter(|day| !attached.contains_key(day) && Some(*day) > closed_through)
                .take(OPENED_AT_ONCE_MAX)
                .collect();
            open(tx, &missing).await
        })
        .await
    }

    /// Closes every day that lies wholly behind the window by more than the margin: its sums are carried forward,
    /// and its table is detached and kept. Finishes what an earlier run left half done. Returns the days closed.
    ///
    /// # Errors
    /// The database's; what is done stays done, and the rest is taken up by the next run.
    pub async fn close_days(&self, window: &OpenWindow) -> Result<Vec<Date>, StoreError> {
        // A connection of its own: its end, however it comes, releases the session's lock.
        let client = self.client().await?;
        client.close_after_use();
        let alone: bool = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&CLOSING_LOCK])
            .await?
            .get(0);
        if !alone {
            return Ok(Vec::new());
        }
        detach_closed(&client).await?;
        let mut closed = Vec::new();
        for day in self.days_to_close(window).await? {
            self.transact(|tx| async move { carry_forward(&tx, day).await })
                .await?;
            closed.push(day);
            detach_closed(&client).await?;
        }
        Ok(closed)
    }

    async fn days_to_close(&self, window: &OpenWindow) -> Result<Vec<Date>, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            let now = tx.clock().await?;
            let closed_through = closed_through(tx).await?;
            let oldest_open = utc_day(opening(now, window));
            Ok(attached_days(tx)
                .await?
                .into_keys()
                .filter(|day| *day < oldest_open && Some(*day) > closed_through)
                .collect())
        })
        .await
    }
}

pub(crate) fn is_locked(error: &StoreError) -> bool {
    error.sql_state() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// The moment before which nothing is let in, less the margin.
fn opening(now: Timestamp, window: &OpenWindow) -> Timestamp {
    let back = window.back.checked_add(MARGIN).unwrap_or(SignedDuration::MAX);
    now.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn utc_day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Every day that has to be there, in order.
fn wanted_days(now: Timestamp, window: &OpenWindow, days_ahead: u16) -> Vec<Date> {
    let newest = now.checked_add(window.ahead).unwrap_or(now);
    let first = utc_day(opening(now, window));
    let last = utc_day(newest).saturating_add(i32::from(days_ahead).days());
    first.series(1.day()).take_while(|day| *day <= last).collect()
}

/// The smallest key of a day.
pub(crate) fn first_key(day: Date) -> Uuid {
    // Days at the ends of the calendar are no ledger's days.
    key_bound(
        TimeZone::UTC
            .to_timestamp(day.at(0, 0, 0, 0))
            .unwrap_or(Timestamp::MAX),
    )
}

pub(crate) fn partition_name(day: Date) -> String {
    day.strftime("ledger_%Y_%m_%d").to_string()
}

fn day_of(partition: &str) -> Option<Date> {
    Date::strptime("ledger_%Y_%m_%d", partition).ok()
}

/// The ledger's partitions.
pub(crate) async fn attached_days(tx: &Tx) -> Result<BTreeMap<Date, Day>, StoreError> {
    Ok(tx
        .query(PARTITIONS, &[])
        .await?
        .iter()
        .filter_map(partition)
        .collect())
}

/// Name, 'detaching was begun' and 'has its index by wallet' of each.
const PARTITIONS: &str = "SELECT c.relname::text, i.inhdetachpending,
            EXISTS (SELECT FROM pg_index x JOIN pg_class n ON n.oid = x.indexrelid
                     WHERE x.indrelid = c.oid AND x.indisvalid AND n.relname = c.relname || '_by_wallet')
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'ledger'::regclass";

fn partition(row: &Row) -> Option<(Date, Day)> {
    let attached = if row.get(1) {
        Attached::Half
    } else {
        Attached::Whole
    };
    let has_index = row.get(2);
    Some((day_of(row.get(0))?, Day { attached, has_index }))
}

/// The database's clock, and the window as far as its days are still open: a setting that is widened later does
/// not open closed days again.
pub(crate) async fn clock_and_window(
    tx: &Tx,
    window: &OpenWindow,
) -> Result<(Timestamp, OpenWindow), StoreError> {
    let row = tx
        .query_one(
            "SELECT clock_timestamp(), (SELECT max(day)::text FROM closed_days) AS closed_through",
            &[],
        )
        .await?;
    let now: Timestamp = row.try_get(0)?;
    let open_days = day_after(closed_day(&row)?).map(|first| now.duration_since(first));
    let back = open_days.map_or(window.back, |open| open.min(window.back));
    Ok((now, OpenWindow { back, ..*window }))
}

/// The last closed day. Days are closed in order, so all before it are closed too.
async fn closed_through(tx: &Tx) -> Result<Option<Date>, StoreError> {
    closed_day(
        &tx.query_one("SELECT max(day)::text AS closed_through FROM closed_days", &[])
            .await?,
    )
}

fn closed_day(row: &Row) -> Result<Option<Date>, StoreError> {
    let day: Option<&str> = row.try_get("closed_through")?;
    day.map(|text| {
        text.parse().map_err(|e: jiff::Error| StoreError::Unreadable {
            table: "closed_days",
            what: e.to_string(),
        })
    })
    .transpose()
}

/// The first moment after a day.
fn day_after(day: Option<Date>) -> Option<Timestamp> {
    TimeZone::UTC
        .to_timestamp(day?.saturating_add(1.day()).at(0, 0, 0, 0))
        .ok()
}

/// The smallest key that no closed day has.
pub(crate) async fn open_since(tx: &Tx) -> Result<Uuid, StoreError> {
    let last_closed = closed_through(tx).await?;
    Ok(last_closed.map_or(Uuid::nil(), |day| first_key(day.saturating_add(1.day()))))
}

async fn open(tx: &Tx, days: &[Date]) -> Result<Vec<String>, StoreError> {
    let names: Vec<String> = days.iter().map(|day| partition_name(*day)).collect();
    let from: Vec<Uuid> = days.iter().map(|day| first_key(*day)).collect();
    let to: Vec<Uuid> = days
        .iter()
        .map(|day| first_key(day.saturating_add(1.day())))
        .collect();
    tx.execute(
        "SELECT ledger_open_day(partition, from_key, to_key)
           FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS t (partition, from_key, to_key)",
        &[&names, &from, &to],
    )
    .await?;
    Ok(names)
}

/// One transaction: nothing more comes in, the sums are carried forward, the day counts as closed.
async fn carry_forward(tx: &Tx, day: Date) -> Result<(), StoreError> {
    let (name, day) = (partition_name(day), day.to_string());
    tx.execute("SELECT set_config('lock_timeout', '2s', true)", &[])
        .await?;
    tx.execute("INSERT INTO closed_days (day) VALUES ($1::text::date)", &[&day])
        .await?;
    tx.execute("SELECT ledger_seal_day($1)", &[&name]).await?;
    tx.execute("SELECT ledger_carry_forward($1, $2::text::date)", &[&name, &day])
        .await?;
    Ok(())
}

/// Detaches what is closed: outside a transaction, as CONCURRENTLY wants it, so that no sender waits; or, where another
/// role owns the ledger, by the function that does it in the owner's name.
async fn detach_closed(client: &Client) -> Result<(), StoreError> {
    let days: BTreeMap<Date, Day> = client
        .query(PARTITIONS, &[])
        .await?
        .iter()
        .filter_map(partition)
        .collect();
    let closed = client
        .query(
            "SELECT day::text FROM closed_days WHERE detached_at IS NULL ORDER BY day",
            &[],
        )
        .await?;
    let owns_ledger = !closed.is_empty() && owns_ledger(client).await?;
    for row in closed {
        let day: &str = row.get(0);
        let Ok(date) = day.parse::<Date>() else { continue };
        let name = partition_name(date);
        match days.get(&date).map(|day| day.attached) {
            Some(attached) if owns_ledger => detach(client, &name, attached).await?,
            Some(Attached::Whole | Attached::Half) => detach_by_function(client, &name).await?,
            None => {}
        }
        client
            .execute(
                "WITH kept AS (SELECT ledger_keep_detached($1))
                 UPDATE closed_days SET detached_at = clock_timestamp() FROM kept WHERE day = $2::text::date",
                &[&name, &day],
            )
            .await?;
    }
    Ok(())
}

pub(crate) async fn owns_ledger(client: &Client) -> Result<bool, StoreError> {
    let row = client
        .query_one(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'ledger'::regclass",
            &[],
        )
        .await?;
    Ok(row.get(0))
}

async fn detach(client: &Client, name: &str, attached: Attached) -> Result<(), StoreError> {
    let how = match attached {
        Attached::Whole => "CONCURRENTLY",
        Attached::Half => "FINALIZE",
    };
    client
        .batch_execute(&format!("ALTER TABLE ledger DETACH PARTITION {name} {how}"))
        .await
}

/// It waits for who writes, and makes the next ones wait: so for a moment only, and again a while later.
async fn detach_by_function(client: &Client, name: &str) -> Result<(), StoreError> {
    client.batch_execute(DETACH_LOCK_WAIT).await?;
    let mut waits = 0;
    loop {
        match client.execute("SELECT ledger_detach_day($1)", &[&name]).await {
            Ok(_) => return Ok(()),
            Err(error) if waits < LOCK_WAITS_MAX && is_locked(&error) => {
                waits += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_open_from_the_window_and_its_margin_to_the_days_ahead() {
        let window = OpenWindow {
            back: SignedDuration::from_hours(48),
            ahead: SignedDuration::from_hours(1),
        };
        let days = |now, ahead| {
            let days = wanted_days(at(now), &window, ahead);
            (
                days.first().unwrap().to_string(),
                days.last().unwrap().to_string(),
            )
        };
        assert_eq!(
            days("2026-11-22T12:00:00Z", 0),
            ("2026-11-19".into(), "2026-11-22".into())
        );
        assert_eq!(
            days("2026-11-22T23:30:00Z", 0),
            ("2026-11-19".into(), "2026-11-23".into())
        );
        assert_eq!(
            days("2026-11-22T00:00:00Z", 3),
            ("2026-11-19".into(), "2026-11-25".into())
        );
    }

    #[test]
    fn a_partition_bears_its_day() {
        let day = jiff::civil::date(2026, 11, 2);
        assert_eq!(partition_name(day), "ledger_2026_11_02");
        assert_eq!(day_of("ledger_2026_11_02"), Some(day));
        assert_eq!(day_of("ledger_old"), None);
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let day = jiff::civil::date(2026, 11, 22);
        assert_eq!(first_key(day), key_bound(at("2026-11-22T00:00:00Z")));
        assert!(first_key(day) < key_bound(at("2026-11-22T23:59:59.999Z")));
        assert!(key_bound(at("2026-11-22T23:59:59.999Z")) < first_key(jiff::civil::date(2026, 11, 23)));
    }
}
