//! Sessions with a queue, one after the other: connect, declare, consume, drain; again when any of it fails.
//!
//! A stream of deliveries that ends is a lost session, not a quiet queue: the broker cancels consumers whose queue is
//! deleted or moves.

use super::pulse::Pulse;
use crate::broker::topology::Topology;
use crate::broker::{
    Address, BrokerError, Link, Pauses, Purpose, Sign, VERSION, connect, is_parsing, tag_name, within,
};
use crate::health::Part;
use crate::process::{Presence, Process, Shutdown};
use crate::settings::Amqp;
use crate::{broker::check, telemetry};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, Consumer};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use topup_failpoints::{Point, reach};
use tracing::{debug, error, info, warn};

/// How long writing an acknowledgement may take.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a channel stays open behind acknowledgements that were written after their consumer was cancelled. RabbitMQ
/// (3.10.8) passes these on to a quorum queue in its own time, and forgets them with the channel: closed at once, it
/// lost the last one in 9 of 100 tries, and its messages came again; after 100 ms in none of 50. Acknowledged first and
/// cancelled then: in none of 120.
const ACKNOWLEDGEMENTS_ARRIVE: Duration = Duration::from_millis(250);
/// A session that lasted this long was a good one: the next pause is short again.
const GOOD_SESSION: Duration = Duration::from_secs(5);
/// Messages ahead while the queue may hold one that the library can't read.
const CAREFUL_PREFETCH: u16 = 1;
/// A careful session that lasted this long has passed the unreadable message.
const CAREFUL_SESSION: Duration = Duration::from_secs(3);
/// Pause between careful sessions: the broker parks the unreadable message after a bounded number of them.
const CAREFUL_PAUSE: Duration = Duration::from_millis(10);

/// Says to what is in hand that it can no longer be acknowledged, or that the process stops or rests.
#[derive(Clone)]
pub(super) struct Stop {
    shutdown: Shutdown,
    presence: Presence,
    lost: watch::Receiver<bool>,
}

#[cfg(test)]
impl Stop {
    pub(super) fn of(shutdown: Shutdown, lost: watch::Receiver<bool>) -> Self {
        Self {
            shutdown,
            presence: Presence::unpaused(),
            lost,
        }
    }
}

impl Stop {
    /// Returns when whatever only waits is to end.
    pub(super) async fn wait(&self) {
        tokio::select! {
            () = self.shutdown.requested() => {}
            () = self.presence.paused() => {}
            () = self.lost() => {}
        }
    }

    async fn lost(&self) {
        let mut lost = self.lost.clone();
        let _gone = lost.wait_for(|lost| *lost).await;
    }

    /// Acknowledges a message, or with `multiple` all up to it. What can't be acknowledged comes again.
    pub(super) async fn acknowledge(&self, acker: &Acker, multiple: bool) {
        let acknowledged = tokio::select! {
            biased;
            acknowledged = acker.ack(BasicAckOptions { multiple }) => acknowledged,
            // The library may never answer for a connection that broke meanwhile.
            () = self.lost() => Ok(false),
            () = tokio::time::sleep(ACKNOWLEDGE_TIMEOUT) => Ok(false),
        };
        match acknowledged {
            Ok(true) => reach(Point::Acknowledged),
            Ok(false) => debug!("the session ended before the acknowledgement: the message comes again"),
            Err(error) => warn!(%error, "not acknowledged: the message comes again"),
        }
    }
}

/// One session.
pub(super) struct Session {
    pub(super) deliveries: Consumer,
    pub(super) shutdown: Shutdown,
    pub(super) presence: Presence,
    pub(super) stop: Stop,
    pub(super) pulse: Pulse,
    lost: watch::Sender<bool>,
    link: Link,
    /// Ends by itself at this moment.
    pub(super) ends_at: Option<Instant>,
}

impl Session {
    /// Returns when a session that is only to last for a while has done so.
    pub(super) async fn passed(ends_at: Option<Instant>) {
        match ends_at {
            Some(moment) => tokio::time::sleep_until(moment).await,
            None => std::future::pending().await,
        }
    }

    /// Nothing can be acknowledged any more: what is in hand is to end its waiting.
    pub(super) fn give_up(&self) {
        self.lost.send_replace(true);
    }

    /// Asks the broker for no more messages. Acknowledgements before it have reached their queue when it returns;
    /// those after it have not: see [`Self::let_acknowledgements_arrive`].
    pub(super) async fn take_no_more(&self) {
        let tag = self.deliveries.tag();
        let cancelled = self.link.channel.basic_cancel(tag, BasicCancelOptions::default());
        if let Err(error) = within(self.link.patience(), "stop consuming", cancelled).await {
            warn!(%error, "the broker was not told to send no more");
        }
    }

    /// Waits for acknowledgements of a consumer that was cancelled before.
    pub(super) async fn let_acknowledgements_arrive() {
        tokio::time::sleep(ACKNOWLEDGEMENTS_ARRIVE).await;
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
            debug!(%error, "messages go back with the channel");
        }
        self.link.close().await;
    }
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to.
    Shutdown,
    /// The queue is paused.
    Paused,
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

/// How the next session is begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As set.
    Full,
    /// One message at a time, and at once: the queue holds a message that the library can't read. It breaks the
    /// connection whenever it is delivered, until the broker has counted enough deliveries and parks it. What is
    /// sent ahead with it would be counted, too.
    Careful,
}

/// Holds sessions until shutdown, and none while the queue is paused. `serve` deals with one session's messages and
/// returns when it ended and nothing is in hand any more.
pub(super) async fn supervise(process: &Process, terms: Terms, serve: impl AsyncFn(&mut Session) -> End) {
    let part = process.health.part("consumer");
    let mut opener = Opener::new(process, terms);
    let mut pauses = Pauses::new();
    let mut manner = Manner::Full;
    while !process.shutdown.is_requested() {
        if !process.presence.may_work() {
            rest(process, &part).await;
            continue;
        }
        let before = manner;
        let opened = tokio::select! {
            opened = opener.open(manner) => opened,
            () = process.shutdown.requested() => break,
            () = process.presence.paused() => continue,
        };
        let why = match opened {
            Ok(mut session) => {
                part.ready();
                let began = Instant::now();
                let end = serve(&mut session).await;
                session.close().await;
                if began.elapsed() > GOOD_SESSION {
                    pauses.reset();
                }
                match end {
                    End::Shutdown => break,
                    End::Paused => continue,
                    End::Passed => {
                        manner = Manner::Full;
                        continue;
                    }
                    End::Lost(error) => {
                        manner = manner.after(error.as_ref().is_some_and(is_parsing));
                        error.map_or_else(|| "the broker ended the consumer".to_owned(), |e| e.to_string())
                    }
                }
            }
            Err(error) => {
                manner = manner.after(error.is_parsing());
                error.to_string()
            }
        };
        part.not_ready(why.clone());
        telemetry::session_lost("consume");
        let pause = tell(opener.terms.queue, &why, before, manner, &mut pauses);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = process.shutdown.requested() => break,
        }
    }
    part.not_ready("stopping");
}

/// Takes nothing while the queue is paused, which is no trouble, or while it is not known yet whether it is. Returns
/// when that changes.
async fn rest(process: &Process, part: &Part) {
    let presence = &process.presence;
    if presence.is_paused() {
        part.ready();
        presence.rests(true);
        tokio::select! {
            () = presence.works() => {}
            () = process.shutdown.requested() => {}
        }
        part.not_ready("beginning again after a pause");
        presence.rests(false);
    } else {
        part.not_ready("waiting for the database to say whether the queue is paused");
        tokio::select! {
            () = presence.works() => {}
            () = presence.paused() => {}
            () = process.shutdown.requested() => {}
        }
    }
}

impl Manner {
    /// A careful series of sessions goes on until one of them has passed: the library does not always say why a
    /// connection broke.
    const fn after(self, unreadable: bool) -> Self {
        match self {
            Self::Full if !unreadable => Self::Full,
            Self::Full | Self::Careful => Self::Careful,
        }
    }
}

/// Logs why there is no session, and says how long to wait for the next one.
fn tell(queue: &str, why: &str, before: Manner, manner: Manner, pauses: &mut Pauses) -> Duration {
    match (before, manner) {
        (Manner::Full, Manner::Careful) => {
            error!(queue, error = %why, "a message can't be read off the wire; taking one at a time until the broker parks it");
            CAREFUL_PAUSE
        }
        (Manner::Careful, Manner::Careful) => CAREFUL_PAUSE,
        (Manner::Full | Manner::Careful, Manner::Full) => {
            let pause = pauses.next();
            warn!(queue, error = %why, pause_ms = telemetry::millis(pause), "not consuming; trying again");
            pause
        }
    }
}

/// Opens one session after the other.
struct Opener<'a> {
    process: &'a Process,
    terms: Terms,
    sign: Sign,
    /// The host to begin with, so that tries rotate.
    first: usize,
    /// Whether to declare everything: at first, and where the last try failed. Otherwise what this queue needs: a
    /// queue that is made again by a stranger, before the broker has told its consumers that it was gone, can lose
    /// them without a word to them.
    declares_all: bool,
}

impl<'a> Opener<'a> {
    fn new(process: &'a Process, terms: Terms) -> Self {
        Self {
            process,
            sign: Sign::consuming(process.name, terms.queue),
            terms,
            first: 0,
            declares_all: true,
        }
    }

    async fn open(&mut self, manner: Manner) -> Result<Session, BrokerError> {
        let amqp: &Amqp = &self.process.settings.amqp;
        let uris = amqp.address().map(Address::uris).unwrap_or_default();
        let first = self.first;
        self.first = self.first.wrapping_add(1);
        let link = connect(amqp, uris, Purpose::Consume, &self.sign, first).await?;
        let (prefetch, ends_at) = match manner {
            Manner::Full => (self.terms.prefetch, None),
            Manner::Careful => (CAREFUL_PREFETCH, Some(Instant::now() + CAREFUL_SESSION)),
        };
        // A careful session follows one that found everything in order a moment ago.
        if manner == Manner::Full {
            if amqp.declare {
                let everything = Topology::fleet();
                let needed = if std::mem::replace(&mut self.declares_all, true) {
                    everything
                } else {
                    everything.around(self.terms.queue)
                };
                needed.declare(&link.channel, amqp.connect_timeout).await?;
            }
            check::refuse_unfit(amqp).await?;
        }
        let deliveries = self.consume(&link, prefetch).await?;
        if manner == Manner::Full {
            info!(connection = %self.sign.name, queue = self.terms.queue, prefetch, "consuming");
        }
        let (lost, lost_receiver) = watch::channel(false);
        let shutdown = self.process.shutdown.clone();
        let presence = self.process.presence.clone();
        let stop = Stop {
            shutdown: shutdown.clone(),
            presence: presence.clone(),
            lost: lost_receiver,
        };
        let pulse = Pulse::of(&link, self.terms.queue);
        self.declares_all = false;
        Ok(Session {
            deliveries,
            shutdown,
            presence,
            stop,
            pulse,
            lost,
            link,
            ends_at,
        })
    }

    async fn consume(&self, link: &Link, prefetch: u16) -> Result<Consumer, BrokerError> {
        // The library's buffers have no bound: this is the only one.
        let qos = link.channel.basic_qos(prefetch, BasicQosOptions::default());
        within(link.patience(), "set the prefetch", qos).await?;
        // Means nothing to the broker, and stands beside the consumer's name in the queue's own page.
        let mut arguments = FieldTable::default();
        arguments.insert("x-topup-version".into(), AMQPValue::LongString(VERSION.into()));
        let consume = link.channel.basic_consume(
            self.terms.queue.into(),
            tag_name(self.process.name).as_str().into(),
            BasicConsumeOptions::default(),
            arguments,
        );
        within(link.patience(), &format!("consume {}", self.terms.queue), consume).await
    }
}
