//! Charging a saved card.
//!
//! After what all answers share (`envelope`), in this order: the code for a reference that was used before, to be
//! verified; `data` with a verdict, if it is on our reference; an error in words that can only be about the card, a
//! definite failure (the list is short on purpose); anything else is unknown, with the gateway's words.

use super::envelope::{self, Said, Unsaid, answered_unknown};
use super::transaction;
use crate::http::Exchange;
use crate::payment::{Answer, ChargeRequest, Charged};
use crate::words::HIDDEN;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use topup_rules::message::{DeclineClass, PaymentMode, PaymentStatus};
use topup_rules::written::Written;

/// The body of a charge. Amounts are integers of the minor unit.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    reference: &'a str,
    amount: i64,
    currency: &'a str,
    email: &'a str,
    authorization_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
}

impl<'a> Body<'a> {
    pub(super) fn of(request: &'a ChargeRequest<'_>) -> Self {
        Self {
            reference: request.reference.as_str(),
            amount: request.amount.amount_minor,
            currency: request.amount.currency.as_str(),
            email: request.email,
            authorization_code: request.authorization_code.expose_secret(),
            metadata: super::metadata(request.metadata),
        }
    }
}

/// Errors that are definitely about the card or its token, in lower case, what they come to for its holder, and the
/// kind of refusal. Each means that this token, with this e-mail address, is not charged: not now and not by asking
/// again.
const CARD_REFUSALS: &[(&str, &str, DeclineClass)] = &[
    (
        "authorization code does not exist",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    (
        "authorization code is invalid",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    ("invalid authorization code", NOT_VALID, DeclineClass::NeverAgain),
    (
        "authorization may be inactive",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    (
        "authorization has been deactivated",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    (
        "email does not match authorization",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    (
        "email address does not match authorization",
        NOT_VALID,
        DeclineClass::NeverAgain,
    ),
    (
        "authorization is not reusable",
        NOT_REUSABLE,
        DeclineClass::NeverAgain,
    ),
    (
        "authorization code is not reusable",
        NOT_REUSABLE,
        DeclineClass::NeverAgain,
    ),
    // A card that was declined many times in a row, anywhere: card schemes punish further tries.
    (
        "charge attempt cannot be fulfilled until",
        Written::DeclinedTooOften.as_str(),
        DeclineClass::AnotherDay,
    ),
];

const NOT_VALID: &str = Written::NoLongerValid.as_str();
const NOT_REUSABLE: &str = Written::NotReusable.as_str();

/// Reads the answer to `request`. `mode` is that of our key, for answers that don't name theirs.
pub(super) fn read(
    exchange: Exchange,
    request: &ChargeRequest<'_>,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Charged {
    let charged = match envelope::read(exchange).and_then(|said| answer(&said, request, mode, received_at)) {
        Ok(answer) => Charged::Answered(Box::new(answer)),
        Err(Unsaid::Unknown { reason, end }) => Charged::Unknown { reason, end },
        Err(Unsaid::OurTrouble(trouble)) => Charged::OurTrouble(trouble),
    };
    hide(charged, request)
}

fn answer(
    said: &Said,
    request: &ChargeRequest<'_>,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Result<Answer, Unsaid> {
    if said.duplicate() {
        let reason = "the payment gateway knows this reference already".to_owned();
        return Err(answered_unknown(reason));
    }
    let asked_minor = Some(request.amount.amount_minor);
    if let Some(told) = transaction::verdict_on(request.reference, asked_minor, said, mode, received_at) {
        return told;
    }
    let lower = said.lower();
    let mut refusals = CARD_REFUSALS.iter().filter(|_| said.refused());
    let Some((_, plainly, decline)) = refusals.find(|(words, _, _)| lower.contains(words)) else {
        return Err(said.unknown());
    };
    Ok(Answer {
        status: PaymentStatus::Failed,
        amount_minor: None,
        currency: None,
        transaction_id: None,
        reason: Some(transaction::told_with(plainly, said.words.as_deref())),
        decline: Some(*decline),
        card: None,
        mode,
        occurred_at: received_at,
        challenge_url: None,
    })
}

/// Words in which neither the token nor the address may appear, in whatever shape the gateway has them.
fn hide(charged: Charged, request: &ChargeRequest<'_>) -> Charged {
    let hidden = |mut words: String| {
        for private in [request.authorization_code.expose_secret(), request.email] {
            if !private.is_empty() {
                words = words.replace(private, HIDDEN);
            }
        }
        words
    };
    match charged {
        Charged::Answered(answer) => Charged::Answered(Box::new(Answer {
            reason: answer.reason.map(hidden),
            ..*answer
        })),
        Charged::Unknown { reason, end } => Charged::Unknown {
            reason: hidden(reason),
            end,
        },
        Charged::OurTrouble(mut trouble) => {
            trouble.reason = hidden(trouble.reason);
            Charged::OurTrouble(trouble)
        }
    }
}

#[cfg(test)]
mod tests;
