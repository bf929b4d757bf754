//! A process says every two seconds that it is alive and how it stands, and hears whether its queue is paused.
//!
//! One statement does both. It has no part in the process's health, holds nothing up, and is given up after a moment:
//! while the database is away, what was last heard counts. Only before the first answer nothing is taken, so that a
//! worker that is started while its queue is paused takes no message at all; without the database it could deal with
//! none anyway.

use super::{Clock, Shutdown};
use crate::broker::host_name;
use crate::broker::topology::WORK_QUEUES;
use crate::consume::chain;
use crate::health::Health;
use crate::telemetry;
use jiff::SignedDuration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use topup_store::{ProcessReport, ProcessState, QueuePause, Store};
use tracing::{debug, info, warn};
use uuid::Uuid;

/// How often a process says that it is alive. A pause is heard of as soon.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// The same before the first answer, and while the process is not ready.
const TELL_AGAIN: Duration = Duration::from_millis(500);
/// How long that may take.
const TELL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that ends tries to take its row with it.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Counts that the rate is taken from: those of the last ten seconds, mostly.
const COUNTS_MAX: usize = 6;
/// A rate over less than this says nothing.
const RATE_OVER_MIN: Duration = Duration::from_millis(400);

/// Whether the process's queue is paused, as far as was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// Nothing yet.
    Nothing,
    /// Messages may be taken.
    Work,
    /// They may not.
    Pause,
}

/// What the consumer and its presence tell each other. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    heard: watch::Sender<Heard>,
    /// Whether the consumer has ended its session for a pause.
    rests: watch::Sender<bool>,
    handled: AtomicU64,
}

impl Presence {
    fn new(heard: Heard) -> Self {
        Self {
            shared: Arc::new(Shared {
                heard: watch::Sender::new(heard),
                rests: watch::Sender::new(false),
                handled: AtomicU64::new(0),
            }),
        }
    }

    /// Of a process that nobody pauses.
    #[cfg(test)]
    pub(crate) fn unpaused() -> Self {
        Self::new(Heard::Work)
    }

    /// Counts messages that were dealt with.
    pub(crate) fn handled(&self, messages: u64) {
        self.shared.handled.fetch_add(messages, Ordering::Relaxed);
    }

    /// Whether the queue is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.is(Heard::Pause)
    }

    /// Whether messages may be taken.
    pub(crate) fn may_work(&self) -> bool {
        self.is(Heard::Work)
    }

    /// Returns when the queue is paused.
    pub(crate) async fn paused(&self) {
        self.hears(Heard::Pause).await;
    }

    /// Returns when messages may be taken.
    pub(crate) async fn works(&self) {
        self.hears(Heard::Work).await;
    }

    async fn hears(&self, what: Heard) {
        let mut heard = self.shared.heard.subscribe();
        // The sender is in hand: it can't be gone.
        let _heard = heard.wait_for(|heard| *heard == what).await;
    }

    fn heard(&self) -> Heard {
        *self.shared.heard.borrow()
    }

    fn is(&self, what: Heard) -> bool {
        self.heard() == what
    }

    /// The consumer has ended its session for a pause, or begins again.
    pub(crate) fn rests(&self, rests: bool) {
        self.shared.rests.send_replace(rests);
    }
}

/// Whose presence it is.
pub(super) struct Present {
    pub(super) name: &'static str,
    pub(super) store: Store,
    pub(super) health: Health,
    pub(super) clock: Clock,
    pub(super) shutdown: Shutdown,
}

/// Begins to say it.
pub(super) fn start(of: Present) -> (Presence, Farewell) {
    let presence = Presence::new(Heard::Nothing);
    let (end, ended) = oneshot::channel();
    let teller = Teller {
        id: Uuid::now_v7(),
        queue: WORK_QUEUES.into_iter().find(|queue| *queue == of.name),
        host: host_name(),
        began: Instant::now(),
        presence: presence.clone(),
        counted: VecDeque::new(),
        is_told: true,
        of,
    };
    let task = tokio::spawn(teller.tell_until(ended));
    (presence, Farewell { end, task })
}

/// The end of a presence.
pub(super) struct Farewell {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Farewell {
    /// Says nothing more, and takes the row away where the database is at hand.
    pub(super) async fn say(self) {
        let _it_listens = self.end.send(());
        let _left_to_the_sweeper = timeout(FAREWELL_MAX, self.task).await;
    }
}

struct Teller {
    of: Present,
    id: Uuid,
    queue: Option<&'static str>,
    host: String,
    began: Instant,
    presence: Presence,
    /// Messages dealt with until each of the last times that it was told.
    counted: VecDeque<(Instant, u64)>,
    /// Whether the last time went well.
    is_told: bool,
}

impl Teller {
    async fn tell_until(mut self, mut ended: oneshot::Receiver<()>) {
        let mut rests = self.presence.shared.rests.subscribe();
        let mut is_stopping = false;
        loop {
            let pause = self.tell().await;
            // What changes is told at once.
            tokio::select! {
                biased;
                _ended = &mut ended => break,
                () = self.of.shutdown.requested(), if !is_stopping => is_stopping = true,
                Ok(()) = rests.changed() => {}
                () = sleep(pause) => {}
            }
        }
        if self.is_told
            && let Err(error) = self.of.store.forget_process(self.id).await
        {
            debug!(%error, "the sweeper forgets this process");
        }
    }

    /// Tells once, and says how long to wait for the next time.
    async fn tell(&mut self) -> Duration {
        let state = self.state();
        let missing = self.of.health.missing();
        let why: Vec<String> = missing
            .iter()
            .map(|(part, why)| format!("{part}: {why}"))
            .collect();
        let why = why.join("; ");
        let handled = self.presence.shared.handled.load(Ordering::Relaxed);
        let per_s = self.per_s(handled);
        let report = ProcessReport {
            id: self.id,
            name: self.of.name,
            version: env!("CARGO_PKG_VERSION"),
            host: &self.host,
            pid: std::process::id(),
            up: SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX),
            state,
            why: (!why.is_empty()).then_some(why.as_str()),
            handled,
            per_s,
            clock_ahead: self.of.clock.own_is_ahead(),
            queue: self.queue,
        };
        let answer = timeout(TELL_TIMEOUT, self.of.store.report_process(&report)).await;
        match answer {
            Ok(Ok(pause)) => self.hear(pause.as_ref()),
            Ok(Err(error)) => {
                self.is_not_told(&chain(&error));
                // It has no say here: an older schema, or a role that may not.
                if self.presence.is(Heard::Nothing) && error.is_closed_to_us() {
                    self.presence.shared.heard.send_replace(Heard::Work);
                }
            }
            Err(_late) => self.is_not_told("no answer"),
        }
        if state == ProcessState::NotReady || self.presence.is(Heard::Nothing) {
            TELL_AGAIN
        } else {
            TELL_EVERY
        }
    }

    fn state(&self) -> ProcessState {
        if self.of.shutdown.is_requested() {
            ProcessState::Stopping
        } else if *self.presence.shared.rests.borrow() {
            ProcessState::Paused
        } else if self.of.health.missing().is_empty() {
            ProcessState::Ready
        } else {
            ProcessState::NotReady
        }
    }

    /// Messages a second since the oldest count that is kept.
    fn per_s(&mut self, handled: u64) -> f32 {
        let now = Instant::now();
        self.counted.push_back((now, handled));
        while self.counted.len() > COUNTS_MAX {
            self.counted.pop_front();
        }
        let Some((since, before)) = self.counted.front() else {
            return 0.0;
        };
        let seconds = now.duration_since(*since).as_secs_f32();
        if seconds < RATE_OVER_MIN.as_secs_f32() {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let messages = handled.saturating_sub(*before) as f32;
        messages / seconds
    }

    fn hear(&mut self, pause: Option<&QueuePause>) {
        if !std::mem::replace(&mut self.is_told, true) {
            info!("the database knows again that this process is alive");
        }
        let (before, now) = match pause {
            Some(_) => (self.presence.heard(), Heard::Pause),
            None => (self.presence.heard(), Heard::Work),
        };
        if let Some(queue) = self.queue {
            telemetry::queue_paused(queue, now == Heard::Pause);
            match (before, pause) {
                (Heard::Nothing | Heard::Work, Some(pause)) => {
                    let until = pause.ends_at.map(|at| at.to_string()).unwrap_or_default();
                    let (who, reason) = (&pause.who, &pause.reason);
                    info!(queue, who, reason, until, "paused: taking no messages");
                }
                (Heard::Pause, None) => info!(queue, "resumed: taking messages again"),
                (Heard::Pause, Some(_)) | (Heard::Nothing | Heard::Work, None) => {}
            }
        }
        if before != now {
            self.presence.shared.heard.send_replace(now);
        }
    }

    /// Said once: it is no trouble of the process's own, and there are other words for the database's.
    fn is_not_told(&mut self, error: &str) {
        if std::mem::replace(&mut self.is_told, false) {
            warn!(
                error,
                "the database is not told that this process is alive; a pause of its queue is not heard of"
            );
        }
    }
}
