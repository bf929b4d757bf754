//! C1, C2: the account's claim on card spacing. Its row lock serialises an account's card top-ups.

use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{StoreError, rows};
use jiff::{SignedDuration, Timestamp};
use topup_rules::ids::{AccountId, TopupId};
use topup_rules::message::TopupRequested;
use topup_rules::topup::SpacingClaim;
use topup_rules::wake::next_moment;

/// Locks the account's claim, making its row where there is none yet.
pub(crate) async fn lock(tx: &Tx, account: AccountId) -> Result<SpacingClaim, StoreError> {
    // In one statement, so that a claim that was waited for is read as it then is.
    let row = tx
        .query_one(
            "INSERT INTO card_spacing AS c (account_id) VALUES ($1)
                 ON CONFLICT ON CONSTRAINT card_spacing_pk DO UPDATE SET unsettled_topup = c.unsettled_topup
             RETURNING unsettled_topup, last_settled_at",
            &[&account.get()],
        )
        .await?;
    Ok(SpacingClaim {
        unsettled: row.try_get("unsettled_topup")?,
        last_settled_at: row.try_get("last_settled_at")?,
    })
}

/// The top-up is with the gateway from now on.
pub(super) async fn claim(tx: &Tx, account: AccountId, topup: TopupId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE card_spacing SET unsettled_topup = $2 WHERE account_id = $1",
        &[&account.get(), &topup],
    )
    .await?;
    Ok(())
}

/// The top-up that held the claim is over. `settled` says that it was settled, success or failure, so that the
/// spacing counts from now; otherwise nothing was charged and nothing counts. Those of the account that wait
/// are called for their moment. A claim that another holds is left alone.
pub(crate) async fn release(
    tx: &Tx,
    account: AccountId,
    topup: TopupId,
    settled: bool,
    now: Timestamp,
    card_spacing: SignedDuration,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let row = tx
        .query_opt(
            "UPDATE card_spacing
                SET unsettled_topup = NULL,
                    last_settled_at = CASE WHEN $3 THEN $4 ELSE last_settled_at END
              WHERE account_id = $1 AND unsettled_topup = $2
             RETURNING last_settled_at",
            &[&account.get(), &topup, &settled, &now],
        )
        .await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let last_settled_at: Option<Timestamp> = row.try_get("last_settled_at")?;
    let due = last_settled_at
        .map_or(now, |at| next_moment(at, card_spacing))
        .max(now);
    wake_waiting(tx, account, topup, due).await
}

/// Those of the account that wait for an earlier one now have a moment to wait for.
async fn wake_waiting(
    tx: &Tx,
    account: AccountId,
    settled: TopupId,
    due: Timestamp,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let drafts = tx
        .query(
            "UPDATE topups SET due_at = $3, waits_for = NULL
              WHERE account_id = $1 AND topup_id <> $2 AND state = 'scheduled' AND method = 'card' AND waits_for IS NOT NULL
             RETURNING account_id, service, topup_id, requested_at, traceparent",
            &[&account.get(), &settled, &due],
        )
        .await?
        .iter()
        .map(|row| {
            let message = TopupRequested {
                topup_id: row.try_get("topup_id")?,
                account_id: account,
                service: rows::name(row, "service", "topups")?,
                requested_at: row.try_get("requested_at")?,
            };
            let traceparent: Option<String> = row.try_get("traceparent")?;
            Ok(Draft::new(account, &message)?.traced(traceparent.as_deref()).not_before(Some(due)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    outbox::write(tx, drafts).await
}
