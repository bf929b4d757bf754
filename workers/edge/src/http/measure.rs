//! How many requests there were, and how long they took, by route and by kind of answer; and each one's part of a trace.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use topup_runtime::metrics;
use topup_runtime::traces::Work;

/// Where no route is.
const NO_ROUTE: &str = "none";
/// A mistake or an outage of ours.
const TROUBLE: &str = "trouble";

/// Counts what goes through.
pub(crate) async fn measured(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let work = Work::serving(request.method().as_str(), route);
    let answer = work.run(next.run(request)).await;
    let status = match answer.status().as_u16() {
        ..400 => "done",
        400..500 => "refused",
        500.. => TROUBLE,
    };
    work.answered(answer.status().as_u16(), (status == TROUBLE).then_some(TROUBLE));
    metrics::REQUESTS.add([route, status], 1);
    metrics::REQUEST_SECONDS.took([route], started.elapsed());
    answer
}
