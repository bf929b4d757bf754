//! V1: money that goes back takes the credits with it that it had paid for; a dispute holds them until it is over.
//!
//! Each refund and each dispute is a row of its own, so that a repeat finds itself. A reversal triggers nothing (T3),
//! and can raise a low-credit notice (L1).

use super::snapshot::Bought;
use super::{Change, registration};
use crate::ledger::{self, Entry};
use crate::outbox::OutboxMessage;
use crate::{StoreError, events, notices, rows};
use topup_rules::account::AutoTopupSettings;
use topup_rules::credits::Credits;
use topup_rules::events::{self as heard, EventDraft};
use topup_rules::money::Money;
use topup_rules::notices as texts;
use topup_rules::settle::{ReversalState, TakeBack};
use topup_rules::topup::{PaymentState, TopupState};
use topup_rules::written::Written;

/// What stands in the account holder's settings once a payment was reversed.
const DISABLED_BECAUSE: &str = Written::GivenBack.as_str();

/// Takes the credits back, disables card auto top-up of all the account's wallets, and tells the account holder. Not so
/// with a registration's charge, which bought nothing.
pub(super) async fn take_back(
    change: &Change<'_>,
    taken: &TakeBack,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Change { tx, snapshot, .. } = change;
    let reference = &snapshot.intent.reference;
    let cause = format!("reversal:{reference}:{}", taken.reversal_id);
    hold_less(change, taken.release).await?;
    let (balance, mut drafts) = debit(change, taken.credits, &cause).await?;
    let row = Row {
        state: ReversalState::Reversed,
        amount_minor: taken.amount_minor,
        held: Credits::ZERO,
        taken_back: taken.credits,
    };
    write(change, &taken.reversal_id, &row).await?;
    count_on_payment(change, taken).await?;
    match &snapshot.bought {
        Bought::Registration(it) => registration::ask_no_refund(change, it).await?,
        Bought::Topup(_) | Bought::Purchase(_) => {}
    }
    if !taken.disable_cards {
        return notices::request(tx, &drafts, snapshot.traceparent.as_deref()).await;
    }
    let disabled = disable_cards(change, &cause).await?;
    let told = texts::TakenBack {
        wallet: snapshot.wallet.key,
        reference,
        reversal_id: &taken.reversal_id,
        amount: Money::new(taken.amount_minor, snapshot.intent.amount.currency),
        credits: taken.credits,
    };
    drafts.push(texts::payment_reversed(&told, balance));
    let traceparent = snapshot.traceparent.as_deref();
    let mut outbox = notices::request(tx, &drafts, traceparent).await?;
    outbox.extend(events::write(tx, disabled, snapshot.now, traceparent).await?);
    Ok(outbox)
}

/// The credits, as a ledger entry of their own. Returns the new balance, and the notice that it calls for.
async fn debit(
    change: &Change<'_>,
    credits: Credits,
    detail: &str,
) -> Result<(Credits, Vec<texts::NoticeDraft>), StoreError> {
    let Change { tx, snapshot, .. } = change;
    let wallet = snapshot.wallet.key;
    if credits == Credits::ZERO {
        // Too little to be worth a thousandth of a credit.
        return Ok((snapshot.wallet.balance, Vec::new()));
    }
    let less = Credits::from_milli(-credits.milli());
    let entry = Entry {
        wallet,
        kind: "reversal",
        credits: less,
        detail,
        at: snapshot.now,
    };
    let balance = ledger::post(tx, &entry).await?;
    let drafts = ledger::low_credit_notice(tx, wallet, less, balance, detail).await?;
    Ok((balance, drafts))
}

/// What was given back in all; the payment is reversed with the last of it, and so is its top-up. Who settled it,
/// and when, stays.
async fn count_on_payment(change: &Change<'_>, taken: &TakeBack) -> Result<(), StoreError> {
    let Change {
        tx, snapshot, result, ..
    } = change;
    let account = snapshot.wallet.key.account.get();
    let state = if taken.whole {
        PaymentState::Reversed
    } else {
        snapshot.intent.state
    };
    tx.execute(
        "UPDATE payments
            SET state = $3, reversed_minor = reversed_minor + $4, taken_back_milli = taken_back_milli + $5
          WHERE account_id = $1 AND reference = $2",
        &[
            &account,
            &result.reference.as_str(),
            &state.as_str(),
            &taken.amount_minor,
            &taken.credits.milli(),
        ],
    )
    .await?;
    match (&snapshot.bought, taken.whole) {
        (Bought::Topup(topup), true) => {
            tx.execute(
                "UPDATE topups SET state = $3, reason = $4 WHERE account_id = $1 AND topup_id = $2",
                &[
                    &account,
                    &topup.id,
                    &TopupState::Reversed.as_str(),
                    &result.reason,
                ],
            )
            .await?;
        }
        (Bought::Topup(_), false) | (Bought::Purchase(_) | Bought::Registration(_), _) => {}
    }
    Ok(())
}

/// What is disabled already keeps its reason. The wallets are locked, all of them. Returns what platforms hear of it.
async fn disable_cards(change: &Change<'_>, cause: &str) -> Result<Vec<EventDraft>, StoreError> {
    let rows = change
        .tx
        .query(
            "UPDATE wallets
                SET auto_enabled = false, auto_disabled_reason = $2, auto_disabled_at = $3
              WHERE account_id = $1 AND auto_method = 'card' AND auto_enabled
             RETURNING account_id, service, auto_method, auto_threshold_milli, auto_quantity_milli",
            &[
                &change.snapshot.wallet.key.account.get(),
                &DISABLED_BECAUSE,
                &change.snapshot.now,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let wallet = rows::wallet_key(row, "wallets")?;
            let settings = AutoTopupSettings {
                method: rows::name(row, "auto_method", "wallets")?,
                threshold: rows::credits(row, "auto_threshold_milli")?,
                quantity: rows::credits(row, "auto_quantity_milli")?,
            };
            let cause = format!("{}:{cause}", wallet.service);
            Ok(heard::disabled(wallet, &settings, DISABLED_BECAUSE, cause))
        })
        .collect()
}

/// A dispute was opened: its credits are held, and the operators have to answer it.
pub(super) async fn hold(
    change: &Change<'_>,
    reversal_id: &str,
    amount_minor: i64,
    credits: Credits,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Change { tx, snapshot, .. } = change;
    hold_less(change, Credits::from_milli(-credits.milli())).await?;
    let row = Row {
        state: ReversalState::Disputed,
        amount_minor,
        held: credits,
        taken_back: Credits::ZERO,
    };
    write(change, reversal_id, &row).await?;
    let amount = Money::new(amount_minor, snapshot.intent.amount.currency);
    let alert = texts::dispute_opened(&alarmed(change), reversal_id, amount, credits);
    notices::request(tx, &[alert], snapshot.traceparent.as_deref()).await
}

/// A dispute was won: what it held is free again.
pub(super) async fn release(
    change: &Change<'_>,
    reversal_id: &str,
    amount_minor: i64,
    credits: Credits,
) -> Result<(), StoreError> {
    hold_less(change, credits).await?;
    let row = Row {
        state: ReversalState::Won,
        amount_minor,
        held: Credits::ZERO,
        taken_back: Credits::ZERO,
    };
    write(change, reversal_id, &row).await
}

/// A refund was not made: nothing went back, and a person has to see to it.
pub(super) async fn not_given_back(
    change: &Change<'_>,
    reversal_id: &str,
    amount_minor: i64,
    reason: &str,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Change { tx, snapshot, .. } = change;
    let row = Row {
        state: ReversalState::Failed,
        amount_minor,
        held: Credits::ZERO,
        taken_back: Credits::ZERO,
    };
    write(change, reversal_id, &row).await?;
    match &snapshot.bought {
        Bought::Registration(it) => registration::ask_no_refund(change, it).await?,
        Bought::Topup(_) | Bought::Purchase(_) => {}
    }
    let amount = Money::new(amount_minor, snapshot.intent.amount.currency);
    let alert = texts::refund_failed(&alarmed(change), reversal_id, amount, reason);
    notices::request(tx, &[alert], snapshot.traceparent.as_deref()).await
}

fn alarmed<'a>(change: &Change<'a>) -> texts::Alarmed<'a> {
    let snapshot = change.snapshot;
    texts::Alarmed {
        account: snapshot.wallet.key.account,
        reference: &snapshot.intent.reference,
        topup: match &snapshot.bought {
            Bought::Topup(topup) => Some(topup.id),
            Bought::Purchase(_) | Bought::Registration(_) => None,
        },
    }
}

/// The locked wallet's credits in open holds and disputes.
async fn hold_less(change: &Change<'_>, credits: Credits) -> Result<(), StoreError> {
    let wallet = change.snapshot.wallet.key;
    change
        .tx
        .execute(
            "UPDATE wallets SET held_milli = held_milli - $3 WHERE account_id = $1 AND service = $2",
            &[&wallet.account.get(), &wallet.service.as_str(), &credits.milli()],
        )
        .await?;
    Ok(())
}

/// A refund's or a dispute's row as it stands from now on.
struct Row {
    state: ReversalState,
    amount_minor: i64,
    held: Credits,
    taken_back: Credits,
}

async fn write(change: &Change<'_>, reversal_id: &str, row: &Row) -> Result<(), StoreError> {
    let Change {
        tx, snapshot, result, ..
    } = change;
    let ended_at = match row.state {
        ReversalState::Disputed => None,
        ReversalState::Won | ReversalState::Reversed | ReversalState::Failed => Some(snapshot.now),
    };
    tx.execute(
        "INSERT INTO reversals AS r (account_id, reference, reversal_id, state, amount_minor, held_milli,
                                     taken_back_milli, source, reason, opened_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT ON CONSTRAINT reversals_pk DO UPDATE
            SET state = excluded.state, amount_minor = excluded.amount_minor, held_milli = excluded.held_milli,
                taken_back_milli = excluded.taken_back_milli, source = excluded.source, reason = excluded.reason,
                ended_at = excluded.ended_at,
                -- made in the end: of its failure the alert tells
                opened_at = CASE WHEN r.state = 'failed' THEN excluded.opened_at ELSE r.opened_at END",
        &[
            &snapshot.wallet.key.account.get(),
            &result.reference.as_str(),
            &reversal_id,
            &row.state.as_str(),
            &row.amount_minor,
            &row.held.milli(),
            &row.taken_back.milli(),
            &result.source.as_str(),
            &result.reason,
            &snapshot.now,
            &ended_at,
        ],
    )
    .await?;
    Ok(())
}
