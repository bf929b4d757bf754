//! What is read from a request: bodies, paths and queries, each mistake with its field; and bodies that are answered.

use super::problem::{Kind, Problem};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Largest body, in bytes.
pub(crate) const BODY_MAX_BYTES: usize = 64 * 1024;
/// How long a body may take.
const BODY_READ_MAX: Duration = Duration::from_secs(10);

/// JSON, both ways.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Problem::new(Kind::Internal, "the answer could not be written").into_response()
            }
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        is_json(request.headers())?;
        let bytes = read(request.into_body()).await?;
        from_slice(&bytes).map(Self)
    }
}

/// A body that says what it is says JSON.
fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(said) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let said = said.to_str().unwrap_or_default();
    let media = said.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Problem::new(Kind::NotJson, "the body must be `application/json`"))
    }
}

/// The whole body, of bounded size and in bounded time.
///
/// # Errors
/// 408, 413, 400.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let whole = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_cut| Problem::new(Kind::Malformed, "the body was cut short"))?;
            if bytes.len() + chunk.len() > BODY_MAX_BYTES {
                let detail = format!("the body must be at most {BODY_MAX_BYTES} bytes");
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(bytes))
    };
    match tokio::time::timeout(BODY_READ_MAX, whole).await {
        Ok(read) => read,
        Err(_late) => Err(Problem::new(
            Kind::Slow,
            "the body must be there within 10 seconds",
        )),
    }
}

fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner();
        let said = problem.to_string();
        if problem.is_data() {
            let said = without_place(&said);
            Problem::new(Kind::Malformed, format!("field `{path}`: {said}")).field(&path, said)
        } else {
            Problem::new(Kind::Malformed, format!("the body is not JSON: {said}"))
        }
    })?;
    reader
        .end()
        .map_err(|error| Problem::new(Kind::Malformed, format!("the body is not JSON: {error}")))?;
    Ok(read)
}

/// The place that serde adds is told by the field already.
fn without_place(said: &str) -> &str {
    said.rsplit_once(" at line ").map_or(said, |(problem, _)| problem)
}

/// The parts of a path. What can't be one names nothing that is there.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) if rejection.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(error = %rejection, "a route does not fit its handler");
                Err(Problem::new(Kind::Internal, "this path can't be read"))
            }
            Err(_) => Err(Problem::not_found("there is nothing by this path")),
        }
    }
}

/// The parameters behind a path.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let said = rejection.body_text();
                let said = said
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&said);
                Err(Problem::new(Kind::Malformed, said))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use topup_rules::credits::Credits;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only whether it is read")]
        credits: Credits,
    }

    fn told(text: &str) -> String {
        from_slice::<Body>(text.as_bytes())
            .err()
            .map_or_else(|| "taken".to_owned(), |problem| problem.detail().to_owned())
    }

    #[test]
    fn a_mistake_names_its_field() {
        assert_eq!(told(r#"{"credits": "1.5"}"#), "taken");
        assert_eq!(told(r#"{"credits": 1.5}"#), "taken");
        assert_eq!(
            told(r#"{"credits": 1, "colour": 2}"#),
            "field `colour`: unknown field `colour`, expected `credits`"
        );
        assert!(told(r#"{"credits": "1.2345"}"#).starts_with("field `credits`: "));
        assert!(told("{").starts_with("the body is not JSON: "));
        assert!(told(r#"{"credits": 1} x"#).starts_with("the body is not JSON: "));
    }
}
