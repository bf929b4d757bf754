//! Asking about one payment.
//!
//! That the gateway does not know a reference is believed only where it says so in its own words: a bare 404 may
//! come from anything on the way to it, and what follows from not being known is another charge.

use super::envelope::{self, Said, Unsaid};
use super::transaction;
use crate::http::Exchange;
use crate::payment::{Answer, Verified};
use jiff::Timestamp;
use topup_rules::ids::Reference;
use topup_rules::message::PaymentMode;

/// Words of a reference that is not known, in lower case.
const NOT_KNOWN: &[&str] = &[
    "transaction reference not found",
    "transaction not found",
    "transaction reference is invalid",
];

/// Reads the answer to a question about `reference`.
pub(super) fn read(
    exchange: Exchange,
    reference: &Reference,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Verified {
    match envelope::read(exchange) {
        Ok(said) if is_not_known(&said) => Verified::NotKnown,
        Ok(said) => transaction::verdict_on(reference, None, &said, mode, received_at)
            .unwrap_or_else(|| Err(said.unknown()))
            .into(),
        Err(unsaid) => Err(unsaid).into(),
    }
}

fn is_not_known(said: &Said) -> bool {
    let lower = said.lower();
    let by_name = said.code == "transaction_not_found" || NOT_KNOWN.iter().any(|words| lower.contains(words));
    by_name && said.refused()
}

impl From<Result<Answer, Unsaid>> for Verified {
    fn from(answer: Result<Answer, Unsaid>) -> Self {
        match answer {
            Ok(answer) => Self::Answered(Box::new(answer)),
            Err(Unsaid::Unknown { reason, end }) => Self::Unknown { reason, end },
            Err(Unsaid::OurTrouble(trouble)) => Self::OurTrouble(trouble),
        }
    }
}

#[cfg(test)]
mod tests;
