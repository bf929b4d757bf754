//! One run: set-up, load, faults one after the other, rest, judgement.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;
use topup_model::Stop;
use topup_tests::Verdict;

use crate::arena::Arena;
use crate::cli::Size;
use crate::dice::Dice;
use crate::outcome::Outcome;
use crate::plan::{Blow, Step, Wish, steps};
use crate::progress::Progress;
use crate::sender::Sender;
use crate::tally::Tally;
use crate::traffic::Traffic;
use crate::{people, recovery, rest};

/// Longest wait for everything that senders have to be confirmed at the end.
const FLUSH_MAX: Duration = Duration::from_secs(60);
/// Between two refunds or disputes.
const REVERSAL_PAUSE: Duration = Duration::from_secs(7);
/// How many there are in one run.
const REVERSALS_MAX: u32 = 12;
/// Histories of the model are played for one part in so many of the time that there are faults.
const HISTORIES_OF: u32 = 10;

/// Does all of it. What is off is in the outcome; an error is that nothing could be found out.
pub(crate) async fn run(wish: &Wish, size: Size, again: String) -> Result<Outcome> {
    let steps = steps(wish);
    let arena = Arc::new(Arena::set_up(size.spacing_s).await.context("setting up")?);
    let begun = Instant::now();
    let everybody = people::everybody(size.accounts);
    arena.app.lock().await.import(&everybody).await?;
    let tally = Arc::new(Tally::default());
    let traffic = Traffic::new(wish.seed, size.accounts);
    let sender = Arc::new(Sender::start(&arena.space, traffic, size.per_second));
    let progress = Progress::start(
        Arc::clone(&arena),
        Arc::clone(&sender),
        Arc::clone(&tally),
        wish.length,
    );
    let world = tokio::spawn(reverse(Arc::clone(&arena), Dice::new(wish.seed, "reversals")));
    for (number, step) in steps.iter().enumerate() {
        progress.line(&format!("{} of {}: {step}", number + 1, steps.len()));
        if !take(step, number, wish.seed, &arena, &sender, &tally).await {
            break;
        }
    }
    world.abort();
    let spacing = Duration::from_secs(size.spacing_s);
    let verdict = judge(&arena, &sender, &tally, spacing).await;
    if let Err(error) = &verdict {
        tally.finding(format!("{error:#}"));
    }
    if let Some(time) = size.histories.then_some(wish.length / HISTORIES_OF) {
        play(&arena, wish.seed, time, &tally).await;
    }
    drop(progress);
    let mut outcome = Outcome {
        seed: wish.seed,
        again,
        took_s: begun.elapsed().as_secs(),
        published: sender.published(),
        counts: tally.counts(),
        verdict: verdict.ok(),
        logs: arena.stack.logs().display().to_string(),
    };
    if !outcome.is_clean() {
        let kept = topup_stack::workspace().join(format!("target/chaos/seed-{}", wish.seed));
        keep(arena.stack.logs(), &kept).context("keeping the logs")?;
        outcome.logs = kept.display().to_string();
    }
    Ok(outcome)
}

/// One step. Whether there is any use in going on.
async fn take(step: &Step, number: usize, seed: u64, arena: &Arena, sender: &Sender, tally: &Tally) -> bool {
    tally.now("quiet");
    sleep(step.quiet).await;
    tally.begun(step);
    let blows = step.blows.iter().enumerate().map(|(place, blow)| {
        let dice = Dice::new(seed, &format!("step {number} blow {place}"));
        strike(blow, dice, arena, sender)
    });
    for (struck, blow) in join_all(blows).await.into_iter().zip(&step.blows) {
        if let Err(error) = struck {
            tally.finding(format!("step {}: {}: {error:#}", number + 1, blow.fault));
        }
    }
    tally.now(format!("recovering from {}", step.told()));
    match recovery::wait(arena, sender).await {
        Ok(took) => tally.recovered(step, took),
        Err(error) => {
            tally.finding(format!("step {}: after {}: {error:#}", number + 1, step.told()));
            return false;
        }
    }
    if step.blows.iter().any(|blow| blow.fault.loses_sends()) {
        match sender.publish_again(&arena.eyes).await {
            Ok(count) => tally.published_again(count),
            Err(error) => tally.finding(format!("publishing again: {error:#}")),
        }
    }
    true
}

async fn strike(blow: &Blow, mut dice: Dice, arena: &Arena, sender: &Sender) -> Result<()> {
    sleep(Duration::from_millis(blow.after_ms)).await;
    let begun = arena.inflict(blow.fault, &mut dice).await;
    if blow.fault.kind() == "bad-messages" {
        sender.send(Traffic::new(dice.next(), 1).useless());
    }
    sleep(Duration::from_millis(blow.lasts_ms)).await;
    // However it began, it ends.
    let ended = arena.lift(blow.fault, &mut dice).await;
    begun.context("beginning it").and(ended.context("ending it"))
}

/// Refunds and disputes, now and then, of whatever was captured.
async fn reverse(arena: Arc<Arena>, mut dice: Dice) {
    for _ in 0..REVERSALS_MAX {
        sleep(REVERSAL_PAUSE).await;
        let Ok(captured) = arena.sandbox.captured(0).await else {
            continue;
        };
        let place = usize::try_from(dice.below(captured.len() as u64)).unwrap_or_default();
        let Some(reference) = captured.get(place) else {
            continue;
        };
        let (path, order) = match dice.below(4) {
            0 => ("refund", json!({"reference": reference})),
            1 => (
                "refund",
                json!({"reference": reference, "amount": dice.between(100, 9_000)}),
            ),
            2 => ("dispute", json!({"reference": reference, "outcome": "lost"})),
            _ => ("dispute", json!({"reference": reference, "outcome": "won"})),
        };
        // One that was given back already is refused, which is right.
        let _refused = arena.sandbox.post(path, &order).await;
    }
}

async fn judge(arena: &Arena, sender: &Sender, tally: &Tally, spacing: Duration) -> Result<Verdict> {
    tally.now("coming to rest");
    arena.calm().await.context("calling everything off")?;
    if !sender.flush(FLUSH_MAX).await {
        tally.finding(format!(
            "{} messages were not confirmed in time",
            sender.pending()
        ));
    }
    let rested = rest::wait(arena, spacing, |what| {
        tally.now(format!("coming to rest: {what}"));
    })
    .await;
    if let Err(error) = rested {
        tally.finding(format!("{error:#}"));
    }
    let checker = sender.end();
    tally.now("judging");
    let mut app = arena.app.lock().await;
    app.see_again().await?;
    let verdict = checker.judge(&app).await?;
    drop(app);
    if let Err(error) = arena.end_everybody().await {
        tally.finding(format!("{error:#}"));
    }
    Ok(verdict)
}

/// Histories of the model, on the same database server.
async fn play(arena: &Arena, seed: u64, time: Duration, tally: &Tally) {
    let until = Stop::At(Instant::now() + time);
    match topup_model::run(&arena.stack, seed, until, |count| tally.histories(count)).await {
        Ok(report) => {
            if let Some(failure) = report.failure {
                tally.finding(failure.to_string());
            }
        }
        Err(error) => tally.finding(format!("playing histories: {error:#}")),
    }
}

/// Copies a directory of logs.
fn keep(from: &Path, to: &PathBuf) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            keep(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}
