//! Whether a session still stands, beside being told: its connection, its channel, and its consumer at the broker.

use crate::broker::{Link, within};
use futures_util::{Stream, StreamExt as _};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, ConnectionStatus, Event};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::warn;

/// How often a session looks whether its connection still stands, beside being told.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a session asks whether the broker still knows of a consumer of its queue. A queue that is deleted and
/// made again at once can lose its consumers without a word to them.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Answers in a row that know of none before the session is given up: a queue that has no leader for a moment gives
/// the same answer.
const UNKNOWN_MAX: u32 = 2;

/// Notices that a connection is gone where the stream of deliveries does not end: the library does not always tell
/// it, when what it can't read arrives together with what it can.
pub(super) struct Pulse {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    looks: Interval,
    connection: ConnectionStatus,
    channel: Channel,
    queue: &'static str,
    patience: Duration,
    asks: Interval,
    /// Answers in a row that knew of no consumer.
    unknown: u32,
}

impl Pulse {
    pub(super) fn of(link: &Link, queue: &'static str) -> Self {
        let mut asks = tokio::time::interval_at(Instant::now() + ASK_EVERY, ASK_EVERY);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            events: Box::pin(link.connection.events_listener()),
            looks: tokio::time::interval(LOOK_EVERY),
            connection: link.connection.status().clone(),
            channel: link.channel.clone(),
            queue,
            patience: link.patience(),
            asks,
            unknown: 0,
        }
    }

    /// Returns when the session is broken, with the cause where it is known.
    pub(super) async fn stopped(&mut self) -> Option<lapin::Error> {
        loop {
            tokio::select! {
                event = self.events.next() => match event {
                    Some(Event::Error(error)) => return Some(error),
                    // Of no concern to who only acknowledges.
                    Some(_) => {}
                    None => return None,
                },
                _ = self.looks.tick() => {
                    if !self.connection.connected() || !self.channel.status().connected() {
                        return None;
                    }
                }
                _ = self.asks.tick() => {
                    if !self.is_known().await {
                        return None;
                    }
                }
            }
        }
    }

    /// Whether the broker knows of a consumer, as far as it says. Where a queue has several, others go on with the
    /// work of one that was forgotten.
    async fn is_known(&mut self) -> bool {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let asked = self
            .channel
            .queue_declare(self.queue.into(), options, FieldTable::default());
        match within(self.patience, "count consumers", asked).await {
            Ok(queue) if queue.consumer_count() > 0 => self.unknown = 0,
            Ok(_none) => self.unknown += 1,
            Err(error) => {
                warn!(queue = self.queue, %error, "the queue can't be asked for its consumers");
                return false;
            }
        }
        self.unknown < UNKNOWN_MAX
    }
}
