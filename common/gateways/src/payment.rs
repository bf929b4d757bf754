//! Payment gateways: the closed set, what is asked of one, and what its answer means.
//!
//! **Three ends of a charge.** A gateway's answer about this very payment is [`Charged::Answered`]; its verdict
//! may be a definite failure (C7). Silence is not failure: no answer, half an answer, one that can't be read, a
//! 5xx and "this reference was used before" are [`Charged::Unknown`], because the money may have been taken
//! (C8). And what the gateway turned away before it looked at the payment (our key, our rate, our network) is
//! [`Charged::OurTrouble`]: never the account holder's failure, and the same charge may simply be asked for
//! again (C9).
//!
//! A question about a payment ([`Verified`]) has one end more: the gateway does not know it. And what the gateway
//! tells of its own accord is read by [`PaymentGateway::read_webhook`].
//!
//! Not in here: deciding what follows (the rules), trying again (a delayed message), and keeping the intent
//! before the call and the result after it (the worker, C5).

mod answer;
mod calls;

pub(crate) use answer::blank;
pub use answer::{Answer, OurTrouble};
pub use calls::{
    ChargeRequest, Charged, Deactivated, InitializeRequest, Initialized, ListTrouble, Listed, PayChannel,
    RefundRequest, Refunded, TransactionPage, Verified, Webhook,
};

use crate::SetupError;
use crate::paystack::{self, Paystack, PaystackSettings};
use jiff::Timestamp;
use secrecy::SecretString;
use std::time::Duration;
use topup_rules::ids::Reference;
use topup_rules::message::PaymentMode;
use topup_rules::money::Currency;

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

    /// Asks what became of a payment. At least ten seconds after the call that it is about: the gateway may not know
    /// it yet.
    pub async fn verify(&self, reference: &Reference) -> Verified {
        match self {
            Self::Paystack(paystack) => paystack.verify(reference).await,
        }
    }

    /// Opens a payment on the gateway's page. The intent must be committed before (C5).
    pub async fn initialize(&self, request: &InitializeRequest<'_>) -> Initialized {
        match self {
            Self::Paystack(paystack) => paystack.initialize(request).await,
        }
    }

    /// Asks the gateway to give back a payment, or part of it. It recognises no repeat.
    pub async fn refund(&self, request: &RefundRequest<'_>) -> Refunded {
        match self {
            Self::Paystack(paystack) => paystack.refund(request).await,
        }
    }

    /// E3: the least that it charges in a currency, in minor units; 0 where it has no such word.
    #[must_use]
    pub const fn least_charge_minor(&self) -> fn(Currency) -> i64 {
        match self {
            Self::Paystack(_) => paystack::least_charge_minor,
        }
    }

    /// P2: how a customer can pay in a currency, on its page. Cards everywhere.
    #[must_use]
    pub fn channels(&self, currency: Currency) -> &'static [PayChannel] {
        match self {
            Self::Paystack(_) => paystack::channels(currency),
        }
    }

    /// P2: what people call paying from the phone in a currency; empty where nobody can.
    #[must_use]
    pub fn phone_wallets(&self, currency: Currency) -> &'static [&'static str] {
        match self {
            Self::Paystack(_) => paystack::phone_wallets(currency),
        }
    }

    /// Lets the gateway forget a saved card.
    pub async fn deactivate(&self, authorization_code: &SecretString) -> Deactivated {
        match self {
            Self::Paystack(paystack) => paystack.deactivate(authorization_code).await,
        }
    }

    /// One page, at most 100 payments, of the gateway's list of what was begun between two moments. Pages count from
    /// 1. Payments that are begun meanwhile move what follows to later pages, so ask for periods that are over.
    ///
    /// # Errors
    /// The page could not be had.
    pub async fn transactions(
        &self,
        from: Timestamp,
        to: Timestamp,
        page: u32,
    ) -> Result<TransactionPage, ListTrouble> {
        match self {
            Self::Paystack(paystack) => paystack.transactions(from, to, page).await,
        }
    }

    /// The header that bears a webhook's signature.
    #[must_use]
    pub const fn signature_header(&self) -> &'static str {
        match self {
            Self::Paystack(_) => "x-paystack-signature",
        }
    }

    /// Reads a webhook: its body to the byte as it came, and the value of its signature header. Genuine ones may be
    /// repeats or replays; nothing tells them apart.
    #[must_use]
    pub fn read_webhook(&self, raw: &[u8], signature: Option<&str>) -> Webhook {
        match self {
            Self::Paystack(paystack) => paystack.read_webhook(raw, signature, self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use topup_rules::cards::SeenCard;
    use topup_rules::lines::CallEnd;
    use topup_rules::message::{PaymentStatus, ResultSource};

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
            end: CallEnd::Trouble,
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
            end: CallEnd::Trouble,
        };
        let result =
            Charged::OurTrouble(trouble.clone()).into_result(&gateway(), &reference, Timestamp::UNIX_EPOCH);
        assert_eq!(result, Err(trouble));
    }

    #[test]
    fn a_cards_token_goes_further_only_where_the_card_may_be_kept() {
        let id = "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d";
        let told = |kind: &str| {
            let reference = format!("{kind}-1001-{id}").parse().expect("a reference");
            let card = SeenCard {
                authorization_code: Some("AUTH_x".to_owned()),
                email: Some("ops@example.com".to_owned()),
                last4: Some("4081".to_owned()),
                ..SeenCard::default()
            };
            let answer = Answer {
                status: PaymentStatus::Success,
                amount_minor: None,
                currency: None,
                transaction_id: None,
                reason: None,
                decline: None,
                card: Some(card),
                mode: PaymentMode::Test,
                occurred_at: at("2026-11-22T08:15:00Z"),
                challenge_url: None,
            };
            let result = answer.into_message(&gateway(), &reference, ResultSource::Verify);
            result.card.expect("a card").to_string()
        };
        assert!(!told("topup").contains("AUTH_x") && !told("topup").contains("example.com"));
        for kind in ["purchase", "registration"] {
            assert!(
                told(kind).contains("AUTH_x") && told(kind).contains("ops@example.com"),
                "{kind}"
            );
        }
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
            decline: None,
            card: Some(SeenCard {
                brand: Some("visa".to_owned()),
                last4: Some("4081".to_owned()),
                exp_month: Some(12),
                exp_year: Some(2030),
                signature: None,
                reusable: Some(true),
                authorization_code: Some("AUTH_secret".to_owned()),
                email: Some("ops@example.com".to_owned()),
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
