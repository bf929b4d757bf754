//! What the operators are told, by e-mail alone.

use super::{NoticeDraft, put, put_some};
use crate::credits::Credits;
use crate::ids::{AccountId, Reference, TopupId};
use crate::message::Template;
use crate::money::Money;
use serde_json::Map;

/// What the operators are to look at: of which payment, and what it pays for where that is a top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarmed<'a> {
    /// Whose.
    pub account: AccountId,
    /// The payment.
    pub reference: &'a Reference,
    /// Its top-up.
    pub topup: Option<TopupId>,
}

/// C8: a payment is parked, after the gateway said `last_word` about it. Says what has to be done, and what waits for it.
#[must_use]
pub fn payment_parked(alarmed: &Alarmed<'_>, last_word: &str) -> NoticeDraft {
    let (name, waits) = match alarmed.topup {
        Some(topup) => (
            topup.to_string(),
            "Nothing was disabled, and the account's next card top-up waits for this one. ",
        ),
        None => (alarmed.reference.to_string(), ""),
    };
    operator_alert(
        alarmed,
        format!("alert:parked:{}", alarmed.reference),
        "A payment needs a person",
        &format!(
            "Nobody can say how this payment ended. The last that was heard of it: {last_word}. {waits}Look it up with the \
             payment gateway, and then say so: fleetctl topup settle {name} --succeeded (or --failed) --reason \"...\"."
        ),
    )
}

/// V1: a card holder disputes a payment of `amount`, and `held` credits are held.
#[must_use]
pub fn dispute_opened(alarmed: &Alarmed<'_>, reversal_id: &str, amount: Money, held: Credits) -> NoticeDraft {
    operator_alert(
        alarmed,
        format!("alert:dispute:{}:{reversal_id}", alarmed.reference),
        "A payment is disputed",
        &format!("The card holder disputes {amount} ({reversal_id}); {held} credits are held until it ends."),
    )
}

/// E3: a registration's charge of `amount` could not be given back; `last_word` is the last that was heard of it.
#[must_use]
pub fn refund_stuck(alarmed: &Alarmed<'_>, amount: Money, last_word: &str) -> NoticeDraft {
    operator_alert(
        alarmed,
        format!("alert:refund:{}", alarmed.reference),
        "A registration's charge is not given back",
        &format!(
            "A card was registered for {amount}, which is to be given back. The last that was heard of it: {last_word}. Look \
             it up with the payment gateway, and give it back there if it was not."
        ),
    )
}

/// A refund of `amount` that was asked for was not made; `reason` is the gateway's.
#[must_use]
pub fn refund_failed(alarmed: &Alarmed<'_>, reversal_id: &str, amount: Money, reason: &str) -> NoticeDraft {
    operator_alert(
        alarmed,
        format!("alert:refund-failed:{}:{reversal_id}", alarmed.reference),
        "A refund was not made",
        &format!(
            "The payment gateway was to give back {amount} and says of it ({reversal_id}): {reason}. The money has not gone \
             back, and nothing was taken for it here. See to it at the payment gateway."
        ),
    )
}

/// Any other alert to the operators. `cause` is a stable key that begins with `alert:`.
#[must_use]
pub fn operator_alert(alarmed: &Alarmed<'_>, cause: String, subject: &str, detail: &str) -> NoticeDraft {
    let mut params = Map::new();
    put(&mut params, "subject", subject);
    put(&mut params, "detail", detail);
    put(&mut params, "account_id", alarmed.account);
    put(&mut params, "reference", alarmed.reference);
    put_some(&mut params, "topup_id", alarmed.topup);
    NoticeDraft {
        account: alarmed.account,
        template: Template::OperatorAlert,
        cause,
        params,
        event: None,
    }
}
