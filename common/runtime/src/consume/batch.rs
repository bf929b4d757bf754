//! Messages in batches, for the hot path: what a commit costs is shared by all messages of its batch.
//!
//! One batch is with the handler while the next one fills and is read. A batch is begun as soon as the handler is
//! free and anything is there, so an idle fleet waits for nothing, and a busy one fills its batches by itself.
//! Nothing is ever waited for to make a batch larger.
//!
//! Deliveries are taken in the order of their tags and a batch is settled whole, so that one acknowledgement with
//! `multiple` behind its last message covers exactly what is settled.

use super::delivery::Received;
use super::session::{End, Session, Stop, Terms, supervise};
use super::settle::{Desk, Handled, SLOW_TRIES_MAX, Stopped, Verdict};
use super::{BatchHandler, Failure, Meta, Outcome};
use crate::process::Process;
use crate::settings::BatchWorker;
use crate::telemetry::{self, traces};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use lapin::message::Delivery;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use topup_rules::message::Message;
use tracing::{Instrument as _, debug, error, info_span, warn};

/// Takes messages of the handler's queue until shutdown, at most `limits.batch_max` at a time.
pub async fn batches<H: BatchHandler>(process: &Process, limits: &BatchWorker, handler: H) {
    let queue = H::Message::QUEUE;
    let desk = Desk::new(process, queue, limits.retry);
    let handler = Arc::new(handler);
    let terms = Terms {
        queue,
        prefetch: limits.prefetch,
    };
    let batch_max = limits.batch_max;
    supervise(process, terms, async |session: &mut Session| {
        serve(session, &desk, &handler, batch_max).await
    })
    .await;
}

/// A message of a batch: read, or what stands against it.
pub(super) enum Item<M> {
    Message(M),
    Verdict(Verdict),
}

/// Messages in the order of their tags.
struct Batch<M> {
    received: Vec<Received>,
    items: Vec<Item<M>>,
}

impl<M: Message> Batch<M> {
    const fn new() -> Self {
        Self {
            received: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Takes a delivery, unless its session is over: then it can't be acknowledged any more, and comes again.
    fn push(&mut self, delivery: Delivery, desk: &Desk) {
        if !delivery.acker.usable() {
            return;
        }
        let received = Received::new(delivery);
        self.items.push(read(&received, desk));
        self.received.push(received);
    }

    /// Whether its session still stands.
    fn can_be_acknowledged(&self) -> bool {
        self.received.iter().all(|received| received.acker().usable())
    }

    fn len(&self) -> usize {
        self.received.len()
    }
}

pub(super) fn read<M: Message>(received: &Received, desk: &Desk) -> Item<M> {
    if desk.is_early(received) {
        return Item::Verdict(Verdict::TooEarly);
    }
    match received.parse() {
        Ok(message) => Item::Message(message),
        Err(unreadable) => Item::Verdict(Verdict::Unreadable(unreadable.to_string())),
    }
}

async fn serve<H: BatchHandler>(
    session: &mut Session,
    desk: &Desk,
    handler: &Arc<H>,
    batch_max: usize,
) -> End {
    let Session {
        deliveries,
        shutdown,
        presence,
        stop,
        pulse,
        ends_at,
        ..
    } = session;
    // Polled on, and never begun anew, however often a delivery comes in between.
    let over = async {
        tokio::select! {
            biased;
            () = shutdown.requested() => End::Shutdown,
            () = presence.paused() => End::Paused,
            error = pulse.stopped() => End::Lost(error),
            () = Session::passed(*ends_at) => End::Passed,
        }
    };
    let (end, mut working) = fill(deliveries, over, stop, desk, handler, batch_max).await;
    if matches!(end, End::Lost(_)) {
        session.give_up();
    }
    // The batch in hand is finished; the one that was filling goes back to the queue, with what arrives meanwhile. The
    // broker is told to send no more only behind the last acknowledgement: see `Session::take_no_more`.
    if working.is_some() {
        ended(&mut working).await;
    }
    match end {
        End::Lost(_) => {}
        End::Shutdown | End::Paused | End::Passed => session.take_no_more().await,
    }
    end
}

/// Fills one batch while the one before it is with the handler, until it is `over` or no more come. Returns the
/// batch that is still in hand then.
pub(super) async fn fill<H: BatchHandler>(
    deliveries: &mut (impl Stream<Item = lapin::Result<Delivery>> + Unpin),
    over: impl Future<Output = End>,
    stop: &Stop,
    desk: &Desk,
    handler: &Arc<H>,
    batch_max: usize,
) -> (End, Option<JoinHandle<()>>) {
    let mut over = pin!(over);
    let mut filling: Batch<H::Message> = Batch::new();
    let mut working: Option<JoinHandle<()>> = None;
    let end = loop {
        if working.is_none() && filling.len() > 0 {
            let batch = std::mem::replace(&mut filling, Batch::new());
            if !batch.can_be_acknowledged() {
                continue;
            }
            let work = work(batch, desk.clone(), Arc::clone(handler), stop.clone());
            working = Some(tokio::spawn(work));
        }
        tokio::select! {
            biased;
            end = &mut over => break end,
            () = ended(&mut working) => working = None,
            delivery = deliveries.next(), if filling.len() < batch_max => match delivery {
                Some(Ok(delivery)) => {
                    filling.push(delivery, desk);
                    if let Some(end) = take_what_is_there(deliveries, &mut filling, desk, batch_max) {
                        break end;
                    }
                }
                Some(Err(error)) => break End::Lost(Some(error)),
                None => break End::Lost(None),
            },
        }
    };
    (end, working)
}

/// Returns when the batch in hand is finished; never, where there is none.
async fn ended(working: &mut Option<JoinHandle<()>>) {
    match working {
        Some(task) => {
            if let Err(error) = task.await {
                error!(%error, "a batch was not finished; its messages come again");
            }
        }
        None => std::future::pending().await,
    }
}

/// Everything that has arrived already, without waiting.
fn take_what_is_there<M: Message>(
    deliveries: &mut (impl Stream<Item = lapin::Result<Delivery>> + Unpin),
    filling: &mut Batch<M>,
    desk: &Desk,
    batch_max: usize,
) -> Option<End> {
    while filling.len() < batch_max {
        match deliveries.next().now_or_never() {
            None => return None,
            Some(Some(Ok(delivery))) => filling.push(delivery, desk),
            Some(Some(Err(error))) => return Some(End::Lost(Some(error))),
            Some(None) => return Some(End::Lost(None)),
        }
    }
    None
}

/// Handles a batch, does what the outcomes ask for, acknowledges it.
async fn work<H: BatchHandler>(batch: Batch<H::Message>, desk: Desk, handler: Arc<H>, stop: Stop) {
    let messages = batch.len();
    let span = info_span!("batch", queue = desk.queue, messages);
    let metas = batch.received.iter().map(|received| &received.meta);
    let tracing = traces::processing_batch(desk.queue, messages, metas);
    let started = Instant::now();
    let dealing = async {
        telemetry::batch(desk.queue, messages);
        desk.measure_waits(&batch.received);
        let Batch { received, items } = batch;
        let verdicts = match verdicts(&received, items, &desk, &*handler, &stop).await {
            Ok(verdicts) => verdicts,
            Err(Stopped) => return debug!("given back unfinished"),
        };
        if settle(&received, &verdicts, &desk, &stop).await == Err(Stopped) {
            return debug!("given back: what follows could not be published");
        }
        telemetry::handle_took(desk.queue, started.elapsed());
        // All messages up to the last one, at once: every one of them is settled.
        if let Some(last) = received.last() {
            stop.acknowledge(last.acker(), true).await;
        }
    };
    tracing.run(dealing.instrument(span)).await;
}

async fn settle(
    received: &[Received],
    verdicts: &[Verdict],
    desk: &Desk,
    stop: &Stop,
) -> Result<(), Stopped> {
    let done = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Of(Outcome::Done)))
        .count();
    desk.handled("done", done as u64);
    let rest = received
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| !matches!(verdict, Verdict::Of(Outcome::Done)))
        .map(|(received, verdict)| desk.settle(received, verdict, stop));
    match join_all(rest).await.into_iter().find(Result::is_err) {
        Some(stopped) => stopped,
        None => Ok(()),
    }
}

/// One verdict a message, in order.
pub(super) async fn verdicts<H: BatchHandler>(
    received: &[Received],
    items: Vec<Item<H::Message>>,
    desk: &Desk,
    handler: &H,
    stop: &Stop,
) -> Result<Vec<Verdict>, Stopped> {
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(received.len());
    let mut places = Vec::with_capacity(received.len());
    let mut messages = Vec::with_capacity(received.len());
    for (place, (item, received)) in items.into_iter().zip(received).enumerate() {
        match item {
            Item::Message(message) => {
                places.push(place);
                messages.push((message, &received.meta));
                verdicts.push(None);
            }
            Item::Verdict(verdict) => verdicts.push(Some(verdict)),
        }
    }
    let outcomes = outcomes(received, &places, messages, desk, handler, stop).await?;
    for (place, outcome) in places.into_iter().zip(outcomes) {
        if let Some(verdict) = verdicts.get_mut(place) {
            *verdict = Some(Verdict::Of(outcome));
        }
    }
    let forgotten = || Verdict::Of(Outcome::retry("the batch's handler said nothing of this message"));
    Ok(verdicts
        .into_iter()
        .map(|verdict| verdict.unwrap_or_else(forgotten))
        .collect())
}

/// One outcome for each of `places`, in order. A part of a batch that fails for no known reason is halved until the
/// one message that does it stands alone: it costs itself, and some repetition of the others.
async fn outcomes<H: BatchHandler>(
    received: &[Received],
    places: &[usize],
    messages: Vec<(H::Message, &Meta)>,
    desk: &Desk,
    handler: &H,
    stop: &Stop,
) -> Result<Vec<Outcome>, Stopped> {
    let mut outcomes = Vec::with_capacity(places.len());
    let mut read = Some(messages);
    // Parts that are still to be handled, the next one last.
    let mut parts = vec![places];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        // Whatever is too slow in a half was too slow in the whole.
        let is_whole = part.len() == places.len();
        let slow_tries = if is_whole { SLOW_TRIES_MAX } else { 1 };
        let handled = desk
            .handle(stop, slow_tries, || {
                // What the handler was given once is gone: it is read again from the bodies in hand.
                let batch = read.take().unwrap_or_else(|| read_again(received, part));
                handle_all(handler, batch)
            })
            .await?;
        match handled {
            Handled::Outcome(mut of_part) => outcomes.append(&mut of_part),
            Handled::Unexpected(reason) if part.len() > 1 => {
                warn!(queue = desk.queue, messages = part.len(), %reason, "a batch failed; halving it");
                let (front, back) = part.split_at(part.len() / 2);
                parts.push(back);
                parts.push(front);
            }
            Handled::Unexpected(reason) => outcomes.push(Outcome::Retry { reason }),
        }
    }
    Ok(outcomes)
}

async fn handle_all<H: BatchHandler>(
    handler: &H,
    batch: Vec<(H::Message, &Meta)>,
) -> Result<Vec<Outcome>, Failure> {
    let messages = batch.len();
    let outcomes = handler.handle(batch).await?;
    if outcomes.len() == messages {
        return Ok(outcomes);
    }
    Err(Failure::of(format!(
        "the handler gave {} outcomes for {messages} messages",
        outcomes.len()
    )))
}

fn read_again<'a, M: Message>(received: &'a [Received], places: &[usize]) -> Vec<(M, &'a Meta)> {
    let of_part = places.iter().filter_map(|place| received.get(*place));
    of_part
        .filter_map(|received| Some((received.parse().ok()?, &received.meta)))
        .collect()
}
