//! `fleetctl dead redrive` and `discard`: counted first, asked about, then done, and told.

mod batches;

use super::tally::Tally;
use super::which::Selection;
use super::{reason, wanted};
use crate::cli::{DiscardArgs, RedriveArgs, Which};
use crate::fleet::Fleet;
use crate::output::{Report, Verdict, count};
use anyhow::Context as _;
use batches::{Fate, Mover, Part, Work};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _, stdin};
use topup_runtime::broker::admin::Admin;
use topup_store::Act;

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
    let mut mover = Mover::ready(fleet, broker, &selection, work, which, because, planned).await?;
    for part in &mut done.queues {
        let moved = mover.move_from(part).await;
        if let Err(error) = moved {
            done.stopped = Some(crate::chain(&error));
            break;
        }
    }
    done.moved = mover.finish().await;
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
