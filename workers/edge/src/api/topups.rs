//! Top-ups as account holders look at them: where each stands, and what was paid.

use crate::Edge;
use crate::http::{
    Bearer, CreditsText, Json, MethodName, MoneyView, Named, Page, Paging, Path, Problem, Query, ServiceName,
    account_for,
};
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::account::Method;
use topup_rules::ids::{AccountId, Service, TopupId};
use topup_rules::topup::TopupState;
use topup_store::TopupView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(one))
}

/// An automatic top-up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "topup_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "method": "card", "quantity": "500",
    "price": {"amount_minor": 12750, "currency": "ZAR"}, "state": "succeeded", "reason": null,
    "requested_at": "2026-11-22T08:15:00Z", "due_at": null, "settled_at": "2026-11-22T08:15:02Z",
    "reference": "topup-1001-0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "card_last4": "4081"
}))]
struct Topup {
    /// Which.
    #[schema(value_type = uuid::Uuid)]
    topup_id: TopupId,
    /// Of which wallet.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// By card or transfer.
    #[schema(value_type = MethodName)]
    method: Method,
    /// Credits that it brings.
    quantity: CreditsText,
    /// What the card is charged.
    #[schema(required = true)]
    price: Option<MoneyView>,
    /// Where it stands.
    #[schema(value_type = String)]
    state: TopupState,
    /// Why there, in words.
    #[schema(required = true)]
    reason: Option<String>,
    /// When a send reached the threshold.
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    /// The moment that it waits for, if it waits for a known one.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// When it ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
    /// Of its payment.
    #[schema(required = true)]
    reference: Option<String>,
    /// Of the card that was charged.
    #[schema(required = true)]
    card_last4: Option<String>,
}

impl From<TopupView> for Topup {
    fn from(view: TopupView) -> Self {
        let currency = view.currency;
        let (reference, card_last4) = view.payment.map_or((None, None), |payment| {
            (Some(payment.reference.to_string()), payment.card_last4)
        });
        Self {
            topup_id: view.topup_id,
            service: view.service,
            method: view.method,
            quantity: view.quantity.into(),
            price: view.amount_minor.map(|amount_minor| MoneyView {
                amount_minor,
                currency,
            }),
            state: view.state,
            reason: view.reason,
            requested_at: view.requested_at,
            due_at: view.due_at,
            settled_at: view.settled_at,
            reference,
            card_last4,
        }
    }
}

/// An account's top-ups
///
/// The newest first.
#[utoipa::path(
    get, path = "/accounts/{account}/topups", operation_id = "topups", tag = "history",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001), Paging),
    responses((status = 200, description = "A page of them", body = Page<Topup>))
)]
async fn all(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Topup>>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let (after, limit) = (paging.after()?, paging.limit()?);
    let store = &edge.database()?.store;
    let rows = store.topups_page(account, None, after, limit + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| row.topup_id, Topup::from)))
}

/// One top-up
#[utoipa::path(
    get, path = "/accounts/{account}/topups/{topup}", operation_id = "topup", tag = "history",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("topup" = uuid::Uuid, Path, description = "The top-up", example = "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d")
    ),
    responses((status = 200, description = "As it stands now", body = Topup))
)]
async fn one(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(topup))): Path<(Named<AccountId>, Named<TopupId>)>,
) -> Result<Json<Topup>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let found = edge.database()?.store.topup(topup).await?;
    let found = found.filter(|found| found.account_id == account);
    let none = || Problem::not_found("the account has no such top-up");
    found.map(Topup::from).map(Json).ok_or_else(none)
}
