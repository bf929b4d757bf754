//! Transfers by hand: a main account moves credits to its subs, and back (X5).

use crate::Edge;
use crate::http::{
    Bearer, CreditsGiven, CreditsText, Json, Named, Path, Problem, RequestId, RequestedAt, ServiceName,
};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::{AccessRefusal, may_move};
use topup_rules::account::Account;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{ByHand, Moved};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// What the ledger says where the caller gives no reason.
const REASON_DEFAULT: &str = "moved by hand";
/// Longest reason, in characters.
const REASON_MAX_CHARS: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(post))
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    /// From the main account to its sub.
    ToSub,
    /// From the sub account to its main.
    FromSub,
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
    let (of_main, of_sub) = (account(&edge, main).await?, account(&edge, new.sub).await);
    // Whoever may not know of the main account hears nothing of its subs.
    let of_sub = match of_sub {
        Ok(of_sub) => of_sub,
        Err(missing) => {
            may_move(&bearer.leave, &of_main, &of_main)?;
            return Err(missing);
        }
    };
    may_move(&bearer.leave, &of_main, &of_sub)?;
    let NewTransfer {
        sub,
        direction,
        service,
        credits: CreditsGiven(credits),
        reason,
    } = new;
    let wallet = |account| WalletKey { account, service };
    let (from, to) = match direction {
        Direction::ToSub => (wallet(main), wallet(sub)),
        Direction::FromSub => (wallet(sub), wallet(main)),
    };
    let by_hand = ByHand {
        id: transfer_id,
        at,
        reason: one_line(reason),
        by: format!("account {main}"),
    };
    let database = edge.database()?;
    match database
        .store
        .move_credits_by_hand(from, to, credits, &by_hand)
        .await?
    {
        Moved::Done { outbox, .. } => database.outbox.send(outbox),
        Moved::AlreadyDone => {}
        Moved::Refused(refusal) => return Err(refusal.into()),
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

async fn account(edge: &Edge, id: AccountId) -> Result<Account, Problem> {
    let account = edge.database()?.store.account(id).await?;
    Ok(account.ok_or(AccessRefusal::NoAccount(id))?)
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
