//! Settings of calls to the payment gateway: where it is, how often it may be called, when it is asked again.

use super::Settings;
use super::missing;
use super::read::whole_seconds;
use super::reader::{Reader, SettingsError};
use super::values::HttpUrl;
use secrecy::SecretString;
use std::fmt::Display;
use std::time::Duration;
use topup_rules::inquiries::InquiryPolicy;
use topup_rules::lines::{CallClass, LinePolicy};

/// The payment gateway.
#[derive(Debug, Clone)]
pub struct Paystack {
    /// Its address.
    pub url: HttpUrl,
    pub(super) secret_key: Option<SecretString>,
    /// How long a call may take.
    pub timeout: Duration,
    /// Calls that charge or open a page, of the whole fleet, a minute; `None`: no limit.
    pub charges_per_minute: Option<u32>,
    /// Questions about one payment, of the whole fleet, a minute; `None`: no limit.
    pub verifies_per_minute: Option<u32>,
    /// All other calls, of the whole fleet, a minute; `None`: no limit.
    pub others_per_minute: Option<u32>,
    /// Calls in a row without a readable answer after which the gateway is left alone for a while.
    pub breaker_troubles: u32,
    /// How long it is left alone first; doubled each time.
    pub breaker_pause_first: Duration,
    /// How long it is left alone at most.
    pub breaker_pause_max: Duration,
}

impl Paystack {
    /// The key that calls and webhooks are signed with; it alone says live or test.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn secret_key(&self) -> Result<&SecretString, SettingsError> {
        self.secret_key
            .as_ref()
            .ok_or_else(|| missing("paystack.secret_key"))
    }

    /// The client that `make` builds from address, secret key and time-out, which is
    /// `topup_gateways::payment::PaymentGateway::paystack` wherever the gateway is called.
    ///
    /// # Errors
    /// Names the variable when there is no key; what `make` says is wrong, as a setting's mistake.
    pub fn client<C, E: Display>(
        &self,
        make: impl FnOnce(&str, SecretString, Duration) -> Result<C, E>,
    ) -> Result<C, SettingsError> {
        let secret_key = self.secret_key()?.clone();
        make(self.url.as_str(), secret_key, self.timeout)
            .map_err(|unusable| SettingsError::about("paystack", &unusable.to_string()))
    }

    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            url: r.value("paystack.url", "https://api.paystack.co", "the payment gateway's address")?,
            secret_key: r.secret("paystack.secret_key", "the payment gateway's key, `sk_live_…` or `sk_test_…`; required where cards are charged")?,
            timeout: r.value("paystack.timeout", "30s", "how long a call to the payment gateway may take")?,
            charges_per_minute: r.value("paystack.charges_per_minute", "1200", "calls that charge a card or open a page, of the whole fleet, a minute; 0 is no limit. The gateway allows 1,200 with a live key, and 100 of all calls together with a test key")?,
            verifies_per_minute: r.value("paystack.verifies_per_minute", "3000", "questions about single payments, of the whole fleet, a minute; 0 is no limit. The gateway allows 3,000 with a live key, and 100 of all calls together with a test key")?,
            others_per_minute: r.value("paystack.others_per_minute", "600", "all other calls to the payment gateway, of the whole fleet, a minute; 0 is no limit. The gateway allows 600 with a live key, and 100 of all calls together with a test key")?,
            breaker_troubles: r.value("paystack.breaker_troubles", "10", "calls in a row without a readable answer after which the payment gateway is left alone for a while")?,
            breaker_pause_first: r.value("paystack.breaker_pause_first", "5s", "how long it is left alone first; doubled each time; whole seconds")?,
            breaker_pause_max: r.value("paystack.breaker_pause_max", "60s", "how long it is left alone at most; then a single call tries")?,
        })
    }
}

/// C8: questions about payments whose outcome is not known.
#[derive(Debug, Clone)]
pub struct Inquiries {
    /// How long after a call the first question is asked.
    pub first: Duration,
    /// The longest pause between two questions about one payment.
    pub max: Duration,
    /// How many answers in a row that it is not known there make a payment one that never was.
    pub not_known: u32,
    /// Questions under way at once in one process.
    pub at_once: u16,
}

impl Inquiries {
    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            first: r.value("inquiries.first", "10s", "C8: how long after a call the payment gateway is first asked what became of it; doubled each time; whole seconds, and the gateway wants 10 at least")?,
            max: r.value("inquiries.max", "1h", "C8: the longest pause between two questions about one payment")?,
            not_known: r.value("inquiries.not_known", "3", "C8: how many answers in a row that the payment gateway does not know a payment make it one that never was")?,
            at_once: r.value("inquiries.at_once", "16", "questions to the payment gateway under way at once in one process")?,
        })
    }
}

impl Settings {
    /// When the payment gateway is asked what became of a payment.
    #[must_use]
    pub fn inquiry_policy(&self) -> InquiryPolicy {
        InquiryPolicy {
            first_s: whole_seconds(self.inquiries.first),
            max_s: whole_seconds(self.inquiries.max),
            not_known_max: self.inquiries.not_known,
            unknown_max: self.rules.unknown_max,
            page_max: self.rules.page_max,
        }
    }

    /// How often the payment gateway is called, and when it is left alone.
    #[must_use]
    pub fn line_policy(&self, class: CallClass) -> LinePolicy {
        let paystack = &self.paystack;
        LinePolicy {
            per_minute: match class {
                CallClass::Charge => paystack.charges_per_minute,
                CallClass::Verify => paystack.verifies_per_minute,
                CallClass::Other => paystack.others_per_minute,
            },
            troubles_to_close: paystack.breaker_troubles,
            pause_first_s: whole_seconds(paystack.breaker_pause_first),
            pause_max_s: whole_seconds(paystack.breaker_pause_max),
        }
    }
}
