//! How many requests there were, and how long they took, by route and by kind of answer.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use topup_runtime::metrics;

/// Where no route is.
const NO_ROUTE: &str = "none";

/// Counts what goes through.
pub(crate) async fn measured(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = next.run(request).await;
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let status = match answer.status().as_u16() {
        ..400 => "done",
        400..500 => "refused",
        500.. => "trouble",
    };
    metrics::REQUESTS.add([route, status], 1);
    metrics::REQUEST_SECONDS.took([route], started.elapsed());
    answer
}
