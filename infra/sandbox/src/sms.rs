//! The SMS provider: `POST /sms/outgoing/send` at the root of the HTTP address.
//!
//! It takes what it is given and does not recognise a repeat. An answer of 200 can hold a refused recipient:
//! here, any number that begins with [`REFUSED_PREFIX`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::rfc3339;
use crate::world::World;

/// Numbers that the provider refuses.
pub const REFUSED_PREFIX: &str = "2700000";
/// Recipients of one call, at most.
const RECIPIENTS_MAX: usize = 500;

static NEXT_MESSAGE_ID: AtomicU64 = AtomicU64::new(130_104);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Send {
    message: String,
    recipients: Vec<Recipient>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    mobile_number: String,
    client_message_id: Option<String>,
}

/// One line of `/sandbox/sms`.
#[derive(Serialize)]
struct Seen<'a> {
    to: &'a str,
    message: &'a str,
    client_message_id: Option<&'a str>,
    accepted: bool,
}

/// The provider's one path.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new().route("/sms/outgoing/send", post(send))
}

async fn send(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(status) = world.trouble.sms() {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return envelope(status, Some("The service is unavailable"), Vec::new());
    }
    if let Some(key) = &world.sms_api_key
        && headers.get("authorization").map(|value| value.as_bytes()) != Some(key.as_bytes())
    {
        return envelope(StatusCode::UNAUTHORIZED, Some("Authorization failed"), Vec::new());
    }
    let send: Send = match serde_json::from_slice(&body) {
        Ok(send) => send,
        Err(error) => return envelope(StatusCode::BAD_REQUEST, Some(&error.to_string()), Vec::new()),
    };
    if send.recipients.is_empty() || send.recipients.len() > RECIPIENTS_MAX {
        return envelope(
            StatusCode::BAD_REQUEST,
            Some("No recipients, or too many"),
            Vec::new(),
        );
    }
    let answers = send
        .recipients
        .iter()
        .map(|recipient| take(&world, &send.message, recipient))
        .collect();
    envelope(StatusCode::OK, None, answers)
}

fn take(world: &World, message: &str, recipient: &Recipient) -> Value {
    let Recipient {
        mobile_number,
        client_message_id,
    } = recipient;
    let digits =
        (10..=15).contains(&mobile_number.len()) && mobile_number.bytes().all(|it| it.is_ascii_digit());
    let accept_error = if !digits {
        Some("invalid mobile number")
    } else if mobile_number.starts_with(REFUSED_PREFIX) {
        Some("destination not allowed")
    } else {
        None
    };
    let accepted = accept_error.is_none();
    world.sms.push(&Seen {
        to: mobile_number,
        message,
        client_message_id: client_message_id.as_deref(),
        accepted,
    });
    json!({
        "mobileNumber": mobile_number,
        "clientMessageId": client_message_id,
        "accepted": accepted,
        "acceptError": accept_error,
        "apiMessageId": accepted.then(|| NEXT_MESSAGE_ID.fetch_add(1, Ordering::Relaxed)),
        "scheduledTime": null,
        "creditCost": if accepted { 1 } else { 0 },
    })
}

fn envelope(status: StatusCode, error: Option<&str>, recipients: Vec<Value>) -> Response {
    let body = json!({
        "timeStamp": rfc3339(Timestamp::now()),
        "version": "1.0",
        "statusCode": status.as_u16(),
        "errorMessage": error,
        "recipients": recipients,
    });
    (status, Json(body)).into_response()
}
