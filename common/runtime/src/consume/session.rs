//! Sessions with a queue, one after the other: connect, declare, consume, drain; again when any of it fails.
//!
//! A stream of deliveries that ends is a lost session, not a quiet queue: the broker cancels consumers whose queue is
//! deleted or moves.

use crate::broker::topology::Topology;
use crate::broker::{
    Address, BrokerError, Link, Pauses, Purpose, connect, connection_name, is_parsing, tag_name, within,
};
use crate::process::{Process, Shutdown};
use crate::settings::Amqp;
use crate::{broker::check, telemetry};
use lapin::Consumer;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// A session that lasted this long was a good one: the next pause is short again.
const GOOD_SESSION: Duration = Duration::from_secs(5);
/// Messages ahead while the queue may hold one that the library can't read.
const CAREFUL_PREFETCH: u16 = 1;
/// A careful session that dealt with so many messages has passed the unreadable one.
const CAREFUL_MESSAGES: usize = 100;
/// Pause between careful sessions: the broker parks the unreadable message after a bounded number of them.
const CAREFUL_PAUSE: Duration = Duration::from_millis(10);

/// Says to what is in hand that it can no longer be acknowledged, or that the process stops.
#[derive(Clone)]
pub(super) struct Stop {
    shutdown: Shutdown,
    lost: watch::Receiver<bool>,
}

impl Stop {
    pub(super) async fn wait(&self) {
        let mut lost = self.lost.clone();
        tokio::select! {
            () = self.shutdown.requested() => {}
            _ = lost.wait_for(|lost| *lost) => {}
        }
    }
}

/// One session.
pub(super) struct Session {
    pub(super) deliveries: Consumer,
    pub(super) shutdown: Shutdown,
    pub(super) stop: Stop,
    lost: watch::Sender<bool>,
    link: Link,
    /// Ends by itself after so many messages.
    pub(super) messages_max: usize,
}

impl Session {
    /// Nothing can be acknowledged any more: what is in hand is to end its waiting.
    pub(super) fn give_up(&self) {
        self.lost.send_replace(true);
    }

    /// Asks the broker for no more messages.
    pub(super) async fn take_no_more(&self) {
        let tag = self.deliveries.tag();
        let cancelled = self.link.channel.basic_cancel(tag, BasicCancelOptions::default());
        if let Err(error) = within(self.link.patience(), "stop consuming", cancelled).await {
            warn!(%error, "the broker was not told to send no more");
        }
    }

    /// Gives everything back that is not acknowledged, and says goodbye.
    async fn close(self) {
        let options = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        // Tag 0 with `multiple`: all that are outstanding. Where this fails, closing the channel does the same.
        let released = self.link.channel.basic_nack(0, options);
        if let Err(error) = within(self.link.patience(), "give messages back", released).await {
            info!(%error, "messages go back with the channel");
        }
        self.link.close().await;
    }
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to.
    Shutdown,
    /// A careful session has passed the unreadable message.
    Passed,
    /// Broken, or cancelled by the broker.
    Lost(Option<lapin::Error>),
}

/// What is consumed, and how.
pub(super) struct Terms {
    pub(super) queue: &'static str,
    pub(super) prefetch: u16,
}

/// Holds sessions until shutdown. `serve` deals with one session's messages and returns when it ended and nothing is
/// in hand any more.
pub(super) async fn supervise(process: &Process, terms: Terms, serve: impl AsyncFn(&mut Session) -> End) {
    let part = process.health.part("consumer");
    let name = connection_name(process.name);
    let mut pauses = Pauses::new();
    let mut careful = false;
    let mut first = 0;
    while !process.shutdown.is_requested() {
        let prefetch = if careful { CAREFUL_PREFETCH } else { terms.prefetch };
        let opened = tokio::select! {
            opened = open(process, &terms, &name, prefetch, first) => opened,
            () = process.shutdown.requested() => break,
        };
        let why = match opened {
            Ok(mut session) => {
                if careful {
                    session.messages_max = CAREFUL_MESSAGES;
                }
                info!(connection = %name, queue = terms.queue, prefetch, "consuming");
                part.ready();
                let began = Instant::now();
                let end = serve(&mut session).await;
                session.close().await;
                if began.elapsed() > GOOD_SESSION {
                    pauses.reset();
                }
                match end {
                    End::Shutdown => break,
                    End::Passed => {
                        careful = false;
                        pauses.reset();
                        continue;
                    }
                    End::Lost(error) => {
                        careful = error.as_ref().is_some_and(is_parsing);
                        error.map_or_else(|| "the broker ended the consumer".to_owned(), |e| e.to_string())
                    }
                }
            }
            Err(error) => {
                careful = error.is_parsing();
                error.to_string()
            }
        };
        first += 1;
        part.not_ready(why.clone());
        telemetry::session_lost("consume");
        let pause = if careful { CAREFUL_PAUSE } else { pauses.next() };
        if careful {
            error!(queue = terms.queue, error = %why, "a message can't be read off the wire; taking one at a time until the broker parks it");
        } else {
            warn!(queue = terms.queue, error = %why, pause_ms = telemetry::millis(pause), "not consuming; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = process.shutdown.requested() => break,
        }
    }
    part.not_ready("stopping");
}

async fn open(
    process: &Process,
    terms: &Terms,
    name: &str,
    prefetch: u16,
    first: usize,
) -> Result<Session, BrokerError> {
    let amqp: &Amqp = &process.settings.amqp;
    let uris = amqp.address().map(Address::uris).unwrap_or_default();
    let link = connect(amqp, uris, Purpose::Consume, name, first).await?;
    if amqp.declare {
        Topology::fleet()
            .declare(&link.channel, amqp.connect_timeout)
            .await?;
    }
    check::refuse_unfit(amqp).await?;
    let channel = &link.channel;
    // The library's buffers have no bound: this is the only one.
    let qos = channel.basic_qos(prefetch, BasicQosOptions::default());
    within(amqp.connect_timeout, "set the prefetch", qos).await?;
    let consume = channel.basic_consume(
        terms.queue.into(),
        tag_name(process.name).as_str().into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let deliveries = within(amqp.connect_timeout, &format!("consume {}", terms.queue), consume).await?;
    let (lost, lost_receiver) = watch::channel(false);
    let stop = Stop {
        shutdown: process.shutdown.clone(),
        lost: lost_receiver,
    };
    let shutdown = process.shutdown.clone();
    Ok(Session {
        deliveries,
        shutdown,
        stop,
        lost,
        link,
        messages_max: usize::MAX,
    })
}
