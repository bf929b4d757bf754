//! Settings into what the handler works with.

use topup_gateways::payment::PaymentGateway;
use topup_gateways::paystack::{Paystack, PaystackSettings};
use topup_runtime::{Settings, SettingsError};
use topup_store::TopupPolicy;

/// The payment gateway of the settings.
pub(crate) fn gateway(settings: &Settings) -> Result<PaymentGateway, SettingsError> {
    let paystack = &settings.paystack;
    let client = Paystack::new(PaystackSettings {
        url: paystack.url.as_str(),
        secret_key: paystack.secret_key()?.clone(),
        timeout: paystack.timeout,
    });
    let client = client.map_err(|unusable| SettingsError::about("paystack", &unusable.to_string()))?;
    Ok(PaymentGateway::Paystack(client))
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
