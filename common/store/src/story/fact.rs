//! The facts of a story.

use crate::NoticeState;
use jiff::Timestamp;
use serde::Serialize;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{Reference, Service, TopupId};
use topup_rules::message::{Channel, ResultSource, Template};
use topup_rules::money::Money;
use topup_rules::registration::RegistrationOutcome;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::{PaymentState, TopupState};
use uuid::Uuid;

/// One line of an account's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoryLine {
    /// When.
    pub at: Timestamp,
    /// Which wallet; `None` for what concerns the account.
    pub service: Option<Service>,
    /// Which top-up, if one.
    pub topup_id: Option<TopupId>,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Fact {
    /// T1: a send reached the threshold.
    Requested {
        /// The send's ledger key.
        event_id: Uuid,
        /// What it cost; `None` where its day is closed.
        cost: Option<Credits>,
        /// The balance that was left.
        balance: Credits,
        /// The threshold as it was then.
        threshold: Option<Credits>,
        /// How.
        method: Method,
        /// Credits that were asked for.
        quantity: Credits,
        /// The price then; `None` for a transfer, or where none was listed.
        #[serde(serialize_with = "money")]
        price: Option<Money>,
    },
    /// C2, C9: it waits.
    Scheduled {
        /// Until when; `None`: until another is settled.
        due_at: Option<Timestamp>,
        /// For which.
        waits_for: Option<TopupId>,
        /// Why.
        reason: Option<String>,
    },
    /// C5: the intent was committed.
    Charging {
        /// Its key.
        reference: Option<Reference>,
        /// How much.
        #[serde(serialize_with = "money")]
        amount: Option<Money>,
        /// Of which card.
        card_last4: Option<String>,
    },
    /// The gateway was called, and what it said.
    Called {
        /// With which key.
        reference: Reference,
        /// What for.
        call: String,
        /// A payment's status, or `our-trouble`.
        outcome: String,
        /// In words.
        detail: Option<String>,
        /// How long it took, in milliseconds.
        took_ms: i64,
    },
    /// Neither succeeded nor failed yet.
    StillOpen {
        /// Where it stands.
        state: TopupState,
        /// Why.
        reason: Option<String>,
    },
    /// It is over.
    Ended {
        /// How.
        state: TopupState,
        /// Credits that came.
        credits: Option<Credits>,
        /// Why, where it did not succeed.
        reason: Option<String>,
        /// Whose result it was.
        settled_by: Option<ResultSource>,
    },
    /// P1, C5: credits were bought by hand, and the intent committed.
    Bought {
        /// Which purchase.
        purchase_id: Uuid,
        /// With a saved card, or on the gateway's page.
        method: PurchaseMethod,
        /// Credits that were asked for.
        quantity: Credits,
        /// The price.
        #[serde(serialize_with = "one_money")]
        price: Money,
        /// The payment's key.
        reference: Reference,
        /// Of which card, where it was a saved one.
        card_last4: Option<String>,
    },
    /// Where a purchase's payment stands, since when.
    Paid {
        /// Which purchase.
        purchase_id: Uuid,
        /// Where.
        state: PaymentState,
        /// Credits that came.
        credits: Option<Credits>,
        /// Why, where it did not succeed.
        reason: Option<String>,
        /// Whose result it was.
        settled_by: Option<ResultSource>,
    },
    /// E3, C5: a card was to be registered, and the intent committed.
    Registering {
        /// Which registration.
        registration_id: Uuid,
        /// Reaching it was to trigger.
        threshold: Credits,
        /// Credits of one top-up.
        quantity: Credits,
        /// The charge.
        #[serde(serialize_with = "one_money")]
        amount: Money,
        /// The payment's key.
        reference: Reference,
    },
    /// E3, E8: how a registration ended.
    Registered {
        /// Which registration.
        registration_id: Uuid,
        /// How.
        outcome: RegistrationOutcome,
        /// Of the card.
        card_last4: Option<String>,
        /// Why nothing was enabled.
        reason: Option<String>,
        /// Whose result it was.
        settled_by: Option<ResultSource>,
    },
    /// V1: a payment was disputed; its credits are held until the dispute is over.
    Disputed {
        /// Of which payment.
        reference: Reference,
        /// Which dispute.
        reversal_id: String,
        /// How much of the money.
        #[serde(serialize_with = "one_money")]
        amount: Money,
        /// Credits that are held for it; `None` once it is over.
        held: Option<Credits>,
        /// Whose word it is.
        source: ResultSource,
        /// In whose words.
        reason: Option<String>,
    },
    /// V1: the dispute was won, and what was held is available again.
    DisputeWon {
        /// Of which payment.
        reference: Reference,
        /// Which dispute.
        reversal_id: String,
    },
    /// V1: a refund was asked for, and not made.
    NotGivenBack {
        /// Of which payment.
        reference: Reference,
        /// Which refund.
        reversal_id: String,
        /// How much of the money.
        #[serde(serialize_with = "one_money")]
        amount: Money,
        /// In whose words.
        reason: Option<String>,
    },
    /// V1: money was given back, and its credits were taken back.
    Reversed {
        /// Of which payment.
        reference: Reference,
        /// Which refund or dispute.
        reversal_id: String,
        /// How much of the money.
        #[serde(serialize_with = "one_money")]
        amount: Money,
        /// The credits that went with it.
        taken_back: Credits,
        /// Whose word it is.
        source: ResultSource,
        /// In whose words.
        reason: Option<String>,
    },
    /// C7, E6: auto top-up was disabled.
    Disabled {
        /// Why.
        reason: String,
    },
    /// N1: somebody was told.
    Notice {
        /// The stable id.
        notification_id: Uuid,
        /// Which text.
        template: Template,
        /// How.
        channel: Channel,
        /// The number or address, as it is now; `None` where there is none, and for what goes to the operators.
        to: Option<String>,
        /// What became of it.
        state: NoticeState,
        /// The provider's id, or why not.
        detail: Option<String>,
        /// When.
        ended_at: Option<Timestamp>,
    },
    /// How the wallet stands now, and so why nothing happens, or what will.
    Stands {
        /// The balance.
        balance: Credits,
        /// Less open holds.
        available: Credits,
        /// `off`, `enabled` or `disabled`.
        auto_topup: &'static str,
        /// The threshold now.
        threshold: Option<Credits>,
        /// The one under way.
        open_topup: Option<TopupId>,
    },
}

fn one_money<S: serde::Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(money)
}

fn money<S: serde::Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    match money {
        Some(money) => serializer.collect_str(money),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_flat() {
        let line = StoryLine {
            at: Timestamp::UNIX_EPOCH,
            service: Some(Service::Sms),
            topup_id: None,
            fact: Fact::Disabled {
                reason: "declined".to_owned(),
            },
        };
        assert_eq!(
            serde_json::to_value(&line).unwrap(),
            serde_json::json!({"at": "1970-01-01T00:00:00Z", "service": "sms", "topup_id": null,
                "what": "disabled", "reason": "declined"})
        );
    }
}
