//! Resident memory of each process: idle, and the most that it had while at work.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use topup_stack::WORKERS;

use crate::bench::Bench;
use crate::proc;
use crate::samples::Samples;

/// How long nothing happens before the look.
const IDLE: Duration = Duration::from_secs(5);

/// `rss_idle_WORKER_mb`, and the largest of them as `rss_idle_mb`.
pub(crate) async fn idle(bench: &mut Bench, samples: &mut Samples) -> Result<()> {
    eprintln!("load: letting the fleet idle for {} s", IDLE.as_secs());
    // No signal to wait for: idling is what is measured.
    sleep(IDLE).await;
    for worker in bench.few.fleet.workers() {
        samples.add(key("idle", worker.name()), proc::rss_mb(worker.pid())?);
    }
    Ok(())
}

/// `rss_load_WORKER_mb` of the workers that are to be looked at.
pub(crate) fn at_work(
    bench: &mut Bench,
    samples: &mut Samples,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<()> {
    for worker in bench.few.fleet.workers() {
        if is_wanted(worker.name()) {
            samples.add(key("load", worker.name()), proc::rss_peak_mb(worker.pid())?);
        }
    }
    Ok(())
}

/// `rss_idle_mb` and `rss_load_mb`: the largest worker's.
pub(crate) fn add_largest(samples: &mut Samples) {
    for when in ["idle", "load"] {
        let largest = samples.largest(WORKERS.iter().map(|worker| key(when, worker)));
        if let Some(largest) = largest {
            samples.add(format!("rss_{when}_mb"), largest);
        }
    }
}

/// `rss_idle_sms_sent_mb`.
pub(crate) fn key(when: &str, worker: &str) -> String {
    format!("rss_{when}_{}_mb", worker.replace('-', "_"))
}
