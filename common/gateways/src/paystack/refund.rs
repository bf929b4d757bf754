//! Giving back, and forgetting a saved card.
//!
//! The gateway recognises no repeat of a refund: one whose answer was lost must be looked up, never asked for again.
//! A card that is not known (any more) is forgotten, which is all that was wanted.

use super::envelope::{self, Said, Unsaid};
use super::fields::{integer, name};
use crate::http::Exchange;
use crate::payment::{Deactivated, RefundRequest, Refunded};
use serde::Serialize;

/// The body of a refund.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    transaction: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_note: Option<&'a str>,
}

impl<'a> Body<'a> {
    pub(super) fn of(request: &'a RefundRequest<'_>) -> Self {
        Self {
            transaction: request.reference.as_str(),
            amount: request.amount_minor,
            merchant_note: request.merchant_note,
        }
    }
}

/// The body of forgetting a card.
#[derive(Serialize)]
pub(super) struct Withdrawal<'a> {
    pub(super) authorization_code: &'a str,
}

/// Words of a card that the gateway does not have, in lower case.
const NO_SUCH_CARD: &[&str] = &[
    "authorization code does not exist",
    "authorization does not exist",
    "authorization not found",
    "authorization code is invalid",
    "invalid authorization code",
    "has been deactivated",
];

/// Reads the answer to a refund.
pub(super) fn read(exchange: Exchange) -> Refunded {
    match envelope::read(exchange).and_then(|said| refund(&said)) {
        Ok(refunded) => refunded,
        Err(Unsaid::Unknown { reason, end }) => Refunded::Unknown { reason, end },
        Err(Unsaid::OurTrouble(trouble)) => Refunded::OurTrouble(trouble),
    }
}

fn refund(said: &Said) -> Result<Refunded, Unsaid> {
    if said.refused() {
        return Ok(Refunded::Refused {
            reason: said.told("the payment gateway gives nothing back"),
        });
    }
    let data = said.body.get("data").filter(|_| said.taken());
    let taken = data.and_then(|data| {
        Some(Refunded::Taken {
            id: name(data, "id")?,
            amount_minor: integer(data, "amount"),
            status: name(data, "status").unwrap_or_default(),
        })
    });
    taken.ok_or_else(|| said.unknown())
}

/// Reads the answer to forgetting a card.
pub(super) fn read_withdrawal(exchange: Exchange) -> Deactivated {
    let said = match envelope::read(exchange) {
        Ok(said) => said,
        Err(Unsaid::Unknown { reason, end }) => return Deactivated::Unknown { reason, end },
        Err(Unsaid::OurTrouble(trouble)) => return Deactivated::OurTrouble(trouble),
    };
    let lower = said.lower();
    let gone = said.refused() && NO_SUCH_CARD.iter().any(|words| lower.contains(words));
    if said.taken() || gone {
        Deactivated::Done
    } else if said.refused() {
        Deactivated::Refused {
            reason: said.told("the payment gateway does not forget the card"),
        }
    } else {
        Deactivated::Unknown {
            reason: said.told("it is not known whether the payment gateway forgot the card"),
            end: topup_rules::lines::CallEnd::Answered,
        }
    }
}

#[cfg(test)]
mod tests;
