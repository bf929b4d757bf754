//! Publishing: with the broker's confirm, returned messages noticed, within bounds, on a connection of its own.
//!
//! A connection that the broker has blocked (memory, disk) stops all its writes, acknowledgements included: so
//! consumers have other connections, and nothing is written to this one while it is blocked.

use super::connect::{BrokerError, Link, Purpose, Sign, connect, within};
use super::delay::Route;
use super::outgoing::Outgoing;
use super::topology::Topology;
use super::{Pauses, headers};
use crate::health::Part;
use crate::process::{Clock, Shutdown};
use crate::settings::{Amqp, SettingsError};
use crate::telemetry::{self, metrics, traces};
use futures_util::StreamExt as _;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Event};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use topup_failpoints::{Point, reach};
use tracing::{info, warn};

/// How often a session looks whether its connection still stands, beside being told.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Least time between two declarations of the topology because a queue was missing.
const DECLARE_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a missing queue is left to its consumers: they make it again as soon as the broker has told them that it is
/// gone. Made again before that, it can lose them without a word to them.
const CONSUMERS_FIRST: Duration = Duration::from_secs(1);

/// Why a message is not known to be with the broker. It may be there all the same: publishing it again is safe,
/// since every receiver recognises a repeat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No queue takes it.
    #[error("the broker has no queue for {queue}")]
    Unroutable {
        /// Where it was to go.
        queue: String,
    },
    /// The queue took it not: it is full, or has lost its majority.
    #[error("the broker refused a message for {queue}")]
    Refused {
        /// Where it was to go.
        queue: String,
    },
    /// No connection, or one that the broker has blocked.
    #[error("no connection to publish to {queue} on: {why}")]
    Down {
        /// Where it was to go.
        queue: String,
        /// What is known.
        why: String,
    },
    /// No confirm in time.
    #[error("the broker did not confirm a message for {queue} within {after_s} s")]
    TimedOut {
        /// Where it was to go.
        queue: String,
        /// How long it was waited for.
        after_s: u64,
    },
}

/// What can be published on at this moment.
#[derive(Clone)]
enum Line {
    Down(String),
    Blocked(String),
    Up(Channel),
}

struct Inner {
    worker: &'static str,
    confirm_timeout: Duration,
    line: watch::Sender<Line>,
    /// Publishes under way.
    in_flight: Semaphore,
    /// Somebody found the connection dead.
    lost: Notify,
    /// Somebody found a queue missing.
    missing: Notify,
    clock: Clock,
    /// The background task, until somebody waits for its end.
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// Publishes messages; connects again by itself. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("worker", &self.inner.worker)
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// Starts connecting, in the background, until `shutdown`. `worker` is what messages bear as their `app_id`.
    ///
    /// # Errors
    /// No broker address was given.
    pub fn start(
        worker: &'static str,
        amqp: &Amqp,
        clock: Clock,
        part: Part,
        shutdown: Shutdown,
    ) -> Result<Self, SettingsError> {
        amqp.address()?;
        let (line, _) = watch::channel(Line::Down("not connected yet".to_owned()));
        let inner = Arc::new(Inner {
            worker,
            confirm_timeout: amqp.confirm_timeout,
            line,
            in_flight: Semaphore::new(amqp.publishes_max),
            lost: Notify::new(),
            missing: Notify::new(),
            clock,
            keeper: Mutex::new(None),
        });
        let keeper = tokio::spawn(keep_connected(Arc::clone(&inner), amqp.clone(), part, shutdown));
        inner
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(keeper);
        Ok(Self { inner })
    }

    /// Returns when the connection is closed, after the shutdown that it was started with.
    pub(crate) async fn closed(&self) {
        let keeper = self
            .inner
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(keeper) = keeper {
            let _ended = keeper.await;
        }
    }

    /// Publishes one message, now or through the delay topology, and waits for the broker's confirm: it is in its
    /// queue, on disk, at a majority of nodes. Waits for a connection, too, as long as for a confirm.
    ///
    /// # Errors
    /// See [`PublishError`]. Whether the message arrived is then unknown; publishing it again is safe.
    pub async fn publish(&self, message: &Outgoing) -> Result<(), PublishError> {
        let started = Instant::now();
        let work = traces::sending(message, || message.route(self.inner.clock.now()));
        let traced = work
            .traceparent()
            .map(|traceparent| message.clone().traced(Some(&traceparent)));
        let result = self
            .inner
            .publish(
                traced.as_ref().unwrap_or(message),
                started + self.inner.confirm_timeout,
            )
            .await;
        if result.is_err() {
            work.went_wrong(metrics::publish_result(&result));
        }
        telemetry::published(&result, started.elapsed());
        result
    }
}

impl Inner {
    async fn publish(&self, message: &Outgoing, deadline: Instant) -> Result<(), PublishError> {
        let queue = || message.queue.clone();
        let down = |why: &str| PublishError::Down {
            queue: queue(),
            why: why.to_owned(),
        };
        let Ok(permit) = timeout_at(deadline, self.in_flight.acquire()).await else {
            return Err(down("too many messages are on their way already"));
        };
        let _permit = permit.map_err(|_closed| down("the process ends"))?;
        let channel = self.channel(deadline).await.map_err(|why| down(&why))?;
        let now = self.clock.now();
        let Route {
            exchange,
            routing_key,
        } = message.route(now);
        let (Some(exchange), Some(routing_key)) = (headers::short(&exchange), headers::short(&routing_key))
        else {
            return Err(PublishError::Unroutable { queue: queue() });
        };
        // Mandatory: a message that no queue takes comes back instead of vanishing. An event may have no listener.
        let options = BasicPublishOptions {
            mandatory: !message.is_event(),
            ..BasicPublishOptions::default()
        };
        let properties = message.properties(self.worker, now);
        let confirmed = async {
            let written = channel
                .basic_publish(exchange, routing_key, options, &message.body, properties)
                .await?;
            reach(Point::Published);
            written.await
        };
        match timeout_at(deadline, confirmed).await {
            Ok(Ok(Confirmation::Ack(None))) => {
                reach(Point::Confirmed);
                Ok(())
            }
            Ok(Ok(Confirmation::Ack(Some(_returned)) | Confirmation::Nack(Some(_returned)))) => {
                self.missing.notify_one();
                Err(PublishError::Unroutable { queue: queue() })
            }
            Ok(Ok(Confirmation::Nack(None))) => Err(PublishError::Refused { queue: queue() }),
            Ok(Ok(Confirmation::NotRequested)) => {
                self.lost.notify_one();
                Err(down("the channel does not confirm"))
            }
            Ok(Err(error)) => {
                self.lost.notify_one();
                Err(down(&error.to_string()))
            }
            Err(_late) => {
                // A blocked connection is alive; a silent one is not worth keeping.
                if matches!(*self.line.borrow(), Line::Up(_)) {
                    self.lost.notify_one();
                }
                Err(PublishError::TimedOut {
                    queue: queue(),
                    after_s: self.confirm_timeout.as_secs(),
                })
            }
        }
    }

    /// The channel, as soon as there is one that may be written to.
    async fn channel(&self, deadline: Instant) -> Result<Channel, String> {
        let mut line = self.line.subscribe();
        let up = timeout_at(deadline, line.wait_for(|line| matches!(line, Line::Up(_)))).await;
        let now = match up {
            Ok(Ok(line)) => line.clone(),
            Ok(Err(_)) | Err(_) => self.line.borrow().clone(),
        };
        match now {
            Line::Up(channel) => Ok(channel),
            Line::Blocked(why) => Err(format!("the broker has blocked the connection: {why}")),
            Line::Down(why) => Err(why),
        }
    }
}

/// Connects, keeps watch, connects again; until shutdown, and then for as long as anybody holds the publisher.
async fn keep_connected(inner: Arc<Inner>, amqp: Amqp, part: Part, shutdown: Shutdown) {
    let sign = Sign::publishing(inner.worker);
    let mut pauses = Pauses::new();
    let mut first = 0;
    while !shutdown.is_requested() {
        let opened = tokio::select! {
            opened = open(&amqp, &sign, first) => opened,
            () = shutdown.requested() => break,
        };
        let why = match opened {
            Ok(link) => {
                info!(connection = %sign.name, "publishing connection is up");
                let opened = Instant::now();
                let why = watch_over(&inner, &amqp, &link, &part, &shutdown).await;
                inner.line.send_replace(Line::Down(why.clone()));
                link.close().await;
                if opened.elapsed() > LOOK_EVERY {
                    pauses.reset();
                }
                why
            }
            Err(error) => error.to_string(),
        };
        if shutdown.is_requested() {
            break;
        }
        first += 1;
        let pause = pauses.next();
        warn!(error = %why, pause_ms = telemetry::millis(pause), "no publishing connection; trying again");
        part.not_ready(why.clone());
        inner.line.send_replace(Line::Down(why));
        telemetry::session_lost("publish");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.requested() => {}
        }
    }
    inner.line.send_replace(Line::Down("the process ends".to_owned()));
}

async fn open(amqp: &Amqp, sign: &Sign, first: usize) -> Result<Link, BrokerError> {
    let uris = amqp.address().map(super::Address::uris).unwrap_or_default();
    let link = connect(amqp, uris, Purpose::Publish, sign, first).await?;
    if amqp.declare {
        Topology::fleet()
            .declare(&link.channel, amqp.connect_timeout)
            .await?;
    }
    // Without it every publish would answer `NotRequested`, and nothing be known.
    within(
        amqp.connect_timeout,
        "ask for confirms",
        link.channel.confirm_select(ConfirmSelectOptions::default()),
    )
    .await?;
    Ok(link)
}

/// Returns what ended the session.
async fn watch_over(inner: &Inner, amqp: &Amqp, link: &Link, part: &Part, shutdown: &Shutdown) -> String {
    let mut events = std::pin::pin!(link.connection.events_listener());
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut declared = Instant::now();
    part.ready();
    inner.line.send_replace(Line::Up(link.channel.clone()));
    loop {
        tokio::select! {
            () = shutdown.requested() => return "the process ends".to_owned(),
            () = inner.lost.notified() => return "the connection did not answer".to_owned(),
            () = inner.missing.notified() => {
                if amqp.declare && declared.elapsed() >= DECLARE_AGAIN_AFTER {
                    tokio::select! {
                        () = tokio::time::sleep(CONSUMERS_FIRST) => {}
                        () = shutdown.requested() => return "the process ends".to_owned(),
                    }
                    declare_again(amqp, link).await;
                    declared = Instant::now();
                }
            }
            _ = look.tick() => {
                if !link.connection.status().connected() || !link.channel.status().connected() {
                    return "the connection is gone".to_owned();
                }
            }
            event = events.next() => match event {
                Some(Event::Error(error)) => return error.to_string(),
                Some(Event::ConnectionBlocked(why)) => {
                    warn!(%why, "the broker has blocked the publishing connection");
                    part.not_ready(format!("blocked by the broker: {why}"));
                    inner.line.send_replace(Line::Blocked(why));
                }
                Some(Event::ConnectionUnblocked) => {
                    info!("the broker takes messages again");
                    part.ready();
                    inner.line.send_replace(Line::Up(link.channel.clone()));
                }
                Some(_) => {}
                None => return "the connection is gone".to_owned(),
            },
        }
    }
}

/// A queue is missing, perhaps deleted by hand: it is made again, on a channel of its own, since a refusal closes it.
async fn declare_again(amqp: &Amqp, link: &Link) {
    let declared = async {
        let channel = within(
            amqp.connect_timeout,
            "open a channel",
            link.connection.create_channel(),
        )
        .await?;
        Topology::fleet().declare(&channel, amqp.connect_timeout).await?;
        within(
            amqp.connect_timeout,
            "close a channel",
            channel.close(200, "done".into()),
        )
        .await
    };
    match declared.await {
        Ok(()) => info!("a queue was missing; the topology is declared again"),
        Err(error) => warn!(%error, "a queue is missing, and the topology could not be declared"),
    }
}
