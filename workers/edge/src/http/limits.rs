//! How often one token may call, and how many requests are in hand at once.
//!
//! Each edge counts for itself: with several of them behind a load balancer, a token may call as often at each.

use super::caller::Bearer;
use super::problem::{Kind, Problem};
use crate::Edge;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::body::{Frame, SizeHint};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Tokens that are counted, at most; past it those are forgotten that have not called of late.
const COUNTED_MAX: usize = 10_000;
/// A moment's rush may be so many times what a second may bring.
const BURST: u32 = 2;

/// What is counted.
#[derive(Debug)]
pub(crate) struct Limits {
    requests: Limit,
    holds: Limit,
    room: Arc<Semaphore>,
}

impl Limits {
    /// So many a second of each token, and so many at once of all.
    pub(crate) fn new(requests_per_second: u32, holds_per_second: u32, requests_max: usize) -> Self {
        Self {
            requests: Limit::new(requests_per_second),
            holds: Limit::new(holds_per_second),
            room: Arc::new(Semaphore::new(requests_max)),
        }
    }

    /// # Errors
    /// 429, with when to come again.
    pub(crate) fn request(&self, bearer: Bearer) -> Result<Bearer, Problem> {
        self.requests.count(&bearer.token_id)?;
        Ok(bearer)
    }

    /// # Errors
    /// 429, with when to come again.
    pub(crate) fn hold(&self, bearer: Bearer) -> Result<Bearer, Problem> {
        self.holds.count(&bearer.token_id)?;
        Ok(bearer)
    }
}

impl Limits {
    /// Room for one request more, if there is any.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }
}

struct Limit {
    per_second: NonZeroU32,
    counts: DefaultKeyedRateLimiter<Uuid>,
    clock: DefaultClock,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit")
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

impl Limit {
    fn new(per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
        Self {
            per_second,
            counts: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            clock: DefaultClock::default(),
        }
    }

    fn count(&self, token: &Uuid) -> Result<(), Problem> {
        if self.counts.len() > COUNTED_MAX {
            self.counts.retain_recent();
        }
        self.counts.check_key(token).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            let detail = format!("at most {} requests a second", self.per_second);
            Problem::new(Kind::TooOften, detail).after(wait.as_secs() + 1)
        })
    }
}

/// Lets so many requests of the interface in as there is room for; the pages have words of their own where there is none.
pub(crate) async fn room(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    match edge.limits.place() {
        Some(place) => held(next.run(request).await, place),
        None => Problem::unavailable("too many requests are in hand").into_response(),
    }
}

/// An answer that is still being made while it is sent keeps its place until it is all sent, or its reader has gone.
pub(crate) fn held(answer: Response, place: OwnedSemaphorePermit) -> Response {
    answer.map(|body| match body.size_hint().exact() {
        Some(_) => body,
        None => Body::new(Held { body, _place: place }),
    })
}

/// A body that is made as it is read, and its place.
struct Held {
    body: Body,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_calls_too_often_is_told_when_to_come_again_and_others_are_not() {
        let limit = Limit::new(1);
        let (busy, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(limit.count(&busy).is_ok());
        assert!(limit.count(&busy).is_ok());
        let problem = limit.count(&busy).unwrap_err();
        assert_eq!(problem.kind(), Kind::TooOften);
        let answer = problem.into_response();
        assert!(answer.headers().contains_key(axum::http::header::RETRY_AFTER));
        assert!(limit.count(&other).is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_is_made_while_it_is_sent_keeps_its_place_and_any_other_gives_it_back() {
        let room = Arc::new(Semaphore::new(1));
        let place = || Arc::clone(&room).try_acquire_owned().unwrap();
        let whole = held("all of it".into_response(), place());
        assert_eq!(room.available_permits(), 1);
        drop(whole);
        let pieces = || {
            let pieces = [Ok::<_, std::io::Error>("a piece"), Ok("another")];
            Body::from_stream(futures_util::stream::iter(pieces)).into_response()
        };
        let read = held(pieces(), place());
        assert_eq!(room.available_permits(), 0);
        let text = axum::body::to_bytes(read.into_body(), 100).await.unwrap();
        assert_eq!(text, "a pieceanother");
        assert_eq!(room.available_permits(), 1);
        let left = held(pieces(), place());
        assert_eq!(room.available_permits(), 0);
        drop(left);
        assert_eq!(room.available_permits(), 1);
    }
}
