//! 1-Click: the consent that stands, and withdrawing it. It is agreed to with a purchase (`purchases`).

use super::wallets::CardShown;
use crate::Edge;
use crate::http::{Bearer, Json, Named, Path, Problem, account_for};
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::ids::AccountId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(get, delete))
}

/// The consent that stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "terms_version": "1", "agreed_at": "2026-11-22T08:15:00Z",
    "card": {"brand": "visa", "last4": "4081", "exp_month": 12, "exp_year": 2030}
}))]
pub(super) struct OneClick {
    /// The terms that were agreed to.
    terms_version: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    agreed_at: Timestamp,
    /// The card that is charged.
    card: CardShown,
}

/// The card of 1-Click
///
/// 404 where 1-Click is not enabled.
#[utoipa::path(
    get, path = "/accounts/{account}/one-click", operation_id = "one_click", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "The consent that stands", body = OneClick))
)]
async fn get(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<OneClick>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let view = edge.database()?.store.one_click(account).await?;
    let view = view.ok_or_else(|| Problem::not_found("1-Click is not enabled"))?;
    Ok(Json(OneClick {
        terms_version: view.terms_version,
        agreed_at: view.agreed_at,
        card: CardShown {
            brand: view.brand,
            last4: view.last4,
            exp_month: view.exp_month,
            exp_year: view.exp_year,
        },
    }))
}

/// Withdraw consent to 1-Click
///
/// By the account itself. A card that automatic top-up does not use is forgotten, here and at the payment gateway.
#[utoipa::path(
    delete, path = "/accounts/{account}/one-click", operation_id = "withdraw_one_click", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 204, description = "It does not stand any more"))
)]
async fn delete(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<StatusCode, Problem> {
    account_for(&edge, &bearer.leave, Act::OneClick, account).await?;
    edge.database()?.store.withdraw_one_click(account).await?;
    Ok(StatusCode::NO_CONTENT)
}
