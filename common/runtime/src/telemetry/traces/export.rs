//! Spans on their way to the collector (OTLP over HTTP, in protocol buffers).
//!
//! Nobody ever waits for a collector: a span that finds no room is dropped and counted, and so is a batch that the
//! collector does not take. It is not tried again; the next one is. Left out: compression, gRPC.

use crate::consume::chain;
use crate::process::{Shutdown, Stopper};
use crate::settings::{HttpUrl, SettingsError};
use crate::telemetry::metrics::TRACE_SPANS;
use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use prost::Message as _;
use reqwest::header::CONTENT_TYPE;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Spans that wait, at most: a few megabytes.
const WAITING_MAX: usize = 4_096;
/// Spans of one request, at most.
const BATCH_MAX: usize = 512;
/// How long the first span of a request waits for others.
const GATHER_MAX: Duration = Duration::from_millis(500);
/// How long a collector may take to connect and answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes: it says how many spans were not taken, and why.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// How long the end of the process waits for the last spans to be taken.
const FLUSH_MAX: Duration = Duration::from_secs(3);
/// Where a collector takes traces, behind its address.
const PATH: &str = "/v1/traces";
/// What they are written in.
const PROTOBUF: &str = "application/x-protobuf";

/// Takes spans that have ended. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Queue(mpsc::Sender<SpanData>);

impl Queue {
    pub(super) fn take(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            TRACE_SPANS.add(["dropped"], 1);
        }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.take(span);
    }

    // The exporter's own end does both.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends spans to the collector, once it is started.
pub(crate) struct Exporter {
    spans: mpsc::Receiver<SpanData>,
    collector: Collector,
}

/// Nothing is sent yet, and no network is touched.
pub(super) fn to(collector: &HttpUrl, resource: &Resource) -> Result<(Queue, Exporter), SettingsError> {
    let (queue, spans) = mpsc::channel(WAITING_MAX);
    let collector = Collector {
        client: client(collector)?,
        url: format!("{}{PATH}", collector.as_str()),
        resource: resource.into(),
        is_failing: false,
    };
    Ok((Queue(queue), Exporter { spans, collector }))
}

fn client(collector: &HttpUrl) -> Result<reqwest::Client, SettingsError> {
    // An error says that it is installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("topup/", env!("CARGO_PKG_VERSION")))
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if collector.as_str().starts_with("http://") {
        // Plain HTTP needs no authorities, and a machine may have none. A collector on this machine, or on its own
        // network, is not behind a proxy for the world outside.
        builder = builder.tls_certs_only([]).no_proxy();
    }
    builder
        .build()
        .map_err(|e| SettingsError::about("traces.url", &chain(&e)))
}

impl Exporter {
    /// Sends spans, in a task of its own.
    pub(crate) fn start(self) -> Exporting {
        let (stopper, ending) = Shutdown::new();
        Exporting {
            stopper,
            task: tokio::spawn(export(self, ending)),
        }
    }
}

/// Spans are being sent.
pub(crate) struct Exporting {
    stopper: Stopper,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what is left, for a few seconds at most.
    pub(crate) async fn finish(self) {
        self.finish_within(FLUSH_MAX).await;
    }

    async fn finish_within(self, max: Duration) {
        self.stopper.stop();
        if timeout(max, self.task).await.is_err() {
            warn!("the collector does not take the last spans of traces in time");
        }
    }
}

async fn export(exporter: Exporter, ending: Shutdown) {
    let Exporter {
        mut spans,
        mut collector,
    } = exporter;
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            taken = spans.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { return },
            // What waits is still there to be received.
            () = ending.requested(), if !spans.is_closed() => {
                spans.close();
                continue;
            }
        }
        if batch.len() < BATCH_MAX && !spans.is_closed() {
            tokio::select! {
                () = sleep(GATHER_MAX) => {}
                () = ending.requested() => {}
            }
            while batch.len() < BATCH_MAX
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
        }
        collector.give(std::mem::take(&mut batch)).await;
    }
}

/// Who takes spans.
struct Collector {
    client: reqwest::Client,
    url: String,
    resource: ResourceAttributesWithSchema,
    /// So that trouble is told once, and its end.
    is_failing: bool,
}

impl Collector {
    async fn give(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len() as u64;
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let refused = match self.send(request.encode_to_vec()).await {
            Ok(refused) => {
                if std::mem::take(&mut self.is_failing) {
                    info!("traces are exported again");
                }
                refused.min(spans)
            }
            Err(reason) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!(%reason, "the collector takes no traces; spans are dropped and counted until it does");
                }
                spans
            }
        };
        TRACE_SPANS.add(["refused"], refused);
        TRACE_SPANS.add(["exported"], spans - refused);
    }

    /// How many were not taken; or why none was.
    async fn send(&self, body: Vec<u8>) -> Result<u64, String> {
        let words = |error: reqwest::Error| chain(&error.without_url());
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, PROTOBUF)
            .body(body);
        let mut response = request.send().await.map_err(words)?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(words)? {
            if answer.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(format!("its answer is larger than {ANSWER_MAX_BYTES} bytes"));
            }
            answer.extend_from_slice(&chunk);
        }
        // An answer in another format is a success all the same.
        let answer = ExportTraceServiceResponse::decode(answer.as_slice()).unwrap_or_default();
        let refused = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
        Ok(u64::try_from(refused).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use std::time::SystemTime;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "a span".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    async fn listen() -> (TcpListener, Queue, Exporter) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings = Settings::of(&[("TOPUP__TRACES__URL", &url)]);
        let resource = Resource::builder_empty().build();
        let (queue, exporter) = to(&settings.traces.url.unwrap(), &resource).unwrap();
        (listener, queue, exporter)
    }

    #[tokio::test]
    async fn a_span_that_finds_no_room_is_dropped_and_nobody_waits() {
        let (_listener, queue, mut exporter) = listen().await;
        for _ in 0..WAITING_MAX + 10 {
            queue.take(span());
        }
        exporter.spans.close();
        let mut waiting = 0;
        while exporter.spans.recv().await.is_some() {
            waiting += 1;
        }
        assert_eq!(waiting, WAITING_MAX);
    }

    #[tokio::test]
    async fn the_end_sends_what_is_left_at_once() {
        let (listener, queue, exporter) = listen().await;
        let exporting = exporter.start();
        let collector = tokio::spawn(async move {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            let mut read = 0;
            while !request[..read].windows(6).any(|bytes| bytes == b"a span") {
                read += caller.read(&mut request[read..]).await.unwrap();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            caller.write_all(answer).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        queue.take(span());
        exporting.finish().await;
        let request = collector.await.unwrap();
        assert!(request.starts_with("POST /v1/traces HTTP/1.1"), "{request}");
    }

    #[tokio::test]
    async fn a_collector_that_never_answers_holds_up_no_end() {
        let (_listener, queue, exporter) = listen().await;
        queue.take(span());
        let exporting = exporter.start();
        // The test would last as long as an answer may take.
        exporting.finish_within(Duration::from_millis(50)).await;
    }
}
