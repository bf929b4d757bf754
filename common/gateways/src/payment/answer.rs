//! What a gateway said of a payment, in our terms, and the trouble that kept it from saying anything.

use super::PaymentGateway;
use jiff::Timestamp;
use topup_rules::cards::SeenCard;
use topup_rules::ids::{Reference, ReferenceKind};
use topup_rules::lines::CallEnd;
use topup_rules::message::{DeclineClass, PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::Currency;

/// A gateway's verdict on a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict: `Success`, `Failed`, `Pending`, `ActionRequired`, `Reversed`; in a list also `Unknown`, where the
    /// gateway's word for it is not known here.
    pub status: PaymentStatus,
    /// What is to be compared with the intent (C11): the amount, or the requested amount where the customer
    /// bears the gateway's fees. In the currency's minor unit.
    pub amount_minor: Option<i64>,
    /// Of this currency.
    pub currency: Option<Currency>,
    /// The gateway's id of the transaction.
    pub transaction_id: Option<String>,
    /// The gateway's words, one line in which nobody can be found.
    pub reason: Option<String>,
    /// What kind of refusal it was: of `Failed` and `ActionRequired` alone.
    pub decline: Option<DeclineClass>,
    /// What the answer says of the card.
    pub card: Option<SeenCard>,
    /// With real money or not, as the answer says.
    pub mode: PaymentMode,
    /// When the gateway says it happened; when the answer came, where it doesn't say.
    pub occurred_at: Timestamp,
    /// Where the customer has to go, if the charge was challenged.
    pub challenge_url: Option<String>,
}

/// The gateway turned the call away for a reason that is ours, or was not reached at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OurTrouble {
    /// What happened, one line.
    pub reason: String,
    /// How long the gateway asks to be left alone, in seconds.
    pub retry_after_s: Option<u32>,
    /// What the line to the gateway learns from it.
    pub end: CallEnd,
}

impl Answer {
    /// The answer as a message for `payment-results`, from whichever source it came: the call, a question, or the
    /// gateway's list.
    #[must_use]
    pub fn into_message(
        self,
        gateway: &PaymentGateway,
        reference: &Reference,
        source: ResultSource,
    ) -> PaymentResult {
        let blank = blank(reference, gateway.name(), source, self.mode, self.occurred_at);
        self.into_result(blank)
    }

    /// The answer, filled into what is known without it.
    pub(crate) fn into_result(self, blank: PaymentResult) -> PaymentResult {
        PaymentResult {
            status: self.status,
            amount_minor: self.amount_minor,
            currency: self.currency,
            gateway_transaction_id: self.transaction_id,
            reason: self.reason,
            decline: self.decline,
            card: self
                .card
                .map(|card| {
                    if may_be_kept(&blank.reference) {
                        card
                    } else {
                        without_token(card)
                    }
                })
                .and_then(|card| serde_json::to_value(card).ok()),
            mode: self.mode,
            occurred_at: self.occurred_at,
            ..blank
        }
    }
}

/// E3, P3: whether a payment may have been made to have its card kept. Of all others no token goes any further.
fn may_be_kept(reference: &Reference) -> bool {
    match reference.parts() {
        Some((ReferenceKind::Purchase | ReferenceKind::Registration, _, _)) => true,
        Some((ReferenceKind::Topup, _, _)) | None => false,
    }
}

fn without_token(card: SeenCard) -> SeenCard {
    SeenCard {
        authorization_code: None,
        email: None,
        ..card
    }
}

/// What can be said of a payment without any answer.
pub(crate) fn blank(
    reference: &Reference,
    gateway: &str,
    source: ResultSource,
    mode: PaymentMode,
    now: Timestamp,
) -> PaymentResult {
    PaymentResult {
        reference: reference.clone(),
        gateway: gateway.to_owned(),
        status: PaymentStatus::Unknown,
        amount_minor: None,
        currency: None,
        gateway_transaction_id: None,
        reason: None,
        decline: None,
        card: None,
        source,
        mode,
        reversal_id: None,
        occurred_at: now,
    }
}
