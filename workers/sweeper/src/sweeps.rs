//! The loop of what is looked for again and again, one task after the other.

use crate::tasks::{cards, gauges, housekeeping, leftovers};
use std::time::{Duration, Instant};
use topup_runtime::Process;

/// How often that is done which changes by the day.
const HOURLY: Duration = Duration::from_secs(3_600);

/// Sweeps until the process is to stop.
pub(crate) async fn run(process: &Process) {
    let health = process.health.part("sweeper");
    let mut cards_done = Hourly::default();
    let mut partitions_done = Hourly::default();
    loop {
        let mut all_well = true;
        all_well &= tell("outbox", leftovers::outbox(process).await);
        all_well &= tell("topups", leftovers::topups(process).await);
        all_well &= tell("charges", leftovers::charges(process).await);
        all_well &= tell("notices", leftovers::notices(process).await);
        all_well &= tell("holds", housekeeping::holds(process).await);
        if cards_done.is_due() {
            all_well &= cards_done.note(tell("cards", cards::expiring(process).await));
        }
        if partitions_done.is_due() {
            all_well &= partitions_done.note(tell("partitions", housekeeping::partitions(process).await));
        }
        tell("gauges", gauges::measure(process).await);
        if all_well {
            health.ready();
        } else {
            health.not_ready("the last sweep failed");
        }
        tokio::select! {
            () = process.shutdown.requested() => return,
            () = tokio::time::sleep(process.settings.sweeper.interval) => {}
        }
    }
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
fn tell(task: &'static str, done: anyhow::Result<u64>) -> bool {
    match done {
        Ok(done) => {
            metrics::counter!("topup_swept_total", "task" => task).increment(done);
            if done > 0 {
                tracing::info!(task, done, "swept");
            }
            true
        }
        Err(error) => {
            metrics::counter!("topup_sweep_failures_total", "task" => task).increment(1);
            tracing::error!(
                task,
                error = format!("{error:#}"),
                "a sweep failed; the next one tries again"
            );
            false
        }
    }
}
