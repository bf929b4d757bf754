//! Messages one by one, many at once.

use super::delivery::Received;
use super::session::{End, Session, Stop, Terms, supervise};
use super::settle::{Desk, Handled, SLOW_TRIES_MAX, Stopped, Verdict};
use super::{Handler, Outcome};
use crate::process::Process;
use crate::settings::Worker;
use crate::telemetry::{self, traces};
use futures_util::StreamExt as _;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use topup_rules::message::Message;
use tracing::{Instrument as _, debug, field, info_span};

/// What is told of the span of a message that its session did not live to see the end of.
const GIVEN_BACK: &str = "given-back";

/// Takes messages of the handler's queue until shutdown; at most `limits.at_once` are in hand.
pub async fn each<H: Handler>(process: &Process, limits: &Worker, handler: H) {
    let queue = H::Message::QUEUE;
    let desk = Desk::new(process, queue, limits.retry);
    let handler = Arc::new(handler);
    // The prefetch is what bounds the messages in hand.
    let terms = Terms {
        queue,
        prefetch: limits.at_once,
    };
    supervise(process, terms, async |session: &mut Session| {
        serve(session, &desk, &handler).await
    })
    .await;
}

async fn serve<H: Handler>(session: &mut Session, desk: &Desk, handler: &Arc<H>) -> End {
    let mut in_hand = JoinSet::new();
    let end = loop {
        tokio::select! {
            biased;
            () = session.shutdown.requested() => break End::Shutdown,
            () = session.presence.paused() => break End::Paused,
            error = session.pulse.stopped() => break End::Lost(error),
            () = Session::passed(session.ends_at) => break End::Passed,
            Some(_ended) = in_hand.join_next(), if !in_hand.is_empty() => {}
            delivery = session.deliveries.next() => match delivery {
                // Its session is over: it can't be acknowledged any more, and comes again.
                Some(Ok(delivery)) if !delivery.acker.usable() => {}
                Some(Ok(delivery)) => {
                    let received = Received::new(delivery);
                    desk.measure_waits([&received]);
                    in_hand.spawn(deal_with(received, desk.clone(), Arc::clone(handler), session.stop.clone()));
                }
                Some(Err(error)) => break End::Lost(Some(error)),
                None => break End::Lost(None),
            },
        }
    };
    match end {
        End::Lost(_) => session.give_up(),
        End::Shutdown | End::Paused | End::Passed => session.take_no_more().await,
    }
    // Handlers are never cut off: a charge under way would be left without its answer. That can take a while, in which
    // the broker had better give messages to somebody else.
    let acknowledges = !in_hand.is_empty() && !matches!(end, End::Lost(_));
    while in_hand.join_next().await.is_some() {}
    if acknowledges {
        Session::let_acknowledgements_arrive().await;
    }
    end
}

async fn deal_with<H: Handler>(received: Received, desk: Desk, handler: Arc<H>, stop: Stop) {
    let span = info_span!(
        "message",
        queue = desk.queue,
        message.id = received.message_id(),
        attempt = received.meta.attempts,
        trace.id = field::Empty,
    );
    let work = traces::processing(desk.queue, &received.meta, received.tag());
    if let Some(id) = work.trace_id() {
        span.record("trace.id", id);
    }
    let started = Instant::now();
    let dealing = async {
        let verdict = match verdict(&received, &desk, &*handler, &stop).await {
            Ok(verdict) => verdict,
            Err(Stopped) => {
                traces::went_wrong(GIVEN_BACK);
                return debug!("given back unfinished");
            }
        };
        if let Some(trouble) = verdict.trouble() {
            traces::went_wrong(trouble);
        }
        if desk.settle(&received, &verdict, &stop).await == Err(Stopped) {
            traces::went_wrong(GIVEN_BACK);
            return debug!("given back: what follows could not be published");
        }
        telemetry::handle_took(desk.queue, started.elapsed());
        stop.acknowledge(received.acker(), false).await;
    };
    work.run(dealing.instrument(span)).await;
}

pub(super) async fn verdict<H: Handler>(
    received: &Received,
    desk: &Desk,
    handler: &H,
    stop: &Stop,
) -> Result<Verdict, Stopped> {
    if desk.is_early(received) {
        return Ok(Verdict::TooEarly);
    }
    let message = match received.parse::<H::Message>() {
        Ok(message) => message,
        Err(unreadable) => return Ok(Verdict::Unreadable(unreadable.to_string())),
    };
    Ok(
        match desk
            .handle(stop, SLOW_TRIES_MAX, || handler.handle(&message, &received.meta))
            .await?
        {
            Handled::Outcome(outcome) => Verdict::Of(outcome),
            Handled::Unexpected(reason) => Verdict::Of(Outcome::Retry { reason }),
        },
    )
}
