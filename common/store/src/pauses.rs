//! Queues that no worker takes from, because a person said so.
//!
//! A pause is a row, and nobody holds it: each worker looks for itself ([`Store::report_process`]), and a pause whose
//! time is over is none, whoever may have died meanwhile. Each act is written down in the same transaction. Left out:
//! which queues there are.

use crate::transaction::Tx;
use crate::{Act, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

/// A queue that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePause {
    /// Which.
    pub queue: String,
    /// Since when.
    pub paused_at: Timestamp,
    /// Until then, or until somebody resumes it.
    pub ends_at: Option<Timestamp>,
    /// Who did it: `user@host`.
    pub who: String,
    /// Why.
    pub reason: String,
}

impl Store {
    /// Pauses a queue, or changes the end and the reason of its pause; `lasts`: until somebody resumes it, where it is
    /// `None`. Returns the pause, and whether there was none before.
    ///
    /// # Errors
    /// The database's.
    pub async fn pause_queue(
        &self,
        queue: &str,
        lasts: Option<SignedDuration>,
        who: &str,
        reason: &str,
    ) -> Result<(QueuePause, bool), StoreError> {
        let lasts_us = lasts.map(crate::sweep::microseconds);
        self.transact(|tx| async move {
            remove_ended(&tx, queue).await?;
            // Of two at once the second waits for the first, and changes its row.
            let row = tx
                .query_one(
                    "INSERT INTO paused_queues (queue, paused_at, ends_at, who, reason)
                     VALUES ($1, clock_timestamp(), clock_timestamp() + $2::bigint * interval '1 microsecond', $3, $4)
                     ON CONFLICT (queue) DO UPDATE
                        SET ends_at = excluded.ends_at, who = excluded.who, reason = excluded.reason
                     RETURNING queue, paused_at, ends_at, who, reason, (xmax = 0) AS is_new",
                    &[&queue, &lasts_us, &who, &reason],
                )
                .await?;
            write_down(&tx, Act::Pause, queue, who, reason).await?;
            Ok((read(&row)?, row.try_get("is_new")?))
        })
        .await
    }

    /// Ends the pause of a queue; `None` where there is none, and then nothing is written down either.
    ///
    /// # Errors
    /// The database's.
    pub async fn resume_queue(
        &self,
        queue: &str,
        who: &str,
        reason: &str,
    ) -> Result<Option<QueuePause>, StoreError> {
        self.transact(|tx| async move {
            remove_ended(&tx, queue).await?;
            let row = tx
                .query_opt(
                    "DELETE FROM paused_queues WHERE queue = $1 RETURNING queue, paused_at, ends_at, who, reason",
                    &[&queue],
                )
                .await?;
            let Some(row) = row else { return Ok(None) };
            write_down(&tx, Act::Resume, queue, who, reason).await?;
            read(&row).map(Some)
        })
        .await
    }

    /// Every queue that is paused now, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn paused_queues(&self) -> Result<Vec<QueuePause>, StoreError> {
        let client = self.client().await?;
        let rows = client
            .query(
                "SELECT queue, paused_at, ends_at, who, reason
                   FROM paused_queues
                  WHERE ends_at IS NULL OR ends_at > clock_timestamp()
                  ORDER BY queue",
                &[],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

/// A pause whose time is over counts as none.
async fn remove_ended(tx: &Tx, queue: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM paused_queues WHERE queue = $1 AND ends_at <= clock_timestamp()",
        &[&queue],
    )
    .await?;
    Ok(())
}

async fn write_down(tx: &Tx, act: Act, queue: &str, who: &str, reason: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO operator_acts (act_id, who, act, queue, reason) VALUES ($1, $2, $3, $4, $5)",
        &[&Uuid::now_v7(), &who, &act.as_str(), &queue, &reason],
    )
    .await?;
    Ok(())
}

pub(crate) fn read(row: &Row) -> Result<QueuePause, StoreError> {
    Ok(QueuePause {
        queue: row.try_get("queue")?,
        paused_at: row.try_get("paused_at")?,
        ends_at: row.try_get("ends_at")?,
        who: row.try_get("who")?,
        reason: row.try_get("reason")?,
    })
}
