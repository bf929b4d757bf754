//! The loop of what is looked for again and again, one task after the other.

use crate::ending::unless_ended;
use crate::tasks::{cards, gauges, housekeeping, leftovers};
use std::time::{Duration, Instant};
use topup_runtime::health::Part;
use topup_runtime::{Process, metrics};
use tracing::warn;

/// How often that is done which changes by the day.
const HOURLY: Duration = Duration::from_secs(3_600);

/// Sweeps until the process is to stop.
pub(crate) async fn run(process: &Process) {
    let health = process.health.part("sweeper");
    let mut hourly = Hourlies::default();
    loop {
        if unless_ended(process, sweep(process, &health, &mut hourly))
            .await
            .is_none()
        {
            return warn!("a sweep was broken off: the process is to stop");
        }
        tokio::select! {
            () = process.shutdown.requested() => return,
            () = tokio::time::sleep(process.settings.sweeper.interval) => {}
        }
    }
}

async fn sweep(process: &Process, health: &Part, hourly: &mut Hourlies) {
    let started = Instant::now();
    let mut all_well = true;
    all_well &= tell("outbox", leftovers::outbox(process).await);
    all_well &= tell("topups", leftovers::topups(process).await);
    all_well &= tell("charges", leftovers::charges(process).await);
    all_well &= tell("notices", leftovers::notices(process).await);
    all_well &= tell("holds", housekeeping::holds(process).await);
    all_well &= tell("callers", housekeeping::callers(process).await);
    if hourly.cards.is_due() {
        all_well &= hourly.cards.note(tell("cards", cards::expiring(process).await));
    }
    if hourly.partitions.is_due() {
        let done = housekeeping::partitions(process).await;
        all_well &= hourly.partitions.note(tell("partitions", done));
    }
    if hourly.processes.is_due() {
        let done = housekeeping::processes(process).await;
        all_well &= hourly.processes.note(tell("processes", done));
    }
    tell("gauges", gauges::measure(process).await);
    metrics::SWEEP_SECONDS.took([], started.elapsed());
    if all_well {
        health.ready();
    } else {
        health.not_ready("the last sweep failed");
    }
}

/// The tasks that are done every hour.
#[derive(Debug, Default)]
struct Hourlies {
    cards: Hourly,
    partitions: Hourly,
    processes: Hourly,
}

/// A task of every hour; one that failed is due again at once.
#[derive(Debug, Default)]
struct Hourly {
    done: Option<Instant>,
}

impl Hourly {
    fn is_due(&self) -> bool {
        self.done.is_none_or(|at| at.elapsed() >= HOURLY)
    }

    fn note(&mut self, well: bool) -> bool {
        if well {
            self.done = Some(Instant::now());
        }
        well
    }
}

/// Logs and counts what a task did. Whether it went well.
pub(crate) fn tell(task: &'static str, done: anyhow::Result<u64>) -> bool {
    match done {
        Ok(done) => {
            metrics::SWEPT.add([task], done);
            if done > 0 {
                tracing::info!(task, done, "swept");
            }
            true
        }
        Err(error) => {
            metrics::SWEEP_FAILURES.add([task], 1);
            tracing::error!(
                task,
                error = format!("{error:#}"),
                "a sweep failed; the next one tries again"
            );
            false
        }
    }
}
