//! Settings into what the handler works with.

use topup_gateways::SetupError;
use topup_gateways::payment::PaymentGateway;
use topup_gateways::paystack::{Paystack, PaystackSettings};
use topup_runtime::{Settings, SettingsError};
use topup_store::TopupPolicy;

/// Why the worker can't start.
#[derive(Debug, thiserror::Error)]
pub enum SetupFailure {
    /// A setting is missing.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A setting is of no use to the gateway's client.
    #[error(transparent)]
    Gateway(#[from] SetupError),
}

/// The payment gateway of the settings.
pub(crate) fn gateway(settings: &Settings) -> Result<PaymentGateway, SetupFailure> {
    let paystack = &settings.paystack;
    Ok(PaymentGateway::Paystack(Paystack::new(PaystackSettings {
        url: paystack.url.as_str(),
        secret_key: paystack.secret_key()?.clone(),
        timeout: paystack.timeout,
    })?))
}

/// What the platform decided, with the gateway that charges.
pub(crate) fn topup_policy(settings: &Settings, gateway: &PaymentGateway) -> TopupPolicy {
    TopupPolicy {
        card_spacing: settings.rules.card_spacing,
        failures_to_disable: settings.rules.failures_to_disable,
        time_zone: settings.rules.time_zone.clone(),
        gateway: gateway.name(),
        mode: gateway.mode(),
    }
}
