//! From the publishing of a triggering event to the gateway seeing the charge, to the credits, to the text message:
//! one event at a time, each for an account of its own, while nothing else happens, and while other events are
//! debited in a steady stream.
//!
//! All clocks are this machine's. The start is the moment just before the event is handed to the client library;
//! the gateway's is the arrival of the call at the sandbox, before it is looked at; the credits' is the settling
//! transaction's own, taken just before its commit.

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::bench::{Bench, WARM_UP, triggering};
use crate::plan::Sizes;
use crate::progress;
use crate::samples::Samples;
use crate::sender::Sender;

/// What followed from one event, as spans since it was published.
struct Followed {
    charged: SignedDuration,
    told: SignedDuration,
}

/// `charge_latency_…_ms`, `credit_latency_…_ms`, `sms_latency_…_ms`, and the same with `_busy`.
pub(crate) async fn measure(bench: &mut Bench, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    bench.few.start_one_worker().await?;
    one_by_one(bench, sizes.triggers, "latency", samples).await?;
    let beside = Sender::connect(&bench.few.amqp_url).await?;
    let stream = beside.stream(sizes.busy_events_per_s, bench.few.spending());
    let measured = one_by_one(bench, sizes.triggers, "latency_busy", samples).await;
    bench.few.sent += u64::from(stream.stop().await?);
    measured
}

async fn one_by_one(bench: &mut Bench, count: u32, key: &str, samples: &mut Samples) -> Result<()> {
    let bar = progress::bar("triggering events, one at a time", u64::from(count));
    let mut published: Vec<Timestamp> = Vec::new();
    let (mut charged, mut told) = (Vec::new(), Vec::new());
    let first = bench.triggered + WARM_UP;
    for _ in 0..WARM_UP + count {
        let number = bench.triggered;
        let (at, followed) = one(bench, number).await?;
        bench.triggered += 1;
        bench.few.sent += 1;
        if number >= first {
            published.push(at);
            charged.push(followed.charged);
            told.push(followed.told);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let settled = bench.few.database.settled(triggering(first), count).await?;
    ensure!(
        settled.len() == published.len(),
        "{} of {count} top-ups were credited",
        settled.len()
    );
    let credited = settled
        .iter()
        .zip(&published)
        .map(|(settled, at)| settled.duration_since(*at));
    samples.add_spans(&format!("credit_{key}"), credited.collect());
    samples.add_spans(&format!("charge_{key}"), charged);
    samples.add_spans(&format!("sms_{key}"), told);
    Ok(())
}

/// Publishes one event and waits until everything that follows from it has happened.
async fn one(bench: &mut Bench, number: u32) -> Result<(Timestamp, Followed)> {
    let account = triggering(number);
    let at = bench.few.sender.publish(account).await?;
    bench.few.sender.settle().await?;
    let charges = bench.watch.charges(number, 1).await?;
    let charge = charges.first().context("no charge came")?;
    ensure!(
        charge.reference.starts_with(&format!("topup-{account}-")),
        "a charge for {} came where one for {account} was expected",
        charge.reference
    );
    let sms = bench.watch.sms(number, 1).await?;
    let sms = sms.first().context("no text message came")?;
    bench.watch.mail(number, 1).await?;
    let followed = Followed {
        charged: charge.received_at.duration_since(at),
        told: sms.at.duration_since(at),
    };
    Ok((at, followed))
}
