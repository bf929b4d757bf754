//! Price lists in the words of a test.

use serde_json::{Value, json};

/// One tier of a price list.
#[derive(Debug, Clone)]
pub struct Price {
    /// `sms` or `whatsapp`.
    pub service: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// The tier's first quantity.
    pub from_credits: u32,
    /// Minor units a credit, as a decimal.
    pub unit_price_minor: &'static str,
}

impl Price {
    /// A tier that begins at 0.
    #[must_use]
    pub const fn of(service: &'static str, currency: &'static str, unit_price_minor: &'static str) -> Self {
        Self {
            service,
            currency,
            from_credits: 0,
            unit_price_minor,
        }
    }

    /// The tier as a line of a price file.
    #[must_use]
    pub fn line(&self) -> Value {
        json!({
            "service": self.service, "currency": self.currency, "from_credits": self.from_credits,
            "unit_price_minor": self.unit_price_minor, "tax_percent": "15",
        })
    }
}

/// What tests pay unless they say otherwise: an SMS credit costs 70.494 cents, so 500 of them cost ZAR 352.47,
/// and a WhatsApp credit 20 cents.
#[must_use]
pub fn sample_prices() -> Vec<Price> {
    vec![
        Price::of("sms", "ZAR", "70.494"),
        Price::of("whatsapp", "ZAR", "20"),
    ]
}
