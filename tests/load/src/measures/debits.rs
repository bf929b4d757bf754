//! How many events a second the fleet debits: the queue is filled while no worker runs, then workers empty it.
//!
//! The rate is the workers' own count of committed debits over time, from the first look that sees any, when all
//! are up, to the last event; what was debited before that first look is left out on both sides. That every event
//! is in the ledger, once, is asked of the database at the end of the run.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::bench::{Ground, WORKER};
use crate::proc::{self, Cpu};
use crate::progress;
use crate::samples::Samples;
use crate::watch::Watch;

const COUNTER: &str = "topup_sends_debited_total";
/// Pause between two looks at the count: each costs the worker a little of what is measured.
const LOOK: Duration = Duration::from_millis(25);
/// Longest wait for the queue to be empty.
const WAIT: Duration = Duration::from_secs(600);
const MILLION: f64 = 1_000_000.0;

/// What a drain came to.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) per_s: f64,
    /// Between the first look and the last, and the debits meanwhile.
    cpu: Cpu,
    debits: f64,
    /// The largest worker's.
    pub(crate) rss_peak_mb: f64,
}

/// Debits `count` events, for the account of each number, by so many processes.
pub(crate) async fn measure(
    ground: &mut Ground,
    watch: &Watch,
    processes: usize,
    count: u32,
    account: impl Fn(u32) -> u32,
) -> Result<Drained> {
    ground.fill_queue(count, account).await?;
    drain(ground, watch, processes, count).await
}

/// Debits the `count` good events that are in the queue.
pub(crate) async fn drain(
    ground: &mut Ground,
    watch: &Watch,
    processes: usize,
    count: u32,
) -> Result<Drained> {
    let bar = progress::bar("debiting them", u64::from(count));
    ground.fleet.add_many(WORKER, processes).await?;
    let workers = ground.running()?;
    let pids: Vec<i32> = workers.iter().map(|(pid, _)| *pid).collect();
    let until = Instant::now() + WAIT;
    let mut first = None;
    let (per_s, debits, cpu) = loop {
        let looks = workers.iter().map(|(_, url)| watch.counter(url, COUNTER));
        let debited: f64 = try_join_all(looks).await?.iter().sum();
        let now = Instant::now();
        if debited > 0.0 {
            if first.is_none() {
                first = Some((debited, now, Cpu::now(&pids)?));
            }
            if let Some((first_debited, first_at, cpu)) = first
                && debited >= f64::from(count)
            {
                let debits = debited - first_debited;
                let per_s = debits / now.duration_since(first_at).as_secs_f64();
                break (per_s, debits, Cpu::now(&pids)?.since(cpu));
            }
        }
        ensure!(
            now < until,
            "{debited} of {count} events were debited after {} s",
            WAIT.as_secs()
        );
        bar.set_position(to_u64(debited));
        sleep(LOOK).await;
    };
    bar.finish_and_clear();
    ensure!(
        debits > 0.0,
        "all {count} events were debited at the first look: too few to measure"
    );
    let mut rss_peak_mb: f64 = 0.0;
    for pid in pids {
        rss_peak_mb = rss_peak_mb.max(proc::rss_peak_mb(pid)?);
    }
    ground.sent += u64::from(count);
    Ok(Drained {
        per_s,
        cpu,
        debits,
        rss_peak_mb,
    })
}

impl Drained {
    /// `rss_load_sms_sent_mb`, `cpu_s_per_million` and what it is made of.
    pub(crate) fn add_resources(&self, samples: &mut Samples) {
        samples.add("rss_load_sms_sent_mb", self.rss_peak_mb);
        let per_million = |seconds: f64| seconds / self.debits * MILLION;
        samples.add("cpu_s_per_million", per_million(self.cpu.total_s()));
        samples.add("cpu_s_per_million_worker", per_million(self.cpu.workers_s));
        samples.add("cpu_s_per_million_broker", per_million(self.cpu.broker_s));
        samples.add("cpu_s_per_million_postgresql", per_million(self.cpu.database_s));
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, for a progress bar"
)]
fn to_u64(count: f64) -> u64 {
    count as u64
}
