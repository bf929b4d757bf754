//! E3, E8: what becomes of a card's registration when its charge is settled. It buys no credits and disables nothing.

use super::Change;
use super::ending::settle_row;
use super::purchase::seen_last4;
use super::snapshot::Registration;
use crate::outbox::OutboxMessage;
use crate::{StoreError, cards, notices, settings, topups};
use topup_rules::account::{AutoTopup, AutoTopupSettings};
use topup_rules::cards::{SeenCard, keepable};
use topup_rules::ids::WalletKey;
use topup_rules::message::DeclineClass;
use topup_rules::notices::{Registering, registration_ended};
use topup_rules::registration::{
    ENDED_BEFORE, GIVEN_BACK_BEFORE, Registered, RegistrationOutcome, registered,
};
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// How it ends.
struct End<'a> {
    outcome: RegistrationOutcome,
    reason: Option<&'a str>,
    decline: Option<DeclineClass>,
    card: Option<Uuid>,
    /// The charge is to be given back.
    refund: bool,
    /// It was, or is to be.
    is_given_back: bool,
}

/// The charge was captured: the card is registered, if `enable` and the rules say so, and the charge is to be given back.
/// Whether auto top-up is enabled, and what is to be published now.
pub(super) async fn succeed(
    change: &Change<'_>,
    registration: &Registration,
    enable: bool,
) -> Result<(bool, Vec<OutboxMessage>), StoreError> {
    let Change {
        tx, result, policy, ..
    } = change;
    let key = registration.wallet;
    settle_row(change, PaymentState::Succeeded, None).await?;
    let decided = if enable {
        decide(change, registration).await?
    } else {
        Registered::NotEnabled {
            reason: ENDED_BEFORE.to_owned(),
        }
    };
    let refund = policy.refund_registration;
    match decided {
        Registered::Enable { settings, card } => {
            let (card, mut rows) = enable_with(change, registration, settings, card).await?;
            let end = End {
                outcome: RegistrationOutcome::Enabled,
                reason: None,
                decline: None,
                card: Some(card),
                refund,
                is_given_back: refund,
            };
            rows.extend(write(change, registration, &end).await?);
            Ok((true, rows))
        }
        Registered::NotEnabled { reason } => {
            cards::give_up(tx, key.account, &result.gateway, result.card.as_ref()).await?;
            let end = End {
                outcome: RegistrationOutcome::NotEnabled,
                reason: Some(&reason),
                decline: None,
                card: None,
                refund,
                is_given_back: refund,
            };
            Ok((false, write(change, registration, &end).await?))
        }
    }
}

/// It was not paid. Returns what is to be published now.
pub(super) async fn fail(
    change: &Change<'_>,
    registration: &Registration,
    reason: &str,
    decline: DeclineClass,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let end = End {
        outcome: RegistrationOutcome::Failed,
        reason: Some(reason),
        decline: Some(decline),
        card: None,
        refund: false,
        is_given_back: false,
    };
    write(change, registration, &end).await
}

/// It was paid and given back before anybody here knew. Returns what is to be published now.
pub(super) async fn came_and_went(
    change: &Change<'_>,
    registration: &Registration,
) -> Result<Vec<OutboxMessage>, StoreError> {
    settle_row(change, PaymentState::Succeeded, None).await?;
    let end = End {
        outcome: RegistrationOutcome::NotEnabled,
        reason: Some(GIVEN_BACK_BEFORE),
        decline: None,
        card: None,
        refund: false,
        is_given_back: true,
    };
    write(change, registration, &end).await
}

/// The charge was given back, by whomever, or a person has to see to it: nothing more is asked for.
pub(super) async fn ask_no_refund(
    change: &Change<'_>,
    registration: &Registration,
) -> Result<(), StoreError> {
    change
        .tx
        .execute(
            "UPDATE card_registrations SET refund_due_at = NULL WHERE account_id = $1 AND registration_id = $2",
            &[&registration.wallet.account.get(), &registration.id],
        )
        .await?;
    Ok(())
}

async fn decide(change: &Change<'_>, registration: &Registration) -> Result<Registered, StoreError> {
    let account = topups::account(change.tx, registration.wallet.account).await?;
    Ok(match account {
        Some(account) => registered(
            &account,
            &change.snapshot.wallet,
            registration.threshold,
            registration.quantity,
            keepable(change.result.card.as_ref()),
        ),
        None => Registered::NotEnabled {
            reason: ENDED_BEFORE.to_owned(),
        },
    })
}

/// E3, E8: the card is saved, the agreement kept, the settings written, and the card before it forgotten if nothing else
/// needs it.
async fn enable_with(
    change: &Change<'_>,
    registration: &Registration,
    enabled: AutoTopupSettings,
    card: SeenCard,
) -> Result<(Uuid, Vec<OutboxMessage>), StoreError> {
    let Change { tx, result, .. } = change;
    let key: WalletKey = registration.wallet;
    let saved = cards::of_seen(card, &registration.email, &result.gateway);
    let id = cards::keep(tx, key.account, &saved).await?;
    let (terms, address) = (&registration.terms_version, &registration.address);
    settings::keep_consent(tx, key, terms, address, registration.agreed_at).await?;
    let changed = settings::done(tx, key, AutoTopup::Enabled(enabled), Some(id)).await?;
    tx.execute(
        "UPDATE payments SET card_id = $3 WHERE account_id = $1 AND reference = $2",
        &[&key.account.get(), &result.reference.as_str(), &id],
    )
    .await?;
    cards::forget_unused(tx, key.account).await?;
    Ok((id, changed.events))
}

/// How it ended, and that the account holder is told.
async fn write(
    change: &Change<'_>,
    registration: &Registration,
    end: &End<'_>,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let now = change.snapshot.now;
    change
        .tx
        .execute(
            "UPDATE card_registrations
                SET outcome = $3, reason = $4, card_id = $5, ended_at = $6, refund_due_at = $7
              WHERE account_id = $1 AND registration_id = $2",
            &[
                &registration.wallet.account.get(),
                &registration.id,
                &end.outcome.as_str(),
                &end.reason,
                &end.card,
                &now,
                &end.refund.then_some(now),
            ],
        )
        .await?;
    let registering = Registering {
        id: registration.id,
        wallet: registration.wallet,
        threshold: registration.threshold,
        quantity: registration.quantity,
        charge: change.snapshot.intent.amount,
        is_given_back: end.is_given_back,
        card_last4: seen_last4(change.result),
    };
    let told = registration_ended(&registering, end.outcome, end.reason, end.decline);
    notices::request(change.tx, &[told], change.snapshot.traceparent.as_deref()).await
}
