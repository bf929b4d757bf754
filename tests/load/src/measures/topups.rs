//! Many top-ups at once: as many events, each of which triggers one, for a gateway that takes a while for each.

use anyhow::{Context as _, Result, ensure};

use crate::bench::{Bench, WORKER, triggering};
use crate::measures::memory;
use crate::progress;
use crate::samples::Samples;

/// `topups_per_s`, `topups_all_charged_ms`, `topups_all_credited_ms`; and what the workers had in memory.
pub(crate) async fn measure(
    bench: &mut Bench,
    count: u32,
    gateway_ms: u32,
    samples: &mut Samples,
) -> Result<()> {
    bench.few.start_one_worker().await?;
    bench.watch.set_gateway_latency(gateway_ms).await?;
    let bar = progress::bar("topping up, all at once", u64::from(count));
    let first = bench.triggered;
    let mut start = None;
    for number in first..first + count {
        let at = bench.few.sender.publish(triggering(number)).await?;
        start.get_or_insert(at);
    }
    bench.few.sender.settle().await?;
    let start = start.context("no top-up was asked for")?;
    let charges = bench.watch.charges(first, count).await?;
    bench.watch.sms(first, count).await?;
    bench.watch.mail(first, count).await?;
    bar.finish_and_clear();
    bench.triggered += count;
    bench.few.sent += u64::from(count);
    bench.watch.set_gateway_latency(0).await?;

    let settled = bench.few.database.settled(triggering(first), count).await?;
    ensure!(
        settled.len() == count as usize,
        "{} of {count} top-ups were credited",
        settled.len()
    );
    let charged = charges.iter().map(|charge| charge.received_at).max();
    let charged = charged.context("no charge came")?.duration_since(start);
    let credited = settled.into_iter().max().context("nothing was credited")?;
    let credited = credited.duration_since(start);
    samples.add("topups_per_s", f64::from(count) / credited.as_secs_f64());
    samples.add("topups_all_charged_ms", charged.as_secs_f64() * 1_000.0);
    samples.add("topups_all_credited_ms", credited.as_secs_f64() * 1_000.0);
    memory::at_work(bench, samples, |worker| worker != WORKER)
}
