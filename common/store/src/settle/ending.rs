//! C6, C7, C10: a payment succeeds or fails, or is as open as before (C8).

use super::snapshot::Bought;
use super::{Change, purchase, registration, topup};
use crate::ledger::{self, Entry};
use crate::outbox::OutboxMessage;
use crate::{StoreError, cards, events, notices};
use futures_util::try_join;
use topup_rules::credits::Credits;
use topup_rules::inquiries::first_question;
use topup_rules::message::DeclineClass;
use topup_rules::topup::PaymentState;

/// What a payment ends in.
pub(super) enum Ending {
    /// C6: exactly the quantity is credited.
    Credited {
        quantity: Credits,
        /// C10: auto top-up stays as it is.
        late: bool,
    },
    /// C7: nothing is.
    Failed {
        /// Of a top-up alone: one failure too many.
        disable: bool,
        /// For the account holder.
        reason: String,
        decline: DeclineClass,
    },
}

/// Ends the payment and what it is for, and tells the account holder.
pub(super) async fn end(change: &Change<'_>, ending: &Ending) -> Result<Vec<OutboxMessage>, StoreError> {
    let Change { tx, snapshot, .. } = change;
    let (state, balance, decline) = match ending {
        Ending::Credited { quantity, .. } => {
            let balance = credit(change, *quantity).await?;
            (PaymentState::Succeeded, balance, None)
        }
        Ending::Failed { decline, .. } => (PaymentState::Failed, snapshot.wallet.balance, Some(*decline)),
    };
    // All is locked: what does not need each other's answers is sent together.
    let row = settle_row(change, state, decline);
    let traceparent = snapshot.traceparent.as_deref();
    match &snapshot.bought {
        Bought::Topup(topup) => {
            let ((), draft) = try_join!(row, topup::end(change, topup, ending, balance))?;
            forget_left_over(change).await?;
            let told = [draft];
            let disabled = topup::disabled_by(change, topup, ending);
            let (mut outbox, woken, heard) = try_join!(
                notices::request(tx, &told, traceparent),
                topup::free_spacing(change, topup),
                events::write(tx, disabled, snapshot.now, traceparent),
            )?;
            outbox.extend(woken);
            outbox.extend(heard);
            Ok(outbox)
        }
        Bought::Purchase(purchase) => {
            row.await?;
            purchase::end(change, purchase, ending).await?;
            forget_left_over(change).await?;
            let told = [purchase::told(change, purchase, ending, balance)];
            notices::request(tx, &told, traceparent).await
        }
        Bought::Registration(registration) => {
            row.await?;
            match ending {
                Ending::Failed { reason, decline, .. } => {
                    registration::fail(change, registration, reason, *decline).await
                }
                // It buys nothing.
                Ending::Credited { .. } => Ok(Vec::new()),
            }
        }
    }
}

/// E8, P3: a card that was replaced, or whose consent was withdrawn, while it was charged.
async fn forget_left_over(change: &Change<'_>) -> Result<(), StoreError> {
    if change.snapshot.is_left_over {
        cards::forget_unused(change.tx, change.snapshot.wallet.key.account).await?;
    }
    Ok(())
}

/// The credits, as a ledger entry of their own. Returns the new balance.
async fn credit(change: &Change<'_>, quantity: Credits) -> Result<Credits, StoreError> {
    let snapshot = change.snapshot;
    let bought = &snapshot.bought;
    ledger::post(
        change.tx,
        &Entry {
            wallet: snapshot.wallet.key,
            kind: bought.kind(),
            credits: quantity,
            detail: &format!("{}:{}", bought.kind(), bought.id()),
            at: snapshot.now,
        },
    )
    .await
}

/// Nobody asks about it any more. The card's token goes out of the answer that was kept.
pub(super) async fn settle_row(
    change: &Change<'_>,
    state: PaymentState,
    decline: Option<DeclineClass>,
) -> Result<(), StoreError> {
    let Change {
        tx, snapshot, result, ..
    } = change;
    tx.execute(
        "UPDATE payments
            SET state = $3, reason = $4, decline = $5, gateway_transaction_id = coalesce($6, gateway_transaction_id),
                settled_at = $7, settled_by = $8, retry_at = NULL, ask_at = NULL,
                answer = answer #- '{card,authorization_code}' #- '{card,email}'
          WHERE account_id = $1 AND reference = $2",
        &[
            &snapshot.wallet.key.account.get(),
            &result.reference.as_str(),
            &state.as_str(),
            &result.reason,
            &decline.map(DeclineClass::as_str),
            &result.gateway_transaction_id,
            &snapshot.now,
            &result.source.as_str(),
        ],
    )
    .await?;
    Ok(())
}

/// C8: not known yet. Nothing is disabled, the claim on spacing is kept, and the gateway is asked about it.
pub(super) async fn stay_open(change: &Change<'_>, state: PaymentState) -> Result<(), StoreError> {
    let Change {
        tx,
        snapshot,
        result,
        policy,
    } = change;
    // A later question that is set already was set by whoever asks.
    tx.execute(
        "UPDATE payments
            SET state = $3, reason = $4, gateway_transaction_id = coalesce($5, gateway_transaction_id),
                retry_at = NULL, ask_at = greatest(ask_at, $6)
          WHERE account_id = $1 AND reference = $2",
        &[
            &snapshot.wallet.key.account.get(),
            &result.reference.as_str(),
            &state.as_str(),
            &result.reason,
            &result.gateway_transaction_id,
            &first_question(snapshot.now, &policy.inquiries),
        ],
    )
    .await?;
    match &snapshot.bought {
        Bought::Topup(topup) => topup::stay_open(change, topup, state).await,
        Bought::Purchase(_) | Bought::Registration(_) => Ok(()),
    }
}
