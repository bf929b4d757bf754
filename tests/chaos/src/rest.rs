//! Waiting until everything that was begun has ended.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::arena::Arena;
use crate::fault::QUEUES;

/// Longest wait, beside the spacing.
const REST_MAX: Duration = Duration::from_secs(180);
/// Between two looks.
const POLL: Duration = Duration::from_millis(250);
/// Looks in a row that must all find nothing under way: a message can be between two places.
const LOOKS: u32 = 8;

/// What the database knows to be under way.
const UNDER_WAY: &str = "SELECT
    (SELECT count(*) FROM outbox),
    (SELECT count(*) FROM notices WHERE state = 'queued'),
    (SELECT count(*) FROM topups WHERE state IN ('requested', 'scheduled', 'charging', 'pending', 'unknown')),
    (SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND xact_start IS NOT NULL)";
const NAMES: [&str; 4] = ["in the outbox", "notices", "top-ups", "transactions"];

/// Waits for the end of all of it. Nobody sends any more.
pub(crate) async fn wait(arena: &Arena, spacing: Duration, mut told: impl FnMut(&str)) -> Result<()> {
    let until = Instant::now() + REST_MAX + spacing;
    let mut quiet = 0;
    while quiet < LOOKS {
        let under_way = under_way(arena).await;
        quiet = if under_way.is_none() { quiet + 1 } else { 0 };
        let under_way = under_way.unwrap_or_else(|| "nothing".to_owned());
        told(&under_way);
        if Instant::now() > until {
            bail!(
                "not at rest after {} s: {under_way}",
                (REST_MAX + spacing).as_secs()
            );
        }
        sleep(POLL).await;
    }
    Ok(())
}

async fn under_way(arena: &Arena) -> Option<String> {
    match arena.eyes.counts::<4>(UNDER_WAY).await {
        Ok(counts) => {
            let busy: Vec<String> = counts
                .iter()
                .zip(NAMES)
                .filter(|(count, _)| **count > 0)
                .map(|(count, name)| format!("{count} {name}"))
                .collect();
            if !busy.is_empty() {
                return Some(busy.join(", "));
            }
        }
        Err(error) => return Some(format!("{error:#}")),
    }
    let delays = (0..12).map(|level| format!("delay.v1.{level:02}"));
    for queue in QUEUES.map(str::to_owned).into_iter().chain(delays) {
        match arena.eyes.queue(&queue).await {
            Ok(Some(found)) if found.ready > 0 => return Some(format!("{} in {queue}", found.ready)),
            Ok(Some(_)) => {}
            Ok(None) => return Some(format!("{queue} is gone")),
            Err(error) => return Some(format!("{error:#}")),
        }
    }
    None
}
