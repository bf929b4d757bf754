//! The trace that a message bears, as a `traceparent`: `00-<trace>-<span>-<flags>`, all in hexadecimal.
//!
//! It is kept with what it caused (a top-up, a row of the outbox), so that one trace leads from a send to the notices
//! that follow from it, however long that takes and whoever dies on the way. Left out: making spans (the runtime does,
//! where traces are wanted), and `tracestate`, which no queue carries.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};

/// The one version there is.
const VERSION: &str = "00";

/// A span's context as a message bears it.
#[must_use]
pub fn written(span: &SpanContext) -> String {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    format!("{VERSION}-{trace}-{id}-{flags:02x}")
}

/// The context that a message bore; `None` where it is none that could be used.
#[must_use]
pub fn read(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (_version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

/// What a message bears that follows from `cause`: the span that is at work here, where it is of the same trace, or
/// where the cause has none; the cause's own otherwise, as where nobody is at work.
#[must_use]
pub fn following(cause: Option<&str>) -> Option<String> {
    let here = Context::map_current(|cx| cx.has_active_span().then(|| cx.span().span_context().clone()));
    let here = here.filter(SpanContext::is_valid);
    match (here, cause) {
        (Some(here), Some(cause)) if !is_of(cause, here.trace_id()) => Some(cause.to_owned()),
        (Some(here), _) => Some(written(&here)),
        (None, cause) => cause.map(str::to_owned),
    }
}

fn is_of(traceparent: &str, trace: TraceId) -> bool {
    read(traceparent).is_some_and(|context| context.trace_id() == trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const HERE: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    const ELSEWHERE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn at_work_in(traceparent: &str) -> opentelemetry::ContextGuard {
        let span = read(traceparent).expect("a context");
        Context::new().with_remote_span_context(span).attach()
    }

    #[test]
    fn a_context_is_written_as_it_was_read() {
        for traceparent in [CAUSE, HERE, ELSEWHERE] {
            assert_eq!(
                read(traceparent).map(|span| written(&span)).as_deref(),
                Some(traceparent)
            );
        }
        for useless in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-xaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(useless), None, "{useless}");
        }
    }

    #[test]
    fn a_message_follows_from_the_work_that_belongs_to_its_causes_trace() {
        assert_eq!(following(Some(CAUSE)).as_deref(), Some(CAUSE));
        assert_eq!(following(None), None);
        let _at_work = at_work_in(HERE);
        assert_eq!(following(Some(CAUSE)).as_deref(), Some(HERE));
        assert_eq!(following(None).as_deref(), Some(HERE));
        assert_eq!(following(Some(ELSEWHERE)).as_deref(), Some(ELSEWHERE));
    }
}
