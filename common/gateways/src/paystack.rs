//! Paystack: the client, one method a call.
//!
//! | module | what it reads |
//! | --- | --- |
//! | `envelope` | what all answers have in common: turned away, broken, or said something |
//! | `transaction` | a payment, wherever it is told of; `fields` and `decline` are its words |
//! | `charge`, `verify`, `initialize`, `refund`, `list` | the answer to each call |
//! | `webhook` | what comes of its own accord |
//! | `money` | what it charges at least, and how one can pay, by currency |
//!
//! Requests and answers have the shapes of the gateway's published description; the sandbox's tests hold both to it.

mod charge;
mod decline;
mod envelope;
mod fields;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod initialize;
mod list;
mod money;
#[cfg(test)]
mod properties;
mod refund;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, expect(dead_code, reason = "tests use the rest"))]
mod samples;
mod transaction;
mod verify;
mod webhook;

pub(crate) use money::{channels, least_charge_minor, phone_wallets};

use crate::SetupError;
use crate::http::{self, Exchange};
use crate::payment::{
    ChargeRequest, Charged, Deactivated, InitializeRequest, Initialized, ListTrouble, RefundRequest,
    Refunded, TransactionPage, Verified, Webhook,
};
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use topup_rules::ids::Reference;
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
    base: Url,
    secret_key: SecretString,
    mode: PaymentMode,
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
            base,
            secret_key: settings.secret_key,
            mode,
        })
    }

    pub(crate) const fn mode(&self) -> PaymentMode {
        self.mode
    }

    pub(crate) async fn charge_authorization(&self, request: &ChargeRequest<'_>) -> Charged {
        let body = charge::Body::of(request);
        let call = self.call(Method::POST, "transaction/charge_authorization");
        let exchange = http::exchange_charge(call.json(&body), "/transaction/charge_authorization").await;
        charge::read(exchange, request, self.mode, Timestamp::now())
    }

    pub(crate) async fn verify(&self, reference: &Reference) -> Verified {
        let call = self.call(Method::GET, &format!("transaction/verify/{reference}"));
        let exchange = http::exchange(call, "/transaction/verify/{reference}").await;
        verify::read(exchange, reference, self.mode, Timestamp::now())
    }

    pub(crate) async fn initialize(&self, request: &InitializeRequest<'_>) -> Initialized {
        let body = initialize::Body::of(request);
        initialize::read(self.post("/transaction/initialize", &body).await, request)
    }

    pub(crate) async fn refund(&self, request: &RefundRequest<'_>) -> Refunded {
        refund::read(self.post("/refund", &refund::Body::of(request)).await)
    }

    pub(crate) async fn deactivate(&self, authorization_code: &SecretString) -> Deactivated {
        let body = refund::Withdrawal {
            authorization_code: authorization_code.expose_secret(),
        };
        refund::read_withdrawal(self.post("/customer/authorization/deactivate", &body).await)
    }

    pub(crate) async fn transactions(
        &self,
        from: Timestamp,
        to: Timestamp,
        page: u32,
    ) -> Result<TransactionPage, ListTrouble> {
        let call = self
            .call(Method::GET, "transaction")
            .query(&list::query(from, to, page));
        let exchange = http::exchange_up_to(call, "/transaction", list::PAGE_MAX_BYTES).await;
        list::read(exchange, page, self.mode, Timestamp::now())
    }

    pub(crate) fn read_webhook(&self, raw: &[u8], signature: Option<&str>, gateway: &str) -> Webhook {
        let key = self.secret_key.expose_secret();
        webhook::read(raw, signature, key, (gateway, self.mode), Timestamp::now())
    }

    async fn post(&self, route: &'static str, body: &impl Serialize) -> Exchange {
        http::exchange(self.call(Method::POST, route).json(body), route).await
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, http::join(&self.base, path.trim_start_matches('/')))
            .bearer_auth(self.secret_key.expose_secret())
    }
}

/// Names and values as the gateway takes them: an object, written out as text. `None` where there are none.
fn metadata(pairs: &[(&str, String)]) -> Option<String> {
    let object: BTreeMap<&str, &str> = pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if object.is_empty() {
        return None;
    }
    serde_json::to_string(&object).ok()
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
