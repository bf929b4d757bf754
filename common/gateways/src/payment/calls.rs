//! What is asked of a gateway, and the ends that each call can have.
//!
//! Each end also says how the line to the gateway fares ([`CallEnd`]), so that a gateway which is down is left alone.

use super::PaymentGateway;
use super::answer::{Answer, OurTrouble, blank};
use jiff::Timestamp;
use secrecy::SecretString;
use std::fmt;
use topup_rules::charge::Answer as WrittenDown;
use topup_rules::ids::Reference;
use topup_rules::inquiries::Told;
use topup_rules::lines::CallEnd;
use topup_rules::message::{PaymentResult, ResultSource};
use topup_rules::money::Money;

/// A saved card's charge.
#[derive(Clone, Copy)]
pub struct ChargeRequest<'a> {
    /// The idempotency key: the same on every try of one payment.
    pub reference: &'a Reference,
    /// What is charged.
    pub amount: Money,
    /// The gateway's token for the card.
    pub authorization_code: &'a SecretString,
    /// The address that the token was created with: no other can charge it.
    pub email: &'a str,
    /// Shown to people on the gateway's pages, as names and values. Nothing secret, nothing personal.
    pub metadata: &'a [(&'a str, String)],
}

/// How a charge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The gateway gave a verdict on this payment.
    Answered(Box<Answer>),
    /// Nobody knows whether money was taken: to be verified, never to be taken for a failure (C8).
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// Nothing was taken, and the payment was not even looked at (C9).
    OurTrouble(OurTrouble),
}

/// What the gateway says of a payment when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// It gave a verdict on this payment.
    Answered(Box<Answer>),
    /// It says that it does not know the reference. Once is not enough (C8).
    NotKnown,
    /// It said nothing that can be used.
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// It was not asked, or did not listen (C9).
    OurTrouble(OurTrouble),
}

/// A payment on the gateway's own page.
#[derive(Clone, Copy)]
pub struct InitializeRequest<'a> {
    /// The idempotency key.
    pub reference: &'a Reference,
    /// What is to be paid.
    pub amount: Money,
    /// The customer's address.
    pub email: &'a str,
    /// How the customer may pay; empty: however the currency allows.
    pub channels: &'a [PayChannel],
    /// Where the customer comes back to; `None`: where the gateway's own settings say.
    pub callback_url: Option<&'a str>,
    /// As of a charge.
    pub metadata: &'a [(&'a str, String)],
}

/// How a customer may pay on the gateway's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayChannel {
    /// By card.
    Card,
    /// From the phone: M-Pesa, Airtel Money and their like.
    MobileMoney,
}

impl PayChannel {
    /// The gateway's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::MobileMoney => "mobile_money",
        }
    }
}

/// How opening a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initialized {
    /// The customer can be sent to it.
    Page {
        /// Its address.
        url: String,
        /// The gateway's key for it.
        access_code: Option<String>,
    },
    /// There is none, and there will be none for what was asked.
    Refused {
        /// The gateway's words.
        reason: String,
    },
    /// There may be one: opened before under the same reference, or in a call whose answer was lost.
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// There is none, for now.
    OurTrouble(OurTrouble),
}

/// A payment, or part of it, that is to be given back.
#[derive(Debug, Clone, Copy)]
pub struct RefundRequest<'a> {
    /// Which payment.
    pub reference: &'a Reference,
    /// How much of it, in its currency's minor unit; `None`: all that is left of it.
    pub amount_minor: Option<i64>,
    /// Why, for people who look at the gateway's pages. Nothing personal.
    pub merchant_note: Option<&'a str>,
}

/// How asking for a refund ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// The gateway has taken it on; that it is done comes by webhook.
    Taken {
        /// The gateway's id of the refund.
        id: String,
        /// How much, in the payment's currency's minor unit.
        amount_minor: Option<i64>,
        /// The gateway's word for where it stands: `pending`, `processing`, `processed`.
        status: String,
    },
    /// Nothing is given back for what was asked.
    Refused {
        /// The gateway's words.
        reason: String,
    },
    /// It may have been taken on. The gateway recognises no repeat: to be looked up, not asked for again.
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// It was not taken on, for now.
    OurTrouble(OurTrouble),
}

/// How forgetting a saved card at the gateway ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deactivated {
    /// Its token can't be charged any more, or never could.
    Done,
    /// The gateway keeps it.
    Refused {
        /// The gateway's words.
        reason: String,
    },
    /// It may have been forgotten. Asking again does no harm.
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// Not yet.
    OurTrouble(OurTrouble),
}

/// One page of the gateway's list of payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionPage {
    /// Newest first.
    pub items: Vec<Listed>,
    /// How many more there are on it that bear no reference.
    pub unreadable: usize,
    /// Whether there is no page after it.
    pub is_last: bool,
}

/// A payment on the gateway's list, ours or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the gateway has it.
    pub reference: String,
    /// What it says of it.
    pub answer: Answer,
}

/// Why a page of the list could not be had. Nothing is known of what stands on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ListTrouble {
    /// What happened, one line.
    pub reason: String,
    /// How long the gateway asks to be left alone, in seconds.
    pub retry_after_s: Option<u32>,
    /// What the line to the gateway learns from it.
    pub end: CallEnd,
}

/// What a call to our own webhook address came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Webhook {
    /// Genuine, and about a payment of ours.
    Result(Box<PaymentResult>),
    /// Genuine, and nothing that changes a payment.
    Ignored {
        /// The gateway's name for it.
        event: String,
    },
    /// Genuine, and about a payment of somebody else who uses the same integration.
    Foreign,
    /// Not signed, or not with our key.
    Forged,
    /// Genuine, but it can't be read.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Debug for ChargeRequest<'_> {
    /// Without the address and the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ChargeRequest");
        shown
            .field("reference", self.reference)
            .field("amount", &self.amount);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for InitializeRequest<'_> {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("InitializeRequest");
        shown
            .field("reference", self.reference)
            .field("amount", &self.amount);
        shown.finish_non_exhaustive()
    }
}

impl Charged {
    /// What is written down of this end of the charge of `reference`, before anything follows from it (C5). `now` stands
    /// in for the moment where nobody answered.
    #[must_use]
    pub fn into_answer(self, gateway: &PaymentGateway, reference: &Reference, now: Timestamp) -> WrittenDown {
        let challenge_url = match &self {
            Self::Answered(answer) => answer.challenge_url.clone(),
            Self::Unknown { .. } | Self::OurTrouble(_) => None,
        };
        match self.into_result(gateway, reference, now) {
            Ok(result) => WrittenDown::Result {
                result: Box::new(result),
                challenge_url,
            },
            Err(trouble) => WrittenDown::Trouble {
                reason: trouble.reason,
                at_least_s: trouble.retry_after_s,
            },
        }
    }

    /// How it ended in one word, which metrics count it by.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered(answer) => answer.status.as_str(),
            Self::Unknown { .. } => "unknown",
            Self::OurTrouble(_) => "our-trouble",
        }
    }

    /// The message for `payment-results` that this end of the charge of `reference` makes. `now` stands in for
    /// the moment where nobody answered.
    ///
    /// # Errors
    /// [`OurTrouble`] makes no result: the charge has not begun, and is to be asked for again with the same
    /// reference.
    pub(crate) fn into_result(
        self,
        gateway: &PaymentGateway,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<PaymentResult, OurTrouble> {
        match self {
            Self::OurTrouble(trouble) => Err(trouble),
            Self::Unknown { reason, .. } => Ok(PaymentResult {
                reason: Some(reason),
                ..blank(
                    reference,
                    gateway.name(),
                    ResultSource::Charge,
                    gateway.mode(),
                    now,
                )
            }),
            Self::Answered(answer) => Ok(answer.into_message(gateway, reference, ResultSource::Charge)),
        }
    }
}

impl Verified {
    /// What the rules make the next step of.
    #[must_use]
    pub fn told(&self) -> Told {
        match self {
            Self::Answered(answer) => Told::Verdict(answer.status),
            Self::NotKnown => Told::NotKnown,
            Self::Unknown { .. } => Told::NoVerdict,
            Self::OurTrouble(trouble) => Told::OurTrouble {
                at_least_s: trouble.retry_after_s,
            },
        }
    }

    /// The message for `payment-results` that a verdict makes; `None` where there is none.
    #[must_use]
    pub fn into_result(self, gateway: &PaymentGateway, reference: &Reference) -> Option<PaymentResult> {
        match self {
            Self::Answered(answer) => Some(answer.into_message(gateway, reference, ResultSource::Verify)),
            Self::NotKnown | Self::Unknown { .. } | Self::OurTrouble(_) => None,
        }
    }
}

/// What the line to the gateway learns from each end of a call.
macro_rules! call_end {
    ($end:ident: $($answered:pat_param)|+) => {
        impl $end {
            /// What the line to the gateway learns from it.
            #[must_use]
            pub const fn call_end(&self) -> CallEnd {
                match self {
                    $($answered)|+ => CallEnd::Answered,
                    Self::Unknown { end, .. } => *end,
                    Self::OurTrouble(trouble) => trouble.end,
                }
            }
        }
    };
}

call_end!(Charged: Self::Answered(_));
call_end!(Verified: Self::Answered(_) | Self::NotKnown);
call_end!(Initialized: Self::Page { .. } | Self::Refused { .. });
call_end!(Refunded: Self::Taken { .. } | Self::Refused { .. });
call_end!(Deactivated: Self::Done | Self::Refused { .. });
