//! Registering a card for auto top-up (E3, E8): what the interface and the pages both call.
//!
//! What is wanted is checked before anything is charged; enabling it is `payment-results`' once it is paid. Left out:
//! HTTP, and who may.

use crate::Edge;
use crate::paying::{Paying, see_through};
use std::sync::Arc;
use topup_gateways::payment::PayChannel;
use topup_rules::money::{Currency, Money};
use topup_rules::registration;
use topup_rules::settings::SettingsRefusal;
use topup_rules::topup::PaymentState;
use topup_runtime::PublicDatabase;
use topup_store::{NewRegistration, PageIntent, RegistrationBegun, StoreError};
use uuid::Uuid;

/// Why there is no page where a repeat finds none.
const NO_PAGE_BEFORE: &str = "the registration is over, or its page could not be opened";
/// The same where another request is at it.
const IN_HAND: &str = "the registration's page is being opened; please ask again in a moment";

/// What became of wanting to register a card.
#[derive(Debug)]
pub enum Registering {
    /// The customer is to be sent to the gateway's page.
    OnPage {
        /// Which registration.
        id: Uuid,
        /// The page's address.
        url: String,
    },
    /// The gateway was not to be had, or has no page, or a repeat finds it paid or over: what came of it is seen on the
    /// registration.
    NoPage {
        /// Which registration.
        id: Uuid,
        /// Why, for the account holder.
        reason: String,
    },
    /// A rule says no. Nothing was written.
    Refused(SettingsRefusal),
    /// No such account, or no such service of it.
    NoWallet,
    /// The gateway wants an e-mail address.
    NoEmail,
    /// The same id was used for something else.
    Conflicting,
}

/// What registering a card is charged (E3).
#[must_use]
pub fn charge(edge: &Edge, currency: Currency) -> Money {
    let least_minor = edge.gateway.least_charge_minor();
    registration::charge(currency, least_minor(currency))
}

/// Begins a registration, or finds it begun, and sees the conversation with the gateway through. Where one of the same
/// wallet is open that wants the same, that one is the answer, with its own id; another wish takes its place. `return_to`:
/// where the customer comes back to.
///
/// # Errors
/// The database's; asking again with the same id does it at most once.
pub async fn register(
    edge: &Arc<Edge>,
    db: &PublicDatabase,
    new: NewRegistration,
    return_to: &str,
) -> Result<Registering, StoreError> {
    let id = new.id;
    match db.store.begin_registration(&new).await? {
        RegistrationBegun::Page(intent) => {
            let (paying, return_to) = (Paying::new(edge, db), return_to.to_owned());
            see_through(async move { page(&paying, id, &intent, &return_to).await })
                .await
                .unwrap_or_else(|| Ok(no_page(id, NO_PAGE_BEFORE)))
        }
        RegistrationBegun::AlreadyBegun {
            id,
            state: PaymentState::Pending,
            checkout_url: Some(url),
        } => Ok(Registering::OnPage { id, url }),
        RegistrationBegun::AlreadyBegun { id, .. } => Ok(no_page(id, NO_PAGE_BEFORE)),
        RegistrationBegun::InHand { id } => Ok(no_page(id, IN_HAND)),
        RegistrationBegun::Refused(refusal) => Ok(Registering::Refused(refusal)),
        RegistrationBegun::NoWallet => Ok(Registering::NoWallet),
        RegistrationBegun::NoEmail => Ok(Registering::NoEmail),
        RegistrationBegun::Conflicting => Ok(Registering::Conflicting),
    }
}

async fn page(
    paying: &Paying,
    id: Uuid,
    intent: &PageIntent,
    return_to: &str,
) -> Result<Registering, StoreError> {
    let paid_for = ("registration", id.to_string());
    // A phone's wallet is no card.
    let channels = [PayChannel::Card];
    Ok(
        match paying.open_page(intent, &channels, return_to, paid_for).await? {
            Ok(url) => Registering::OnPage { id, url },
            Err(reason) => Registering::NoPage { id, reason },
        },
    )
}

fn no_page(id: Uuid, reason: &str) -> Registering {
    Registering::NoPage {
        id,
        reason: reason.to_owned(),
    }
}
