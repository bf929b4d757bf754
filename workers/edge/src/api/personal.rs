//! What is personal: all that is kept of an account's holder, and its removal.

use crate::Edge;
use crate::http::{Bearer, Json, Kind, Named, Path, Problem, account_for};
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::{AccessRefusal, Act};
use topup_rules::ids::AccountId;
use topup_store::Removed;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(export, remove))
}

/// What was removed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PersonalRemoved, example = json!({"account_id": 1001}))]
pub(super) struct PersonalRemoved {
    /// Of which account.
    account_id: i64,
}

/// All that is kept of the account's holder
///
/// Of each part the newest 10,000 rows; `complete` says whether that is all. The ledger's entries are told by statements.
#[utoipa::path(
    get, path = "/accounts/{account}/personal", operation_id = "personal", tag = "personal",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "One list a part", body = serde_json::Value,
               example = json!({"account": [{"account_id": 1001, "mobile": "+27820000001"}], "complete": true})))
)]
async fn export(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<serde_json::Value>, Problem> {
    account_for(&edge, &bearer.leave, Act::Export, account).await?;
    let document = edge.database()?.store.personal_export(account).await?;
    Ok(Json(document.ok_or(AccessRefusal::NoAccount(account))?))
}

/// Remove all that is personal of the account's holder, for good
///
/// The ledger and payments stay, without the person; auto top-up ends. Refused with 409 while something is under way. It can
/// be repeated.
#[utoipa::path(
    delete, path = "/accounts/{account}/personal", operation_id = "remove_personal", tag = "personal",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses(
        (status = 200, description = "It is done", body = PersonalRemoved),
        (status = 409, description = "Something is under way",
            body = crate::http::problem::ProblemBody, content_type = "application/problem+json",
            example = json!({"type": "/problems/conflict", "title": "Something else stands against it now",
                "status": 409, "detail": "a payment is under way: wait until it has ended"}))
    )
)]
async fn remove(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<PersonalRemoved>, Problem> {
    account_for(&edge, &bearer.leave, Act::Remove, account).await?;
    match edge.database()?.store.remove_personal(account).await? {
        Removed::Done(_) => Ok(Json(PersonalRemoved {
            account_id: account.get(),
        })),
        Removed::Refused(refusal) => Err(Problem::new(Kind::Conflict, refusal.to_string())),
        Removed::NoAccount => Err(AccessRefusal::NoAccount(account).into()),
    }
}
