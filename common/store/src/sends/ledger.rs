//! The ledger rows of a batch of sends.

use super::Admitted;
use crate::StoreError;
use crate::rows;
use crate::transaction::Tx;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use tokio_postgres::types::{ToSql, Type};
use topup_rules::sends::{LedgerKey, RecordedSend};
use uuid::Uuid;

/// The kind of a send's entry.
const KIND: &str = "send";

/// A send as the ledger keeps it: (key, account, service, kind, signed credits, messages, batch, time).
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
pub(super) async fn copy(tx: &Tx, admitted: &[Admitted<'_>]) -> Result<(), StoreError> {
    if admitted.is_empty() {
        return Ok(());
    }
    let types = [
        Type::UUID,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT4,
        Type::UUID,
        Type::TIMESTAMPTZ,
    ];
    let writer = tx
        .copy_binary(
            "COPY ledger (event_id, account_id, service, kind, credits_milli, messages, batch_id, sent_at)
             FROM STDIN (FORMAT binary)",
            &types,
        )
        .await?;
    let mut writer = std::pin::pin!(writer);
    for a in admitted {
        let (key, account, service, milli, messages, batch, sent_at) = entry(a);
        let row: [&(dyn ToSql + Sync); 8] = [
            &key, &account, &service, &KIND, &milli, &messages, &batch, sent_at,
        ];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
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
