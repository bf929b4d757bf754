//! What was asked of the payment gateway, what it said, and what came of a payment, in words that can be read to a
//! customer.

use super::sentences::because;
use crate::words;
use topup_rules::message::ResultSource;
use topup_rules::registration::RegistrationOutcome;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_store::Fact;

/// How the database says that a call failed for reasons that are not the customer's (C9).
const OUR_TROUBLE: &str = "our-trouble";

/// And that it was not made at all, while the gateway was left alone.
const NOT_ASKED: &str = "not-asked";

/// The gateway was called, and said something or nothing.
pub(super) fn called(call: &str, outcome: &str, detail: Option<&str>, took_ms: i64) -> String {
    let told = match call {
        "charge" | "initialize" if outcome == NOT_ASKED => {
            "The payment gateway was not asked for the money".to_owned()
        }
        "charge" => charge_told(outcome),
        "verify" => verify_told(outcome),
        "initialize" => page_told(outcome),
        "refund" => refund_told(outcome),
        _ => format!("The payment gateway was called: {outcome}"),
    };
    let detail = detail.map(|detail| format!(": \"{detail}\"")).unwrap_or_default();
    format!("{told}{detail} ({took_ms} ms).")
}

fn charge_told(outcome: &str) -> String {
    let answer = match outcome {
        "success" => "approved it",
        "failed" => "refused it",
        "pending" => "has not decided yet",
        "unknown" => "gave no answer that decides it",
        "action-required" => "wants the card holder to do something",
        "reversed" => "has given it back already",
        OUR_TROUBLE => "could not be used (our trouble, not the customer's)",
        other => other,
    };
    format!("The payment gateway was asked for the money and {answer}")
}

fn verify_told(outcome: &str) -> String {
    let answer = match outcome {
        "success" => "said that the money was taken",
        "failed" => "said that it was refused, and nothing was taken",
        "pending" => "has not decided yet",
        "unknown" => "gave no answer that decides it",
        "not-known" => "said that the payment is not known there, so nothing was taken so far",
        "action-required" => "waits for the card holder to do something",
        "reversed" => "said that the money was taken and given back",
        OUR_TROUBLE => "could not be reached (our trouble, not the customer's)",
        other => other,
    };
    format!("The payment gateway was asked what became of it and {answer}")
}

fn page_told(outcome: &str) -> String {
    let answer = match outcome {
        "page" => "gave one",
        "no-page" => "gave none",
        other => other,
    };
    format!("The payment gateway was asked for a page to pay on and {answer}")
}

fn refund_told(outcome: &str) -> String {
    let answer = match outcome {
        "taken" => "has taken that on",
        "refused" => "refused",
        "unknown" => "gave no answer that decides it, so it is looked up",
        OUR_TROUBLE => "could not be used (our trouble, not the customer's)",
        other => other,
    };
    format!("The payment gateway was asked to give the money back and {answer}")
}

/// Whose word a result is.
pub(super) fn source_told(source: ResultSource) -> &'static str {
    match source {
        ResultSource::Charge => "the payment gateway's answer to the charge",
        ResultSource::Webhook => "a message of the payment gateway",
        ResultSource::Verify => "asking the payment gateway again",
        ResultSource::Reconcile => "the comparison with the payment gateway's books",
        ResultSource::Operator => "an operator's decision",
    }
}

/// ` We know from …`, where it is known.
pub(super) fn known_from(source: Option<ResultSource>) -> String {
    source
        .map(|source| format!(" We know from {}.", source_told(source)))
        .unwrap_or_default()
}

/// P1: bought by hand.
pub(super) fn bought(fact: &Fact) -> String {
    let Fact::Bought {
        purchase_id: _,
        method,
        quantity,
        price,
        reference,
        card_last4,
    } = fact
    else {
        return String::new();
    };
    let how = match (method, card_last4) {
        (PurchaseMethod::OneClick, Some(last4)) => format!("with the saved card ending in {last4}"),
        (PurchaseMethod::OneClick, None) => "with a saved card".to_owned(),
        (PurchaseMethod::Hosted, _) => "on the payment gateway's page".to_owned(),
    };
    format!(
        "{} were to be bought by hand for {price}, {how}. Payment reference {reference}.",
        words::credits(*quantity)
    )
}

/// E3: a card was to be registered, and how that ended.
pub(super) fn registration(fact: &Fact) -> String {
    if let Fact::Registering {
        registration_id: _,
        threshold,
        quantity,
        amount,
        reference,
    } = fact
    {
        return format!(
            "A card was to be registered, so that {} are bought automatically when {} are left, by a charge of {amount} on \
             the payment gateway's page. Payment reference {reference}.",
            words::credits(*quantity),
            words::credits(*threshold)
        );
    }
    let Fact::Registered {
        registration_id: _,
        outcome,
        card_last4,
        reason,
        settled_by,
    } = fact
    else {
        return String::new();
    };
    let ended = match outcome {
        RegistrationOutcome::Enabled => "The card was registered and automatic top-up enabled",
        RegistrationOutcome::NotEnabled => "It was paid, but automatic top-up was not enabled",
        RegistrationOutcome::Failed => "It was not paid, and nothing changed",
    };
    let card = card_last4
        .as_ref()
        .map(|last4| format!(" (card ending in {last4})"))
        .unwrap_or_default();
    format!(
        "{ended}{card}{}{}",
        because(reason.as_deref()),
        known_from(*settled_by)
    )
}

/// P4: where a purchase's payment stands.
pub(super) fn paid(fact: &Fact) -> String {
    let Fact::Paid {
        purchase_id: _,
        state,
        credits,
        reason,
        settled_by,
    } = fact
    else {
        return String::new();
    };
    let credits = credits.map(|credits| format!(": {} came", words::credits(credits)));
    let told = match state {
        PaymentState::Succeeded => format!("Paid{}", credits.unwrap_or_default()),
        PaymentState::Failed => "Not paid: no credits came".to_owned(),
        PaymentState::Reversed => "The payment was given back, and its credits taken back".to_owned(),
        PaymentState::Charging => "The payment is under way".to_owned(),
        PaymentState::Pending => "The payment is not decided yet; its result is waited for".to_owned(),
        PaymentState::Unknown => UNKNOWN.to_owned(),
        PaymentState::Parked => PARKED.to_owned(),
    };
    // What the gateway said of a success is no reason for anything.
    let why = match state {
        PaymentState::Succeeded => because(None),
        PaymentState::Failed
        | PaymentState::Reversed
        | PaymentState::Charging
        | PaymentState::Pending
        | PaymentState::Unknown
        | PaymentState::Parked => because(reason.as_deref()),
    };
    format!("{told}{why}{}", known_from(*settled_by))
}

/// Of any payment that nobody knows about.
pub(super) const UNKNOWN: &str =
    "Nobody knows yet whether the money was taken; the payment gateway is asked again";
/// Of any payment that a person has to find out about.
pub(super) const PARKED: &str =
    "The payment gateway was asked for too long and did not know; a person has to find out";

/// V1: disputed, won, given back.
pub(super) fn reversal(fact: &Fact) -> String {
    match fact {
        Fact::Disputed {
            amount,
            held,
            source,
            reason,
            ..
        } => {
            let held = held.map_or_else(
                || "its credits were held until that was decided".to_owned(),
                |held| format!("{} are held until that is decided", words::credits(held)),
            );
            let why = because(reason.as_deref());
            format!(
                "The card holder disputes {amount}; {held}{why}{}",
                known_from(Some(*source))
            )
        }
        Fact::DisputeWon { .. } => {
            "The dispute was decided for us; what was held for it is available again.".to_owned()
        }
        Fact::NotGivenBack { amount, reason, .. } => format!(
            "{amount} were to be given back to the customer, and were not{}. A person has to see to it at the payment gateway.",
            reason
                .as_deref()
                .map(|reason| format!(": \"{reason}\""))
                .unwrap_or_default()
        ),
        Fact::Reversed {
            amount,
            taken_back,
            source,
            reason,
            ..
        } => format!(
            "{amount} were given back to the customer, and {} were taken back{}{}",
            words::credits(*taken_back),
            because(reason.as_deref()),
            known_from(Some(*source))
        ),
        Fact::Requested { .. }
        | Fact::Scheduled { .. }
        | Fact::Charging { .. }
        | Fact::Called { .. }
        | Fact::StillOpen { .. }
        | Fact::Ended { .. }
        | Fact::Registering { .. }
        | Fact::Registered { .. }
        | Fact::Bought { .. }
        | Fact::Paid { .. }
        | Fact::Disabled { .. }
        | Fact::Notice { .. }
        | Fact::Stands { .. } => String::new(),
    }
}
