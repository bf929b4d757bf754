//! Dead letters moved a batch after the other.
//!
//! Of each batch: written down in the database, committed; published, confirmed; taken out of the dead letters. Killed
//! anywhere, a batch is still where it was, or there twice, which every worker recognises; never nowhere. What is to stay is
//! held meanwhile and given back.

use super::super::tally::Tally;
use super::super::which::{self, Selection};
use super::super::{reason, way};
use crate::cli::Which;
use crate::fleet::{Fleet, NAME};
use crate::progress::Progress;
use crate::sending::Sender;
use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use topup_failpoints::{Point, reach};
use topup_runtime::broker::admin::{Admin, Held, Holding, Seen};
use topup_store::{Act, MovedMessage, MovedTo, NewAct, Store};
use uuid::Uuid;

/// Most messages that are written down, and on their way, at once.
const BATCH_MAX: u32 = 500;
/// A batch is full when its bodies are more than this, in bytes.
const BATCH_MAX_BYTES: usize = 8 * 1024 * 1024;
/// How long messages are held before all are given back and the look begins anew: well before the broker, which waits
/// half an hour, takes them back by itself.
const HELD_MAX: Duration = Duration::from_secs(10 * 60);

/// What is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work<'a> {
    Redrive { to: Option<&'a str>, per_second: u32 },
    Discard,
}

/// What is to become of one message that lies in a queue.
pub(super) enum Fate<'a> {
    NotMeant,
    Stays(String),
    Goes(Option<way::Way<'a>>),
}

impl Work<'_> {
    /// As it is written down.
    pub(super) const fn act(self) -> Act {
        match self {
            Self::Redrive { .. } => Act::Redrive,
            Self::Discard => Act::Discard,
        }
    }

    /// What becomes of a message that lies in `queue`.
    pub(super) fn fate<'a>(self, selection: &Selection, queue: &str, seen: &'a Seen) -> Fate<'a> {
        if !selection.takes(queue, seen) {
            return Fate::NotMeant;
        }
        match self {
            Self::Discard => Fate::Goes(None),
            Self::Redrive { to, .. } => match way::of(queue, seen, to) {
                Ok(way) => Fate::Goes(Some(way)),
                Err(why) => Fate::Stays(why),
            },
        }
    }

    fn batch_max(self) -> u32 {
        match self {
            // About a second's worth, so that somebody who interrupts it need not wait.
            Self::Redrive { per_second, .. } => per_second.min(BATCH_MAX),
            Self::Discard => BATCH_MAX,
        }
    }
}

/// One queue's part.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    #[serde(flatten)]
    pub(super) tally: Tally,
    pub(super) moved: u32,
    /// What it is written down under; none where nothing was to be moved.
    pub(super) act_id: Option<Uuid>,
}

/// Moves what was counted.
pub(super) struct Mover<'a> {
    broker: &'a Admin,
    store: Store,
    sender: Sender,
    work: Work<'a>,
    selection: &'a Selection,
    /// Its queue is filled in for each queue.
    act: NewAct,
    interrupted: Arc<AtomicBool>,
    progress: Progress,
    /// Over all queues.
    moved: u32,
    /// When the next message may be published.
    next_at: Instant,
}

impl<'a> Mover<'a> {
    /// Connects to all that it takes.
    ///
    /// # Errors
    /// Settings; a broker that can't be reached.
    pub(super) async fn ready(
        fleet: &Fleet,
        broker: &'a Admin,
        selection: &'a Selection,
        work: Work<'a>,
        which: &Which,
        because: &str,
        planned: u32,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            broker,
            store: fleet.store()?,
            sender: Sender::connect(fleet).await?,
            work,
            selection,
            act: NewAct {
                who: which.by.who(),
                act: work.act(),
                queue: String::new(),
                reason: because.to_owned(),
            },
            interrupted: listen_for_ctrl_c(),
            progress: Progress::of(planned.into()),
            moved: 0,
            next_at: Instant::now(),
        })
    }

    /// Says goodbye, and how many were moved.
    pub(super) async fn finish(self) -> u32 {
        self.progress.finish();
        self.sender.close().await;
        self.moved
    }

    /// Moves what was counted of one queue.
    ///
    /// # Errors
    /// Broker or database can't be reached any more, or somebody interrupted it. What is not moved is where it was.
    pub(super) async fn move_from(&mut self, part: &mut Part) -> anyhow::Result<()> {
        if part.tally.matched == 0 {
            return Ok(());
        }
        self.act.queue.clone_from(&part.tally.queue);
        let act = self.store.begin_act(&self.act).await;
        part.act_id =
            Some(act.context("nothing was moved: it can't be written down (is `fleetctl migrate` done?)")?);
        // What was parked since is not asked about, nor is what is parked again meanwhile: that stands at the end.
        let mut old = part.tally.messages.unwrap_or_default();
        while part.moved < part.tally.matched {
            let Some(mut holding) = self.broker.hold(&part.tally.queue).await? else {
                break;
            };
            let before = part.moved;
            let is_over = self.move_held(&mut holding, part, old).await?;
            old = old.saturating_sub(part.moved - before);
            holding.give_back().await?;
            anyhow::ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// Moves one batch after the other; true when the first `old` messages were looked at, false when they have been held
    /// for long enough.
    async fn move_held(
        &mut self,
        holding: &mut Holding<'_>,
        part: &mut Part,
        old: u32,
    ) -> anyhow::Result<bool> {
        loop {
            let room = self.work.batch_max().min(part.tally.matched - part.moved);
            let batch = self.gather(holding, &part.tally.queue, room, old).await?;
            if batch.is_empty() {
                return Ok(true);
            }
            self.move_batch(holding, part, batch).await?;
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(true);
            }
            if holding.age() > HELD_MAX {
                return Ok(false);
            }
        }
    }

    async fn gather(
        &self,
        holding: &mut Holding<'_>,
        queue: &str,
        room: u32,
        old: u32,
    ) -> anyhow::Result<Vec<Held>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < room as usize
            && bytes < BATCH_MAX_BYTES
            && holding.seen() < old
            && !self.interrupted.load(Ordering::Relaxed)
            && let Some(held) = holding.next().await?
        {
            if matches!(self.work.fate(self.selection, queue, &held.seen), Fate::Goes(_)) {
                bytes += held.seen.body.len();
                batch.push(held);
            }
        }
        Ok(batch)
    }

    /// Written down, published, removed: in this order.
    async fn move_batch(
        &mut self,
        holding: &mut Holding<'_>,
        part: &mut Part,
        batch: Vec<Held>,
    ) -> anyhow::Result<()> {
        let act_id = part.act_id.context("an act was begun")?;
        let rows: Vec<MovedMessage> = (part.moved + 1..)
            .zip(&batch)
            .map(|(number, held)| self.row(&part.tally.queue, number, &held.seen))
            .collect();
        let recorded = self.store.record_moved(act_id, &rows).await;
        recorded.context("no more was moved: it can't be written down")?;
        drop(rows);
        reach(Point::ResultCommitted);
        let mut confirmed = Vec::with_capacity(batch.len());
        let published = match self.work {
            Work::Discard => {
                confirmed = batch;
                Ok(())
            }
            Work::Redrive { to, per_second } => {
                let every = Duration::from_secs(1) / per_second;
                self.publish(&part.tally.queue, to, every, batch, &mut confirmed)
                    .await
            }
        };
        let moved = u32::try_from(confirmed.len()).unwrap_or(u32::MAX);
        holding.remove(confirmed).await?;
        part.moved += moved;
        self.moved += moved;
        self.progress.at(self.moved.into(), &part.tally.queue);
        published
    }

    fn row(&self, queue: &str, number: u32, seen: &Seen) -> MovedMessage {
        let end = match self.work.fate(self.selection, queue, seen) {
            Fate::Goes(Some(way)) => MovedTo::Queue(way.to.to_owned()),
            Fate::Goes(None) | Fate::NotMeant | Fate::Stays(_) => MovedTo::Nowhere {
                body: seen.body.clone(),
            },
        };
        MovedMessage {
            number: i32::try_from(number).unwrap_or(i32::MAX),
            message_id: seen.message_id.clone(),
            kind: seen.kind.clone(),
            account: which::account(seen),
            parked_why: reason(queue, seen),
            end,
        }
    }

    /// Publishes a batch at its pace; what the broker has confirmed goes to `confirmed`, whatever the end.
    async fn publish(
        &mut self,
        queue: &str,
        to: Option<&str>,
        every: Duration,
        batch: Vec<Held>,
        confirmed: &mut Vec<Held>,
    ) -> anyhow::Result<()> {
        // What was late is not made up for by a burst.
        self.next_at = self.next_at.max(Instant::now());
        let mut written = Vec::with_capacity(batch.len());
        let mut failed = Ok(());
        for held in batch {
            sleep_until(self.next_at).await;
            self.next_at += every;
            match self.write(queue, to, &held.seen).await {
                Ok((to, confirm)) => written.push((held, to, confirm)),
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
            reach(Point::Published);
        }
        for (held, to, confirm) in written {
            match self.sender.confirmed(confirm, to).await {
                Ok(()) => {
                    reach(Point::Confirmed);
                    confirmed.push(held);
                }
                // Those behind it may be with the broker as well. They stay, too, which is safe, and nobody waits for each.
                Err(error) => {
                    failed = failed.and(Err(error));
                    break;
                }
            }
        }
        failed
    }

    async fn write(
        &self,
        queue: &str,
        to: Option<&str>,
        seen: &Seen,
    ) -> anyhow::Result<(&'static str, lapin::PublisherConfirm)> {
        let way::Way { to, upgraded } = way::of(queue, seen, to).map_err(anyhow::Error::msg)?;
        let properties = seen.properties_again(&upgraded.kind, NAME, Timestamp::now());
        let confirm = self.sender.write(to, &upgraded.body, properties).await?;
        Ok((to, confirm))
    }
}

fn listen_for_ctrl_c() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&interrupted);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            heard.store(true, Ordering::Relaxed);
        }
    });
    interrupted
}
