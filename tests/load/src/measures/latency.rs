//! From the publishing of a triggering event to the gateway seeing the charge, to the credits, to the text message:
//! one event at a time, each for an account of its own, the fleet idle in between.
//!
//! All clocks are this machine's. The start is the moment just before the event is handed to the client library;
//! the gateway's is the arrival of the call at the sandbox, before it is looked at; the credits' is the settling
//! transaction's own, taken just before its commit.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use topup_stack::Fleet;

use crate::bench::{Bench, WARM_UP, triggering};
use crate::progress;
use crate::report::{Figure, Section};

/// What followed from one event, as spans since it was published.
struct Followed {
    charged: SignedDuration,
    told: SignedDuration,
}

/// Figures under `charge_latency_…_ms`, `credit_latency_…_ms`, `sms_latency_…_ms`.
pub(crate) async fn measure(bench: &mut Bench, count: u32) -> Result<Section> {
    let bar = progress::bar("triggering events, one at a time", u64::from(count));
    let mut published: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let (mut charged, mut told) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + count {
        let (at, followed) = one(bench, number).await?;
        if number >= WARM_UP {
            published.insert(triggering(number), at);
            charged.push(followed.charged);
            told.push(followed.told);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let credited = credited(&bench.fleet, &published).await?;
    let mut figures = figures("charge", "to the gateway seeing the charge", charged);
    figures.extend(self::figures("credit", "to the credits", credited));
    figures.extend(self::figures("sms", "to the text message", told));
    let title = format!("From publishing a triggering event, idle fleet ({count} events, one at a time)");
    Ok(Section { title, figures })
}

/// Publishes one event and waits until everything that follows from it has happened.
async fn one(bench: &mut Bench, number: u32) -> Result<(Timestamp, Followed)> {
    let account = triggering(number);
    let at = bench.sender.publish(account).await?;
    bench.sender.settle().await?;
    let charge = bench.watch.charge(number).await?;
    let is_its_own = charge.reference.starts_with(&format!("topup-{account}-"));
    ensure!(
        is_its_own,
        "a charge for {} came where one for {account} was expected",
        charge.reference
    );
    let sms = bench.watch.sms(number).await?;
    bench.watch.mail(number).await?;
    let followed = Followed {
        charged: charge.received_at.duration_since(at),
        told: sms.at.duration_since(at),
    };
    Ok((at, followed))
}

/// How long after its event each account's top-up settled.
async fn credited(fleet: &Fleet, published: &BTreeMap<u32, Timestamp>) -> Result<Vec<SignedDuration>> {
    #[derive(Deserialize)]
    struct List {
        topups: Vec<Topup>,
    }
    #[derive(Deserialize)]
    struct Topup {
        account_id: u32,
        settled_at: Option<Timestamp>,
    }
    let limit = (published.len() + WARM_UP as usize).to_string();
    let json = fleet
        .fleetctl(&["--json", "topup", "list", "--limit", &limit])
        .await?;
    let list: List = serde_json::from_str(&json).context("reading what fleetctl topup list says")?;
    let mut credited = Vec::with_capacity(published.len());
    for topup in list.topups {
        if let Some(at) = published.get(&topup.account_id) {
            let settled_at = topup.settled_at;
            let settled_at =
                settled_at.with_context(|| format!("account {} was not credited", topup.account_id))?;
            credited.push(settled_at.duration_since(*at));
        }
    }
    ensure!(
        credited.len() == published.len(),
        "{} of {} were credited",
        credited.len(),
        published.len()
    );
    Ok(credited)
}

fn figures(key: &str, what: &str, mut spans: Vec<SignedDuration>) -> Vec<Figure> {
    spans.sort();
    let figure = |name: &str, label: &str, percent| {
        let ms = at_percent(&spans, percent).as_secs_f64() * 1_000.0;
        Figure::new(
            format!("{key}_latency_{name}_ms"),
            format!("{what}, {label}"),
            ms,
            "ms",
        )
    };
    vec![
        figure("p50", "median", 50),
        figure("p99", "99th percentile", 99),
        figure("max", "worst", 100),
    ]
}

/// The smallest span that so many percent of all do not exceed.
fn at_percent(sorted: &[SignedDuration], percent: usize) -> SignedDuration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let spans: Vec<SignedDuration> = (1..=200).map(SignedDuration::from_millis).collect();
        assert_eq!(at_percent(&spans, 50), SignedDuration::from_millis(100));
        assert_eq!(at_percent(&spans, 99), SignedDuration::from_millis(198));
        assert_eq!(at_percent(&spans, 100), SignedDuration::from_millis(200));
        assert_eq!(at_percent(&spans[..1], 99), SignedDuration::from_millis(1));
    }
}
