//! Saved cards: a gateway's tokens, with what people recognise a card by.
//!
//! The card number never enters this system. Left out: registering a card and deactivating a token, which are
//! conversations with the gateway.

use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, notices, rows};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use tokio_postgres::Row;
use topup_rules::cards::{expires_on, is_expiring};
use topup_rules::ids::AccountId;
use topup_rules::notices::{ExpiringCard, NoticeDraft, card_expiring};
use uuid::Uuid;

/// The gateway of a card that names none.
const GATEWAY_DEFAULT: &str = "paystack";
/// Characters of a token that are shown.
const SHOWN_CHARS: usize = 4;
/// What stands for the rest.
const MASK: &str = "****";
/// Names the fleet's cards among all UUIDs of version 5.
const CARDS: Uuid = Uuid::from_bytes(*b"topup-saved-card");

/// A saved card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedCard {
    /// The gateway's token. A secret; masked where it is shown.
    pub authorization_code: String,
    /// The address that created the token: only it can charge.
    pub email: String,
    /// `visa`.
    #[serde(default)]
    pub brand: Option<String>,
    /// The last four digits.
    #[serde(default)]
    pub last4: Option<String>,
    /// 1 to 12.
    #[serde(default)]
    pub exp_month: Option<u8>,
    /// With its century.
    #[serde(default)]
    pub exp_year: Option<u16>,
    /// The gateway's name of the card itself: it stays, where the token may change.
    #[serde(default)]
    pub signature: Option<String>,
    /// Whose token it is.
    #[serde(default = "gateway_default", skip_serializing_if = "is_gateway_default")]
    pub gateway: String,
}

fn gateway_default() -> String {
    GATEWAY_DEFAULT.to_owned()
}

fn is_gateway_default(gateway: &str) -> bool {
    gateway == GATEWAY_DEFAULT
}

impl fmt::Debug for SavedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedCard")
            .field("last4", &self.last4)
            .finish_non_exhaustive()
    }
}

impl SavedCard {
    /// The same card has the same id, whatever its token is today.
    pub(crate) fn id(&self, account: AccountId) -> Uuid {
        let card = self.signature.as_deref().unwrap_or(&self.authorization_code);
        Uuid::new_v5(&CARDS, format!("{account}/{}/{card}", self.gateway).as_bytes())
    }

    /// As it is shown to people.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let code = &self.authorization_code;
        let shown: String = code.chars().take(SHOWN_CHARS).collect();
        let hides_enough = code.chars().count() > SHOWN_CHARS;
        self.authorization_code = if hides_enough {
            shown + MASK
        } else {
            MASK.to_owned()
        };
        self
    }
}

/// A card of the columns `authorization_code, card_email, brand, last4, exp_month, exp_year, signature, gateway`;
/// `None` where a LEFT JOIN found none.
pub(crate) fn card(row: &Row) -> Result<Option<SavedCard>, StoreError> {
    let code: Option<String> = row.try_get("authorization_code")?;
    let Some(authorization_code) = code else {
        return Ok(None);
    };
    let month: Option<i16> = row.try_get("exp_month")?;
    let year: Option<i16> = row.try_get("exp_year")?;
    Ok(Some(SavedCard {
        authorization_code,
        email: row.try_get("card_email")?,
        brand: row.try_get("brand")?,
        last4: row.try_get("last4")?,
        exp_month: month.and_then(|m| u8::try_from(m).ok()),
        exp_year: year.and_then(|y| u16::try_from(y).ok()),
        signature: row.try_get("signature")?,
        gateway: row.try_get("gateway")?,
    }))
}

/// Saves a card, or what changed of it. Returns its id, and whether anything changed.
pub(crate) async fn save(tx: &Tx, account: AccountId, card: &SavedCard) -> Result<(Uuid, bool), StoreError> {
    let id = card.id(account);
    let month = card.exp_month.map(i16::from);
    let year = card.exp_year.and_then(|year| i16::try_from(year).ok());
    let changed = tx
        .execute(
            "INSERT INTO cards AS c (account_id, card_id, gateway, authorization_code, email, brand, last4, exp_month,
                                     exp_year, signature)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT ON CONSTRAINT cards_pk DO UPDATE
                SET authorization_code = excluded.authorization_code, email = excluded.email, brand = excluded.brand,
                    last4 = excluded.last4, exp_month = excluded.exp_month, exp_year = excluded.exp_year
              WHERE (c.authorization_code, c.email, c.brand, c.last4, c.exp_month, c.exp_year) IS DISTINCT FROM
                    (excluded.authorization_code, excluded.email, excluded.brand, excluded.last4, excluded.exp_month,
                     excluded.exp_year)",
            &[
                &account.get(),
                &id,
                &card.gateway,
                &card.authorization_code,
                &card.email,
                &card.brand,
                &card.last4,
                &month,
                &year,
                &card.signature,
            ],
        )
        .await?;
    Ok((id, changed > 0))
}

/// E8: forgets the tokens of the account's cards that no wallet uses and no unsettled payment may still need. What
/// people recognise a card by stays, for the story of what was charged to it.
pub(crate) async fn forget_unused(tx: &Tx, account: AccountId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE cards c SET authorization_code = '', email = ''
          WHERE c.account_id = $1 AND c.authorization_code <> ''
            AND NOT EXISTS (SELECT FROM wallets w WHERE w.account_id = c.account_id AND w.auto_card_id = c.card_id)
            AND NOT EXISTS (SELECT FROM payments p
                             WHERE p.account_id = c.account_id AND p.card_id = c.card_id
                               AND p.state IN ('charging', 'pending', 'unknown', 'parked'))",
        &[&account.get()],
    )
    .await?;
    Ok(())
}

impl Store {
    /// Tells the holders of at most `limit` cards that run out within `ahead_days` from `today`, or have run out, and
    /// that an enabled auto top-up will want: once for each card and month.
    ///
    /// # Errors
    /// The database's.
    pub async fn expiring_cards(
        &self,
        today: Date,
        ahead_days: u32,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let soon = today.saturating_add(i64::from(ahead_days).days());
        self.transact(|tx| async move {
            let rows = tx
                .query(include_str!("cards/expiring.sql"), &[&soon, &limit])
                .await?;
            let mut drafts = Vec::with_capacity(rows.len());
            for row in &rows {
                drafts.extend(expiring(row, today, ahead_days)?);
            }
            notices::request(&tx, &drafts, None).await
        })
        .await
    }
}

/// What is told of a card, where the rules agree that it is expiring.
fn expiring(row: &Row, today: Date, ahead_days: u32) -> Result<Option<NoticeDraft>, StoreError> {
    let month: i16 = row.try_get("exp_month")?;
    let year: i16 = row.try_get("exp_year")?;
    let (Ok(month), Ok(year)) = (u8::try_from(month), u16::try_from(year)) else {
        return Ok(None);
    };
    let Some(expires_on) = expires_on(month, year).filter(|_| is_expiring(month, year, today, ahead_days))
    else {
        return Ok(None);
    };
    Ok(Some(card_expiring(&ExpiringCard {
        account: rows::account_id(row, "account_id", "cards")?,
        id: row.try_get("card_id")?,
        last4: row.try_get("last4")?,
        expires_on,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(code: &str, signature: Option<&str>) -> SavedCard {
        SavedCard {
            authorization_code: code.to_owned(),
            email: "ops@example.com".to_owned(),
            brand: None,
            last4: Some("4081".to_owned()),
            exp_month: Some(12),
            exp_year: Some(2030),
            signature: signature.map(str::to_owned),
            gateway: gateway_default(),
        }
    }

    #[test]
    fn a_token_is_never_shown_whole() {
        assert_eq!(card("AUTH_ok", None).masked().authorization_code, "AUTH****");
        assert_eq!(card("ABC", None).masked().authorization_code, "****");
        assert_eq!(card("ABCD", None).masked().authorization_code, "****");
        assert!(!format!("{:?}", card("AUTH_ok", None)).contains("AUTH"));
    }

    #[test]
    fn a_card_is_known_by_its_signature_whatever_its_token() {
        let account = AccountId::new(1001).unwrap();
        let id = |code, signature| card(code, signature).id(account);
        assert_eq!(id("AUTH_a", Some("SIG")), id("AUTH_b", Some("SIG")));
        assert_ne!(id("AUTH_a", None), id("AUTH_b", None));
    }
}
