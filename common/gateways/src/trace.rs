//! Spans of calls to parties outside: who was called, for what, and what it came to, as OpenTelemetry's conventions
//! name it.
//!
//! There is one where the work that makes the call has one that is recorded, and otherwise nothing is even put
//! together. Left out: whatever the call says (addresses, numbers, tokens, references in a path, the words of an
//! error), and telling the other party of our trace.

use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use reqwest::{Method, Url};

/// Who makes spans.
const SCOPE: &str = "topup";

/// A call under way.
pub(crate) struct Call(Option<BoxedSpan>);

impl Call {
    /// An HTTP request; `route` is its path as there are few of: `/transaction/verify/{reference}`.
    pub(crate) fn http(method: &Method, route: &'static str, url: &Url) -> Self {
        Self::begin(|| {
            let attributes = vec![
                KeyValue::new("http.request.method", method.as_str().to_owned()),
                KeyValue::new("url.template", route),
            ];
            (format!("{method} {route}"), attributes, address(url))
        })
    }

    /// A mail that is handed to a relay.
    pub(crate) fn mail(relay: &Url) -> Self {
        Self::begin(|| {
            let attributes = vec![KeyValue::new("network.protocol.name", "smtp")];
            ("send mail".to_owned(), attributes, address(relay))
        })
    }

    fn begin(told: impl FnOnce() -> (String, Vec<KeyValue>, Vec<KeyValue>)) -> Self {
        if !Context::map_current(|cx| cx.span().is_recording()) {
            return Self(None);
        }
        let (name, mut attributes, address) = told();
        attributes.extend(address);
        let tracer = global::tracer(SCOPE);
        let span = tracer
            .span_builder(name)
            .with_kind(SpanKind::Client)
            .with_attributes(attributes);
        Self(Some(tracer.build(span)))
    }

    /// An answer came, with this status.
    pub(crate) fn answered(mut self, status: u16) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
            if status >= 400 {
                wrong(span, status.to_string());
            }
        }
    }

    /// It went wrong, in one word of a few.
    pub(crate) fn failed(mut self, kind: &'static str) {
        if let Some(span) = &mut self.0 {
            wrong(span, kind);
        }
    }
}

fn wrong(span: &mut BoxedSpan, kind: impl Into<opentelemetry::Value>) {
    span.set_attribute(KeyValue::new("error.type", kind));
    // Without words: they may be somebody else's.
    span.set_status(Status::error(""));
}

/// Where a party is, without what may stand before the `@`.
fn address(url: &Url) -> Vec<KeyValue> {
    let host = url
        .host_str()
        .map(|host| KeyValue::new("server.address", host.to_owned()));
    let port = url.port_or_known_default();
    let port = port.map(|port| KeyValue::new("server.port", i64::from(port)));
    host.into_iter().chain(port).collect()
}
