//! Quotes: what credits cost, and what money buys (P1).

use crate::Edge;
use crate::http::{
    Bearer, CreditsText, Json, Kind, MoneyView, Named, Path, Problem, Query, ServiceName, account_for,
};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service};
use topup_rules::prices::{Quote, UnitPrice, Wanted};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(quote))
}

/// What is asked.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// `sms` or `whatsapp`.
    #[param(value_type = ServiceName, example = "sms")]
    service: Named<Service>,
    /// What so many credits cost; or
    #[param(value_type = Option<String>, nullable = false, pattern = r"^\d+(\.\d{1,3})?$", example = "500")]
    credits: Option<Named<Credits>>,
    /// what so much buys, in the minor unit of the account's currency.
    #[param(value_type = Option<i64>, nullable = false)]
    amount_minor: Option<Named<i64>>,
}

/// What is charged for how many credits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Quote, example = json!({
    "service": "sms", "credits": "500", "price": {"amount_minor": 12750, "currency": "ZAR"},
    "tax": {"amount_minor": 1663, "currency": "ZAR"}, "unit_price_minor": "25.5"
}))]
pub(super) struct QuoteView {
    /// Of what: `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// How many. For an amount, as many as it covers.
    credits: CreditsText,
    /// What is charged, tax included. For an amount, it may be less.
    price: MoneyView,
    /// The tax in the price.
    tax: MoneyView,
    /// The price of one credit, in the currency's minor unit: a decimal.
    #[schema(value_type = String)]
    unit_price_minor: UnitPrice,
}

impl QuoteView {
    fn of(service: Service, quote: &Quote) -> Self {
        Self {
            service,
            credits: quote.credits.into(),
            price: quote.price.into(),
            tax: quote.tax.into(),
            unit_price_minor: quote.unit_price,
        }
    }
}

/// What credits cost, or what money buys
#[utoipa::path(
    get, path = "/accounts/{account}/quotes", operation_id = "quote", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001), Asked),
    responses(
        (status = 200, description = "By the price list as it is now", body = QuoteView),
        (status = 422, description = "There is no such price", body = crate::http::problem::ProblemBody,
            content_type = "application/problem+json")
    )
)]
async fn quote(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Query(asked): Query<Asked>,
) -> Result<Json<QuoteView>, Problem> {
    let (account, _) = account_for(&edge, &bearer.leave, Act::Quote, account).await?;
    let wanted = match (asked.credits, asked.amount_minor) {
        (Some(Named(credits)), None) => Wanted::Credits(credits),
        (None, Some(Named(amount_minor))) => Wanted::Amount(amount_minor),
        (None, None) | (Some(_), Some(_)) => {
            let detail = "either `credits` or `amount_minor` must be given";
            return Err(Problem::new(Kind::Malformed, detail));
        }
    };
    let Named(service) = asked.service;
    let prices = edge.database()?.store.prices().await?;
    let quote = prices
        .quote(service, account.currency, wanted)
        .map_err(Problem::refused)?;
    Ok(Json(QuoteView::of(service, &quote)))
}
