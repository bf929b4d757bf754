//! What the account holder is told of a card's registration (E3, E8): once for each way that it ends.

use super::{NoticeDraft, put, put_some};
use crate::credits::Credits;
use crate::ids::WalletKey;
use crate::message::{DeclineClass, Template};
use crate::money::Money;
use crate::registration::RegistrationOutcome;
use serde_json::Map;
use uuid::Uuid;

/// A card's registration, as its notices tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registering<'a> {
    /// Which.
    pub id: Uuid,
    /// For which wallet.
    pub wallet: WalletKey,
    /// Reaching it is to trigger.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// What it was charged for, or was to be.
    pub charge: Money,
    /// That was given back, or will be.
    pub is_given_back: bool,
    /// Of the card, where one is known.
    pub card_last4: Option<&'a str>,
}

/// E3: enabled; paid and not enabled, for this `reason`; not paid, for this one, and `decline` says what kind of refusal it
/// was. A payment that comes after its registration had failed (C10) is told, too.
#[must_use]
pub fn registration_ended(
    registering: &Registering<'_>,
    outcome: RegistrationOutcome,
    reason: Option<&str>,
    decline: Option<DeclineClass>,
) -> NoticeDraft {
    let mut params = Map::new();
    put(&mut params, "service", registering.wallet.service);
    put(&mut params, "threshold", registering.threshold);
    put(&mut params, "quantity", registering.quantity);
    put(&mut params, "amount", registering.charge);
    put_some(&mut params, "card_last4", registering.card_last4);
    let template = match outcome {
        RegistrationOutcome::Enabled => Template::RegistrationEnabled,
        RegistrationOutcome::NotEnabled => Template::RegistrationNotEnabled,
        RegistrationOutcome::Failed => Template::RegistrationFailed,
    };
    match outcome {
        RegistrationOutcome::Enabled => {}
        RegistrationOutcome::NotEnabled | RegistrationOutcome::Failed => {
            put_some(&mut params, "reason", reason);
            put_some(&mut params, "decline", decline);
        }
    }
    match outcome {
        RegistrationOutcome::Enabled | RegistrationOutcome::NotEnabled => {
            put_some(
                &mut params,
                "given_back",
                registering.is_given_back.then_some("yes"),
            );
        }
        RegistrationOutcome::Failed => {}
    }
    NoticeDraft {
        account: registering.wallet.account,
        template,
        cause: format!("registration:{}:{outcome}", registering.id),
        params,
        // That auto top-up is enabled they hear anyway.
        event: None,
    }
}
