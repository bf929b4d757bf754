//! The ledger rows of a batch of sends. Why they are written as they are stands with [the batch](super).

use super::Admitted;
use crate::StoreError;
use crate::rows;
use crate::transaction::Tx;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use topup_rules::sends::{LedgerKey, RecordedSend};
use uuid::Uuid;

/// The kind of a send's entry.
const KIND: &str = "send";

/// The first moment of the year 2000, which the database counts from, in microseconds since 1970.
const DATABASE_EPOCH_US: i64 = 946_684_800_000_000;

/// A send as the ledger keeps it: (key, account, service, signed credits, messages, batch, time).
fn entry<'a>(a: &'a Admitted<'_>) -> (Uuid, i64, &'static str, i64, i32, Option<Uuid>, &'a Timestamp) {
    let event = &a.send.event;
    // The message's check bounds `messages` far below this.
    let messages = i32::try_from(event.messages).unwrap_or(i32::MAX);
    (
        a.key.uuid(),
        event.account_id.get(),
        event.service.as_str(),
        -event.credits.milli(),
        messages,
        event.batch_id,
        &event.sent_at,
    )
}

/// Binary COPY: the fastest way in. A key that is there already ends the transaction.
pub(super) async fn copy(tx: &Tx, admitted: &[Admitted<'_>], now: Timestamp) -> Result<(), StoreError> {
    if admitted.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::with_room_for(admitted.len());
    for a in admitted {
        rows.push(a, now);
    }
    tx.copy(
        "COPY ledger (event_id, account_id, service, kind, credits_milli, messages, batch_id, sent_at, recorded_at)
         FROM STDIN (FORMAT binary)",
        rows.end(),
    )
    .await
}

/// Rows in the database's own binary form: each a count of its columns, each column its length and its bytes.
struct Rows(Vec<u8>);

impl Rows {
    /// What the data begins with: a signature, no flags, no extension.
    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    /// What it ends with, where a row's count of columns would stand.
    const TRAILER: i16 = -1;
    /// What stands for the length of a column that is null.
    const NULL: i32 = -1;
    const COLUMNS: i16 = 9;
    /// Bytes of a row, roughly.
    const ROW_BYTES: usize = 128;

    fn with_room_for(rows: usize) -> Self {
        let mut bytes = Vec::with_capacity(Self::HEADER.len() + rows * Self::ROW_BYTES);
        bytes.extend_from_slice(Self::HEADER);
        Self(bytes)
    }

    fn push(&mut self, a: &Admitted<'_>, now: Timestamp) {
        let (key, account, service, milli, messages, batch, sent_at) = entry(a);
        self.0.extend_from_slice(&Self::COLUMNS.to_be_bytes());
        self.column(key.into_bytes());
        self.column(account.to_be_bytes());
        self.text(service);
        self.text(KIND);
        self.column(milli.to_be_bytes());
        self.column(messages.to_be_bytes());
        match batch {
            Some(batch) => self.column(batch.into_bytes()),
            None => self.0.extend_from_slice(&Self::NULL.to_be_bytes()),
        }
        self.time(*sent_at);
        self.time(now);
    }

    fn column<const BYTES: usize>(&mut self, value: [u8; BYTES]) {
        self.length(BYTES);
        self.0.extend_from_slice(&value);
    }

    fn text(&mut self, value: &str) {
        self.length(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    fn time(&mut self, at: Timestamp) {
        self.column((at.as_microsecond() - DATABASE_EPOCH_US).to_be_bytes());
    }

    fn length(&mut self, bytes: usize) {
        let bytes = i32::try_from(bytes).expect("a column of the ledger is a few bytes long");
        self.0.extend_from_slice(&bytes.to_be_bytes());
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&Self::TRAILER.to_be_bytes());
        self.0
    }
}

/// Inserts what is new; returns what was there before under the same keys.
pub(super) async fn insert_new(
    tx: &Tx,
    admitted: &[Admitted<'_>],
) -> Result<HashMap<LedgerKey, RecordedSend>, StoreError> {
    let entries: Vec<_> = admitted.iter().map(entry).collect();
    let keys: Vec<Uuid> = entries.iter().map(|e| e.0).collect();
    let accounts: Vec<i64> = entries.iter().map(|e| e.1).collect();
    let services: Vec<&str> = entries.iter().map(|e| e.2).collect();
    let credits: Vec<i64> = entries.iter().map(|e| e.3).collect();
    let messages: Vec<i32> = entries.iter().map(|e| e.4).collect();
    let batches: Vec<Option<Uuid>> = entries.iter().map(|e| e.5).collect();
    let times: Vec<Timestamp> = entries.iter().map(|e| *e.6).collect();
    // Sorted, so that two batches with the same sends wait for each other in one order.
    let inserted: HashSet<Uuid> = tx
        .query(
            "INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, messages, batch_id, sent_at)
             SELECT event_id, account_id, service, 'send', credits_milli, messages, batch_id, sent_at
               FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::int[], $6::uuid[], $7::timestamptz[])
                    AS t (event_id, account_id, service, credits_milli, messages, batch_id, sent_at)
              ORDER BY event_id
                 ON CONFLICT (event_id) DO NOTHING
             RETURNING event_id",
            &[&keys, &accounts, &services, &credits, &messages, &batches, &times],
        )
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let repeated: Vec<Uuid> = keys.into_iter().filter(|key| !inserted.contains(key)).collect();
    recorded(tx, &repeated).await
}

/// The sends in the ledger under those keys.
async fn recorded(tx: &Tx, keys: &[Uuid]) -> Result<HashMap<LedgerKey, RecordedSend>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .query(
            "SELECT event_id, account_id, service, -credits_milli AS sent_milli, messages, batch_id, sent_at
               FROM ledger WHERE event_id = ANY($1)",
            &[&keys],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let recorded = RecordedSend {
                wallet: rows::wallet_key(row, "ledger")?,
                credits: rows::credits(row, "sent_milli")?,
                messages: rows::count(row, "messages", "ledger")?,
                batch_id: row.try_get("batch_id")?,
                sent_at: row.try_get("sent_at")?,
            };
            Ok((LedgerKey::from_uuid(row.try_get("event_id")?), recorded))
        })
        .collect()
}
