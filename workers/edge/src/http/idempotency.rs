//! A POST bears a key of the caller's, and a repeat of it is answered the same, whatever became of the first answer.
//!
//! Whatever a POST makes is named after token and key ([`RequestId`]), and dated by its first try ([`RequestedAt`]): one
//! that was cut short, by a crash of ours, say, is done again by its repeat and finds what it made. What comes back from
//! a mistake or trouble of ours is not kept.
//!
//! What was begun is brought to its end, even where the caller hangs up meanwhile.

use super::caller::Bearer;
use super::json;
use super::problem::{Kind, Problem};
use crate::Edge;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use topup_runtime::traces::Work;
use topup_store::RequestBegun;
use uuid::Uuid;

/// The key's header.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Set on an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const KEY_MAX: usize = 255;
/// Largest answer that is kept, in bytes. A POST answers with what it made.
const ANSWER_MAX_BYTES: usize = 256 * 1024;
/// When a repeat may find the first one's answer, in seconds.
const IN_HAND_S: u64 = 1;

/// The id of what a POST makes: the same for every repeat, and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().copied().ok_or_else(no_key)
    }
}

/// When a POST was first tried, by the database's clock: the same for every repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedAt(pub Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for RequestedAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().copied().ok_or_else(no_key)
    }
}

fn no_key() -> Problem {
    tracing::error!("a route asks for its request's key, and nothing before it reads one");
    Problem::new(Kind::Internal, "something went wrong here, and was written down")
}

/// Every route of the interface stands behind it but those that bear a key of their own; POSTs alone are looked at.
pub(crate) async fn remember(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match once(edge, request, next).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn once(edge: Arc<Edge>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let key = key(&parts.headers)?;
    let caller = Bearer::from_request_parts(&mut parts, &()).await?.token_id;
    let body = json::read(body).await?;
    let hash = hash(&parts, &body);
    let store = edge.database()?.store.clone();
    match store.begin_request(caller, &key, &hash).await? {
        RequestBegun::New { begun_at } => {
            parts.extensions.insert(RequestedAt(begun_at));
        }
        RequestBegun::Same {
            status,
            content_type,
            body,
        } => return Ok(replayed(status, content_type.as_deref(), body)),
        RequestBegun::Other => {
            let detail = "the key was used for a request with another path or body";
            return Err(Problem::new(Kind::KeyReused, detail));
        }
        RequestBegun::InHand => {
            let detail = "the first request with this key is in hand";
            return Err(Problem::new(Kind::Conflict, detail).after(IN_HAND_S));
        }
    }
    let id = RequestId(Uuid::new_v5(&caller, key.as_bytes()));
    parts.extensions.insert(id);
    let work = Work::here();
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own, which nobody's hanging up ends.
    let done = tokio::spawn(async move {
        let answer = work.run(next.run(request)).await;
        let (answer, kept) = collected(answer).await;
        let kept = match kept {
            Some(body) => {
                let (status, media) = (answer.status().as_u16(), media_type(answer.headers()));
                store.end_request(caller, &key, status, media, &body).await
            }
            None => store.release_request(caller, &key).await,
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "an answer could not be kept for a repeat of its request");
        }
        answer
    });
    done.await.map_err(|error| {
        tracing::error!(%error, "a request was cut short");
        Problem::new(Kind::Internal, "something went wrong here, and was written down")
    })
}

/// An answer, and what is kept of it for a repeat. Nothing is of one that is too large, or that broke off: the key is free
/// again then, and a repeat finds what was made.
async fn collected(answer: Response) -> (Response, Option<Bytes>) {
    if !is_kept(answer.status()) {
        return (answer, None);
    }
    let (head, body) = answer.into_parts();
    let least_bytes = body.size_hint().lower();
    if least_bytes > ANSWER_MAX_BYTES as u64 {
        tracing::error!(
            least_bytes,
            "an answer is too large to be kept for a repeat of its request"
        );
        return (Response::from_parts(head, body), None);
    }
    match to_bytes(body, ANSWER_MAX_BYTES).await {
        Ok(bytes) => (Response::from_parts(head, Body::from(bytes.clone())), Some(bytes)),
        Err(error) => {
            tracing::error!(%error, "an answer broke off, or is too large to be kept for a repeat of its request");
            let problem = Problem::new(Kind::Internal, "something went wrong here, and was written down");
            (problem.into_response(), None)
        }
    }
}

/// What another moment could answer otherwise by itself is not kept.
fn is_kept(status: StatusCode) -> bool {
    !status.is_server_error()
        && ![
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::CONFLICT,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status)
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let wrong = |detail: &str| Problem::new(Kind::Malformed, detail);
    let said = headers.get(&KEY).ok_or_else(|| {
        wrong("the header `Idempotency-Key` is missing: any text, another one for each thing to be done")
    })?;
    let text = said.to_str().unwrap_or_default().trim();
    if (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(wrong(
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters",
        ))
    }
}

fn hash(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let mut hash = Sha256::new();
    hash.update(parts.method.as_str());
    hash.update([0]);
    hash.update(path);
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn replayed(status: u16, content_type: Option<&str>, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut answer = (status, body).into_response();
    let headers = answer.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Some(Ok(media)) = content_type.map(HeaderValue::from_str) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(KEY, HeaderValue::from_static(said));
        key(&headers).ok()
    }

    #[test]
    fn a_key_is_short_and_visible() {
        assert_eq!(read("order-7").as_deref(), Some("order-7"));
        assert_eq!(read(" order-7 ").as_deref(), Some("order-7"));
        assert_eq!(read(""), None);
        assert_eq!(read("two words"), None);
        assert!(key(&HeaderMap::new()).is_err());
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_comes_whole_and_is_not_kept_or_is_an_error() {
        let of = |bytes: usize| vec![b'x'; bytes];
        let (answer, kept) = collected((StatusCode::CREATED, of(ANSWER_MAX_BYTES)).into_response()).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(kept.map(|it| it.len()), Some(ANSWER_MAX_BYTES));

        let (answer, kept) = collected((StatusCode::CREATED, of(ANSWER_MAX_BYTES + 1)).into_response()).await;
        assert_eq!((answer.status(), kept), (StatusCode::CREATED, None));
        let whole = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(whole.len(), ANSWER_MAX_BYTES + 1);

        // A stream says too late how long it is.
        let parts = [of(ANSWER_MAX_BYTES), of(1)].map(Ok::<_, std::io::Error>);
        let streamed = Body::from_stream(futures_util::stream::iter(parts)).into_response();
        let (answer, kept) = collected(streamed).await;
        assert_eq!((answer.status(), kept), (StatusCode::INTERNAL_SERVER_ERROR, None));
    }

    #[test]
    fn what_may_pass_by_itself_is_not_kept() {
        for status in [200, 201, 202, 400, 402, 403, 404, 422] {
            assert!(is_kept(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [408, 409, 429, 500, 503] {
            assert!(!is_kept(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
