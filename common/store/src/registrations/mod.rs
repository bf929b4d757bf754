//! E3, E8: a card is registered on the gateway's page. Begun here, paid there, settled like every payment (`settle`), and
//! its charge given back (`refund`).
//!
//! What is to be enabled is kept with the registration and decided again when it is paid. Left out: the conversations
//! with the gateway.

mod open;
mod refund;
mod view;

pub use refund::{RefundDue, RefundEnd};
pub use view::RegistrationView;

use crate::transaction::Tx;
use crate::{PageIntent, Store, StoreError, rows, settings};
use jiff::Timestamp;
use std::fmt;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::message::PaymentMode;
use topup_rules::money::{Currency, Money};
use topup_rules::registration::{charge, may_begin};
use topup_rules::settings::{Actor, SettingsRefusal};
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// A card that is to be registered, with what is to be enabled by it.
#[derive(Clone)]
pub struct NewRegistration {
    /// Of this registration, and of every repeat of asking for it.
    pub id: Uuid,
    /// Whose wallet.
    pub account: AccountId,
    /// Which wallet.
    pub service: Service,
    /// Who asks: the account itself, if the rules are to let it.
    pub who: AccountId,
    /// Reaching it is to trigger.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// The terms that were agreed to.
    pub terms_version: String,
    /// Where the agreement came from: a network address.
    pub address: String,
    /// What the gateway's page asks for; the account's own where it is missing.
    pub email: Option<String>,
    /// The gateway that is to charge: `paystack`.
    pub gateway: &'static str,
    /// The least that it charges in a currency, in minor units.
    pub least_minor: fn(Currency) -> i64,
    /// With real money or not.
    pub mode: PaymentMode,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
}

/// Without the addresses.
impl fmt::Debug for NewRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRegistration")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// What became of asking for a registration.
#[derive(Debug)]
pub enum RegistrationBegun {
    /// The intent is committed: the gateway is to be asked for its page.
    Page(PageIntent),
    /// It was begun before, or one of the same wallet with the same wish is open; nothing is to be done.
    AlreadyBegun {
        /// Which.
        id: Uuid,
        /// Where it stands.
        state: PaymentState,
        /// The gateway's page, if the customer has to go there.
        checkout_url: Option<String>,
    },
    /// One of the same wallet with the same wish has its page asked for at this moment.
    InHand {
        /// Which.
        id: Uuid,
    },
    /// E1–E4: the rules refuse what is to be enabled. Nothing was written.
    Refused(SettingsRefusal),
    /// No such account, or no such service of it.
    NoWallet,
    /// The gateway wants an address.
    NoEmail,
    /// The same id was used for something else.
    Conflicting,
}

impl Store {
    /// E1–E4, C5: commits the intent to register a card, once for each id, if the rules would enable what it is for. One
    /// of the same wallet that is open and wants the same is the answer; another wish takes its place.
    /// [`Store::record_page`] takes the page.
    ///
    /// # Errors
    /// The database's; asking again with the same id does it at most once.
    pub async fn begin_registration(&self, new: &NewRegistration) -> Result<RegistrationBegun, StoreError> {
        let once = || self.transact(|tx| async move { begin(&tx, new).await });
        match once().await {
            // Asked for another of the account's wallets at the same moment, which was first.
            Err(error) if error.violates("card_registrations_pk") => once().await,
            begun => begun,
        }
    }
}

async fn begin(tx: &Tx, new: &NewRegistration) -> Result<RegistrationBegun, StoreError> {
    let key = WalletKey {
        account: new.account,
        service: new.service,
    };
    let Some((account, wallet)) = settings::lock(tx, key).await? else {
        return Ok(RegistrationBegun::NoWallet);
    };
    if let Some(before) = before(tx, new).await? {
        return Ok(before);
    }
    let actor = Actor::of(&account, new.who);
    if let Err(refusal) = may_begin(&account, &wallet, actor, new.threshold, new.quantity) {
        return Ok(RegistrationBegun::Refused(refusal));
    }
    let Some(email) = email(tx, new).await? else {
        return Ok(RegistrationBegun::NoEmail);
    };
    let now = tx.clock().await?;
    if let Some(open) = open::meets(tx, new, &email, now).await? {
        return Ok(open);
    }
    let amount = charge(account.currency, (new.least_minor)(account.currency));
    let reference = insert(tx, new, amount, &email, now).await?;
    Ok(RegistrationBegun::Page(PageIntent {
        reference,
        account: new.account,
        id: new.id,
        gateway: new.gateway.to_owned(),
        mode: new.mode,
        amount,
        email,
        traceparent: new.traceparent.clone(),
    }))
}

/// The same registration as it was begun before, or another that bears its id.
async fn before(tx: &Tx, new: &NewRegistration) -> Result<Option<RegistrationBegun>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT r.service, r.threshold_milli, r.quantity_milli, p.state, p.checkout_url
               FROM card_registrations r JOIN payments p USING (account_id, registration_id)
              WHERE r.account_id = $1 AND r.registration_id = $2",
            &[&new.account.get(), &new.id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let service: Service = rows::name(&row, "service", "card_registrations")?;
    let threshold = rows::credits(&row, "threshold_milli")?;
    let quantity = rows::credits(&row, "quantity_milli")?;
    if (service, threshold, quantity) != (new.service, new.threshold, new.quantity) {
        return Ok(Some(RegistrationBegun::Conflicting));
    }
    Ok(Some(RegistrationBegun::AlreadyBegun {
        id: new.id,
        state: rows::name(&row, "state", "payments")?,
        checkout_url: row.try_get("checkout_url")?,
    }))
}

async fn email(tx: &Tx, new: &NewRegistration) -> Result<Option<String>, StoreError> {
    if new.email.is_some() {
        return Ok(new.email.clone());
    }
    let row = tx
        .query_one(
            "SELECT email FROM accounts WHERE account_id = $1",
            &[&new.account.get()],
        )
        .await?;
    Ok(row.try_get("email")?)
}

/// C5: the registration and its intent.
async fn insert(
    tx: &Tx,
    new: &NewRegistration,
    amount: Money,
    email: &str,
    now: Timestamp,
) -> Result<Reference, StoreError> {
    let reference = Reference::of_registration(new.account, new.id);
    tx.execute(
        "INSERT INTO card_registrations (account_id, registration_id, service, threshold_milli, quantity_milli,
                                         terms_version, address, agreed_at, amount_minor, currency, email, traceparent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            &new.account.get(),
            &new.id,
            &new.service.as_str(),
            &new.threshold.milli(),
            &new.quantity.milli(),
            &new.terms_version,
            &new.address,
            &now,
            &amount.amount_minor,
            &amount.currency.as_str(),
            &email,
            &new.traceparent,
        ],
    )
    .await?;
    tx.execute(
        "INSERT INTO payments (account_id, reference, kind, registration_id, gateway, mode, amount_minor, currency, state,
                               intent_at)
         VALUES ($1, $2, 'registration', $3, $4, $5, $6, $7, 'charging', $8)",
        &[
            &new.account.get(),
            &reference.as_str(),
            &new.id,
            &new.gateway,
            &new.mode.as_str(),
            &amount.amount_minor,
            &amount.currency.as_str(),
            &now,
        ],
    )
    .await?;
    Ok(reference)
}
