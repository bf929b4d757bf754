//! Many histories, side by side, each in a database that is its own meanwhile.

use crate::database::Database;
use crate::driver::Driver;
use crate::policy;
use crate::random::Random;
use crate::shrink::shrink;
use crate::steps::History;
use anyhow::{Context as _, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;
use topup_stack::Stack;

/// Histories at once: a few more than a small machine has cores, since each waits for its database most of the time.
const LANES: usize = 4;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After so many histories.
    Histories(u64),
    /// When it is so late; what is under way then is finished.
    At(Instant),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Histories played to their end.
    pub histories: u64,
    /// Their steps.
    pub steps: u64,
    /// The first that went wrong; no others are begun then.
    pub failure: Option<Failure>,
}

/// A history in which store and rules do not agree. As text: what happens in it, and how to run it again.
#[derive(Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// Its steps, as few as it takes, each with what came of it.
    pub story: Vec<String>,
    /// What is wrong after the last one.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "store and rules do not agree. As short as it can be made:")?;
        for (number, step) in self.story.iter().enumerate() {
            writeln!(f, "{:3}. {step}", number + 1)?;
        }
        writeln!(f, "{}", self.what)?;
        write!(
            f,
            "again: TOPUP_MODEL_SEED={} cargo test -p topup-model",
            self.seed
        )
    }
}

/// What all lanes share.
struct Shared {
    seed: u64,
    until: Stop,
    begun: AtomicU64,
    is_over: AtomicBool,
}

impl Shared {
    /// The seed of the next history.
    fn next(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let is_over = self.is_over.load(Ordering::Relaxed)
            || match self.until {
                Stop::Histories(histories) => number >= histories,
                Stop::At(at) => Instant::now() >= at,
            };
        (!is_over).then(|| Random::new(self.seed.wrapping_add(number)).next())
    }
}

/// Plays the histories that follow from `seed`, in databases of its own on the stack. `progress` is told how many are
/// done.
///
/// # Errors
/// A database could not be made or looked at. That store and rules differ is in the [`Report`].
pub async fn run(stack: &Stack, seed: u64, until: Stop, mut progress: impl FnMut(u64)) -> Result<Report> {
    let shared = Arc::new(Shared {
        seed,
        until,
        begun: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let (sender, mut ended) = mpsc::unbounded_channel();
    let lanes: Vec<_> = (0..LANES)
        .map(|_| tokio::spawn(lane(stack.clone(), Arc::clone(&shared), sender.clone())))
        .collect();
    drop(sender);
    let mut report = Report::default();
    while let Some(history) = ended.recv().await {
        match history {
            Ok(steps) => {
                report.histories += 1;
                report.steps += steps;
                progress(report.histories);
            }
            Err(failure) => report.failure = report.failure.or(Some(failure)),
        }
    }
    for lane in lanes {
        lane.await.context("a lane of histories")??;
    }
    Ok(report)
}

/// Plays the history of one seed.
///
/// # Errors
/// As [`run`].
pub async fn run_one(stack: &Stack, seed: u64) -> Result<Report> {
    let database = make(stack).await?;
    let mut report = Report::default();
    match play(&database, seed).await {
        Ok(steps) => (report.histories, report.steps) = (1, steps),
        Err(failure) => report.failure = Some(failure),
    }
    database.remove().await?;
    Ok(report)
}

async fn lane(
    stack: Stack,
    shared: Arc<Shared>,
    ended: mpsc::UnboundedSender<Result<u64, Failure>>,
) -> Result<()> {
    let database = make(&stack).await?;
    while let Some(seed) = shared.next() {
        let history = play(&database, seed).await;
        if history.is_err() {
            shared.is_over.store(true, Ordering::Relaxed);
        }
        // Nobody listens any more: then nobody wants to know.
        let _ = ended.send(history);
    }
    database.remove().await
}

async fn make(stack: &Stack) -> Result<Database> {
    Database::make(stack, "model", &policy::price_list()?, policy::BEGINS.parse()?).await
}

async fn play(database: &Database, seed: u64) -> Result<u64, Failure> {
    let history = History::of(seed);
    match Driver::play(database, &history).await {
        Ok(steps) => Ok(steps),
        Err(wrong) => {
            let wrong = shrink(database, history, wrong).await;
            Err(Failure {
                seed,
                story: wrong.story,
                what: format!("{:#}", wrong.what),
            })
        }
    }
}
