//! The bodies of the four queues' messages, version 1: parsed from bytes at the edge, written by the fleet.
//!
//! A refusal is one line that a person understands; it becomes the parked message's reason.

use crate::credits::Credits;
use crate::ids::{AccountId, Reference, Service, TopupId, WalletKey};
use crate::money::Currency;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Largest body that is looked at, in bytes.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// Why a message's body can't be used: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A message type: its name on the wire, its queue, and its body.
pub trait Message: Serialize + for<'de> Deserialize<'de> {
    /// The AMQP `type` of version 1: `sms-sent.v1`.
    const TYPE: &'static str;
    /// The queue that it goes to.
    const QUEUE: &'static str;

    /// The body's own id, which `message_id` must equal.
    fn id(&self) -> String;

    /// What serde can't say about the fields.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    fn check(&self) -> Result<(), Unreadable> {
        Ok(())
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
    /// When they went.
    pub sent_at: Timestamp,
}

const fn one() -> u32 {
    1
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

/// A verdict on a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentStatus {
    /// Captured.
    Success,
    /// Definitely refused.
    Failed,
    /// Not yet.
    Pending,
    /// No answer, or none that can be read.
    Unknown,
    /// The customer has to do something.
    ActionRequired,
    /// Given back.
    Reversed,
    /// The card holder disputes it.
    DisputeOpened,
    /// The dispute was won.
    DisputeWon,
}

/// Where a payment result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultSource {
    /// The charge call's own answer.
    Charge,
    /// A signed webhook.
    Webhook,
    /// A later question.
    Verify,
    /// The daily comparison.
    Reconcile,
    /// A person.
    Operator,
}

/// With real money or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentMode {
    /// Real money.
    Live,
    /// The gateway's test mode, or the sandbox.
    Test,
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

/// How a notice travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

/// The texts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// Credits came.
    TopupSucceeded,
    /// They did not.
    TopupFailed,
    /// The balance crossed the notice threshold.
    LowCredit,
    /// Bought by hand.
    PurchaseSucceeded,
    /// Not bought.
    PurchaseFailed,
    /// Taken back.
    PaymentReversed,
    /// A cap stopped automatic top-ups.
    CapReached,
    /// The card runs out.
    CardExpiring,
    /// For the operators.
    OperatorAlert,
}
