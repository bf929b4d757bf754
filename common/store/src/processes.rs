//! Which processes are alive, as each says of itself every few seconds.
//!
//! Left out: what follows from a silence. Whoever looks at a row decides how long is too long; a row that has been
//! silent for very long is removed by the sweeper.

use crate::pauses::{self, QueuePause};
use crate::sweep::microseconds;
use crate::{Store, StoreError, rows};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::str::FromStr;
use tokio_postgres::Row;
use uuid::Uuid;

/// How a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It has what it needs.
    Ready,
    /// It waits for something.
    NotReady,
    /// Its queue is paused, and it takes nothing from it.
    Paused,
    /// It was told to end, and finishes what it has in hand.
    Stopping,
}

impl ProcessState {
    /// As the database has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not-ready",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProcessState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ready" => Ok(Self::Ready),
            "not-ready" => Ok(Self::NotReady),
            "paused" => Ok(Self::Paused),
            "stopping" => Ok(Self::Stopping),
            _ => Err("is no state of a process"),
        }
    }
}

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessReport<'a> {
    /// New at each start.
    pub id: Uuid,
    /// `sms-sent`, `sweeper`, …
    pub name: &'a str,
    /// Of its build.
    pub version: &'a str,
    /// The machine's name.
    pub host: &'a str,
    /// The system's number of it.
    pub pid: u32,
    /// How long it has run.
    pub up: SignedDuration,
    /// How it stands.
    pub state: ProcessState,
    /// What it waits for.
    pub why: Option<&'a str>,
    /// Messages since its start.
    pub handled: u64,
    /// Messages a second, lately.
    pub per_s: f32,
    /// How far its own clock is ahead of the database's; `None`: not compared yet.
    pub clock_ahead: Option<SignedDuration>,
    /// The queue that it takes from.
    pub queue: Option<&'a str>,
}

/// A process as it last said it was.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessRow {
    /// New at each start.
    pub id: Uuid,
    /// `sms-sent`, `sweeper`, …
    pub name: String,
    /// Of its build.
    pub version: String,
    /// The machine's name.
    pub host: String,
    /// The system's number of it.
    pub pid: i32,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last said anything.
    pub seen_at: Timestamp,
    /// How long ago that was, by the database's clock.
    pub silent_s: f64,
    /// How it stood.
    pub state: ProcessState,
    /// What it waited for.
    pub why: Option<String>,
    /// Messages since its start.
    pub handled: i64,
    /// Messages a second, lately.
    pub per_s: f32,
    /// How far its own clock was ahead of the database's; `None`: it did not say.
    pub clock_ahead: Option<SignedDuration>,
}

impl Store {
    /// Writes down that a process is alive, and answers whether its queue is paused: one statement, the database's
    /// clock. Dropped in the middle, it costs its connection and nothing else.
    ///
    /// # Errors
    /// The database's.
    pub async fn report_process(&self, report: &ProcessReport<'_>) -> Result<Option<QueuePause>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(include_str!("processes/report.sql"))
            .await?;
        client.close_after_use();
        let up_us = microseconds(report.up);
        let pid = i32::try_from(report.pid).unwrap_or(i32::MAX);
        let handled = i64::try_from(report.handled).unwrap_or(i64::MAX);
        let clock_ahead_ms = report
            .clock_ahead
            .map(|ahead| i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX));
        let answer = client
            .query_opt(
                &statement,
                &[
                    &report.id,
                    &report.name,
                    &report.version,
                    &report.host,
                    &pid,
                    &up_us,
                    &report.state.as_str(),
                    &report.why,
                    &handled,
                    &report.per_s,
                    &clock_ahead_ms,
                    &report.queue,
                ],
            )
            .await;
        if !matches!(answer, Err(StoreError::Silent { .. })) {
            client.keep_after_use();
        }
        answer?.as_ref().map(pauses::read).transpose()
    }

    /// A process that ends takes its row with it.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_process(&self, id: Uuid) -> Result<(), StoreError> {
        let client = self.client().await?;
        client
            .execute("DELETE FROM processes WHERE process_id = $1", &[&id])
            .await?;
        Ok(())
    }

    /// Every process that has a row, by name and start.
    ///
    /// # Errors
    /// The database's.
    pub async fn processes(&self) -> Result<Vec<ProcessRow>, StoreError> {
        let client = self.client().await?;
        let rows = client
            .query(
                "SELECT process_id, name, version, host, pid, started_at, seen_at, state, why, handled, per_s,
                        clock_ahead_ms, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_s
                   FROM processes
                  ORDER BY name, started_at, process_id",
                &[],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Removes the rows of processes that have said nothing for so long. Returns how many there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_silent_processes(&self, silence: SignedDuration) -> Result<u64, StoreError> {
        let client = self.client().await?;
        client
            .execute(
                "DELETE FROM processes WHERE seen_at < clock_timestamp() - $1::bigint * interval '1 microsecond'",
                &[&microseconds(silence)],
            )
            .await
    }
}

fn read(row: &Row) -> Result<ProcessRow, StoreError> {
    Ok(ProcessRow {
        id: row.try_get("process_id")?,
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        host: row.try_get("host")?,
        pid: row.try_get("pid")?,
        started_at: row.try_get("started_at")?,
        seen_at: row.try_get("seen_at")?,
        silent_s: row.try_get("silent_s")?,
        state: rows::name(row, "state", "processes")?,
        why: row.try_get("why")?,
        handled: row.try_get("handled")?,
        per_s: row.try_get("per_s")?,
        clock_ahead: row
            .try_get::<_, Option<i64>>("clock_ahead_ms")?
            .map(SignedDuration::from_millis),
    })
}
