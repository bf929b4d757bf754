//! Messages that a committed change wants published.

use crate::transaction::Tx;
use crate::{Store, StoreError, trace};
use jiff::{SignedDuration, Timestamp};
use topup_rules::ids::AccountId;
use topup_rules::message::Message;
use topup_rules::message::event::{self, Event};

/// A row of the outbox: one message on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The row; removed on the broker's confirm.
    pub id: i64,
    /// By which exchange: empty for the default one.
    pub exchange: String,
    /// Where to: a queue, or a routing key of the exchange.
    pub queue: String,
    /// Stable over every repeat.
    pub message_id: String,
    /// The AMQP `type`: `topup-requested.v1`.
    pub kind: String,
    /// JSON.
    pub body: Vec<u8>,
    /// The trace of what caused it.
    pub traceparent: Option<String>,
    /// Not to be delivered before this moment.
    pub not_before: Option<Timestamp>,
}

/// A message that is to be written to the outbox.
pub(crate) struct Draft {
    account: AccountId,
    exchange: &'static str,
    queue: &'static str,
    message_id: String,
    kind: &'static str,
    body: Vec<u8>,
    traceparent: Option<String>,
    not_before: Option<Timestamp>,
}

impl Draft {
    pub(crate) fn new<M: Message>(account: AccountId, message: &M) -> Result<Self, StoreError> {
        Ok(Self {
            account,
            exchange: "",
            queue: M::QUEUE,
            message_id: message.id(),
            kind: M::TYPE,
            body: serde_json::to_vec(message)?,
            traceparent: None,
            not_before: None,
        })
    }

    /// For whoever listens: maybe nobody.
    pub(crate) fn event(event: &Event) -> Result<Self, StoreError> {
        Ok(Self {
            account: event.account_id,
            exchange: event::EXCHANGE,
            queue: event.kind.as_str(),
            message_id: event.event_id.to_string(),
            kind: event.kind.versioned(),
            body: serde_json::to_vec(event)?,
            traceparent: None,
            not_before: None,
        })
    }

    /// Part of the trace of what caused it; behind the span at work, where that is part of it, too.
    pub(crate) fn traced(mut self, traceparent: Option<&str>) -> Self {
        self.traceparent = trace::following(traceparent);
        self
    }

    pub(crate) fn not_before(mut self, at: Option<Timestamp>) -> Self {
        self.not_before = at;
        self
    }
}

/// Writes the drafts in one statement and gives them back with their row numbers, in order.
pub(crate) async fn write(tx: &Tx, drafts: Vec<Draft>) -> Result<Vec<OutboxMessage>, StoreError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let accounts: Vec<i64> = drafts.iter().map(|d| d.account.get()).collect();
    let exchanges: Vec<&str> = drafts.iter().map(|d| d.exchange).collect();
    let queues: Vec<&str> = drafts.iter().map(|d| d.queue).collect();
    let message_ids: Vec<&str> = drafts.iter().map(|d| d.message_id.as_str()).collect();
    let kinds: Vec<&str> = drafts.iter().map(|d| d.kind).collect();
    let bodies: Vec<&[u8]> = drafts.iter().map(|d| d.body.as_slice()).collect();
    let traces: Vec<Option<&str>> = drafts.iter().map(|d| d.traceparent.as_deref()).collect();
    let moments: Vec<Option<Timestamp>> = drafts.iter().map(|d| d.not_before).collect();
    // Rows are inserted, and so numbered, in the order of the sorted subquery.
    let rows = tx
        .query(
            "INSERT INTO outbox (account_id, queue, message_id, type, body, traceparent, not_before, exchange)
             SELECT account_id, queue, message_id, type, body, traceparent, not_before, exchange
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[],
                           $8::text[])
                    WITH ORDINALITY AS t (account_id, queue, message_id, type, body, traceparent, not_before, exchange, n)
              ORDER BY n
             RETURNING outbox_id",
            &[
                &accounts,
                &queues,
                &message_ids,
                &kinds,
                &bodies,
                &traces,
                &moments,
                &exchanges,
            ],
        )
        .await?;
    let mut ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    ids.sort_unstable();
    Ok(ids
        .into_iter()
        .zip(drafts)
        .map(|(id, draft)| OutboxMessage {
            id,
            exchange: draft.exchange.to_owned(),
            queue: draft.queue.to_owned(),
            message_id: draft.message_id,
            kind: draft.kind.to_owned(),
            body: draft.body,
            traceparent: draft.traceparent,
            not_before: draft.not_before,
        })
        .collect())
}

impl Store {
    /// Removes rows whose messages the broker has confirmed.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_remove(&self, ids: &[i64]) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("DELETE FROM outbox WHERE outbox_id = ANY($1)")
            .await?;
        client.execute(&statement, &[&ids]).await?;
        Ok(())
    }

    /// The oldest rows that have waited longer than `older_than`: their worker did not get to publish them.
    /// Whoever else publishes one meanwhile only repeats a message, which its receiver recognises.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_overdue(
        &self,
        older_than: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT outbox_id, queue, message_id, type, body, traceparent, not_before, exchange
                   FROM outbox
                  WHERE created_at < clock_timestamp() - $1::float8 * interval '1 second'
                  ORDER BY outbox_id
                  LIMIT $2",
            )
            .await?;
        let rows = client
            .query(&statement, &[&older_than.as_secs_f64(), &limit])
            .await?;
        Ok(rows
            .iter()
            .map(|row| OutboxMessage {
                id: row.get(0),
                queue: row.get(1),
                message_id: row.get(2),
                kind: row.get(3),
                body: row.get(4),
                traceparent: row.get(5),
                not_before: row.get(6),
                exchange: row.get(7),
            })
            .collect())
    }

    /// How many rows wait to be published, and the age of the oldest in seconds.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_backlog(&self) -> Result<(i64, f64), StoreError> {
        let client = self.client().await?;
        let row = client
            .query_one(
                "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 FROM outbox",
                &[],
            )
            .await?;
        Ok((row.get(0), row.get(1)))
    }
}
