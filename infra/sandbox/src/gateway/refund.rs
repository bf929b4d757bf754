//! Giving back: refunds, disputes as they are announced, and cards withdrawn.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::Admitted;
use super::errors::ApiError;
use super::request::minor;
use super::shape;
use crate::books::{BOOKED_MAX, Dispute, DisputeOutcome, Refund, RefundRefused};
use crate::record::rfc3339;
use crate::webhooks::Event;
use crate::world::World;

#[derive(Debug, Deserialize)]
struct RefundRequest {
    /// The payment's reference, or its number.
    transaction: Value,
    amount: Option<Value>,
    customer_note: Option<String>,
    merchant_note: Option<String>,
}

/// `POST /refund`: taken at once, done a little later.
pub(super) async fn refund(
    State(world): State<Arc<World>>,
    _: Admitted,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request: RefundRequest = read(&body)?;
    let named = match &request.transaction {
        Value::String(text) => text.clone(),
        other @ (Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    let amount_minor = match &request.amount {
        Some(amount) => Some(minor(amount).ok_or_else(|| ApiError::Validation("Invalid amount".to_owned()))?),
        None => None,
    };
    let refund = {
        let mut books = world.books();
        let reference = books.reference_of(&named).ok_or(ApiError::TransactionNotFound)?;
        books.refund(&reference, amount_minor, Timestamp::now())
    };
    let refund = refund.map_err(|refused| match refused {
        RefundRefused::Unknown => ApiError::TransactionNotFound,
        RefundRefused::Full => ApiError::Full,
        RefundRefused::NotPaid | RefundRefused::Amount => {
            ApiError::Validation(refused_sentence(refused).to_owned())
        }
    })?;
    announce_when_done(&world, refund.clone());
    Ok(Json(json!({
        "status": true,
        "message": "Refund has been queued for processing",
        "data": taken(&world, &refund, request),
    })))
}

/// The webhook of the end of a refund.
pub(crate) fn refund_event(world: &World, refund: &Refund, name: &'static str) -> Event {
    let reference = refund.transaction.asked.reference.clone();
    let status = name.strip_prefix("refund.").unwrap_or(name);
    Event {
        name,
        data: json!({
            "id": refund.id,
            "status": status,
            "transaction_reference": reference,
            "refund_reference": (status == "processed").then(|| refund.id.to_string()),
            "amount": amount(world, refund),
            "currency": refund.transaction.asked.currency.code(),
            "processor": "instant-transfer",
            "customer": shape::customer(world, &refund.transaction.asked.email),
            "integration": 412_829,
            "domain": world.domain(),
        }),
        reference,
    }
}

/// The webhook of a dispute's beginning or end.
pub(crate) fn dispute_event(world: &World, dispute: &Dispute) -> Event {
    let transaction = &dispute.transaction;
    let (name, status, resolution) = match dispute.resolved {
        None => ("charge.dispute.create", "awaiting-merchant-feedback", None),
        Some((DisputeOutcome::Lost, _)) => ("charge.dispute.resolve", "resolved", Some("merchant-accepted")),
        Some((DisputeOutcome::Unanswered, _)) => {
            ("charge.dispute.resolve", "resolved", Some("auto-accepted"))
        }
        Some((DisputeOutcome::Won, _)) => ("charge.dispute.resolve", "resolved", Some("declined")),
    };
    Event {
        name,
        reference: transaction.asked.reference.clone(),
        data: json!({
            "id": dispute.id,
            "refund_amount": dispute.amount_minor,
            "currency": transaction.asked.currency.code(),
            "status": status,
            "resolution": resolution,
            "domain": world.domain(),
            "transaction": shape::disputed(world, transaction),
            "transaction_reference": null,
            "category": "chargeback",
            "customer": shape::customer(world, &transaction.asked.email),
            "bin": "408408",
            "last4": "4081",
            "dueAt": rfc3339(dispute.created_at),
            "resolvedAt": dispute.resolved.map(|(_, at)| rfc3339(at)),
            "evidence": null,
            "attachments": null,
            "note": null,
            "history": [],
            "messages": [],
            "created_at": rfc3339(dispute.created_at),
            "updated_at": rfc3339(dispute.resolved.map_or(dispute.created_at, |(_, at)| at)),
        }),
    }
}

/// Why nothing is given back.
pub(crate) fn refused_sentence(refused: RefundRefused) -> &'static str {
    match refused {
        RefundRefused::Unknown => "There is no such transaction, or nothing open on it",
        RefundRefused::NotPaid => "Transaction is not paid, or has been fully reversed",
        RefundRefused::Amount => "Refund amount cannot be more than what is left of the transaction",
        RefundRefused::Full => "The sandbox is full: POST /sandbox/reset",
    }
}

/// `POST /customer/authorization/deactivate`.
pub(super) async fn deactivate(
    State(world): State<Arc<World>>,
    _: Admitted,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    struct Withdrawn {
        authorization_code: String,
    }
    let Withdrawn { authorization_code } = read(&body)?;
    if !world.books().deactivate(authorization_code.clone()) {
        tracing::warn!(max = BOOKED_MAX, "too many cards are withdrawn");
        return Err(ApiError::Full);
    }
    world
        .deactivated
        .push(&json!({"authorization_code": authorization_code}));
    Ok(Json(
        json!({"status": true, "message": "Authorization has been deactivated"}),
    ))
}

fn announce_when_done(world: &Arc<World>, refund: Refund) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::time::sleep(world.pending).await;
        // Not if everything was forgotten in the meantime.
        let known = world
            .books()
            .find(&refund.transaction.asked.reference)
            .map(|it| it.id);
        if known == Some(refund.transaction.id) {
            let step = |name| refund_event(&world, &refund, name);
            world.announce(vec![step("refund.pending"), step("refund.processed")]);
        }
    });
}

fn taken(world: &World, refund: &Refund, request: RefundRequest) -> Value {
    let at = rfc3339(refund.created_at);
    let note = format!("Refund for transaction {}", refund.transaction.asked.reference);
    json!({
        "id": refund.id,
        "transaction": shape::refunded(world, &refund.transaction),
        "integration": 412_829,
        "deducted_amount": 0,
        "channel": null,
        "merchant_note": request.merchant_note.unwrap_or_else(|| note.clone()),
        "customer_note": request.customer_note.unwrap_or(note),
        "status": "pending",
        "refunded_by": "sandbox@example.com",
        "expected_at": at,
        "currency": refund.transaction.asked.currency.code(),
        "domain": world.domain(),
        "amount": amount(world, refund),
        "fully_deducted": false,
        "createdAt": at,
        "updatedAt": at,
    })
}

/// A refund's amount: a number, or the same as text.
fn amount(world: &World, refund: &Refund) -> Value {
    let minor = refund.amount_minor;
    world
        .draw(&refund.transaction.asked.reference)
        .pick("refund", &[json!(minor), json!(minor.to_string())])
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Validation(format!("Invalid JSON body: {error}")))
}
