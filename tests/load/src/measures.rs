//! The measurements, one file each, and the order of a round.

mod bad;
pub(crate) mod debits;
pub(crate) mod delays;
pub(crate) mod holds;
pub(crate) mod latency;
pub(crate) mod memory;
mod naive;
pub(crate) mod peers;
mod raw;
mod topups;

use anyhow::Result;

use crate::bench::{Bench, SPENDING_FROM};
use crate::plan::{Part, Plan};
use crate::samples::Samples;

/// Everything that is compared with each other, once. What is divided by each other stands side by side, so that
/// whatever the machine does meanwhile is done to both.
pub(crate) async fn round(bench: &mut Bench, plan: &Plan, samples: &mut Samples) -> Result<()> {
    let sizes = plan.sizes;
    let events = sizes.events;
    if plan.has(Part::Raw) {
        raw::measure(&mut bench.few, events, samples).await?;
    }
    if plan.drains() {
        let account = bench.few.spending();
        let drained = debits::measure(&mut bench.few, &bench.watch, 1, events, account).await?;
        samples.add("debits_per_s", drained.per_s);
        drained.add_resources(samples);
    }
    if plan.has(Part::Bad) {
        let drained = bad::measure(bench, events).await?;
        samples.add("debits_among_bad_per_s", drained.per_s);
        samples.add("rss_among_bad_sms_sent_mb", drained.rss_peak_mb);
    }
    if plan.has(Part::Hot) {
        let drained = debits::measure(&mut bench.few, &bench.watch, 1, events, |_| SPENDING_FROM).await?;
        samples.add("debits_hot_account_per_s", drained.per_s);
    }
    if plan.has(Part::Holds) {
        holds::round(bench, &sizes, samples).await?;
    }
    for (key, ground) in [
        ("debits_1m_accounts_per_s", &mut bench.many),
        ("debits_20m_ledger_per_s", &mut bench.long),
    ] {
        if let Some(ground) = ground {
            let account = ground.spending();
            let drained = debits::measure(ground, &bench.watch, 1, events, account).await?;
            samples.add(key, drained.per_s);
            ground.stop_workers().await?;
        }
    }
    if plan.has(Part::Processes) {
        for (key, processes) in [("debits_2_processes_per_s", 2), ("debits_4_processes_per_s", 4)] {
            let account = bench.few.spending();
            let drained = debits::measure(&mut bench.few, &bench.watch, processes, events, account).await?;
            samples.add(key, drained.per_s);
        }
    }
    if plan.has(Part::Naive) {
        naive::measure(bench, sizes.slow_events, samples).await?;
    }
    peers::measure(bench, sizes.slow_events, samples).await?;
    if plan.tops_up() {
        topups::measure(bench, sizes.topups, sizes.gateway_ms, samples).await?;
    }
    Ok(())
}
