//! Paystack's webhooks: whether one is genuine, and what it says.
//!
//! | event | result |
//! | --- | --- |
//! | `charge.success` | success |
//! | `refund.processed` | reversed, by `refund-<id>`; where it follows from a dispute, by `dispute-<id>` |
//! | `refund.failed`, `refund.needs-attention` | refund failed, `refund-<id>` |
//! | `charge.dispute.create` | dispute opened, `dispute-<id>` |
//! | `charge.dispute.resolve`: declined | dispute won |
//! | `charge.dispute.resolve`: accepted, by the merchant or because nobody answered in time | reversed, by `dispute-<id>` |
//! | any other | none: a hint at most |
//!
//! They bear neither a moment nor an id, so that a replay can't be told from a repeat: what follows from a result must
//! be the same however often it comes. No webhook announces a failed charge, and none is read as one.

use super::fields::{integer, name, text};
use super::transaction;
use crate::payment::{self, Webhook};
use crate::words;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha512;
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};

/// Longest name of an event that is repeated, in characters.
const EVENT_MAX_CHARS: usize = 60;

/// The events that say something of a payment.
#[derive(Clone, Copy)]
enum Event {
    Success,
    Reversal(Reversal),
}

/// Those about money that goes back, or may.
#[derive(Clone, Copy)]
enum Reversal {
    Refunded,
    RefundFailed,
    RefundNeedsAttention,
    DisputeOpened,
    DisputeWon,
    DisputeLost,
}

/// Reads a webhook's raw body with the value of its signature header. `gateway` and `mode` are ours.
pub(super) fn read(
    raw: &[u8],
    signature: Option<&str>,
    secret_key: &str,
    (gateway, mode): (&str, PaymentMode),
    received_at: Timestamp,
) -> Webhook {
    if !is_genuine(raw, signature, secret_key) {
        return Webhook::Forged;
    }
    let body: Option<Value> = serde_json::from_slice(raw).ok();
    let Some(named) = body.as_ref().and_then(|body| text(body, "event")) else {
        return malformed("it is no JSON object with an event");
    };
    let nothing = Value::Null;
    let data = body
        .as_ref()
        .and_then(|body| body.get("data"))
        .unwrap_or(&nothing);
    let Some(event) = event(&named, data) else {
        return Webhook::Ignored {
            event: words::foreign(&named, EVENT_MAX_CHARS),
        };
    };
    let Some(reference) = reference(event, data) else {
        return malformed("it names no payment");
    };
    let ours: Option<Reference> = reference.parse().ok();
    let Some(ours) = ours.filter(|ours| ours.parts().is_some()) else {
        return Webhook::Foreign;
    };
    let blank = payment::blank(&ours, gateway, ResultSource::Webhook, mode, received_at);
    let result = match event {
        Event::Success => success(data, blank),
        Event::Reversal(reversal) => reversed(reversal, data, blank),
    };
    match result {
        Ok(result) => Webhook::Result(Box::new(result)),
        Err(reason) => malformed(reason),
    }
}

/// Compared in constant time, over the bytes as they came.
fn is_genuine(raw: &[u8], signature: Option<&str>, secret_key: &str) -> bool {
    let signature = signature.and_then(|it| hex::decode(it.trim()).ok());
    let mac = Hmac::<Sha512>::new_from_slice(secret_key.as_bytes()).ok();
    match (mac, signature) {
        (Some(mac), Some(signature)) => mac.chain_update(raw).verify_slice(&signature).is_ok(),
        (Some(_) | None, Some(_) | None) => false,
    }
}

fn malformed(reason: &str) -> Webhook {
    Webhook::Malformed {
        reason: reason.to_owned(),
    }
}

fn event(name: &str, data: &Value) -> Option<Event> {
    let reversal = match name {
        "charge.success" => return Some(Event::Success),
        "refund.processed" => Reversal::Refunded,
        "refund.failed" => Reversal::RefundFailed,
        "refund.needs-attention" => Reversal::RefundNeedsAttention,
        "charge.dispute.create" => Reversal::DisputeOpened,
        "charge.dispute.resolve" => match text(data, "resolution")?.as_str() {
            "declined" => Reversal::DisputeWon,
            "merchant-accepted" | "auto-accepted" => Reversal::DisputeLost,
            _ => return None,
        },
        _ => return None,
    };
    Some(Event::Reversal(reversal))
}

/// The payment's reference. A refund has one of its own beside it, a dispute carries the payment whole.
fn reference(event: Event, data: &Value) -> Option<String> {
    match event {
        Event::Success => text(data, "reference"),
        Event::Reversal(_) => {
            let of_transaction = data.get("transaction").and_then(|it| text(it, "reference"));
            of_transaction.or_else(|| text(data, "transaction_reference"))
        }
    }
}

/// A reversal; what is missing of its amount or currency is for the rules to refuse.
fn reversed(reversal: Reversal, data: &Value, blank: PaymentResult) -> Result<PaymentResult, &'static str> {
    let id = name(data, "id");
    let (status, kind, id, amount, reason) = match reversal {
        Reversal::Refunded => match dispute_of(data) {
            // The money that a lost dispute gives back is that dispute's, and must not be taken a second time.
            Some(dispute) => (
                PaymentStatus::Reversed,
                "dispute",
                Some(dispute),
                "amount",
                "dispute lost",
            ),
            None => {
                // Some are told without an id of their own, but with the bank's reference.
                let id = id.or_else(|| name(data, "refund_reference"));
                (PaymentStatus::Reversed, "refund", id, "amount", "refunded")
            }
        },
        Reversal::RefundFailed => (
            PaymentStatus::RefundFailed,
            "refund",
            id.or_else(|| name(data, "refund_reference")),
            "amount",
            "the refund failed",
        ),
        Reversal::RefundNeedsAttention => (
            PaymentStatus::RefundFailed,
            "refund",
            id.or_else(|| name(data, "refund_reference")),
            "amount",
            "the refund needs attention",
        ),
        Reversal::DisputeOpened => (
            PaymentStatus::DisputeOpened,
            "dispute",
            id,
            "refund_amount",
            "disputed",
        ),
        Reversal::DisputeWon => (
            PaymentStatus::DisputeWon,
            "dispute",
            id,
            "refund_amount",
            "dispute won",
        ),
        Reversal::DisputeLost => (
            PaymentStatus::Reversed,
            "dispute",
            id,
            "refund_amount",
            "dispute lost",
        ),
    };
    let Some(id) = id else {
        return Err("it does not say which refund or dispute it is about");
    };
    Ok(PaymentResult {
        status,
        amount_minor: integer(data, amount),
        currency: text(data, "currency").and_then(|c| c.to_uppercase().parse().ok()),
        gateway_transaction_id: data.get("transaction").and_then(|it| name(it, "id")),
        reason: Some(reason.to_owned()),
        mode: transaction::mode_of(data).unwrap_or(blank.mode),
        reversal_id: Some(format!("{kind}-{id}")),
        ..blank
    })
}

/// The dispute that a refund follows from, told as its id or whole.
fn dispute_of(refund: &Value) -> Option<String> {
    name(refund, "dispute").or_else(|| name(refund.get("dispute")?, "id"))
}

/// Believed where the payment itself is said to have succeeded.
fn success(data: &Value, blank: PaymentResult) -> Result<PaymentResult, &'static str> {
    match transaction::read(data, None, blank.mode, blank.occurred_at) {
        Some(Ok(answer)) if answer.status == PaymentStatus::Success => Ok(answer.into_result(blank)),
        Some(Ok(_) | Err(_)) | None => Err("it announces a success that its data does not state"),
    }
}

#[cfg(test)]
mod tests;
