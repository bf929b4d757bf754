//! Which spans there are, and what they tell.

use super::{TRACING, Tracing};
use crate::broker::Outgoing;
use crate::broker::delay::{Route, has_waited};
use crate::consume::Meta;
use crate::telemetry::{fields, masked};
use opentelemetry::trace::{
    FutureExt as _, Link, SpanBuilder, SpanContext, SpanKind, SpanRef, Status, TraceContextExt as _,
    TraceFlags, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator as _, SpanData, SpanEvents, SpanLinks};
use std::collections::HashSet;
use std::future::Future;
use std::time::SystemTime;
use topup_rules::ids::{AccountId, Reference, TopupId};
use topup_store::{OutboxMessage, trace};

/// Links of one span, at most.
const LINKS_MAX: usize = 128;
/// Where a message goes that is to wait, whatever its delay: the key that leads it there says the delay, too.
const DELAY_TEMPLATE: &str = "delay.v1.{delay}";

// OpenTelemetry's names.
const ERROR_TYPE: &str = "error.type";
const SYSTEM: &str = "messaging.system";
const RABBITMQ: &str = "rabbitmq";
const OPERATION_NAME: &str = "messaging.operation.name";
const OPERATION_TYPE: &str = "messaging.operation.type";
const PROCESS: &str = "process";
const SEND: &str = "send";
const DESTINATION: &str = "messaging.destination.name";
const DESTINATION_TEMPLATE: &str = "messaging.destination.template";
const MESSAGE_ID: &str = "messaging.message.id";
const MESSAGE_COUNT: &str = "messaging.batch.message_count";
const DELIVERY_TAG: &str = "messaging.rabbitmq.message.delivery_tag";
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";
/// Methods that have a name; others are anybody's invention.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OTHER_METHOD: &str = "_OTHER";

/// A span, and what is done in it; nothing of the kind where traces are off. It ends with the last clone.
#[derive(Debug, Clone)]
pub struct Work(Option<Context>);

impl Work {
    /// A question that is asked without a message: part of the trace of what it is about.
    #[must_use]
    pub fn asking(what: &'static str, about: Option<&str>) -> Self {
        let builder = || SpanBuilder::from_name(what).with_kind(SpanKind::Internal);
        Self::begin(about.and_then(trace::read), builder)
    }

    /// A request that the world outside makes, to a path of ours: `route` has what varies in braces. It begins a trace.
    #[must_use]
    pub fn serving(method: &str, route: &str) -> Self {
        Self::begin(None, || {
            let method = METHODS.into_iter().find(|known| *known == method);
            let method = method.unwrap_or(OTHER_METHOD);
            SpanBuilder::from_name(format!("{method} {route}"))
                .with_kind(SpanKind::Server)
                .with_attributes([
                    KeyValue::new(METHOD, method),
                    KeyValue::new(ROUTE, route.to_owned()),
                ])
        })
    }

    /// What is at work here, for a task that goes on with it.
    #[must_use]
    pub fn here() -> Self {
        Self(TRACING.get().map(|_| Context::current()))
    }

    fn begin(parent: Option<SpanContext>, builder: impl FnOnce() -> SpanBuilder) -> Self {
        Self(TRACING.get().map(|tracing| tracing.begin(parent, builder())))
    }

    /// Does something in it: calls and messages that follow are part of its trace.
    pub async fn run<F: Future>(&self, something: F) -> F::Output {
        match &self.0 {
            Some(cx) => something.with_context(cx.clone()).await,
            None => something.await,
        }
    }

    /// What it came to, as HTTP tells it; that it went wrong, where it did, in one word.
    pub fn answered(&self, status: u16, wrong: Option<&'static str>) {
        self.tell(|span| span.set_attribute(KeyValue::new(STATUS, i64::from(status))));
        if let Some(kind) = wrong {
            self.went_wrong(kind);
        }
    }

    /// That it went wrong, and how, in one word of a few.
    pub(crate) fn went_wrong(&self, kind: &'static str) {
        self.tell(|span| wrong(span, kind));
    }

    /// The trace that it is part of, where that is recorded.
    pub(crate) fn trace_id(&self) -> Option<String> {
        let cx = self.0.as_ref()?;
        let span = cx.span();
        let context = span.span_context();
        context.is_sampled().then(|| context.trace_id().to_string())
    }

    /// What a message bears that is sent here.
    pub(crate) fn traceparent(&self) -> Option<String> {
        let cx = self.0.as_ref()?;
        Some(trace::written(cx.span().span_context()))
    }

    fn tell(&self, what: impl FnOnce(&SpanRef<'_>)) {
        if let Some(cx) = &self.0 {
            what(&cx.span());
        }
    }
}

impl Tracing {
    fn begin(&self, parent: Option<SpanContext>, builder: SpanBuilder) -> Context {
        let around = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        Context::new().with_span(self.tracer.build_with_context(builder, &around))
    }
}

/// A message that is dealt with by itself.
pub(crate) fn processing(queue: &'static str, meta: &Meta, delivery_tag: u64) -> Work {
    Work::begin(meta.traceparent.as_deref().and_then(trace::read), || {
        let mut attributes = about_messages(PROCESS, PROCESS, queue);
        attributes.push(KeyValue::new(DELIVERY_TAG, signed(delivery_tag)));
        attributes.extend(message_id(meta.message_id.as_deref()));
        attributes
            .extend((meta.attempts > 0).then(|| KeyValue::new(fields::ATTEMPT, i64::from(meta.attempts))));
        of_messages(PROCESS, queue, SpanKind::Consumer, attributes)
    })
}

/// Messages that are dealt with together: a trace of its own, with links to theirs.
pub(crate) fn processing_batch<'a>(
    queue: &'static str,
    messages: usize,
    metas: impl Iterator<Item = &'a Meta>,
) -> Work {
    Work::begin(None, || {
        let mut attributes = about_messages(PROCESS, PROCESS, queue);
        attributes.push(KeyValue::new(MESSAGE_COUNT, signed(messages as u64)));
        let traces = metas.filter_map(|meta| trace::read(meta.traceparent.as_deref()?));
        let links = traces.filter(SpanContext::is_sampled).map(Link::with_context);
        of_messages(PROCESS, queue, SpanKind::Consumer, attributes)
            .with_links(links.take(LINKS_MAX).collect())
    })
}

/// A message that is published: part of the trace of what it follows from.
pub(crate) fn sending(message: &Outgoing, route: impl FnOnce() -> Route) -> Work {
    if TRACING.get().is_none() {
        return Work(None);
    }
    let cause = trace::following(message.traceparent.as_deref());
    Work::begin(cause.as_deref().and_then(trace::read), || {
        let route = route();
        let waits = has_waited(&route.exchange);
        let (destination, name) = if message.parked.is_some() {
            let dead = format!("{}.dead", message.queue);
            (dead.clone(), dead)
        } else if waits {
            (route.exchange, DELAY_TEMPLATE.to_owned())
        } else if message.is_event() {
            (route.exchange.clone(), route.exchange)
        } else {
            (message.queue.clone(), message.queue.clone())
        };
        let mut attributes = about_messages(SEND, SEND, destination);
        attributes.extend(message_id(message.message_id.as_deref()));
        if waits {
            attributes.push(KeyValue::new(DESTINATION_TEMPLATE, DELAY_TEMPLATE));
            attributes.push(KeyValue::new(fields::QUEUE, message.queue.clone()));
        }
        of_messages(SEND, name, SpanKind::Producer, attributes)
    })
}

/// `process topup-requested`: an operation's name, and a destination's that is one of few.
fn of_messages(
    operation: &'static str,
    destination: impl Into<String>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
) -> SpanBuilder {
    SpanBuilder::from_name(format!("{operation} {}", destination.into()))
        .with_kind(kind)
        .with_attributes(attributes)
}

fn about_messages(
    name: &'static str,
    kind: &'static str,
    destination: impl Into<opentelemetry::Value>,
) -> Vec<KeyValue> {
    vec![
        KeyValue::new(SYSTEM, RABBITMQ),
        KeyValue::new(OPERATION_NAME, name),
        KeyValue::new(OPERATION_TYPE, kind),
        KeyValue::new(DESTINATION, destination),
    ]
}

/// A sender may have put anything there.
fn message_id(id: Option<&str>) -> Option<KeyValue> {
    id.map(|id| KeyValue::new(MESSAGE_ID, masked(id).into_owned()))
}

/// What a message of a batch bears on to whatever follows from it: a span of its own, which there will be only if
/// something does ([`caused`]). Without traces, what it bore itself. A message without a trace begins one.
#[must_use]
pub fn cause(meta: &Meta) -> Option<String> {
    let Some(tracing) = TRACING.get() else {
        return meta.traceparent.clone();
    };
    let sender = meta.traceparent.as_deref().and_then(trace::read);
    let (trace_id, flags) = match sender {
        Some(sender) => (sender.trace_id(), sender.trace_flags()),
        None => {
            let begun = tracing.ids.new_trace_id();
            (
                begun,
                TraceFlags::default().with_sampled(tracing.sampling.records(begun)),
            )
        }
    };
    let span = SpanContext::new(
        trace_id,
        tracing.ids.new_span_id(),
        flags,
        false,
        TraceState::NONE,
    );
    Some(trace::written(&span))
}

/// A message of a batch, which may have caused something.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    /// What the broker said of it.
    pub meta: &'a Meta,
    /// Whose it is.
    pub account: AccountId,
    /// What [`cause`] gave it.
    pub traceparent: Option<&'a str>,
}

/// Spans of those messages of a batch that caused one of the rows. The batch was begun at `since`.
pub fn caused<'a>(
    queue: &'static str,
    since: SystemTime,
    messages: impl Iterator<Item = Cause<'a>>,
    rows: &[OutboxMessage],
) {
    let Some(tracing) = TRACING.get().filter(|_| !rows.is_empty()) else {
        return;
    };
    let wanted: HashSet<&str> = rows.iter().filter_map(|row| row.traceparent.as_deref()).collect();
    let batch = Context::map_current(|cx| cx.span().span_context().clone());
    for message in messages {
        let Some(own) = message.traceparent.filter(|own| wanted.contains(own)) else {
            continue;
        };
        if let Some(own) = trace::read(own).filter(SpanContext::is_sampled) {
            tracing
                .queue
                .take(span_of(tracing, queue, since, &message, own, &batch));
        }
    }
}

fn span_of(
    tracing: &Tracing,
    queue: &'static str,
    since: SystemTime,
    message: &Cause<'_>,
    own: SpanContext,
    batch: &SpanContext,
) -> SpanData {
    let sender = message.meta.traceparent.as_deref().and_then(trace::read);
    let mut attributes = about_messages(PROCESS, PROCESS, queue);
    attributes.extend(message_id(message.meta.message_id.as_deref()));
    attributes.push(KeyValue::new(fields::ACCOUNT, message.account.get()));
    let mut links = SpanLinks::default();
    if batch.is_sampled() {
        links.links.push(Link::with_context(batch.clone()));
    }
    SpanData {
        span_context: own,
        parent_span_is_remote: sender.is_some(),
        parent_span_id: sender.map_or(opentelemetry::trace::SpanId::INVALID, |sender| sender.span_id()),
        span_kind: SpanKind::Consumer,
        name: format!("{PROCESS} {queue}").into(),
        start_time: since,
        end_time: SystemTime::now(),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: Status::Unset,
        instrumentation_scope: tracing.scope.clone(),
    }
}

/// Links the span at work to those traces that what it caused belongs to, where that is not its own: a webhook begins
/// a trace, and the notices of its settlement are part of the send's.
pub(crate) fn leads_to(rows: &[OutboxMessage]) {
    if TRACING.get().is_none() {
        return;
    }
    here(|span| {
        let trace_id = span.span_context().trace_id();
        let elsewhere = rows
            .iter()
            .filter_map(|row| trace::read(row.traceparent.as_deref()?));
        for other in elsewhere
            .filter(|other| other.trace_id() != trace_id)
            .take(LINKS_MAX)
        {
            span.add_link(other, Vec::new());
        }
    });
}

/// The span at work went wrong, and how, in one word of a few.
pub(crate) fn went_wrong(kind: &'static str) {
    here(|span| wrong(span, kind));
}

/// The span at work is about an account.
pub fn about_account(account: AccountId) {
    here(|span| span.set_attribute(KeyValue::new(fields::ACCOUNT, account.get())));
}

/// The span at work is about a top-up.
pub fn about_topup(topup: TopupId) {
    here(|span| span.set_attribute(KeyValue::new(fields::TOPUP, topup.to_string())));
}

/// The span at work is about a payment.
pub fn about_payment(reference: &Reference) {
    here(|span| span.set_attribute(KeyValue::new(fields::PAYMENT, reference.as_str().to_owned())));
}

/// Only where it is recorded.
fn here(tell: impl FnOnce(&SpanRef<'_>)) {
    Context::map_current(|cx| {
        let span = cx.span();
        if span.is_recording() {
            tell(&span);
        }
    });
}

fn wrong(span: &SpanRef<'_>, kind: &'static str) {
    span.set_attribute(KeyValue::new(ERROR_TYPE, kind));
    // Without words: they may be somebody else's.
    span.set_status(Status::error(""));
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
