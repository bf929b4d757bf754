//! Registrations for people.

use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service};
use topup_rules::money::Money;
use topup_rules::registration::RegistrationOutcome;
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// A card's registration as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationView {
    /// Which.
    pub id: Uuid,
    /// For which wallet.
    pub service: Service,
    /// Reaching it is to trigger.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// The terms that were agreed to.
    pub terms_version: String,
    /// When.
    pub agreed_at: Timestamp,
    /// What is charged.
    pub amount: Money,
    /// The payment's key.
    pub reference: Reference,
    /// Where the payment stands.
    pub state: PaymentState,
    /// How the registration ended; `None` while it is open.
    pub outcome: Option<RegistrationOutcome>,
    /// Why it was not enabled, in words for the account holder.
    pub reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The gateway's page, where the customer has to go there and has not paid yet.
    pub checkout_url: Option<String>,
    /// The last four digits of the card that was registered.
    pub card_last4: Option<String>,
    /// `visa`.
    pub card_brand: Option<String>,
    /// The charge was given back, or the gateway has taken that on.
    pub is_refunded: bool,
    /// It is still to be given back.
    pub is_refund_due: bool,
    /// It was to be given back and was not: the operators are told, and see to it.
    pub has_refund_failed: bool,
}

impl Store {
    /// One of the account's registrations.
    ///
    /// # Errors
    /// The database's.
    pub async fn registration(
        &self,
        account: AccountId,
        id: Uuid,
    ) -> Result<Option<RegistrationView>, StoreError> {
        self.transact(|tx| async move {
            tx.query_opt(
                "SELECT r.registration_id, r.service, r.threshold_milli, r.quantity_milli, r.terms_version, r.agreed_at,
                        r.amount_minor, r.currency, r.outcome, r.reason, r.ended_at, p.reference, p.state, p.checkout_url,
                        c.last4, c.brand, p.reversed_minor > 0
                        OR r.refund_id IS NOT NULL
                           AND NOT EXISTS (SELECT FROM reversals v
                                            WHERE v.account_id = p.account_id AND v.reference = p.reference
                                              AND v.state = 'failed') AS is_refunded,
                        r.refund_due_at IS NOT NULL AS is_refund_due,
                        p.reversed_minor = 0 AND r.refund_due_at IS NULL
                        AND (EXISTS (SELECT FROM reversals v
                                      WHERE v.account_id = p.account_id AND v.reference = p.reference
                                        AND v.state = 'failed')
                             -- nobody could find out, and a person was asked to
                             OR EXISTS (SELECT FROM notices n
                                         WHERE n.account_id = p.account_id AND n.channel = 'email'
                                           AND n.cause = 'alert:refund:' || p.reference)) AS has_refund_failed
                   FROM card_registrations r
                   JOIN payments p USING (account_id, registration_id)
                   LEFT JOIN cards c ON c.account_id = r.account_id AND c.card_id = r.card_id
                  WHERE r.account_id = $1 AND r.registration_id = $2",
                &[&account.get(), &id],
            )
            .await?
            .as_ref()
            .map(view)
            .transpose()
        })
        .await
    }
}

fn view(row: &Row) -> Result<RegistrationView, StoreError> {
    const TABLE: &str = "card_registrations";
    let state: PaymentState = rows::name(row, "state", "payments")?;
    let checkout_url: Option<String> = row.try_get("checkout_url")?;
    let outcome: Option<&str> = row.try_get("outcome")?;
    Ok(RegistrationView {
        id: row.try_get("registration_id")?,
        service: rows::name(row, "service", TABLE)?,
        threshold: rows::credits(row, "threshold_milli")?,
        quantity: rows::credits(row, "quantity_milli")?,
        terms_version: row.try_get("terms_version")?,
        agreed_at: row.try_get("agreed_at")?,
        amount: Money::new(row.try_get("amount_minor")?, rows::name(row, "currency", TABLE)?),
        reference: rows::name(row, "reference", "payments")?,
        state,
        outcome: outcome.map(|_| rows::name(row, "outcome", TABLE)).transpose()?,
        reason: row.try_get("reason")?,
        ended_at: row.try_get("ended_at")?,
        checkout_url: checkout_url.filter(|_| state == PaymentState::Pending),
        card_last4: row.try_get("last4")?,
        card_brand: row.try_get("brand")?,
        is_refunded: row.try_get("is_refunded")?,
        is_refund_due: row.try_get("is_refund_due")?,
        has_refund_failed: row.try_get("has_refund_failed")?,
    })
}
