//! Transfers by hand: a main account moves credits to its subs, and back (X5).

use crate::Edge;
use crate::http::{
    Bearer, CreditsGiven, CreditsText, Json, Named, Path, Problem, RequestId, RequestedAt, ServiceName,
};
use crate::moving::{Direction, Move, Moving, REASON_DEFAULT, move_credits, moved_by};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::ids::{AccountId, Service};
use topup_store::ByHand;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Longest reason, in characters.
const REASON_MAX_CHARS: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(post))
}

/// What is to be moved.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sub": 2001, "direction": "to-sub", "service": "sms", "credits": "250", "reason": "for November"}))]
pub(super) struct NewTransfer {
    /// The sub account.
    #[schema(value_type = i64, minimum = 1)]
    sub: AccountId,
    /// Which way.
    direction: Direction,
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// How many.
    credits: CreditsGiven,
    /// Why, on one line, for the ledger.
    #[serde(default)]
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// What was moved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "transfer_id": "6f1c7f0e-31c5-5d0c-9b0b-8f6ad6b1c0de", "main": 1001, "sub": 2001, "direction": "to-sub", "service": "sms",
    "credits": "250"
}))]
pub(super) struct Transfer {
    /// As it stands in the ledger's entries.
    transfer_id: Uuid,
    /// The main account.
    #[schema(value_type = i64)]
    main: AccountId,
    /// The sub account.
    #[schema(value_type = i64)]
    sub: AccountId,
    /// Which way.
    direction: Direction,
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// How many.
    credits: CreditsText,
}

/// Move credits between a main account and its sub
///
/// It is done by the main account, at once, and triggers no automatic top-up.
#[utoipa::path(
    post, path = "/accounts/{account}/transfers", operation_id = "transfer", tag = "wallets",
    params(("account" = i64, Path, description = "The main account", minimum = 1, example = 1001)),
    request_body = NewTransfer,
    responses((status = 201, description = "Both wallets have it", body = Transfer))
)]
async fn post(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(main)): Path<Named<AccountId>>,
    RequestId(transfer_id): RequestId,
    RequestedAt(at): RequestedAt,
    Json(new): Json<NewTransfer>,
) -> Result<(StatusCode, Json<Transfer>), Problem> {
    let NewTransfer {
        sub,
        direction,
        service,
        credits: CreditsGiven(credits),
        reason,
    } = new;
    let by_hand = ByHand {
        id: transfer_id,
        at,
        reason: one_line(reason),
        by: moved_by(main),
    };
    let wanted = Move {
        main,
        sub,
        direction,
        service,
        credits,
    };
    match move_credits(edge.database()?, &bearer.leave, wanted, &by_hand).await? {
        Moving::Done => {}
        Moving::Denied(denied) => return Err(denied.into()),
        Moving::Refused(refusal) => return Err(refusal.into()),
    }
    let moved = Transfer {
        transfer_id,
        main,
        sub,
        direction,
        service,
        credits: credits.into(),
    };
    Ok((StatusCode::CREATED, Json(moved)))
}

/// A reason as the ledger keeps it.
fn one_line(reason: Option<String>) -> String {
    let reason = reason.unwrap_or_default();
    let line: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(REASON_MAX_CHARS)
        .collect();
    match line.trim() {
        "" => REASON_DEFAULT.to_owned(),
        line => line.to_owned(),
    }
}
