//! P3, P5: whether a saved card may be charged by one click.
//!
//! Left out: agreeing, which is done with a payment on the gateway's page (its card is kept if [`crate::cards::keepable`]
//! says so), and withdrawing, which may be done at any time and needs no decision.

use uuid::Uuid;

/// A consent to 1-Click, with its card, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The card that was paid with when it was agreed; none before that was seen to succeed.
    pub card_id: Option<Uuid>,
    /// It was withdrawn, or another one has taken its place.
    pub is_withdrawn: bool,
    /// The card's token was not forgotten.
    pub has_token: bool,
    /// Whose token it is: `paystack`.
    pub gateway: String,
}

/// Why nothing is charged by one click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OneClickRefusal {
    /// Never agreed, not paid yet, or withdrawn.
    #[error("P3: 1-Click is not enabled: agree to its terms, and pay once on the payment page")]
    NotAgreed,
    /// Agreed, and its card can't be charged any more.
    #[error("P3: there is no such saved card to charge")]
    NoCard,
}

/// P3, P5: the card that is charged: that of the consent that stands, and no other, whatever else it may be used for.
/// `gateway` is the one that is to charge.
///
/// # Errors
/// Why there is none.
pub fn may_charge(consent: Option<&Consent>, gateway: &str) -> Result<Uuid, OneClickRefusal> {
    let Some(consent) = consent.filter(|consent| !consent.is_withdrawn) else {
        return Err(OneClickRefusal::NotAgreed);
    };
    let card_id = consent.card_id.ok_or(OneClickRefusal::NotAgreed)?;
    if consent.has_token && consent.gateway == gateway {
        Ok(card_id)
    } else {
        Err(OneClickRefusal::NoCard)
    }
}
