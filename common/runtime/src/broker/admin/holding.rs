//! A queue looked through from its head to where its end was when the look began: each message is held, unacknowledged,
//! until it is removed or all are given back, so that none is seen twice and none is out of the queue before its time.
//!
//! What is held costs the broker, and this process, a few bytes a message. Messages are sent ahead by the window:
//! a window that is full of what is still held gets a further one beside it. What is given back stands in its place again;
//! of many thousands, the broker may exchange some among each other. Left out: keeping an eye on how long it all
//! takes; the broker closes the channel of who holds a message for half an hour (and has it back then).

use super::{Admin, Seen};
use crate::broker::connect::{BrokerError, tag_name, within};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use topup_failpoints::{Point, reach};

/// Messages that are sent ahead, and so the most bodies in memory at once beside the caller's own.
const WINDOW: u16 = 500;
/// How long nothing may come before it is asked whether anything is left: others may have taken it.
const QUIET: Duration = Duration::from_millis(500);
/// Quiet times in a row after which a queue that counts no ready message has ended.
const QUIETS_AT_END: u32 = 2;
/// Messages given back by one command: more than so many change their places among each other (RabbitMQ 3.10 walks
/// through them by hash).
const GIVEN_BACK_AT_ONCE: usize = 32;
/// The pause between two looks whether the broker has everything back.
const BACK_PAUSE: Duration = Duration::from_millis(20);

/// A queue in hand. Dropped without [`Holding::give_back`], everything goes back when the connection ends.
pub struct Holding<'a> {
    admin: &'a Admin,
    queue: String,
    channel: Channel,
    arriving: SelectAll<Consumer>,
    windows: Vec<ShortString>,
    begun: Instant,
    at_first: u32,
    seen: u32,
    /// The delivery tags of what is held.
    in_hand: BTreeSet<u64>,
}

impl std::fmt::Debug for Holding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            queue, seen, in_hand, ..
        } = self;
        write!(f, "Holding({queue}: {} of {seen} in hand)", in_hand.len())
    }
}

/// A message in hand.
#[derive(Debug)]
pub struct Held {
    /// What it is.
    pub seen: Seen,
    /// Where it stands in its queue, counted from 1.
    pub position: u32,
    tag: u64,
}

impl<'a> Holding<'a> {
    pub(super) async fn begin(admin: &'a Admin, queue: &str, at_first: u32) -> Result<Self, BrokerError> {
        let channel = admin.channel().await?;
        let patience = admin.amqp.connect_timeout;
        // For each consumer, and so for each window.
        let qos = channel.basic_qos(WINDOW, BasicQosOptions::default());
        within(patience, "bound what is sent ahead", qos).await?;
        Ok(Self {
            admin,
            queue: queue.to_owned(),
            channel,
            arriving: SelectAll::new(),
            windows: Vec::new(),
            begun: Instant::now(),
            at_first,
            seen: 0,
            in_hand: BTreeSet::new(),
        })
    }

    /// Messages that were ready when the look began.
    #[must_use]
    pub const fn at_first(&self) -> u32 {
        self.at_first
    }

    /// Messages that were looked at.
    #[must_use]
    pub const fn seen(&self) -> u32 {
        self.seen
    }

    /// How long the first message has been held, at most.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The next message; `None` when all that were there at first were seen, or others have taken the rest.
    ///
    /// # Errors
    /// The queue is gone, the connection broke, or the broker sends nothing though something is there.
    pub async fn next(&mut self) -> Result<Option<Held>, BrokerError> {
        if self.seen >= self.at_first {
            return Ok(None);
        }
        if self.in_hand.len() >= self.windows.len() * usize::from(WINDOW) {
            self.open_window().await?;
        }
        let waiting = Instant::now();
        for quiets in 1.. {
            match timeout(QUIET, self.arriving.next()).await {
                Ok(Some(Ok(delivery))) => {
                    self.seen += 1;
                    self.in_hand.insert(delivery.delivery_tag);
                    return Ok(Some(Held {
                        tag: delivery.delivery_tag,
                        position: self.seen,
                        seen: Seen::of(delivery),
                    }));
                }
                Ok(Some(Err(source))) => {
                    let doing = format!("look through {}", self.queue);
                    return Err(BrokerError::Failed { doing, source });
                }
                Ok(None) => break,
                Err(_quiet) => {
                    let Some(left) = self.admin.count(&self.queue).await? else {
                        break;
                    };
                    if left.messages == 0 && quiets >= QUIETS_AT_END {
                        return Ok(None);
                    }
                    let patience = self.admin.amqp.connect_timeout;
                    if waiting.elapsed() > patience {
                        return Err(BrokerError::TimedOut {
                            doing: format!("the next message of {}", self.queue),
                            after: patience,
                        });
                    }
                }
            }
        }
        Err(BrokerError::Cancelled {
            queue: self.queue.clone(),
        })
    }

    async fn open_window(&mut self) -> Result<(), BrokerError> {
        let tag = format!("{}.{}", tag_name("fleetctl"), self.windows.len() + 1);
        let tag = ShortString::from(tag);
        let consume = self.channel.basic_consume(
            self.queue.as_str().into(),
            tag.clone(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let doing = format!("look through {}", self.queue);
        self.arriving
            .push(within(self.admin.amqp.connect_timeout, &doing, consume).await?);
        self.windows.push(tag);
        Ok(())
    }

    /// Takes messages out of the queue for good.
    ///
    /// # Errors
    /// The connection broke; what was not removed is still there.
    pub async fn remove(&mut self, held: Vec<Held>) -> Result<(), BrokerError> {
        let doing = format!("take messages out of {}", self.queue);
        for Held { tag, .. } in held {
            let ack = self.channel.basic_ack(tag, BasicAckOptions::default());
            within(self.admin.amqp.connect_timeout, &doing, ack).await?;
            self.in_hand.remove(&tag);
        }
        reach(Point::Acknowledged);
        Ok(())
    }

    /// Gives back what is still held, and returns when the broker has it.
    ///
    /// # Errors
    /// The connection broke; then everything goes back by itself.
    pub async fn give_back(mut self) -> Result<(), BrokerError> {
        let patience = self.admin.amqp.connect_timeout;
        let doing = format!("give messages back to {}", self.queue);
        let still = u32::try_from(self.in_hand.len()).unwrap_or(u32::MAX);
        let removed = self.seen.saturating_sub(still);
        // Nothing is to come again as soon as it is back.
        for tag in std::mem::take(&mut self.windows) {
            let cancel = self.channel.basic_cancel(tag, BasicCancelOptions::default());
            within(patience, &doing, cancel).await?;
        }
        // What was only sent ahead is here by now.
        while let Some(Some(Ok(delivery))) = self.arriving.next().now_or_never() {
            self.in_hand.insert(delivery.delivery_tag);
        }
        let up_to_there = BasicNackOptions {
            multiple: true,
            requeue: true,
        };
        // In the order in which they came. At last tag 0: everything that is left, if anything is.
        let ends = self.in_hand.iter().skip(GIVEN_BACK_AT_ONCE - 1);
        for tag in ends.step_by(GIVEN_BACK_AT_ONCE).chain([&0]) {
            within(patience, &doing, self.channel.basic_nack(*tag, up_to_there)).await?;
        }
        within(patience, &doing, self.channel.close(200, "done".into())).await?;
        // A quorum queue takes them back in its own time, and who looks again at once is to see them.
        let expected = self.at_first.saturating_sub(removed);
        let waiting = Instant::now();
        while waiting.elapsed() < patience {
            match self.admin.count(&self.queue).await? {
                Some(count) if count.messages < expected => sleep(BACK_PAUSE).await,
                Some(_) | None => break,
            }
        }
        Ok(())
    }
}
