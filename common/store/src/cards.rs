//! Saved cards: a gateway's tokens, with what people recognise a card by.
//!
//! The card number never enters this system. A token that no consent uses any more, neither to auto top-up nor to
//! 1-Click (P5), is forgotten at once, and handed to whoever has the gateway forget it (`tokens`). Left out: registering
//! a card, which is a conversation with the gateway.

use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, notices, rows};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use tokio_postgres::Row;
use topup_rules::cards::{SeenCard, expires_on, is_expiring};
use topup_rules::ids::AccountId;
use topup_rules::notices::{ExpiringCard, NoticeDraft, card_expiring};
use uuid::Uuid;

/// The gateway of a card that names none.
const GATEWAY_DEFAULT: &str = "paystack";
/// Characters of a token that are shown.
const SHOWN_CHARS: usize = 4;
/// As many last digits of a card are kept.
const LAST_DIGITS: usize = 4;
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

/// Saves a card that was paid with just now, by a consent that begins with it. The token that it had before is the
/// gateway's to forget; the one that it has now is not, whatever was wanted of it before.
pub(crate) async fn keep(tx: &Tx, account: AccountId, card: &SavedCard) -> Result<Uuid, StoreError> {
    let (id, code) = (card.id(account), card.authorization_code.as_str());
    tx.execute(
        "INSERT INTO tokens_to_deactivate (account_id, authorization_code, gateway)
         SELECT account_id, authorization_code, gateway FROM cards
          WHERE account_id = $1 AND card_id = $2 AND authorization_code NOT IN ('', $3)
             ON CONFLICT ON CONSTRAINT tokens_to_deactivate_pk DO NOTHING",
        &[&account.get(), &id, &code],
    )
    .await?;
    tx.execute(
        "DELETE FROM tokens_to_deactivate WHERE account_id = $1 AND authorization_code = $2",
        &[&account.get(), &code],
    )
    .await?;
    save(tx, account, card).await.map(|(id, _)| id)
}

/// E3, P3: a token that was made for a consent which does not stand is the gateway's to forget, unless it is a saved
/// card's.
pub(crate) async fn give_up(
    tx: &Tx,
    account: AccountId,
    gateway: &str,
    seen: Option<&serde_json::Value>,
) -> Result<(), StoreError> {
    let Some(code) = seen.and_then(|seen| seen.get("authorization_code")?.as_str()) else {
        return Ok(());
    };
    tx.execute(
        "INSERT INTO tokens_to_deactivate (account_id, authorization_code, gateway)
         SELECT $1, $2, $3
          WHERE $2 <> '' AND NOT EXISTS (SELECT FROM cards WHERE account_id = $1 AND authorization_code = $2)
             ON CONFLICT ON CONSTRAINT tokens_to_deactivate_pk DO NOTHING",
        &[&account.get(), &code, &gateway],
    )
    .await?;
    Ok(())
}

/// E8, P3: forgets the tokens of the account's cards that neither a wallet nor 1-Click uses and no unsettled payment may
/// still need. What people recognise a card by stays, for the story of what was charged to it.
pub(crate) async fn forget_unused(tx: &Tx, account: AccountId) -> Result<(), StoreError> {
    tx.execute(include_str!("cards/forget_unused.sql"), &[&account.get()])
        .await?;
    Ok(())
}

/// The card that a payment's result tells of, as it is saved. `email`: of who paid, where the gateway does not say whose
/// the token is.
pub(crate) fn of_seen(seen: SeenCard, email: &str, gateway: &str) -> SavedCard {
    SavedCard {
        authorization_code: seen.authorization_code.unwrap_or_default(),
        email: seen.email.unwrap_or_else(|| email.to_owned()),
        brand: seen.brand,
        last4: seen
            .last4
            .filter(|it| it.len() == LAST_DIGITS && it.bytes().all(|b| b.is_ascii_digit())),
        exp_month: seen.exp_month.filter(|it| (1..=12).contains(it)),
        exp_year: seen.exp_year.filter(|it| (2000..=2200).contains(it)),
        signature: seen.signature,
        gateway: gateway.to_owned(),
    }
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
