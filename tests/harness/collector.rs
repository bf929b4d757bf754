//! A collector of traces: takes spans as OpenTelemetry's collectors do (OTLP over HTTP), and keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::patience::eventually;

/// A span as it arrived. Ids are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which process made it.
    pub process: String,
    /// `process sms-sent`.
    pub name: String,
    /// `Consumer`, `Producer`, `Client`, …
    pub kind: SpanKind,
    /// Its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// Its parent's; empty where it has none.
    pub parent: String,
    /// The traces that it has links to.
    pub links: Vec<String>,
    /// What it tells.
    pub attributes: BTreeMap<String, String>,
    /// It went wrong.
    pub is_error: bool,
}

impl Span {
    /// An attribute; empty where there is none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// What it was sent.
#[derive(Debug, Default)]
struct Kept {
    spans: Mutex<Vec<Span>>,
    /// Requests that could not be read.
    garbled: Mutex<Vec<String>>,
}

/// A collector on this machine, for as long as it is held.
#[derive(Debug)]
pub struct Collector {
    url: String,
    kept: Arc<Kept>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// Serves on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start() -> Result<Self> {
        let kept = Arc::new(Kept::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&kept));
        let serving = tokio::spawn(async move {
            // It ends with the test.
            let _ended = axum::serve(listener, routes).await;
        });
        Ok(Self { url, kept, serving })
    }

    /// What a process is to be told: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.kept
            .spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What it could not read.
    #[must_use]
    pub fn garbled(&self) -> Vec<String> {
        self.kept
            .garbled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The spans of a trace, once they are as they should be: spans arrive a moment after what they tell of.
    ///
    /// # Errors
    /// They were not in time; what was there instead is in the error.
    pub async fn trace(&self, id: &str, is_whole: impl Fn(&[Span]) -> bool) -> Result<Vec<Span>> {
        let mut seen = Vec::new();
        let whole = eventually(&format!("the trace {id}"), async || {
            seen = self.spans();
            seen.retain(|span| span.trace == id);
            Ok(is_whole(&seen).then(|| seen.clone()))
        })
        .await;
        whole.with_context(|| format!("there is {seen:#?}"))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(kept): State<Arc<Kept>>, body: Bytes) -> StatusCode {
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            let mut spans = kept.spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.extend(spans_of(request));
            StatusCode::OK
        }
        Err(error) => {
            let mut garbled = kept.garbled.lock().unwrap_or_else(PoisonError::into_inner);
            garbled.push(error.to_string());
            StatusCode::BAD_REQUEST
        }
    }
}

fn spans_of(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_process in request.resource_spans {
        let about = of_process.resource.map(|resource| resource.attributes);
        let about = attributes(about.unwrap_or_default());
        let process = about.get("service.name").cloned().unwrap_or_default();
        for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                process: process.clone(),
                kind: span.kind(),
                trace: hex::encode(&span.trace_id),
                id: hex::encode(&span.span_id),
                parent: hex::encode(&span.parent_span_id),
                links: span
                    .links
                    .iter()
                    .map(|link| hex::encode(&link.trace_id))
                    .collect(),
                attributes: attributes(span.attributes),
                is_error: span
                    .status
                    .is_some_and(|status| status.code() == SpanStatus::Error),
                name: span.name,
            });
        }
    }
    spans
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs
        .into_iter()
        .map(|pair| (pair.key, text(pair.value)))
        .collect()
}
