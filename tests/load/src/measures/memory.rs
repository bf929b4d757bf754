//! Resident memory of each process.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::report::{Figure, Section};

/// How long nothing happens before the look.
const IDLE: Duration = Duration::from_secs(5);
const MB_PER_KIB: f64 = 1_024.0 / 1_000_000.0;

/// What came before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// The start, and nothing since.
    Idle,
    /// All other measurements.
    AfterWork,
}

impl When {
    fn key(self) -> &'static str {
        match self {
            Self::Idle => "rss_idle",
            Self::AfterWork => "rss_after_work",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Idle => "Resident memory, idle since the start",
            Self::AfterWork => "Resident memory, idle again after all this",
        }
    }
}

/// A figure for each worker, and the largest of them under the key `rss_idle_mb` or `rss_after_work_mb`.
pub(crate) async fn measure(bench: &mut Bench, when: When) -> Result<Section> {
    eprintln!("load: letting the fleet idle for {} s", IDLE.as_secs());
    // No signal to wait for: idling is what is measured.
    sleep(IDLE).await;
    let mut figures = Vec::new();
    let mut largest: f64 = 0.0;
    for worker in bench.fleet.workers() {
        let kib = u32::try_from(worker.rss_kb()?).unwrap_or(u32::MAX);
        let mb = f64::from(kib) * MB_PER_KIB;
        largest = largest.max(mb);
        let key = format!("{}_{}_mb", when.key(), worker.label().replace('-', "_"));
        figures.push(Figure::new(key, worker.label(), mb, "MB"));
    }
    figures.push(Figure::new(
        format!("{}_mb", when.key()),
        "largest",
        largest,
        "MB",
    ));
    Ok(Section {
        title: when.title().to_owned(),
        figures,
    })
}
