//! How many events a second `sms-sent` debits: the queue is filled while no worker runs, then one worker empties it.
//!
//! The rate is the worker's own count of debits over time, from the first look that sees any to the last event;
//! what was debited before that first look is left out on both sides.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::bench::{Bench, spending};
use crate::progress;
use crate::report::{Figure, Section};

const WORKER: &str = "sms-sent";
const COUNTER: &str = "topup_sends_debited_total";
/// Pause between two looks at the count.
const LOOK: Duration = Duration::from_millis(10);
/// Longest wait for the queue to be empty.
const WAIT: Duration = Duration::from_secs(600);

/// Figures `publishes_per_s` and `debits_per_s`.
pub(crate) async fn measure(bench: &mut Bench, count: u32) -> Result<Section> {
    bench.fleet.worker(WORKER)?.terminate().await?;
    let bar = progress::bar("publishing events", u64::from(count));
    let start = Instant::now();
    for number in 0..count {
        bench.sender.publish(spending(number)).await?;
        bar.inc(1);
    }
    bench.sender.settle().await?;
    let publishes_per_s = f64::from(count) / start.elapsed().as_secs_f64();
    bar.finish_and_clear();

    let bar = progress::bar("debiting them", u64::from(count));
    let url = bench.fleet.add(WORKER).await?.http_url();
    let until = Instant::now() + WAIT;
    let mut first = None;
    let (debits, took) = loop {
        let debited = bench.watch.counter(&url, COUNTER).await?;
        let now = Instant::now();
        if debited > 0.0 {
            let (first_debited, first_at) = *first.get_or_insert((debited, now));
            if debited >= f64::from(count) {
                break (debited - first_debited, now.duration_since(first_at));
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
    let title = format!("{count} events in the queue, one worker, 1,000 accounts");
    let figures = vec![
        Figure::new(
            "publishes_per_s",
            "published with confirms, one connection",
            publishes_per_s,
            "a second",
        ),
        Figure::new("debits_per_s", "debited", debits / took.as_secs_f64(), "a second"),
    ];
    Ok(Section { title, figures })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, for a progress bar"
)]
fn to_u64(count: f64) -> u64 {
    count as u64
}
