//! The ledger's days that are over: indexed and counted, for those who read them.
//!
//! It may take minutes where days are large, so it is a loop of its own.

use crate::sweeps::tell;
use anyhow::Context as _;
use std::time::Duration;
use topup_runtime::Process;
use tracing::warn;

/// Between two looks.
const LOOK: Duration = Duration::from_mins(10);

/// Looks until the process is to stop. What is under way then is broken off, and taken up by the next look.
pub(crate) async fn run(process: &Process) {
    loop {
        tokio::select! {
            () = process.shutdown.requested() => return,
            done = ready_days(process) => { tell("history", done); }
        }
        tokio::select! {
            () = process.shutdown.requested() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn ready_days(process: &Process) -> anyhow::Result<u64> {
    let ready = process.store.ready_days(&process.settings.rules.time_zone).await;
    let ready = ready.context("indexing and counting days that are over")?;
    for day in &ready.put_off {
        warn!(%day, "a day could not be indexed yet: somebody writes to it, or it takes too long");
    }
    Ok((ready.indexed.len() + ready.counted.len()) as u64)
}
