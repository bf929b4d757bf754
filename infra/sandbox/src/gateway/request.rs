//! Requests, read as leniently as the gateway reads them: amounts as numbers or as text, much left out.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::errors::ApiError;
use crate::books::{Asked, Channel, Currency};
use crate::world::World;

/// Longest reference.
const REFERENCE_CHARS_MAX: usize = 100;

/// The body of a charge or of a hosted payment.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    pub(super) email: Option<String>,
    pub(super) amount: Option<Value>,
    pub(super) currency: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) authorization_code: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) callback_url: Option<String>,
    pub(super) channels: Option<Vec<String>>,
}

impl Request {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body)
            .map_err(|error| ApiError::Validation(format!("Invalid JSON body: {error}")))
    }

    /// What is asked for, checked.
    pub(super) fn asked(&self, world: &World) -> Result<Asked, ApiError> {
        let email = self.email.as_deref().unwrap_or_default().trim();
        if !email.contains('@') {
            return invalid("Invalid Email Address Passed");
        }
        let code = self.currency.as_deref().unwrap_or("ZAR");
        let Some(currency) = Currency::from_code(code) else {
            return invalid("Currency not supported by merchant");
        };
        let Some(amount_minor) = self.amount.as_ref().and_then(minor) else {
            return invalid("Invalid Amount Sent");
        };
        if amount_minor < currency.minimum_minor() {
            return invalid(&format!(
                "Amount is below the minimum of {} {code}",
                currency.minimum_minor()
            ));
        }
        let reference = match &self.reference {
            Some(reference) => reference.clone(),
            None => world.draw(&Timestamp::now().to_string()).code("reference"),
        };
        if !valid_reference(&reference) {
            return invalid(
                "Invalid transaction reference: only -, ., = and alphanumeric characters are allowed",
            );
        }
        Ok(Asked {
            reference,
            email: email.to_owned(),
            amount_minor,
            currency,
            metadata: self.metadata.clone(),
        })
    }

    /// How the customer may pay: what is asked for, as far as the currency allows it.
    pub(super) fn channels(&self, currency: Currency) -> Result<Vec<Channel>, ApiError> {
        let possible = [Channel::Card, Channel::MobileMoney];
        let possible = possible
            .into_iter()
            .filter(|it| *it == Channel::Card || !currency.phone_wallets().is_empty());
        let channels: Vec<Channel> = match &self.channels {
            Some(wanted) => possible
                .filter(|it| wanted.iter().any(|word| word == it.word()))
                .collect(),
            None => possible.collect(),
        };
        if channels.is_empty() {
            invalid("No active channel")
        } else {
            Ok(channels)
        }
    }
}

fn invalid<T>(message: &str) -> Result<T, ApiError> {
    Err(ApiError::Validation(message.to_owned()))
}

/// An amount in minor units, as the gateway takes it.
pub(super) fn minor(amount: &Value) -> Option<u64> {
    match amount {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn valid_reference(reference: &str) -> bool {
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '=');
    !reference.is_empty() && reference.len() <= REFERENCE_CHARS_MAX && reference.chars().all(allowed)
}
