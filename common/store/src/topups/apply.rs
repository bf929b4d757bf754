//! What a waking top-up does, written down in the transaction that decided it.

use super::{ChargeIntent, Snapshot, TopupPolicy, Woken, release_spacing, spacing};
use crate::ledger;
use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{StoreError, events, notices};
use futures_util::try_join;
use jiff::Timestamp;
use topup_rules::caps::CapPeriods;
use topup_rules::credits::Credits;
use topup_rules::events as heard;
use topup_rules::ids::{Reference, TopupId, WalletKey};
use topup_rules::message::TopupRequested;
use topup_rules::money::Money;
use topup_rules::notices as texts;
use topup_rules::settle::{PaidFor, disables};
use topup_rules::topup::{Topup, TopupState};
use topup_rules::wake::{SkipReason, WakeFailure};

/// C5: commits the intent and claims the account's spacing. The reference is the same on every try.
pub(super) async fn charge(
    tx: &Tx,
    snapshot: Snapshot,
    amount: Money,
    policy: &TopupPolicy,
) -> Result<Woken, StoreError> {
    let Snapshot {
        topup,
        card,
        traceparent,
        triggered,
        now,
        ..
    } = snapshot;
    let account = topup.wallet.account;
    // The rules let nothing be charged without a card.
    let Some(card) = card else {
        return Ok(Woken::Stale(topup.state));
    };
    let reference = Reference::of_topup(account, topup.id);
    let begun = async {
        tx.execute(
        "UPDATE topups
            SET state = 'charging', amount_minor = $3, due_at = NULL, waits_for = NULL, reason = NULL, woken_at = $4
          WHERE account_id = $1 AND topup_id = $2",
        &[&account.get(), &topup.id, &amount.amount_minor, &now],
    )
    .await
    };
    // A row that is there already is an earlier try that the gateway certainly has no charge of: this one is put to
    // whoever is the gateway now. What was answered to that one is over, and this one is not asked about before it had
    // its time.
    let intent = async {
        tx.execute(
        "INSERT INTO payments (account_id, reference, kind, topup_id, gateway, mode, amount_minor, currency, card_id,
                               state, intent_at)
         VALUES ($1, $2, 'topup', $3, $4, $5, $6, $7, $8, 'charging', $9)
             ON CONFLICT ON CONSTRAINT payments_pk DO UPDATE
            SET state = 'charging', gateway = excluded.gateway, mode = excluded.mode, card_id = excluded.card_id,
                reason = NULL, retry_at = NULL, answer = NULL, ask_at = NULL, not_known = 0",
        &[
            &account.get(),
            &reference.as_str(),
            &topup.id,
            &policy.gateway,
            &policy.mode.as_str(),
            &amount.amount_minor,
            &amount.currency.as_str(),
            &card.id,
            &now,
        ],
    )
    .await
    };
    // All locked already, so they can be sent together.
    try_join!(spacing::claim(tx, account, topup.id), begun, intent)?;
    Ok(Woken::Charge(Box::new(ChargeIntent {
        reference,
        account,
        paid_for: PaidFor::Topup(topup.id),
        gateway: policy.gateway.to_owned(),
        amount,
        authorization_code: card.authorization_code,
        email: card.email,
        traceparent,
        triggered: Some(triggered),
    })))
}

/// C2: waits for its moment, or for another top-up to be settled.
pub(super) async fn wait(
    tx: &Tx,
    snapshot: &Snapshot,
    until: Option<Timestamp>,
    waits_for: Option<TopupId>,
    reason: String,
) -> Result<Woken, StoreError> {
    let topup = &snapshot.topup;
    tx.execute(
        "UPDATE topups SET state = 'scheduled', due_at = $3, waits_for = $4, reason = $5, woken_at = $6
          WHERE account_id = $1 AND topup_id = $2",
        &[
            &topup.wallet.account.get(),
            &topup.id,
            &until,
            &waits_for,
            &reason,
            &snapshot.now,
        ],
    )
    .await?;
    let outbox = match until {
        // Whoever settles the other one sets the moment.
        None => Vec::new(),
        Some(_) => outbox::write(tx, vec![wake_up(topup, until, snapshot.traceparent.as_deref())?]).await?,
    };
    Ok(Woken::Moved {
        state: TopupState::Scheduled,
        due_at: until,
        reason: Some(reason),
        outbox,
    })
}

/// The message that wakes a top-up, now or later.
pub(crate) fn wake_up(
    topup: &Topup,
    at: Option<Timestamp>,
    traceparent: Option<&str>,
) -> Result<Draft, StoreError> {
    let message = TopupRequested {
        topup_id: topup.id,
        account_id: topup.wallet.account,
        service: topup.wallet.service,
        requested_at: topup.requested_at,
    };
    Ok(Draft::new(topup.wallet.account, &message)?
        .traced(traceparent)
        .not_before(at))
}

/// X1: moves the quantity from the main's wallet to the sub's, both ends in this transaction.
pub(super) async fn transfer(
    tx: &Tx,
    snapshot: Snapshot,
    from: WalletKey,
    quantity: Credits,
) -> Result<Woken, StoreError> {
    let topup = &snapshot.topup;
    let (moved, mut drafts) = ledger::move_credits(
        tx,
        from,
        topup.wallet,
        quantity,
        &format!("topup:{}", topup.id),
        snapshot.now,
    )
    .await?;
    end_topup(tx, topup, TopupState::Succeeded, None, snapshot.now).await?;
    end_wallet_topup(tx, topup, Failures::Reset).await?;
    drafts.push(texts::topup_succeeded(topup, moved.to_balance, None));
    let outbox = notices::request(tx, &drafts, snapshot.traceparent.as_deref()).await?;
    Ok(Woken::Moved {
        state: TopupState::Succeeded,
        due_at: None,
        reason: None,
        outbox,
    })
}

/// C7, X2: a definite failure that needed no gateway.
pub(super) async fn fail(
    tx: &Tx,
    snapshot: Snapshot,
    failure: &WakeFailure,
    policy: &TopupPolicy,
) -> Result<Woken, StoreError> {
    let topup = &snapshot.topup;
    let reason = failure.to_string();
    let disable = disables(snapshot.wallet.consecutive_failures, policy.failures_to_disable);
    end_topup(tx, topup, TopupState::Failed, Some(&reason), snapshot.now).await?;
    fail_wallet(tx, topup, disable.then_some(reason.as_str()), snapshot.now).await?;
    let drafts = texts::failed_on_waking(topup, snapshot.wallet.balance, failure, disable);
    let traceparent = snapshot.traceparent.as_deref();
    let mut outbox = notices::request(tx, &drafts, traceparent).await?;
    let enabled = events::enabled(&snapshot.wallet.auto_topup).filter(|_| disable);
    let disabled =
        enabled.map(|enabled| heard::disabled(topup.wallet, enabled, &reason, format!("topup:{}", topup.id)));
    outbox.extend(events::write(tx, disabled, snapshot.now, traceparent).await?);
    outbox.extend(abandon_claim(tx, &snapshot, policy).await?);
    Ok(Woken::Moved {
        state: TopupState::Failed,
        due_at: None,
        reason: Some(reason),
        outbox,
    })
}

/// C3, C12: not wanted any more. Nobody is told, except of a cap, once a period.
pub(super) async fn skip(
    tx: &Tx,
    snapshot: Snapshot,
    reason: SkipReason,
    periods: &CapPeriods,
    policy: &TopupPolicy,
) -> Result<Woken, StoreError> {
    let topup = &snapshot.topup;
    let words = reason.to_string();
    end_topup(tx, topup, TopupState::Skipped, Some(&words), snapshot.now).await?;
    end_wallet_topup(tx, topup, Failures::Keep).await?;
    let drafts: Vec<_> = texts::cap_reached(topup, &reason, periods).into_iter().collect();
    let traceparent = snapshot.traceparent.as_deref();
    let mut outbox = notices::request(tx, &drafts, traceparent).await?;
    let skipped = heard::topup_skipped(topup, snapshot.wallet.balance, &reason);
    outbox.extend(events::write(tx, [skipped], snapshot.now, traceparent).await?);
    outbox.extend(abandon_claim(tx, &snapshot, policy).await?);
    Ok(Woken::Moved {
        state: TopupState::Skipped,
        due_at: None,
        reason: Some(words),
        outbox,
    })
}

/// A top-up that ends without having been charged gives back the claim that an earlier try left it with, and
/// that try's intent is over: the gateway certainly has no charge of it.
async fn abandon_claim(
    tx: &Tx,
    snapshot: &Snapshot,
    policy: &TopupPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let topup = &snapshot.topup;
    let account = topup.wallet.account;
    let outbox = release_spacing(tx, account, topup.id, false, snapshot.now, policy.card_spacing).await?;
    tx.execute(
        "UPDATE payments
            SET state = 'failed', reason = 'the gateway has no charge of it', retry_at = NULL, ask_at = NULL,
                settled_at = $3, settled_by = NULL
          WHERE account_id = $1 AND topup_id = $2 AND state = 'charging' AND retry_at IS NOT NULL",
        &[&account.get(), &topup.id, &snapshot.now],
    )
    .await?;
    Ok(outbox)
}

/// The top-up's life is over. Its row is locked, and the rules said so.
pub(crate) async fn end_topup(
    tx: &Tx,
    topup: &Topup,
    state: TopupState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE topups
            SET state = $3, reason = $4, settled_at = $5, due_at = NULL, waits_for = NULL
          WHERE account_id = $1 AND topup_id = $2",
        &[
            &topup.wallet.account.get(),
            &topup.id,
            &state.as_str(),
            &reason,
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// What becomes of the wallet's count of failures in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    /// A success ends the row.
    Reset,
    /// Neither success nor failure.
    Keep,
}

/// The wallet's open top-up is over, without a failure.
pub(crate) async fn end_wallet_topup(tx: &Tx, topup: &Topup, failures: Failures) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE wallets
            SET open_topup_id = CASE WHEN open_topup_id = $3 THEN NULL ELSE open_topup_id END,
                consecutive_failures = CASE WHEN $4 THEN 0 ELSE consecutive_failures END
          WHERE account_id = $1 AND service = $2",
        &[
            &topup.wallet.account.get(),
            &topup.wallet.service.as_str(),
            &topup.id,
            &(failures == Failures::Reset),
        ],
    )
    .await?;
    Ok(())
}

/// C7: the wallet's open top-up failed; `disable` is the reason for the account holder, where it disables.
/// What was disabled before keeps its reason.
pub(crate) async fn fail_wallet(
    tx: &Tx,
    topup: &Topup,
    disable: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE wallets
            SET open_topup_id = CASE WHEN open_topup_id = $3 THEN NULL ELSE open_topup_id END,
                consecutive_failures = consecutive_failures + 1,
                auto_disabled_reason = CASE WHEN auto_enabled AND $4::text IS NOT NULL THEN $4 ELSE auto_disabled_reason END,
                auto_disabled_at = CASE WHEN auto_enabled AND $4::text IS NOT NULL THEN $5 ELSE auto_disabled_at END,
                auto_enabled = auto_enabled AND $4::text IS NULL
          WHERE account_id = $1 AND service = $2",
        &[&topup.wallet.account.get(), &topup.wallet.service.as_str(), &topup.id, &disable, &now],
    )
    .await?;
    Ok(())
}
