//! `fleetctl dead redrive` and `discard`: counted first, asked about, then done in batches.
//!
//! Of each batch: written down in the database, committed; published, confirmed; taken out of the dead letters. Killed
//! anywhere, a batch is still where it was, or there twice, which every worker recognises; never nowhere. What is to stay is
//! held meanwhile and given back.

use super::tally::Tally;
use super::which::{self, Selection};
use super::{reason, wanted, way};
use crate::cli::{DiscardArgs, RedriveArgs, Which};
use crate::fleet::{Fleet, NAME};
use crate::output::{Report, Verdict, count};
use crate::progress::Progress;
use crate::sending::Sender;
use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use topup_failpoints::{Point, reach};
use topup_runtime::broker::admin::{Admin, Held, Holding, Seen};
use topup_runtime::broker::host_name;
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
enum Work<'a> {
    Redrive { to: Option<&'a str>, per_second: u32 },
    Discard,
}

/// Puts messages back to work.
///
/// # Errors
/// Settings; broker or database can't be reached; nobody to ask; no such message. What happens later is part of the report.
pub(super) async fn redrive(fleet: &Fleet, args: &RedriveArgs) -> anyhow::Result<Report> {
    let work = Work::Redrive {
        to: args.to.as_deref(),
        per_second: args.per_second,
    };
    run(fleet, &args.which, &args.because, work).await
}

/// Throws messages away.
///
/// # Errors
/// As [`redrive`].
pub(super) async fn discard(fleet: &Fleet, args: &DiscardArgs) -> anyhow::Result<Report> {
    run(fleet, &args.which, &args.because, Work::Discard).await
}

/// What is to become of one message that lies in a queue.
enum Fate<'a> {
    NotMeant,
    Stays(String),
    Goes(Option<way::Way<'a>>),
}

impl Work<'_> {
    const fn act(self) -> Act {
        match self {
            Self::Redrive { .. } => Act::Redrive,
            Self::Discard => Act::Discard,
        }
    }

    fn fate<'a>(self, selection: &Selection, queue: &str, seen: &'a Seen) -> Fate<'a> {
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

/// For the JSON document.
#[derive(Debug, Serialize)]
struct Done {
    act: Act,
    dry_run: bool,
    queues: Vec<Part>,
    /// Over all queues.
    moved: u32,
    /// Why it ended before all was done.
    stopped: Option<String>,
}

/// One queue's part.
#[derive(Debug, Serialize)]
struct Part {
    #[serde(flatten)]
    tally: Tally,
    moved: u32,
    /// What it is written down under; none where nothing was to be moved.
    act_id: Option<Uuid>,
}

async fn run(fleet: &Fleet, which: &Which, because: &str, work: Work<'_>) -> anyhow::Result<Report> {
    let is_agreed = which.yes || which.dry_run;
    anyhow::ensure!(
        is_agreed || stdin().is_terminal(),
        "this asks before it acts, and nobody is here to be asked: say --yes, or --dry-run to see what it would do"
    );
    let broker = fleet.broker().await?;
    let done = counted_and_moved(fleet, &broker, which, because, work).await;
    broker.close().await;
    conclude(done?)
}

async fn counted_and_moved(
    fleet: &Fleet,
    broker: &Admin,
    which: &Which,
    because: &str,
    work: Work<'_>,
) -> anyhow::Result<Done> {
    let selection = Selection::new(&which.message_ids, &which.filter, Timestamp::now());
    let mut done = Done {
        act: work.act(),
        dry_run: which.dry_run,
        queues: count_all(broker, which, &selection, work).await?,
        moved: 0,
        stopped: None,
    };
    let asked_for = |part: &Part| part.tally.matched + part.tally.staying();
    anyhow::ensure!(
        which.message_ids.is_empty() || done.queues.iter().any(|part| asked_for(part) > 0),
        "no parked message is meant by that"
    );
    let planned = done.queues.iter().map(|part| part.tally.matched).sum::<u32>();
    if which.dry_run || planned == 0 {
        return Ok(done);
    }
    if !which.yes && !is_agreed(&done, planned).await? {
        done.stopped = Some("not agreed to; nothing was done".to_owned());
        return Ok(done);
    }
    let mut mover = Mover {
        broker,
        store: fleet.store()?,
        sender: Sender::connect(fleet).await?,
        work,
        selection: &selection,
        act: NewAct {
            who: format!("{}@{}", which.by, host_name()),
            act: work.act(),
            queue: String::new(),
            reason: because.to_owned(),
        },
        interrupted: listen_for_ctrl_c(),
        progress: Progress::of(planned.into()),
        moved: 0,
        next_at: Instant::now(),
    };
    for part in &mut done.queues {
        let moved = mover.move_from(part).await;
        if let Err(error) = moved {
            done.stopped = Some(crate::chain(&error));
            break;
        }
    }
    mover.progress.finish();
    done.moved = mover.moved;
    mover.sender.close().await;
    Ok(done)
}

/// Looks through the queues without changing anything.
async fn count_all(
    broker: &Admin,
    which: &Which,
    selection: &Selection,
    work: Work<'_>,
) -> anyhow::Result<Vec<Part>> {
    let mut left = which.limit.unwrap_or(u32::MAX);
    let mut parts = Vec::new();
    for queue in wanted(which.filter.queue.as_deref()) {
        let mut tally = Tally::of(&queue);
        if let Some(mut holding) = broker.hold(&queue).await? {
            tally.messages = Some(holding.at_first());
            while left > 0
                && let Some(held) = holding.next().await?
            {
                match work.fate(selection, &queue, &held.seen) {
                    Fate::NotMeant => {}
                    Fate::Stays(why) => tally.stays(&why),
                    Fate::Goes(way) => {
                        left -= 1;
                        let to = way.map(|way| way.to);
                        tally.moves(to, reason(&queue, &held.seen).as_deref());
                    }
                }
            }
            tally.looked_at = holding.seen();
            holding.give_back().await?;
        }
        parts.push(Part {
            tally,
            moved: 0,
            act_id: None,
        });
    }
    Ok(parts)
}

async fn is_agreed(done: &Done, planned: u32) -> anyhow::Result<bool> {
    let mut text = String::new();
    for part in &done.queues {
        part.tally.told(&mut text)?;
    }
    let messages = count(planned.into(), "message", "messages");
    let question = match done.act {
        Act::Discard => format!("Throw {messages} away? [y/N] "),
        Act::Redrive | Act::Pause | Act::Resume => format!("Put {messages} back to work? [y/N] "),
    };
    let answer = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        let mut out = std::io::stderr();
        write!(out, "{text}{question}")?;
        out.flush()?;
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.await?.context("nobody could be asked")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
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

/// Moves what was counted.
struct Mover<'a> {
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

impl Mover<'_> {
    async fn move_from(&mut self, part: &mut Part) -> anyhow::Result<()> {
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

fn conclude(done: Done) -> anyhow::Result<Report> {
    let staying: u32 = done.queues.iter().map(|part| part.tally.staying()).sum();
    let mut text = String::new();
    for part in &done.queues {
        part.tally.told(&mut text)?;
    }
    let planned: u32 = done.queues.iter().map(|part| part.tally.matched).sum();
    let messages = |n: u32| count(n.into(), "message", "messages");
    let done_with = match done.act {
        Act::Discard => "thrown away",
        Act::Redrive | Act::Pause | Act::Resume => "put back to work",
    };
    if planned == 0 {
        writeln!(text, "nothing is to be {done_with}")?;
    } else if done.dry_run {
        writeln!(
            text,
            "{} would be {done_with}; nothing was done",
            messages(planned)
        )?;
    } else {
        writeln!(text, "{} {done_with}", messages(done.moved))?;
    }
    if let Some(why) = &done.stopped {
        let rest = messages(planned.saturating_sub(done.moved));
        writeln!(text, "stopped with {rest} left, which are where they were: {why}")?;
    } else if !done.dry_run && done.moved < planned {
        let rest = messages(planned - done.moved);
        writeln!(text, "{rest} had been taken by somebody else")?;
    }
    let fine = done.stopped.is_none() && staying == 0;
    Report::new(&done, text, Verdict::fine_if(fine))
}
