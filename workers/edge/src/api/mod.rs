//! The HTTP interface, `/v1`: for platforms that have pages and senders of their own.
//!
//! Each resource is a file with its routes, which describe themselves for the document (`GET /v1/openapi.json`). No rule
//! is decided here: a route reads what came, asks whether the caller may, calls the store, and writes what came of it.

mod accounts;
mod auto_topup;
mod contact;
#[cfg(test)]
#[path = "document.rs"]
mod document_test;
mod given;
mod holds;
pub(crate) mod ledger;
mod low_credit;
mod one_click;
mod personal;
mod purchases;
mod quotes;
mod topups;
mod transfers;
mod wallets;

use crate::Edge;
use crate::http::{Problem, caller, doc, idempotency};
use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every path begins with: the version.
const PREFIX: &str = "/v1";

/// Every resource: one line each. A repeat of a POST to one of these is answered the same.
fn resources() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(auto_topup::routes())
        .merge(contact::routes())
        .merge(ledger::routes())
        .merge(low_credit::routes())
        .merge(one_click::routes())
        .merge(purchases::routes())
        .merge(personal::routes())
        .merge(quotes::routes())
        .merge(topups::routes())
        .merge(transfers::routes())
        .merge(wallets::routes())
}

/// Leave to send: asked for far more often than anything else, and its own key of a repeat.
fn senders() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().merge(holds::routes())
}

/// The document, of the same lines as the routes.
#[must_use]
pub fn document() -> OpenApi {
    let all = resources().merge(senders()).routes(routes!(served));
    let (_, document) = OpenApiRouter::with_openapi(doc::begun())
        .nest(PREFIX, all)
        .split_for_parts();
    doc::completed(document)
}

/// The routes, each behind what its callers go through.
pub(crate) fn router(edge: &Arc<Edge>) -> Router<Arc<Edge>> {
    let with = |edge: &Arc<Edge>| Arc::clone(edge);
    let resources = Router::from(resources())
        .route_layer(from_fn_with_state(with(edge), idempotency::remember))
        .route_layer(from_fn_with_state(with(edge), caller::requests));
    let senders = Router::from(senders()).route_layer(from_fn_with_state(with(edge), caller::holds));
    let all = resources
        .merge(senders)
        .merge(Router::from(OpenApiRouter::new().routes(routes!(served))))
        .method_not_allowed_fallback(no_such_method)
        .fallback(nothing_here);
    Router::new().nest(PREFIX, all)
}

/// This document
///
/// Needs no token.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "document", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value))
)]
async fn served() -> impl IntoResponse {
    use std::sync::LazyLock;
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing by this path")
}

async fn no_such_method() -> Problem {
    Problem::new(
        crate::http::Kind::MethodNotAllowed,
        "there is no such method here",
    )
}
