//! When a saved card runs out, and which card can be saved at all.
//!
//! Left out: whom it is told, and that it is told once (`notices`: the cause bears the month); keeping cards.

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Hours in a day of the calendar.
const DAY_H: i64 = 24;

/// The last day of the month that is printed on the card, on which it still works. `None` where that is no month.
#[must_use]
pub fn expires_on(exp_month: u8, exp_year: u16) -> Option<Date> {
    let year = i16::try_from(exp_year).ok()?;
    let month = i8::try_from(exp_month).ok()?;
    Date::new(year, month, 1).ok().map(Date::last_of_month)
}

/// Whether a card runs out within `ahead_days` from `today`, or has run out already.
#[must_use]
pub fn is_expiring(exp_month: u8, exp_year: u16, today: Date, ahead_days: u32) -> bool {
    let horizon = today
        .checked_add(SignedDuration::from_hours(i64::from(ahead_days) * DAY_H))
        .unwrap_or(Date::MAX);
    expires_on(exp_month, exp_year).is_some_and(|expires| expires <= horizon)
}

/// What a payment's result says of the card that was paid with: never its number. All of it may be missing.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeenCard {
    /// The gateway's token. A secret; told only where the card may have to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<String>,
    /// The address that created the token: only it can charge. Told along with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `visa`, `mastercard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// 1 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp_month: Option<u8>,
    /// Four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp_year: Option<u16>,
    /// The gateway's name for the card: stays, while the token may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Whether it may be charged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reusable: Option<bool>,
}

/// Without the token and the address.
impl fmt::Debug for SeenCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenCard")
            .field("last4", &self.last4)
            .field("reusable", &self.reusable)
            .finish_non_exhaustive()
    }
}

/// Why a card can't be saved, for the account holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardUnfit {
    /// Paid some other way, or nothing was told of the card.
    #[error("the payment was not made with a card that could be saved")]
    NoCard,
    /// The bank, or the gateway, does not allow it.
    #[error("this card can't be saved for later payments; please use another one")]
    NotReusable,
}

/// E3, P3: the card that a result tells of, if it can be charged again: it says so itself and has a token.
///
/// # Errors
/// Why it can't.
pub fn keepable(told: Option<&serde_json::Value>) -> Result<SeenCard, CardUnfit> {
    let card: SeenCard = told
        .and_then(|told| SeenCard::deserialize(told).ok())
        .ok_or(CardUnfit::NoCard)?;
    match (card.reusable, card.authorization_code.as_deref()) {
        (Some(true), Some(code)) if !code.is_empty() => Ok(card),
        (Some(true), _) => Err(CardUnfit::NoCard),
        (Some(false) | None, _) => Err(CardUnfit::NotReusable),
    }
}
