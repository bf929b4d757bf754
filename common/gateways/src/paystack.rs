//! Paystack: the client. What its answers mean is read in `answer`.
//!
//! So far one call, charging a saved card. The others (the hosted page, verifying, refunds, forgetting a card)
//! are further methods over the same client and the same reading of a transaction.

mod answer;

use crate::SetupError;
use crate::http::{self, Exchange};
use crate::payment::{ChargeRequest, Charged, OurTrouble};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use topup_rules::message::PaymentMode;

/// What this party is called in errors.
const PARTY: &str = "payment gateway";

/// What is needed to speak to Paystack.
#[derive(Debug)]
pub struct PaystackSettings<'a> {
    /// `https://api.paystack.co`. Plain `http://` is for the sandbox, and refused together with a live key.
    pub url: &'a str,
    /// `sk_live_…` or `sk_test_…`; decides the mode.
    pub secret_key: SecretString,
    /// Bounds a whole call, from connecting to the answer's last byte.
    pub timeout: Duration,
}

/// A client of Paystack's interface. Cheap to share, keeps connections open between calls.
#[derive(Debug)]
pub struct Paystack {
    client: Client,
    charge_url: Url,
    secret_key: SecretString,
    mode: PaymentMode,
}

/// The body of a charge. Amounts are integers of the minor unit.
#[derive(Serialize)]
struct ChargeBody<'a> {
    reference: &'a str,
    amount: i64,
    currency: &'a str,
    email: &'a str,
    authorization_code: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
}

impl Paystack {
    /// Needs no network, and touches none.
    ///
    /// # Errors
    /// An address that is no HTTP URL, a key of unknown mode, a live key over plain HTTP, or a machine without
    /// root certificates.
    pub fn new(settings: PaystackSettings<'_>) -> Result<Self, SetupError> {
        let base = http::base_url(PARTY, settings.url)?;
        let key_problem = |problem| SetupError::Key {
            party: PARTY,
            problem,
        };
        let key = settings.secret_key.expose_secret();
        let mode = if key.starts_with("sk_live_") {
            PaymentMode::Live
        } else if key.starts_with("sk_test_") {
            PaymentMode::Test
        } else {
            return Err(key_problem("begins with neither sk_live_ nor sk_test_"));
        };
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(key_problem(
                "has characters that no key has (a line break at its end?)",
            ));
        }
        if mode == PaymentMode::Live && base.scheme() == "http" {
            return Err(key_problem("is a live one, and the address is not https://"));
        }
        Ok(Self {
            client: http::client(PARTY, &base, settings.timeout)?,
            charge_url: http::join(&base, "transaction/charge_authorization"),
            secret_key: settings.secret_key,
            mode,
        })
    }

    pub(crate) const fn mode(&self) -> PaymentMode {
        self.mode
    }

    pub(crate) async fn charge_authorization(&self, request: &ChargeRequest<'_>) -> Charged {
        let body = ChargeBody {
            reference: request.reference.as_str(),
            amount: request.amount.amount_minor,
            currency: request.amount.currency.as_str(),
            email: request.email,
            authorization_code: request.authorization_code.expose_secret(),
            metadata: request.metadata.iter().map(|(k, v)| (*k, v.as_str())).collect(),
        };
        let call = self
            .client
            .post(self.charge_url.clone())
            .bearer_auth(self.secret_key.expose_secret())
            .json(&body);
        match http::exchange(call).await {
            Exchange::Answered(answer) => answer::read(&answer, request, self.mode, jiff::Timestamp::now()),
            Exchange::NotSent(reason) => Charged::OurTrouble(OurTrouble {
                reason: format!("the payment gateway can't be reached: {reason}"),
                retry_after_s: None,
            }),
            Exchange::Lost(reason) => Charged::Unknown { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, key: &str) -> Result<PaymentMode, String> {
        let settings = PaystackSettings {
            url,
            secret_key: key.into(),
            timeout: Duration::from_secs(1),
        };
        match Paystack::new(settings) {
            Ok(paystack) => Ok(paystack.mode()),
            Err(e) => Err(e.to_string()),
        }
    }

    #[test]
    fn the_key_alone_decides_between_live_and_test() {
        assert_eq!(with("http://127.0.0.1:9", "sk_test_1"), Ok(PaymentMode::Test));
        assert_eq!(
            with("http://127.0.0.1:9", "pk_test_1"),
            Err("the payment gateway's key begins with neither sk_live_ nor sk_test_".to_owned())
        );
    }

    #[test]
    fn a_live_key_never_travels_over_plain_http() {
        assert_eq!(
            with("http://127.0.0.1:9", "sk_live_1"),
            Err("the payment gateway's key is a live one, and the address is not https://".to_owned())
        );
    }

    #[test]
    fn a_key_read_with_its_line_break_is_refused_at_start() {
        let told = with("http://127.0.0.1:9", "sk_test_1\n").expect_err("refused");
        assert!(told.contains("a line break at its end"), "{told}");
    }

    #[test]
    fn no_secret_is_printed() {
        let settings = PaystackSettings {
            url: "http://127.0.0.1:9",
            secret_key: "sk_test_verysecret".into(),
            timeout: Duration::from_secs(1),
        };
        assert!(!format!("{settings:?}").contains("verysecret"));
        let paystack = Paystack::new(settings).expect("good settings");
        assert!(!format!("{paystack:?}").contains("verysecret"));
    }
}
