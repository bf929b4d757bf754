//! What a payment's end does to the top-up that it was for: its state, the wallet's count of failures, and the
//! account's spacing.

use super::Change;
use super::ending::Ending;
use crate::outbox::OutboxMessage;
use crate::topups::{apply, release_spacing};
use crate::{StoreError, events};
use futures_util::try_join;
use topup_rules::credits::Credits;
use topup_rules::events::{self as heard, EventDraft};
use topup_rules::notices::{self, NoticeDraft};
use topup_rules::topup::{PaymentState, Topup, TopupState};

/// Ends it. Returns what the account holder is told.
pub(super) async fn end(
    change: &Change<'_>,
    topup: &Topup,
    ending: &Ending,
    balance: Credits,
) -> Result<NoticeDraft, StoreError> {
    let Change { tx, snapshot, .. } = change;
    let last4 = snapshot.card_last4.as_deref();
    match ending {
        Ending::Credited { late, .. } => {
            let failures = if *late {
                apply::Failures::Keep
            } else {
                apply::Failures::Reset
            };
            try_join!(
                apply::end_wallet_topup(tx, topup, failures),
                apply::end_topup(tx, topup, TopupState::Succeeded, None, snapshot.now),
            )?;
            Ok(notices::topup_succeeded(topup, balance, last4))
        }
        Ending::Failed {
            disable,
            reason,
            decline,
        } => {
            let disabling = disable.then_some(reason.as_str());
            try_join!(
                apply::fail_wallet(tx, topup, disabling, snapshot.now),
                apply::end_topup(tx, topup, TopupState::Failed, Some(reason), snapshot.now),
            )?;
            Ok(notices::topup_failed(
                topup,
                balance,
                reason,
                Some(*decline),
                *disable,
                last4,
            ))
        }
    }
}

/// The event of auto top-up that ended with it, unless it was disabled before.
pub(super) fn disabled_by(change: &Change<'_>, topup: &Topup, ending: &Ending) -> Option<EventDraft> {
    match ending {
        Ending::Failed {
            disable: true,
            reason,
            ..
        } => {
            let wallet = &change.snapshot.wallet;
            let enabled = events::enabled(&wallet.auto_topup)?;
            Some(heard::disabled(
                wallet.key,
                enabled,
                reason,
                format!("topup:{}", topup.id),
            ))
        }
        Ending::Failed { disable: false, .. } | Ending::Credited { .. } => None,
    }
}

/// C1: it is settled, so the account's next card top-up counts from now. One that had given its claim up before
/// changes nothing.
pub(super) async fn free_spacing(
    change: &Change<'_>,
    topup: &Topup,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let account = topup.wallet.account;
    let (now, spacing) = (change.snapshot.now, change.policy.card_spacing);
    release_spacing(change.tx, account, topup.id, true, now, spacing).await
}

/// C8: as open as its payment.
pub(super) async fn stay_open(
    change: &Change<'_>,
    topup: &Topup,
    state: PaymentState,
) -> Result<(), StoreError> {
    change
        .tx
        .execute(
            "UPDATE topups SET state = $3, reason = $4, due_at = NULL
              WHERE account_id = $1 AND topup_id = $2
                AND state IN ('scheduled', 'charging', 'pending', 'unknown')",
            &[
                &topup.wallet.account.get(),
                &topup.id,
                &state.as_str(),
                &change.result.reason,
            ],
        )
        .await?;
    Ok(())
}
