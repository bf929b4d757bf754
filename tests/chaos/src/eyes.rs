//! The run's own look at broker and database, past the wires. It breaks like any other, and is made anew.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::Mutex;
use tokio::time::timeout;
use topup_stack::Space;
use topup_tests::{Broker, Raw, Rows};
use uuid::Uuid;

/// Longest look, connecting included.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// Longest look at a whole ledger.
const LEDGER_LOOK_MAX: Duration = Duration::from_secs(30);

/// What a queue has at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) ready: u32,
    pub(crate) consumers: u32,
}

/// Connections, each made when it is needed and dropped when it failed.
#[derive(Debug)]
pub(crate) struct Eyes {
    space: Space,
    rows: Mutex<Option<Rows>>,
    broker: Mutex<Option<Broker>>,
}

impl Eyes {
    pub(crate) fn on(space: &Space) -> Self {
        Self {
            space: space.clone(),
            rows: Mutex::default(),
            broker: Mutex::default(),
        }
    }

    /// A `bigint` from the database.
    pub(crate) async fn count(&self, sql: &str) -> Result<i64> {
        self.with_rows(LOOK_MAX, async |rows| rows.count(sql).await).await
    }

    /// Several at once.
    pub(crate) async fn counts<const N: usize>(&self, sql: &str) -> Result<[i64; N]> {
        self.with_rows(LOOK_MAX, async |rows| {
            let row = rows.client().query_one(sql, &[]).await?;
            let mut counts = [0; N];
            for (place, count) in counts.iter_mut().enumerate() {
                *count = row.try_get(place)?;
            }
            Ok(counts)
        })
        .await
    }

    /// Top-ups that wait for their moment: account, service, id.
    pub(crate) async fn scheduled(&self) -> Result<Vec<(i64, String, Uuid)>> {
        let sql = "SELECT account_id, service, topup_id FROM topups WHERE state = 'scheduled' LIMIT 200";
        self.with_rows(LOOK_MAX, async |rows| {
            let found = rows.client().query(sql, &[]).await?;
            let read = found
                .iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
            read.collect()
        })
        .await
    }

    /// Every send that is recorded: by ledger key, how many thousandths.
    pub(crate) async fn recorded(&self) -> Result<HashMap<Uuid, i64>> {
        let sql = "SELECT event_id, -credits_milli FROM ledger WHERE kind = 'send'";
        self.with_rows(LEDGER_LOOK_MAX, async |rows| {
            let found = rows.client().query(sql, &[]).await?;
            found
                .iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect()
        })
        .await
    }

    /// A queue; `None` where there is none.
    pub(crate) async fn queue(&self, name: &str) -> Result<Option<Queue>> {
        self.with_broker(async |broker| {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            // A missing queue closes the channel, so each question has its own.
            let channel = broker.channel().await?;
            let Ok(found) = channel
                .queue_declare(name.into(), options, FieldTable::default())
                .await
            else {
                return Ok(None);
            };
            channel.close(200, "looked".into()).await.context("closing")?;
            Ok(Some(Queue {
                ready: found.message_count(),
                consumers: found.consumer_count(),
            }))
        })
        .await
    }

    /// Deletes a queue with everything in it.
    pub(crate) async fn delete(&self, queue: &str) -> Result<()> {
        self.with_broker(async |broker| broker.delete(queue).await).await
    }

    /// Empties a queue.
    pub(crate) async fn purge(&self, queue: &str) -> Result<()> {
        self.with_broker(async |broker| broker.purge(queue).await).await
    }

    /// Publishes straight to a queue.
    pub(crate) async fn publish_to(&self, queue: &str, messages: Vec<Raw>) -> Result<()> {
        self.with_broker(async |broker| broker.publish_to(queue, messages.clone()).await)
            .await
    }

    async fn with_rows<T>(&self, most: Duration, look: impl AsyncFnOnce(&Rows) -> Result<T>) -> Result<T> {
        let mut kept = self.rows.lock().await;
        let looked = timeout(most, async {
            let rows = match kept.take() {
                Some(rows) => rows,
                None => Rows::connect(self.space.database_url()).await?,
            };
            let seen = look(&rows).await?;
            anyhow::Ok((rows, seen))
        })
        .await;
        let (rows, seen) = looked.context("the database does not answer")??;
        *kept = Some(rows);
        Ok(seen)
    }

    async fn with_broker<T>(&self, look: impl AsyncFnOnce(&Broker) -> Result<T>) -> Result<T> {
        let mut kept = self.broker.lock().await;
        let looked = timeout(LOOK_MAX, async {
            let broker = match kept.take() {
                Some(broker) => broker,
                None => Broker::connect(self.space.amqp_url()).await?,
            };
            let seen = look(&broker).await?;
            anyhow::Ok((broker, seen))
        })
        .await;
        let (broker, seen) = looked.context("the broker does not answer")??;
        *kept = Some(broker);
        Ok(seen)
    }
}
