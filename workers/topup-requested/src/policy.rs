//! Settings into what the handler works with.

use topup_gateways::payment::PaymentGateway;
use topup_rules::lines::CallClass;
use topup_runtime::Settings;
use topup_store::TopupPolicy;

/// What the platform decided, with the gateway that charges.
pub(crate) fn topup_policy(settings: &Settings, gateway: &PaymentGateway) -> TopupPolicy {
    TopupPolicy {
        card_spacing: settings.rules.card_spacing,
        failures_to_disable: settings.rules.failures_to_disable,
        time_zone: settings.rules.time_zone.clone(),
        gateway: gateway.name(),
        mode: gateway.mode(),
        line: settings.line_policy(CallClass::Charge),
    }
}
