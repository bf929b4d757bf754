//! Which traces are recorded: a sender's own as it says; of those that begin here, a share.

use crate::settings::Share;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Decides for a whole trace, by its id.
#[derive(Debug, Clone)]
pub(super) struct Sampling {
    share: Sampler,
}

impl Sampling {
    pub(super) fn of(share: Share) -> Self {
        Self {
            share: Sampler::TraceIdRatioBased(share.get()),
        }
    }

    /// Whether a trace that begins here is recorded.
    pub(super) fn records(&self, trace: TraceId) -> bool {
        let result = self
            .share
            .should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }
}

impl ShouldSample for Sampling {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent.filter(|cx| cx.span().span_context().is_valid());
        let records = match parent {
            Some(cx) => cx.span().span_context().is_sampled(),
            // A batch is of interest where one of its messages is.
            None => links.iter().any(|link| link.span_context.is_sampled()) || self.records(trace),
        };
        SamplingResult {
            decision: if records {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: TraceState::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use opentelemetry::trace::SpanContext;
    use topup_store::trace::read;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const QUIET: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn of(traceparent: &str) -> SpanContext {
        read(traceparent).expect("a context")
    }

    fn records(share: &str, parent: Option<&str>, link: Option<&str>) -> bool {
        let sampling = Sampling::of(Settings::of(&[("TOPUP__TRACES__SAMPLE", share)]).traces.sample);
        let around = parent.map(|parent| Context::new().with_remote_span_context(of(parent)));
        let links: Vec<Link> = link
            .map(|link| Link::with_context(of(link)))
            .into_iter()
            .collect();
        let trace = of(SAMPLED).trace_id();
        let result = sampling.should_sample(around.as_ref(), trace, "", &SpanKind::Consumer, &[], &links);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn of_a_senders_trace_the_sender_says_and_of_ours_the_share() {
        assert!(records("0", Some(SAMPLED), None));
        assert!(!records("1", Some(QUIET), None));
        assert!(records("1", None, None));
        assert!(!records("0", None, None));
        // A batch is worth a look where one of its messages is.
        assert!(records("0", None, Some(SAMPLED)));
        assert!(!records("0", None, Some(QUIET)));
    }
}
