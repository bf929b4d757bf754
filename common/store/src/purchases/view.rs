//! Purchases for people: one, or an account's latest, with all that a receipt needs.

use crate::billing::Billing;
use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service};
use topup_rules::message::DeclineClass;
use topup_rules::money::Money;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// Least seconds between two times that somebody who waits brings a payment's question forward, and from the last
/// answer: the gateway wants at least as many before it is asked.
const HASTENED_EVERY_S: i32 = 10;

/// A purchase as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PurchaseView {
    /// Which.
    pub id: Uuid,
    /// For which wallet.
    pub service: Service,
    /// By a saved card, or on the gateway's page.
    pub method: PurchaseMethod,
    /// How many credits.
    pub quantity: Credits,
    /// What they cost, tax included.
    pub amount: Money,
    /// The tax in it, in the currency's minor unit.
    pub tax_minor: i64,
    /// The address that the gateway has.
    pub email: String,
    /// Whom the invoice is made out to.
    pub billing: Option<Billing>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The payment's key.
    pub reference: Reference,
    /// Where it stands.
    pub state: PaymentState,
    /// Why, where it did not succeed; in words for the account holder.
    pub reason: Option<String>,
    /// What kind of refusal it was, where one is known.
    pub decline: Option<DeclineClass>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// The gateway's page, where the customer has to go there and has not paid yet.
    pub checkout_url: Option<String>,
    /// The last four digits of the card that was charged, saved or not.
    pub card_last4: Option<String>,
    /// `visa`.
    pub card_brand: Option<String>,
    /// Given back so far, in the currency's minor unit.
    pub reversed_minor: i64,
    /// P3: 1-Click was agreed to with it: whether its card was saved, once it is paid.
    pub one_click: Option<bool>,
}

impl Store {
    /// One of the account's purchases.
    ///
    /// # Errors
    /// The database's.
    pub async fn purchase(&self, account: AccountId, id: Uuid) -> Result<Option<PurchaseView>, StoreError> {
        self.transact(|tx| async move {
            tx.query_opt(include_str!("one.sql"), &[&account.get(), &id])
                .await?
                .as_ref()
                .map(view)
                .transpose()
        })
        .await
    }

    /// The account's latest purchases, newest first, at most `limit`; `after` the one with this id.
    ///
    /// # Errors
    /// The database's.
    pub async fn purchases(
        &self,
        account: AccountId,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<PurchaseView>, StoreError> {
        self.transact(|tx| async move {
            tx.query(include_str!("page.sql"), &[&account.get(), &after, &limit])
                .await?
                .iter()
                .map(view)
                .collect()
        })
        .await
    }

    /// Somebody waits for this payment: it is asked about soon, and not later as was planned. A payment that is asked
    /// about anyway, or was just now, stays as it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn hasten(&self, account: AccountId, reference: &Reference) -> Result<(), StoreError> {
        self.transact(|tx| async move {
            tx.execute(
                "UPDATE payments SET ask_at = clock_timestamp(), hastened_at = clock_timestamp()
                  WHERE account_id = $1 AND reference = $2 AND state IN ('pending', 'unknown')
                    AND ask_at > clock_timestamp()
                    AND greatest(answered_at, hastened_at, intent_at)
                        < clock_timestamp() - $3::int * interval '1 second'",
                &[&account.get(), &reference.as_str(), &HASTENED_EVERY_S],
            )
            .await?;
            Ok(())
        })
        .await
    }
}

fn view(row: &Row) -> Result<PurchaseView, StoreError> {
    let state: PaymentState = rows::name(row, "state", "payments")?;
    let billing: Option<serde_json::Value> = row.try_get("billing")?;
    let checkout_url: Option<String> = row.try_get("checkout_url")?;
    Ok(PurchaseView {
        id: row.try_get("purchase_id")?,
        service: rows::name(row, "service", "purchases")?,
        method: rows::name(row, "method", "purchases")?,
        quantity: rows::credits(row, "quantity_milli")?,
        amount: Money::new(
            row.try_get("amount_minor")?,
            rows::name(row, "currency", "purchases")?,
        ),
        tax_minor: row.try_get("tax_minor")?,
        email: row.try_get("email")?,
        billing: billing.and_then(|it| serde_json::from_value(it).ok()),
        created_at: row.try_get("created_at")?,
        reference: rows::name(row, "reference", "payments")?,
        state,
        reason: row.try_get("reason")?,
        decline: row
            .try_get::<_, Option<&str>>("decline")?
            .map(|_| rows::name(row, "decline", "payments"))
            .transpose()?,
        settled_at: row.try_get("settled_at")?,
        // A challenged customer has to go there while the news of it is still on its way.
        checkout_url: checkout_url
            .filter(|_| matches!(state, PaymentState::Charging | PaymentState::Pending)),
        card_last4: row.try_get("last4")?,
        card_brand: row.try_get("brand")?,
        reversed_minor: row.try_get("reversed_minor")?,
        one_click: row.try_get("one_click")?,
    })
}
