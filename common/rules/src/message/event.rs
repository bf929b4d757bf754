//! What platforms hear of: a message on the topic exchange [`EXCHANGE`] for each change that they would otherwise have
//! to ask for.
//!
//! The body says what changed, by ids and figures; who the account holder is it never says. The same change bears the
//! same id however often it is published, so that a repeat is recognised. Left out: what is told of when (`events`).

use crate::ids::{AccountId, Service};
use crate::names::names;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The topic exchange that events are published to, each under its type as routing key.
pub const EXCHANGE: &str = "topup.events";

names! {
    /// What happened: the routing key of its event.
    pub enum EventType: "type of event" {
        /// A top-up brought credits, by card or transfer.
        TopupSucceeded = "topup.succeeded",
        /// It did not.
        TopupFailed = "topup.failed",
        /// It was not wanted any more when its moment came.
        TopupSkipped = "topup.skipped",
        /// Auto top-up was enabled, or its figures or card were changed.
        AutoTopupEnabled = "autotopup.enabled",
        /// It was disabled, by a person, a failure or a reversal.
        AutoTopupDisabled = "autotopup.disabled",
        /// Credits that were bought by hand came.
        PurchaseSucceeded = "purchase.succeeded",
        /// They did not.
        PurchaseFailed = "purchase.failed",
        /// A payment was given back, and its credits were taken.
        PaymentReversed = "payment.reversed",
        /// A balance crossed its low-credit threshold.
        CreditsLow = "credits.low",
        /// A card that an enabled auto top-up will want runs out.
        CardExpiring = "card.expiring",
    }
}

impl EventType {
    /// The AMQP `type` of today's version. A change that a reader of the old one would stumble over is a new version,
    /// published beside the old one for as long as anybody reads that; a new field is none.
    #[must_use]
    pub const fn versioned(self) -> &'static str {
        match self {
            Self::TopupSucceeded => "topup.succeeded.v1",
            Self::TopupFailed => "topup.failed.v1",
            Self::TopupSkipped => "topup.skipped.v1",
            Self::AutoTopupEnabled => "autotopup.enabled.v1",
            Self::AutoTopupDisabled => "autotopup.disabled.v1",
            Self::PurchaseSucceeded => "purchase.succeeded.v1",
            Self::PurchaseFailed => "purchase.failed.v1",
            Self::PaymentReversed => "payment.reversed.v1",
            Self::CreditsLow => "credits.low.v1",
            Self::CardExpiring => "card.expiring.v1",
        }
    }
}

/// An event, as platforms read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same for every repeat; its `message_id`, too.
    pub event_id: Uuid,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// To whose wallet.
    pub account_id: AccountId,
    /// To which; nothing where it is the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// When, by the database's clock.
    pub occurred_at: Timestamp,
    /// What of it, by type.
    pub data: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_version_and_a_routing_key_of_two_words() {
        for kind in EventType::ALL {
            assert_eq!(kind.versioned(), format!("{kind}.v1"));
            assert_eq!(kind.as_str().split('.').count(), 2, "{kind}");
        }
    }
}
