//! Traces: one leads from a send to the notices that follow from it, however long that takes.
//!
//! Off unless `traces.url` names a collector; then nothing here costs more than a look whether it is. What messages
//! bear (`traceparent`) is carried either way, through the outbox, delays, retries and dead letters
//! (`topup_store::trace`). Where traces are on, every message that is dealt with one by one has a span, every message
//! that is published another, and so has every call to somebody outside; a batch has one, with links to the traces of
//! its messages, and those of them that cause something have their own. Names are those of OpenTelemetry's conventions
//! for messaging and HTTP, and for what is ours the [fields](super::fields) of log lines.
//!
//! | module | what it does |
//! | --- | --- |
//! | `spans` | which spans there are, and what they tell |
//! | `sampling` | which traces are recorded |
//! | `export` | spans on their way to the collector: bounded, and never waited for |
//!
//! Deliberately absent: bodies, numbers, addresses, tokens and the words of errors in spans; `tracestate`; a
//! `traceparent` in calls to others, whom our traces do not concern, and belief in one that a caller from outside sends.

mod export;
mod sampling;
mod spans;

use crate::broker::host_name;
use crate::settings::{self, SettingsError};
use export::Queue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{RandomIdGenerator, SdkTracer, SdkTracerProvider};
use sampling::Sampling;
use std::sync::OnceLock;

pub(crate) use export::Exporter;
pub use spans::{Cause, Work, about_account, about_payment, about_topup, cause, caused};
pub(crate) use spans::{leads_to, processing, processing_batch, sending, went_wrong};

/// Who makes spans.
const SCOPE: &str = "topup";

/// What makes spans, where traces are on.
static TRACING: OnceLock<Tracing> = OnceLock::new();

struct Tracing {
    tracer: SdkTracer,
    queue: Queue,
    sampling: Sampling,
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
}

/// Turns traces on where a collector is named. What comes back sends spans on their way, once it is started.
pub(crate) fn install(
    process: &'static str,
    traces: &settings::Traces,
) -> Result<Option<Exporter>, SettingsError> {
    let Some(collector) = &traces.url else {
        return Ok(None);
    };
    let resource = resource(process);
    let (queue, exporter) = export::to(collector, &resource)?;
    let sampling = Sampling::of(traces.sample);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampling.clone())
        .with_span_processor(queue.clone())
        .build();
    let scope = InstrumentationScope::builder(SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    let tracing = Tracing {
        tracer: provider.tracer_with_scope(scope.clone()),
        queue,
        sampling,
        ids: RandomIdGenerator::default(),
        scope,
    };
    global::set_tracer_provider(provider);
    // An error says that traces are on already: then it is a test's.
    let _already = TRACING.set(tracing);
    Ok(Some(exporter))
}

/// Who a span is of.
fn resource(process: &'static str) -> Resource {
    let host = host_name();
    let instance = format!("{host}#{}", std::process::id());
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", process),
            KeyValue::new("service.namespace", SCOPE),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
            KeyValue::new("host.name", host),
        ])
        .build()
}
