//! The sweeper: what time alone brings about, and what got lost on the way.
//!
//! | task | what it does | how often |
//! | --- | --- | --- |
//! | `outbox` | publishes rows that their worker did not get to | every sweep |
//! | `topups` | calls top-ups again whose message should have come by now | every sweep |
//! | `charges` | publishes results of charges again that nobody settled; where there is no answer, it is `unknown` | every sweep |
//! | `notices` | publishes notices again that were neither sent nor parked when all their tries were over | every sweep |
//! | `holds` | releases holds that expired | every sweep |
//! | `partitions` | makes the ledger's partitions days ahead, closes and detaches days that left the open window | every hour |
//!
//! Everything here may be done twice, and by several sweepers at once: messages are wake-ups that their receivers
//! recognise, and rows are guarded. A task that fails is told and tried again at the next sweep; the others go on.
//! Deliberately absent: asking the gateway about charges whose outcome is unknown.

mod tasks;

use std::time::{Duration, Instant};
use topup_runtime::Process;

/// The process's name.
pub const NAME: &str = "sweeper";

/// How often the ledger's partitions are looked after.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(3_600);

/// Sweeps until the process is to stop.
pub async fn sweep(process: Process) -> anyhow::Result<()> {
    let health = process.health.part("sweeper");
    let mut partitions_done: Option<Instant> = None;
    loop {
        let mut all_well = true;
        all_well &= tell("outbox", tasks::outbox(&process).await);
        all_well &= tell("topups", tasks::topups(&process).await);
        all_well &= tell("charges", tasks::charges(&process).await);
        all_well &= tell("notices", tasks::notices(&process).await);
        all_well &= tell("holds", tasks::holds(&process).await);
        if partitions_done.is_none_or(|at| at.elapsed() >= PARTITIONS_INTERVAL) {
            let well = tell("partitions", tasks::partitions(&process).await);
            if well {
                partitions_done = Some(Instant::now());
            }
            all_well &= well;
        }
        tell("gauges", tasks::gauges(&process).await);
        if all_well {
            health.ready();
        } else {
            health.not_ready("the last sweep failed");
        }
        tokio::select! {
            () = process.shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(process.settings.sweeper.interval) => {}
        }
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
