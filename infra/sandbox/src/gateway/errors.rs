//! The gateway's refusals, in its words and codes.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use crate::books::Refused;

/// Seconds until a caller that was told to slow down may call again.
const RATE_RESET_S: i64 = 1;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// Trouble made to order: this HTTP status.
    Spoiled(u16),
    /// No key.
    NoKey,
    /// Another key than ours.
    InvalidKey,
    /// The request is no request.
    Validation(String),
    /// The reference was used before.
    DuplicateReference,
    /// There is no payment of that reference.
    TransactionNotFound,
    /// The card is unknown, withdrawn, or another customer's.
    NotThisCustomers,
    /// More is booked than the sandbox keeps.
    Full,
}

impl ApiError {
    /// The refusal's name in the list of charges.
    pub(super) fn outcome(&self) -> String {
        match self {
            Self::Spoiled(status) => format!("spoiled-{status}"),
            Self::NoKey | Self::InvalidKey => "invalid-key".to_owned(),
            Self::Validation(_) | Self::NotThisCustomers => "validation-error".to_owned(),
            Self::DuplicateReference => "duplicate-reference".to_owned(),
            Self::TransactionNotFound => "not-found".to_owned(),
            Self::Full => "full".to_owned(),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Duplicate => Self::DuplicateReference,
            Refused::NotThisCustomers => Self::NotThisCustomers,
            Refused::Full => Self::Full,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Spoiled(401) | Self::InvalidKey => refusal(
                StatusCode::UNAUTHORIZED,
                "validation_error",
                "invalid_Key",
                "Invalid key",
            ),
            Self::NoKey => {
                let message = "No Authorization Header was found";
                refusal(
                    StatusCode::UNAUTHORIZED,
                    "validation_error",
                    "missing_key",
                    message,
                )
            }
            Self::Spoiled(429) => {
                let message = "You have exceeded the number of requests allowed";
                let answer = refusal(
                    StatusCode::TOO_MANY_REQUESTS,
                    "api_error",
                    "rate_limited",
                    message,
                );
                let reset = Timestamp::now().as_second().saturating_add(RATE_RESET_S);
                ([("x-ratelimit-reset", reset.to_string())], answer).into_response()
            }
            Self::Spoiled(status) => spoiled(status),
            Self::Validation(message) => refusal(
                StatusCode::BAD_REQUEST,
                "validation_error",
                "invalid_params",
                &message,
            ),
            Self::DuplicateReference => {
                let message = "Duplicate Transaction Reference";
                refusal(
                    StatusCode::BAD_REQUEST,
                    "validation_error",
                    "duplicate_reference",
                    message,
                )
            }
            Self::TransactionNotFound => {
                let message = "Transaction reference not found.";
                refusal(
                    StatusCode::NOT_FOUND,
                    "validation_error",
                    "transaction_not_found",
                    message,
                )
            }
            Self::NotThisCustomers => {
                let message = "Email does not match Authorization code. Authorization may be inactive or belong to \
                               a different email. Please confirm.";
                refusal(
                    StatusCode::BAD_REQUEST,
                    "validation_error",
                    "invalid_params",
                    message,
                )
            }
            Self::Full => {
                let message = "The sandbox is full: POST /sandbox/reset";
                refusal(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "api_error",
                    "sandbox_full",
                    message,
                )
            }
        }
    }
}

/// A server error as something before the gateway reports it: a page, no JSON.
pub(super) fn spoiled(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
    (status, Html(page)).into_response()
}

/// A refusal in the gateway's envelope.
pub(super) fn refusal(status: StatusCode, kind: &str, code: &str, message: &str) -> Response {
    let next_step = "Check the request against the documentation and try again";
    let body = json!({
        "status": false, "message": message, "meta": {"nextStep": next_step}, "type": kind, "code": code,
    });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
