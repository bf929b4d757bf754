//! Settlement: the one transaction that a payment's result goes through, whatever its source.

use crate::outbox::OutboxMessage;
use crate::topups::{self, apply, lock_spacing, lock_topup, release_spacing};
use crate::transaction::Tx;
use crate::{Store, StoreError, locks, notices, rows};
use jiff::{SignedDuration, Timestamp};
use topup_rules::account::Wallet;
use topup_rules::ids::{AccountId, Reference, TopupId, WalletKey};
use topup_rules::message::PaymentResult;
use topup_rules::money::Money;
use topup_rules::notices as texts;
use topup_rules::settle::{Already, Misfit, PaymentIntent, Settlement, settle};
use topup_rules::topup::{PaymentState, Topup, TopupState};

/// What the platform decided about settling.
#[derive(Debug, Clone, Copy)]
pub struct SettlementPolicy {
    /// Least time between two card top-ups of an account (C1): the next one's moment counts from here.
    pub card_spacing: SignedDuration,
    /// Definite failures in a row that disable (C7).
    pub failures_to_disable: u32,
}

/// What became of a payment's result.
#[derive(Debug)]
pub enum Settled {
    /// The wallet was credited.
    Credited {
        /// After a failure or a verdict of unknown (C10).
        late: bool,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// A definite failure.
    Failed {
        /// It disabled auto top-up.
        disabled: bool,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// Not known yet.
    StillOpen(PaymentState),
    /// A repeat.
    Already(Already),
    /// C11: a person has to look at the message.
    Misfit(Misfit),
    /// No payment bears the reference.
    Missing,
}

impl Store {
    /// Settles one result: locked, matched, guarded, and the same however often it comes.
    ///
    /// # Errors
    /// The database's; nothing is changed then.
    pub async fn settle_payment(
        &self,
        result: &PaymentResult,
        policy: &SettlementPolicy,
    ) -> Result<Settled, StoreError> {
        self.transact(|tx| async move { settle_in(&tx, result, policy).await })
            .await
    }
}

/// The locked rows that a settlement is decided on.
struct Snapshot {
    intent: PaymentIntent,
    topup: Topup,
    traceparent: Option<String>,
    wallet: Wallet,
    now: Timestamp,
}

async fn settle_in(
    tx: &Tx,
    result: &PaymentResult,
    policy: &SettlementPolicy,
) -> Result<Settled, StoreError> {
    let Some(snapshot) = lock(tx, &result.reference).await? else {
        return Ok(Settled::Missing);
    };
    match settle(
        &snapshot.intent,
        result,
        snapshot.wallet.consecutive_failures,
        policy.failures_to_disable,
    ) {
        Settlement::Credit { quantity: _, late } => {
            let outbox = credit(tx, &snapshot, result, late, policy).await?;
            Ok(Settled::Credited { late, outbox })
        }
        Settlement::Fail { disable, reason } => {
            let outbox = fail(tx, &snapshot, result, disable, &reason, policy).await?;
            Ok(Settled::Failed {
                disabled: disable,
                outbox,
            })
        }
        Settlement::StillOpen(state) => {
            still_open(tx, &snapshot, result, state).await?;
            Ok(Settled::StillOpen(state))
        }
        Settlement::Nothing(already) => Ok(Settled::Already(already)),
        Settlement::Park(misfit) => Ok(Settled::Misfit(misfit)),
    }
}

/// Locks wallet, claim, top-up and payment, in the one lock order.
async fn lock(tx: &Tx, reference: &Reference) -> Result<Option<Snapshot>, StoreError> {
    let Some((_, account, _)) = reference.parts() else {
        return Ok(None);
    };
    let Some((wallet_key, topup_id)) = paid_for(tx, account, reference).await? else {
        return Ok(None);
    };
    let Some(wallet) = locks::wallet(tx, wallet_key).await? else {
        return Ok(None);
    };
    lock_spacing(tx, account).await?;
    let Some((topup, traceparent)) = lock_topup(tx, account, topup_id).await? else {
        return Ok(None);
    };
    let row = tx
        .query_one(
            "SELECT amount_minor, currency, mode, state FROM payments
              WHERE account_id = $1 AND reference = $2 FOR UPDATE",
            &[&account.get(), &reference.as_str()],
        )
        .await?;
    let intent = PaymentIntent {
        reference: reference.clone(),
        amount: Money::new(
            row.try_get("amount_minor")?,
            rows::name(&row, "currency", "payments")?,
        ),
        mode: rows::name(&row, "mode", "payments")?,
        state: rows::name(&row, "state", "payments")?,
        topup: topup.id,
        quantity: topup.quantity,
    };
    Ok(Some(Snapshot {
        intent,
        topup,
        traceparent,
        wallet,
        now: tx.clock().await?,
    }))
}

/// The wallet and the top-up that a payment is for; neither ever changes.
async fn paid_for(
    tx: &Tx,
    account: AccountId,
    reference: &Reference,
) -> Result<Option<(WalletKey, TopupId)>, StoreError> {
    tx.query_opt(
        "SELECT t.account_id, t.service, t.topup_id
           FROM payments p JOIN topups t USING (account_id, topup_id)
          WHERE p.account_id = $1 AND p.reference = $2",
        &[&account.get(), &reference.as_str()],
    )
    .await?
    .map(|row| Ok((rows::wallet_key(&row, "topups")?, row.try_get("topup_id")?)))
    .transpose()
}

/// C6, C10: exactly the quantity, exactly once, and the account holder is told.
async fn credit(
    tx: &Tx,
    snapshot: &Snapshot,
    result: &PaymentResult,
    late: bool,
    policy: &SettlementPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Snapshot { topup, now, .. } = snapshot;
    let balance = apply::credit(tx, topup, topup.quantity, *now).await?;
    let failures = if late {
        apply::Failures::Keep
    } else {
        apply::Failures::Reset
    };
    apply::end_wallet_topup(tx, topup, failures).await?;
    apply::end_topup(tx, topup, TopupState::Succeeded, None, *now).await?;
    write_payment(tx, snapshot, result, PaymentState::Succeeded).await?;
    let card = topups::card(tx, topup.wallet).await?;
    let draft = texts::topup_succeeded(topup, balance, card.as_ref().and_then(|c| c.last4.as_deref()));
    let mut outbox = notices::request(tx, &[draft], snapshot.traceparent.as_deref()).await?;
    outbox.extend(
        release_spacing(
            tx,
            topup.wallet.account,
            topup.id,
            true,
            *now,
            policy.card_spacing,
        )
        .await?,
    );
    Ok(outbox)
}

/// C7: nothing is credited; auto top-up is disabled where the rules say so, and the account holder is told.
async fn fail(
    tx: &Tx,
    snapshot: &Snapshot,
    result: &PaymentResult,
    disable: bool,
    reason: &str,
    policy: &SettlementPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Snapshot { topup, now, .. } = snapshot;
    apply::fail_wallet(tx, topup, disable.then_some(reason), *now).await?;
    apply::end_topup(tx, topup, TopupState::Failed, Some(reason), *now).await?;
    write_payment(tx, snapshot, result, PaymentState::Failed).await?;
    let card = topups::card(tx, topup.wallet).await?;
    let last4 = card.as_ref().and_then(|c| c.last4.as_deref());
    let draft = texts::topup_failed(topup, snapshot.wallet.balance, reason, disable, last4);
    let mut outbox = notices::request(tx, &[draft], snapshot.traceparent.as_deref()).await?;
    outbox.extend(
        release_spacing(
            tx,
            topup.wallet.account,
            topup.id,
            true,
            *now,
            policy.card_spacing,
        )
        .await?,
    );
    Ok(outbox)
}

/// C8: open as before; nothing is disabled, and the claim on spacing is kept.
async fn still_open(
    tx: &Tx,
    snapshot: &Snapshot,
    result: &PaymentResult,
    state: PaymentState,
) -> Result<(), StoreError> {
    let topup = &snapshot.topup;
    tx.execute(
        "UPDATE topups SET state = $3, reason = $4
          WHERE account_id = $1 AND topup_id = $2 AND state IN ('charging', 'pending', 'unknown')",
        &[
            &topup.wallet.account.get(),
            &topup.id,
            &state.as_str(),
            &result.reason,
        ],
    )
    .await?;
    write_payment(tx, snapshot, result, state).await
}

async fn write_payment(
    tx: &Tx,
    snapshot: &Snapshot,
    result: &PaymentResult,
    state: PaymentState,
) -> Result<(), StoreError> {
    let settled_at = match state {
        PaymentState::Succeeded | PaymentState::Failed | PaymentState::Reversed => Some(snapshot.now),
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => None,
    };
    tx.execute(
        "UPDATE payments
            SET state = $3, reason = $4, gateway_transaction_id = coalesce($5, gateway_transaction_id),
                settled_at = $6, settled_by = $7, retry_at = NULL
          WHERE account_id = $1 AND reference = $2",
        &[
            &snapshot.topup.wallet.account.get(),
            &result.reference.as_str(),
            &state.as_str(),
            &result.reason,
            &result.gateway_transaction_id,
            &settled_at,
            &result.source.as_str(),
        ],
    )
    .await?;
    Ok(())
}
