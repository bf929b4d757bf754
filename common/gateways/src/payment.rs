//! Payment gateways: the closed set, what is asked of one, and what its answer means.
//!
//! **Three ends of a charge.** A gateway's answer about this very payment is [`Charged::Answered`]; its verdict
//! may be a definite failure (C7). Silence is not failure: no answer, half an answer, one that can't be read, a
//! 5xx and "this reference was used before" are [`Charged::Unknown`], because the money may have been taken
//! (C8). And what the gateway turned away before it looked at the payment (our key, our rate, our network) is
//! [`Charged::OurTrouble`]: never the account holder's failure, and the same charge may simply be asked for
//! again (C9).
//!
//! Not in here: deciding what follows (the rules), trying again (a delayed message), and keeping the intent
//! before the call and the result after it (the worker, C5).

use crate::SetupError;
use crate::paystack::{Paystack, PaystackSettings};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use std::time::Duration;
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::{Currency, Money};

/// The payment gateways there are. A second one is one more file, one more arm in each method, and no change
/// elsewhere.
#[derive(Debug)]
pub enum PaymentGateway {
    /// Paystack, or what speaks its interface.
    Paystack(Paystack),
}

impl PaymentGateway {
    /// The one at Paystack: address, secret key, and how long a whole call may take.
    ///
    /// # Errors
    /// As of [`Paystack::new`].
    pub fn paystack(url: &str, secret_key: SecretString, timeout: Duration) -> Result<Self, SetupError> {
        let settings = PaystackSettings {
            url,
            secret_key,
            timeout,
        };
        Paystack::new(settings).map(Self::Paystack)
    }

    /// As it is written in messages and in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Paystack(_) => "paystack",
        }
    }

    /// With real money or not; follows from the key.
    #[must_use]
    pub const fn mode(&self) -> PaymentMode {
        match self {
            Self::Paystack(paystack) => paystack.mode(),
        }
    }

    /// Charges a saved card, once. The intent must be committed before, and no database transaction be open
    /// (C5). Never fails: whatever happens is one of the three ends of a charge. Takes at most the configured
    /// time-out.
    pub async fn charge_authorization(&self, request: &ChargeRequest<'_>) -> Charged {
        match self {
            Self::Paystack(paystack) => paystack.charge_authorization(request).await,
        }
    }
}

/// A saved card's charge.
#[derive(Debug, Clone, Copy)]
pub struct ChargeRequest<'a> {
    /// The idempotency key: the same on every try of one payment.
    pub reference: &'a Reference,
    /// What is charged.
    pub amount: Money,
    /// The gateway's token for the card.
    pub authorization_code: &'a SecretString,
    /// The address that the token was created with: no other can charge it.
    pub email: &'a str,
    /// Shown to people on the gateway's pages, as names and values. Nothing secret, nothing personal.
    pub metadata: &'a [(&'a str, String)],
}

/// How a charge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The gateway gave a verdict on this payment.
    Answered(Box<Answer>),
    /// Nobody knows whether money was taken: to be verified, never to be taken for a failure (C8).
    Unknown {
        /// What happened, one line.
        reason: String,
    },
    /// Nothing was taken, and the payment was not even looked at (C9).
    OurTrouble(OurTrouble),
}

/// The gateway turned the call away for a reason that is ours, or was not reached at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OurTrouble {
    /// What happened, one line.
    pub reason: String,
    /// How long the gateway asks to be left alone, in seconds.
    pub retry_after_s: Option<u32>,
}

/// A gateway's verdict on a payment, read into our terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict. From a charge: `Success`, `Failed`, `Pending`, `ActionRequired`, rarely `Reversed`.
    pub status: PaymentStatus,
    /// What is to be compared with the intent (C11): the amount, or the requested amount where the customer
    /// bears the gateway's fees. In the currency's minor unit.
    pub amount_minor: Option<i64>,
    /// Of this currency.
    pub currency: Option<Currency>,
    /// The gateway's id of the transaction.
    pub transaction_id: Option<String>,
    /// The gateway's words, one line.
    pub reason: Option<String>,
    /// What the answer says of the card.
    pub card: Option<CardSeen>,
    /// With real money or not, as the answer says.
    pub mode: PaymentMode,
    /// When the gateway says it happened; when the answer came, where it doesn't say.
    pub occurred_at: Timestamp,
    /// Where the customer has to go, if the charge was challenged.
    pub challenge_url: Option<String>,
}

/// The parts of a card that may be kept and shown. Never its number, never the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardSeen {
    /// `visa`, `mastercard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Four digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last4: Option<String>,
    /// 1 to 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp_month: Option<u8>,
    /// Four digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp_year: Option<u16>,
    /// The gateway's name for the card: stays, while the token may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Whether it may be charged again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reusable: Option<bool>,
}

impl Charged {
    /// The message for `payment-results` that this end of the charge of `reference` makes. `now` stands in for
    /// the moment where nobody answered.
    ///
    /// # Errors
    /// [`OurTrouble`] makes no result: the charge has not begun, and is to be asked for again with the same
    /// reference.
    pub fn into_result(
        self,
        gateway: &PaymentGateway,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<PaymentResult, OurTrouble> {
        let blank = PaymentResult {
            reference: reference.clone(),
            gateway: gateway.name().to_owned(),
            status: PaymentStatus::Unknown,
            amount_minor: None,
            currency: None,
            gateway_transaction_id: None,
            reason: None,
            card: None,
            source: ResultSource::Charge,
            mode: gateway.mode(),
            reversal_id: None,
            occurred_at: now,
        };
        match self {
            Self::OurTrouble(trouble) => Err(trouble),
            Self::Unknown { reason } => Ok(PaymentResult {
                reason: Some(reason),
                ..blank
            }),
            Self::Answered(answer) => {
                let card = answer.card.and_then(|card| serde_json::to_value(card).ok());
                Ok(PaymentResult {
                    status: answer.status,
                    amount_minor: answer.amount_minor,
                    currency: answer.currency,
                    gateway_transaction_id: answer.transaction_id,
                    reason: answer.reason,
                    card,
                    mode: answer.mode,
                    occurred_at: answer.occurred_at,
                    ..blank
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gateway() -> PaymentGateway {
        PaymentGateway::paystack("http://127.0.0.1:9", "sk_test_x".into(), Duration::from_secs(1))
            .expect("good settings")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time stamp")
    }

    #[test]
    fn c8_no_verdict_makes_an_unknown_result_and_no_failure() {
        let reference = "topup-1-a".parse().expect("a reference");
        let now = at("2026-11-22T08:15:00Z");
        let result = Charged::Unknown {
            reason: "no answer in time".to_owned(),
        }
        .into_result(&gateway(), &reference, now)
        .expect("a result");
        assert_eq!(result.status, PaymentStatus::Unknown);
        assert_eq!(result.reason.as_deref(), Some("no answer in time"));
        assert_eq!(
            (result.mode, result.source),
            (PaymentMode::Test, ResultSource::Charge)
        );
        assert_eq!((result.occurred_at, result.amount_minor), (now, None));
    }

    #[test]
    fn c9_our_own_trouble_makes_no_result_at_all() {
        let reference = "topup-1-a".parse().expect("a reference");
        let trouble = OurTrouble {
            reason: "the gateway refuses our key".to_owned(),
            retry_after_s: Some(9),
        };
        let result =
            Charged::OurTrouble(trouble.clone()).into_result(&gateway(), &reference, Timestamp::UNIX_EPOCH);
        assert_eq!(result, Err(trouble));
    }

    #[test]
    fn a_verdict_is_carried_over_whole() {
        let reference = "topup-1-a".parse().expect("a reference");
        let answer = Answer {
            status: PaymentStatus::Success,
            amount_minor: Some(35_247),
            currency: "ZAR".parse().ok(),
            transaction_id: Some("4099490251".to_owned()),
            reason: Some("Approved".to_owned()),
            card: Some(CardSeen {
                brand: Some("visa".to_owned()),
                last4: Some("4081".to_owned()),
                exp_month: Some(12),
                exp_year: Some(2030),
                signature: None,
                reusable: Some(true),
            }),
            mode: PaymentMode::Live,
            occurred_at: at("2026-11-22T08:15:00Z"),
            challenge_url: None,
        };
        let result = Charged::Answered(Box::new(answer))
            .into_result(&gateway(), &reference, Timestamp::UNIX_EPOCH)
            .expect("a result");
        assert_eq!(
            serde_json::to_value(result).expect("JSON"),
            json!({
                "reference": "topup-1-a", "gateway": "paystack", "status": "success", "amount_minor": 35247,
                "currency": "ZAR", "gateway_transaction_id": "4099490251", "reason": "Approved",
                "card": {"brand": "visa", "last4": "4081", "exp_month": 12, "exp_year": 2030, "reusable": true},
                "source": "charge", "mode": "live", "reversal_id": null, "occurred_at": "2026-11-22T08:15:00Z"
            })
        );
    }
}
