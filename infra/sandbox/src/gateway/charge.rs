//! Charging a saved card: what the card does, told, half told or kept from the caller.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::admission::{Admitted, Arrived};
use super::errors::{ApiError, refusal, spoiled};
use super::hosted::page_url;
use super::request::{Request, minor};
use super::shape::{self, Occasion};
use crate::books::{Charged, Status, Transaction};
use crate::record::rfc3339;
use crate::webhooks::FirstTry;
use crate::world::World;

/// How long a caller is kept waiting that is never answered. It gives up long before.
const UNANSWERED_MAX: Duration = Duration::from_secs(120);
/// How long an answer waits for a webhook that is to be there first.
const EARLY_WEBHOOK_MAX: Duration = Duration::from_secs(5);
/// Pause between the half of an answer that is sent and the end of the connection, so that the half arrives.
const HALF_PAUSE: Duration = Duration::from_millis(20);

/// One line of `/sandbox/charges`.
#[derive(Serialize)]
struct Seen<'a> {
    received_at: String,
    reference: Option<&'a str>,
    amount: Option<u64>,
    currency: Option<&'a str>,
    authorization_code: Option<&'a str>,
    email: Option<&'a str>,
    outcome: &'a str,
}

/// `POST /transaction/charge_authorization`.
pub(super) async fn charge_authorization(
    State(world): State<Arc<World>>,
    Arrived(received_at): Arrived,
    admitted: Result<Admitted, ApiError>,
    body: Bytes,
) -> Response {
    let request = Request::read(&body);
    let charged = match (admitted, &request) {
        (Err(error), _) => Err(error),
        (Ok(Admitted), Err(error)) => Err(error.clone()),
        (Ok(Admitted), Ok(request)) => charge(&world, request),
    };
    let outcome = match &charged {
        Ok(charged) => outcome(charged),
        Err(error) => error.outcome(),
    };
    let request = request.unwrap_or_default();
    world.charges.push(&Seen {
        received_at: rfc3339(received_at),
        reference: request.reference.as_deref(),
        amount: request.amount.as_ref().and_then(minor),
        currency: request.currency.as_deref(),
        authorization_code: request.authorization_code.as_deref(),
        email: request.email.as_deref(),
        outcome: &outcome,
    });
    match charged {
        Ok(charged) => answer(&world, charged).await,
        Err(error) => error.into_response(),
    }
}

fn charge(world: &World, request: &Request) -> Result<Charged, ApiError> {
    let asked = request.asked(world)?;
    let Some(code) = request.authorization_code.clone() else {
        return Err(ApiError::Validation("Authorization code is required".to_owned()));
    };
    let charged = world.books().charge(asked, code, Timestamp::now(), |asked| {
        world.trouble.amounts(asked)
    });
    Ok(charged?)
}

fn outcome(charged: &Charged) -> String {
    let word = match charged {
        Charged::Settled(transaction) => transaction.status.word(),
        Charged::Pending(_) => "pending",
        Charged::Paused(_) => "paused",
        Charged::Unanswered(_) => "timeout",
        Charged::CutShort(_) => "lost",
        Charged::ServerError(_) => "server-error",
    };
    word.to_owned()
}

async fn answer(world: &Arc<World>, charged: Charged) -> Response {
    match charged {
        Charged::Settled(transaction) => {
            if transaction.status == Status::Success {
                webhook_first(world.captured(&transaction)).await;
            }
            Json(attempted(world, &transaction)).into_response()
        }
        Charged::Pending(transaction) => {
            world.succeed_later(&transaction);
            Json(attempted(world, &transaction)).into_response()
        }
        Charged::Paused(transaction) => {
            world.abandon_later(&transaction);
            Json(paused(world, &transaction)).into_response()
        }
        Charged::Unanswered(transaction) => {
            world.captured(&transaction);
            // Dropped when the caller gives up.
            tokio::time::sleep(UNANSWERED_MAX).await;
            spoiled(504)
        }
        Charged::CutShort(transaction) => {
            webhook_first(world.captured(&transaction)).await;
            half_of(&attempted(world, &transaction))
        }
        Charged::ServerError(reference) => {
            // Told by the gateway itself, or by something before it.
            if world.draw(&reference).one_in(2, "server error") {
                return spoiled(500);
            }
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "api_error",
                "unknown",
                "An error occurred",
            )
        }
    }
}

async fn webhook_first(first_try: Option<FirstTry>) {
    if let Some(first_try) = first_try {
        // Too late, or never sent: the answer does not wait any longer.
        let _ = tokio::time::timeout(EARLY_WEBHOOK_MAX, first_try).await;
    }
}

fn attempted(world: &World, transaction: &Transaction) -> Value {
    json!({
        "status": true,
        "message": "Charge attempted",
        "data": shape::transaction(world, transaction, Occasion::Charge),
    })
}

fn paused(world: &World, transaction: &Transaction) -> Value {
    let access_code = transaction.page.as_ref().map(|page| page.access_code.as_str());
    json!({
        "status": true,
        "message": "Please, redirect your customer to the authorization url provided",
        "data": {
            "authorization_url": access_code.map(|code| page_url(world, code)),
            "reference": transaction.asked.reference,
            "access_code": access_code,
            "paused": true,
        },
    })
}

/// An answer that promises its whole length and ends in the middle, with the connection.
fn half_of(body: &Value) -> Response {
    let whole = body.to_string().into_bytes();
    let half = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let cut = stream::once(async {
        tokio::time::sleep(HALF_PAUSE).await;
        Err(std::io::Error::other("the connection is dropped on purpose"))
    });
    let body = Body::from_stream(stream::once(async { Ok(half) }).chain(cut));
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_LENGTH, whole.len().to_string()),
    ];
    (headers, body).into_response()
}
