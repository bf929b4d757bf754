//! The bodies of the four queues' messages, version 1: parsed from bytes at the edge, written by the fleet; and of the
//! events that platforms hear of ([`event`]).
//!
//! A refusal is one line that a person understands; it becomes the parked message's reason. Fields that are not
//! known are ignored, so that senders may grow by addition. Left out: everything that needs more than the message
//! itself, such as the open window (`sends`).

pub mod event;
mod versions;

use crate::credits::Credits;
use crate::ids::{AccountId, Reference, Service, TopupId, WalletKey};
use crate::money::Currency;
use crate::names::names;
pub use crate::reading::{BODY_MAX_BYTES, NESTING_MAX, Unreadable, parse};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
pub use versions::{NotUpgraded, Upgraded, upgraded};

/// A message type: its name on the wire, its queue, and its body.
pub trait Message: Serialize + for<'de> Deserialize<'de> {
    /// The AMQP `type` of version 1: `sms-sent.v1`.
    const TYPE: &'static str;
    /// The queue that it goes to.
    const QUEUE: &'static str;
    /// The body's field that `message_id` must equal; `None` where `message_id` is free.
    const ID_FIELD: Option<&'static str>;

    /// The body's own id, which it is published with as `message_id`.
    fn id(&self) -> String;

    /// Whether `message_id` names this body. Upper and lower case are the same.
    fn is_named(&self, message_id: &str) -> bool {
        Self::ID_FIELD.is_none() || self.id().eq_ignore_ascii_case(message_id)
    }

    /// What serde can't say about the fields.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    fn check(&self) -> Result<(), Unreadable> {
        Ok(())
    }

    /// The body from its text, without a word on what is wrong.
    #[must_use]
    fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Message for SmsSent {
    const TYPE: &'static str = "sms-sent.v1";
    const QUEUE: &'static str = "sms-sent";
    const ID_FIELD: Option<&'static str> = Some("event_id");

    fn id(&self) -> String {
        self.event_id.to_string()
    }

    fn is_named(&self, message_id: &str) -> bool {
        Uuid::try_parse(message_id) == Ok(self.event_id)
    }

    fn check(&self) -> Result<(), Unreadable> {
        if self.messages == 0 {
            return Err(Unreadable("field `messages`: must be at least 1".to_owned()));
        }
        Ok(())
    }

    /// Without an allocation: tens of thousands of these are read a second.
    fn from_json(text: &str) -> Option<Self> {
        let body: SmsSentBody<'_> = serde_json::from_str(text).ok()?;
        Some(Self {
            event_id: body.event_id,
            account_id: crate::json::plain_number(body.account_id.get())?.parse().ok()?,
            service: body.service,
            credits: crate::json::plain_number(body.credits.get())?.parse().ok()?,
            messages: body.messages,
            batch_id: body.batch_id,
            sent_at: body.sent_at,
        })
    }
}

impl Message for TopupRequested {
    const TYPE: &'static str = "topup-requested.v1";
    const QUEUE: &'static str = "topup-requested";
    const ID_FIELD: Option<&'static str> = Some("topup_id");

    fn id(&self) -> String {
        self.topup_id.to_string()
    }
}

impl Message for PaymentResult {
    const TYPE: &'static str = "payment-results.v1";
    const QUEUE: &'static str = "payment-results";
    /// One payment has many results.
    const ID_FIELD: Option<&'static str> = None;

    /// The reference with the verdict, and with the reversal that it names.
    fn id(&self) -> String {
        let Self {
            reference, status, ..
        } = self;
        match &self.reversal_id {
            Some(reversal_id) => format!("{reference}:{status}:{reversal_id}"),
            None => format!("{reference}:{status}"),
        }
    }
}

impl Message for Notification {
    const TYPE: &'static str = "notifications.v1";
    const QUEUE: &'static str = "notifications";
    const ID_FIELD: Option<&'static str> = Some("notification_id");

    fn id(&self) -> String {
        self.notification_id.to_string()
    }
}

/// Messages that an upstream sender handed to the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsSent {
    /// UUID; version 7 recommended (S2).
    pub event_id: Uuid,
    /// Whose wallet.
    pub account_id: AccountId,
    /// Which wallet.
    #[serde(default)]
    pub service: Service,
    /// Cost: above 0, at most 1,000,000.
    pub credits: Credits,
    /// How many messages.
    #[serde(default = "one")]
    pub messages: u32,
    /// The hold that this send uses up (S5).
    #[serde(default)]
    pub batch_id: Option<Uuid>,
    /// When they went, to the microsecond: what the database keeps.
    #[serde(deserialize_with = "to_the_microsecond")]
    pub sent_at: Timestamp,
}

/// The same body, borrowed.
#[derive(Deserialize)]
struct SmsSentBody<'a> {
    event_id: Uuid,
    #[serde(borrow)]
    account_id: &'a RawValue,
    #[serde(default)]
    service: Service,
    #[serde(borrow)]
    credits: &'a RawValue,
    #[serde(default = "one")]
    messages: u32,
    #[serde(default)]
    batch_id: Option<Uuid>,
    #[serde(deserialize_with = "to_the_microsecond")]
    sent_at: Timestamp,
}

const fn one() -> u32 {
    1
}

/// Finer digits are dropped at the edge, so that a repeat equals what the database gives back.
fn to_the_microsecond<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let exact = Timestamp::deserialize(deserializer)?;
    Timestamp::from_microsecond(exact.as_microsecond()).map_err(serde::de::Error::custom)
}

impl SmsSent {
    /// The wallet that it debits.
    #[must_use]
    pub const fn wallet(&self) -> WalletKey {
        WalletKey {
            account: self.account_id,
            service: self.service,
        }
    }
}

/// A wallet asks to be refilled. A wake-up: the database row decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopupRequested {
    /// Which top-up.
    pub topup_id: TopupId,
    /// Whose wallet.
    pub account_id: AccountId,
    /// Which wallet.
    #[serde(default)]
    pub service: Service,
    /// When it was triggered.
    pub requested_at: Timestamp,
}

/// What is known of a payment, from whichever source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentResult {
    /// The payment's reference.
    pub reference: Reference,
    /// The gateway's name: `paystack`.
    pub gateway: String,
    /// Its verdict.
    pub status: PaymentStatus,
    /// What was captured or asked for, in the currency's minor unit.
    pub amount_minor: Option<i64>,
    /// Of this currency.
    pub currency: Option<Currency>,
    /// The gateway's own id of the transaction.
    #[serde(default)]
    pub gateway_transaction_id: Option<String>,
    /// The gateway's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// What kind of refusal they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<DeclineClass>,
    /// What the answer said of the card; never its number.
    #[serde(default)]
    pub card: Option<serde_json::Value>,
    /// Who says so.
    pub source: ResultSource,
    /// With real money or not.
    pub mode: PaymentMode,
    /// Names one reversal of this payment.
    #[serde(default)]
    pub reversal_id: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
}

names! {
    /// A verdict on a payment.
    pub enum PaymentStatus: "status of a payment" {
        /// Captured.
        Success = "success",
        /// Definitely refused.
        Failed = "failed",
        /// Not yet.
        Pending = "pending",
        /// No answer, or none that can be read.
        Unknown = "unknown",
        /// The customer has to do something.
        ActionRequired = "action-required",
        /// Given back.
        Reversed = "reversed",
        /// The card holder disputes it.
        DisputeOpened = "dispute-opened",
        /// The dispute was won.
        DisputeWon = "dispute-won",
        /// A refund that was asked for was not made: the money has not gone back.
        RefundFailed = "refund-failed",
    }
}

names! {
    /// C7: what the account holder can do about a refusal. Unknown words are of the last class.
    pub enum DeclineClass: "class of refusal" {
        /// This card is never taken again: lost, stolen, closed, expired.
        NeverAgain = "never-again",
        /// The bank wants to hear from the card holder.
        NeedsCustomer = "needs-customer",
        /// It may be taken another day.
        AnotherDay = "another-day",
    }
}

names! {
    /// Where a payment result comes from.
    pub enum ResultSource: "source of a payment result" {
        /// The charge call's own answer.
        Charge = "charge",
        /// A signed webhook.
        Webhook = "webhook",
        /// A later question.
        Verify = "verify",
        /// The daily comparison.
        Reconcile = "reconcile",
        /// A person.
        Operator = "operator",
    }
}

names! {
    /// With real money or not.
    pub enum PaymentMode: "mode of a payment" {
        /// Real money.
        Live = "live",
        /// The gateway's test mode, or the sandbox.
        Test = "test",
    }
}

/// One notice by one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Stable over every repeat (N1).
    pub notification_id: Uuid,
    /// Whom.
    pub account_id: AccountId,
    /// How.
    pub channel: Channel,
    /// Which text.
    pub template: Template,
    /// The text's values.
    #[serde(default)]
    pub params: serde_json::Map<String, serde_json::Value>,
}

names! {
    /// How a notice travels.
    pub enum Channel: "channel" {
        /// A text message.
        Sms = "sms",
        /// An e-mail.
        Email = "email",
    }
}

names! {
    /// The texts there are.
    pub enum Template: "template" {
        /// Credits came.
        TopupSucceeded = "topup-succeeded",
        /// They did not.
        TopupFailed = "topup-failed",
        /// The balance crossed the notice threshold.
        LowCredit = "low-credit",
        /// Bought by hand.
        PurchaseSucceeded = "purchase-succeeded",
        /// Not bought.
        PurchaseFailed = "purchase-failed",
        /// A card is registered, and automatic top-up enabled.
        RegistrationEnabled = "registration-enabled",
        /// A card's registration was paid, and nothing is enabled.
        RegistrationNotEnabled = "registration-not-enabled",
        /// It was not paid.
        RegistrationFailed = "registration-failed",
        /// Taken back.
        PaymentReversed = "payment-reversed",
        /// A cap stopped automatic top-ups.
        CapReached = "cap-reached",
        /// The card runs out.
        CardExpiring = "card-expiring",
        /// A link to choose a password by, for somebody who signs in to the pages.
        SignInLink = "sign-in-link",
        /// For the operators.
        OperatorAlert = "operator-alert",
    }
}
