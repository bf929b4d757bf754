//! P3, P5: consent to 1-Click, from being agreed with a purchase to being withdrawn.
//!
//! Agreed with a purchase on the gateway's page, it stands once that is paid with a card that can be charged again; one
//! stands at most, and a new one takes the place of the old. Left out: charging by it (`purchases`), and consent to auto
//! top-up (`settings`), which is another one even for the same card.

use crate::cards;
use crate::transaction::Tx;
use crate::{Store, StoreError, locks};
use jiff::Timestamp;
use std::fmt;
use topup_rules::cards::keepable;
use topup_rules::ids::AccountId;
use topup_rules::message::PaymentResult;
use uuid::Uuid;

/// Agreement to the terms of 1-Click.
#[derive(Clone, PartialEq, Eq)]
pub struct OneClickAgreement {
    /// Which terms.
    pub terms_version: String,
    /// Where the agreement came from: a network address.
    pub address: String,
}

/// Without the address.
impl fmt::Debug for OneClickAgreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneClickAgreement")
            .field("terms_version", &self.terms_version)
            .finish_non_exhaustive()
    }
}

/// The consent that stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneClickView {
    /// Which terms.
    pub terms_version: String,
    /// When they were agreed to.
    pub agreed_at: Timestamp,
    /// `visa`.
    pub brand: Option<String>,
    /// The last four digits of the card.
    pub last4: Option<String>,
    /// 1 to 12.
    pub exp_month: Option<u8>,
    /// With its century.
    pub exp_year: Option<u16>,
}

impl Store {
    /// The consent that stands; `None` where 1-Click is not enabled.
    ///
    /// # Errors
    /// The database's.
    pub async fn one_click(&self, account: AccountId) -> Result<Option<OneClickView>, StoreError> {
        self.transact(|tx| async move {
            let row = tx
                .query_opt(
                    "SELECT o.terms_version, o.agreed_at, c.brand, c.last4, c.exp_month, c.exp_year
                       FROM one_click_consents o JOIN cards c USING (account_id, card_id)
                      WHERE o.account_id = $1 AND o.withdrawn_at IS NULL",
                    &[&account.get()],
                )
                .await?;
            row.map(|row| {
                let month: Option<i16> = row.try_get("exp_month")?;
                let year: Option<i16> = row.try_get("exp_year")?;
                Ok(OneClickView {
                    terms_version: row.try_get("terms_version")?,
                    agreed_at: row.try_get("agreed_at")?,
                    brand: row.try_get("brand")?,
                    last4: row.try_get("last4")?,
                    exp_month: month.and_then(|it| u8::try_from(it).ok()),
                    exp_year: year.and_then(|it| u16::try_from(it).ok()),
                })
            })
            .transpose()
        })
        .await
    }

    /// P3: withdraws consent to 1-Click, also one that was agreed with a purchase that is still open. A token that
    /// nothing else needs is forgotten here, and given to be forgotten at the gateway. Whether there was any.
    ///
    /// # Errors
    /// The database's.
    pub async fn withdraw_one_click(&self, account: AccountId) -> Result<bool, StoreError> {
        self.transact(|tx| async move {
            // Whoever begins or settles a purchase holds one of them.
            locks::wallets_of(&tx, account).await?;
            let withdrawn = tx
                .execute(
                    "UPDATE one_click_consents SET withdrawn_at = clock_timestamp()
                      WHERE account_id = $1 AND withdrawn_at IS NULL",
                    &[&account.get()],
                )
                .await?;
            cards::forget_unused(&tx, account).await?;
            Ok(withdrawn > 0)
        })
        .await
    }
}

/// Agreed with a purchase: it stands once that is paid.
pub(crate) async fn agree(
    tx: &Tx,
    account: AccountId,
    agreed: &OneClickAgreement,
    now: Timestamp,
) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    tx.execute(
        "INSERT INTO one_click_consents (account_id, consent_id, terms_version, address, agreed_at)
         VALUES ($1, $2, $3, $4, $5)",
        &[&account.get(), &id, &agreed.terms_version, &agreed.address, &now],
    )
    .await?;
    Ok(id)
}

/// The purchase that it was agreed with is paid: with a card that can be charged again it stands from now on, unless it
/// was withdrawn meanwhile. `email`: of who paid. Returns the card.
pub(crate) async fn stand(
    tx: &Tx,
    account: AccountId,
    consent: Uuid,
    result: &PaymentResult,
    email: &str,
) -> Result<Option<Uuid>, StoreError> {
    let is_wanted = tx
        .query_opt(
            "SELECT 1 AS one FROM one_click_consents
              WHERE account_id = $1 AND consent_id = $2 AND withdrawn_at IS NULL
                FOR UPDATE",
            &[&account.get(), &consent],
        )
        .await?
        .is_some();
    let seen = result.card.as_ref();
    let card = match keepable(seen) {
        Ok(card) if is_wanted => cards::of_seen(card, email, &result.gateway),
        Ok(_) | Err(_) => {
            cards::give_up(tx, account, &result.gateway, seen).await?;
            return Ok(None);
        }
    };
    let card_id = cards::keep(tx, account, &card).await?;
    tx.execute(
        "UPDATE one_click_consents SET withdrawn_at = clock_timestamp()
          WHERE account_id = $1 AND consent_id <> $2 AND card_id IS NOT NULL AND withdrawn_at IS NULL",
        &[&account.get(), &consent],
    )
    .await?;
    tx.execute(
        "UPDATE one_click_consents SET card_id = $3 WHERE account_id = $1 AND consent_id = $2",
        &[&account.get(), &consent, &card_id],
    )
    .await?;
    cards::forget_unused(tx, account).await?;
    Ok(Some(card_id))
}
