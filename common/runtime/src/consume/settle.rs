//! What follows an outcome: retrying through the delay topology, parking, waiting for the database.
//!
//! A message is acknowledged only after its copy for later, or for the dead letters, is confirmed. While that fails,
//! the message stays in hand.

use super::delivery::Received;
use super::session::Stop;
use super::{Failure, Outcome, ParkClass, chain};
use crate::broker::headers::reason_line;
use crate::broker::{Outgoing, Pauses, Publisher};
use crate::health::Part;
use crate::process::{Clock, Presence, Process};
use crate::telemetry::{self, metrics};
use futures_util::FutureExt as _;
use jiff::SignedDuration;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tokio::time::sleep;
use topup_rules::retry::{NextTry, RetryPolicy};
use topup_store::Store;
use tracing::{info, warn};

/// A message that came through the delay topology this much too early waits for the rest; less is the clocks'.
const EARLY_MIN: SignedDuration = SignedDuration::from_secs(1);

/// Tries of what the database ends for taking too long, before that is taken for the message's own fault.
pub(super) const SLOW_TRIES_MAX: u32 = 2;

/// What the consumer does with a message.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The handler's.
    Of(Outcome),
    /// It could not be read.
    Unreadable(String),
    /// It came too early.
    TooEarly,
}

impl Verdict {
    /// What went wrong, for its span.
    pub(super) const fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Of(Outcome::Done) | Self::TooEarly => None,
            Self::Of(Outcome::Retry { .. }) => Some("retried"),
            Self::Of(Outcome::Park { class, .. }) => Some(class.as_str()),
            Self::Unreadable(_) => Some(ParkClass::Unreadable.as_str()),
        }
    }
}

/// What a message is published as before it is acknowledged; where it is parked, with the class of the reason.
type Onward = (Outgoing, Option<ParkClass>);

/// The session ended or the process stops: whatever is not acknowledged is delivered again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// What all messages of one queue have in common. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) queue: &'static str,
    policy: RetryPolicy,
    publisher: Publisher,
    store: Store,
    clock: Clock,
    handling: Part,
    presence: Presence,
}

impl Desk {
    pub(super) fn new(process: &Process, queue: &'static str, policy: RetryPolicy) -> Self {
        let handling = process.health.part("handler");
        handling.ready();
        Self {
            queue,
            policy,
            publisher: process.publisher.clone(),
            store: process.store.clone(),
            clock: process.clock.clone(),
            handling,
            presence: process.presence.clone(),
        }
    }

    /// Counts messages that were dealt with.
    pub(super) fn handled(&self, outcome: &'static str, messages: u64) {
        telemetry::handled(self.queue, outcome, messages);
        self.presence.handled(messages);
    }

    /// Whether a delayed message was delivered well before its moment: longer delays go round, and clocks differ.
    pub(super) fn is_early(&self, received: &Received) -> bool {
        received
            .not_before
            .is_some_and(|at| at.duration_since(self.clock.now()) > EARLY_MIN)
    }

    /// Measures how long messages that are taken now had to wait; of several, the one that waited longest.
    pub(super) fn measure_waits<'a>(&self, received: impl IntoIterator<Item = &'a Received>) {
        let now = self.clock.now();
        let (mut oldest, mut latest) = (None, None);
        for received in received {
            oldest = oldest.max(received.age(now));
            latest = latest.max(received.lateness(now));
        }
        if let Some(age) = oldest {
            metrics::MESSAGE_AGE_SECONDS.record([self.queue], age.as_secs_f64().max(0.0));
        }
        if let Some(late) = latest {
            metrics::DELAY_LATE_SECONDS.record([self.queue], late.as_secs_f64().max(0.0));
        }
    }

    /// Does what a verdict asks for, so that the message may be acknowledged.
    pub(super) async fn settle(
        &self,
        received: &Received,
        verdict: &Verdict,
        stop: &Stop,
    ) -> Result<(), Stopped> {
        let (label, copy) = match verdict {
            Verdict::Of(Outcome::Done) => ("done", None),
            Verdict::Of(Outcome::Park { class, reason }) => {
                ("parked", Some((self.park(received, reason), Some(*class))))
            }
            Verdict::Of(Outcome::Retry { reason }) => self.retry(received, reason),
            Verdict::Unreadable(reason) => (
                "unreadable",
                Some((self.park(received, reason), Some(ParkClass::Unreadable))),
            ),
            Verdict::TooEarly => ("delayed", Some((self.delay(received), None))),
        };
        if let Some((copy, class)) = copy {
            self.publish_at_last(&copy, stop).await?;
            if let Some(class) = class {
                metrics::PARKED.add([self.queue, class.as_str()], 1);
            }
        }
        self.handled(label, 1);
        Ok(())
    }

    fn retry(&self, received: &Received, reason: &str) -> (&'static str, Option<Onward>) {
        let tried = received.meta.attempts.saturating_add(1);
        match self.policy.after(tried) {
            NextTry::After { delay_s } => {
                let reason = reason_line(reason);
                let message_id = received.message_id();
                info!(queue = self.queue, message.id = message_id, attempt = tried, delay_s, %reason, "tried again later");
                let at = self.clock.now() + SignedDuration::from_secs(delay_s.into());
                ("retried", Some((received.again(self.queue, tried, at), None)))
            }
            NextTry::GiveUp => {
                let reason = format!("gave up after {tried} tries; the last one: {reason}");
                let parked = self.park(received, &reason);
                ("parked", Some((parked, Some(ParkClass::Exhausted))))
            }
        }
    }

    fn park(&self, received: &Received, reason: &str) -> Outgoing {
        let tried = received.meta.attempts.saturating_add(1);
        let reason = reason_line(reason);
        let message_id = received.message_id();
        warn!(queue = self.queue, message.id = message_id, attempt = tried, %reason, "parked");
        received.parked(self.queue, tried, &reason, self.clock.now())
    }

    fn delay(&self, received: &Received) -> Outgoing {
        let at = received.not_before.unwrap_or_else(|| self.clock.now());
        received.again(self.queue, received.meta.attempts, at)
    }

    /// Publishes until the broker confirms. The message stays in hand meanwhile, so nothing depends on how long.
    async fn publish_at_last(&self, copy: &Outgoing, stop: &Stop) -> Result<(), Stopped> {
        let mut pauses = Pauses::new();
        loop {
            let published = tokio::select! {
                biased;
                published = self.publisher.publish(copy) => published,
                () = stop.wait() => return Err(Stopped),
            };
            let Err(error) = published else { return Ok(()) };
            let pause = pauses.next();
            warn!(queue = self.queue, %error, pause_ms = telemetry::millis(pause), "kept in hand until it can be published");
            stop.pause(pause).await?;
        }
    }

    /// Handles until there is an outcome: trouble of the database is waited out here, with the messages in hand.
    /// What it ends for taking too long is tried `slow_tries` times.
    pub(super) async fn handle<T, F>(
        &self,
        stop: &Stop,
        slow_tries: u32,
        mut handle: impl FnMut() -> F,
    ) -> Result<Handled<T>, Stopped>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut pauses = Pauses::new();
        let mut slow = 0;
        loop {
            let failure = match AssertUnwindSafe(handle()).catch_unwind().await {
                Ok(Ok(outcome)) => return Ok(Handled::Outcome(outcome)),
                Ok(Err(failure)) => failure,
                Err(panic) => {
                    return Ok(Handled::Unexpected(format!(
                        "the handler panicked: {}",
                        words(&*panic)
                    )));
                }
            };
            match failure {
                Failure::Unexpected(error) => return Ok(Handled::Unexpected(chain(error.as_ref()))),
                Failure::Outage(reason) => self.wait_for_database(&reason, &mut pauses, stop).await?,
                Failure::Slow(reason) => {
                    slow += 1;
                    if slow >= slow_tries {
                        return Ok(Handled::Unexpected(reason));
                    }
                    warn!(queue = self.queue, %reason, "the database took too long; trying once more");
                    stop.pause(pauses.next()).await?;
                }
            }
        }
    }

    async fn wait_for_database(&self, reason: &str, pauses: &mut Pauses, stop: &Stop) -> Result<(), Stopped> {
        telemetry::database_wait(self.queue);
        warn!(queue = self.queue, %reason, "waiting for the database; messages stay in hand");
        self.handling
            .not_ready(format!("waiting for the database: {reason}"));
        let waited = self.until_database_answers(pauses, stop).await;
        // Whoever gave up has given its messages back, and waits no more.
        self.handling.ready();
        waited
    }

    async fn until_database_answers(&self, pauses: &mut Pauses, stop: &Stop) -> Result<(), Stopped> {
        loop {
            stop.pause(pauses.next()).await?;
            match self.store.ping().await {
                Ok(()) => return Ok(()),
                Err(error) => self
                    .handling
                    .not_ready(format!("waiting for the database: {}", chain(&error))),
            }
        }
    }
}

/// What a handler came to.
pub(super) enum Handled<T> {
    /// As it should.
    Outcome(T),
    /// Nobody thought of this.
    Unexpected(String),
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "without a word",
    }
}

impl Stop {
    /// Sleeps, unless it is time to stop.
    async fn pause(&self, pause: std::time::Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = self.wait() => Err(Stopped),
        }
    }
}
