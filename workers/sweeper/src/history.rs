//! The ledger's days that are over: indexed and counted, for those who read them.
//!
//! It may take minutes where days are large, so it is a loop of its own.

use crate::sweeps::tell;
use anyhow::Context as _;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::time::Duration;
use topup_runtime::Process;
use topup_store::INDEXED_BY_FUNCTION_TO_BYTES;
use tracing::warn;

/// Between two looks.
const LOOK: Duration = Duration::from_mins(10);

/// Looks until the process is to stop. What is under way then is broken off, and taken up by the next look.
pub(crate) async fn run(process: &Process) {
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            () = process.shutdown.requested() => return,
            done = ready_days(process, &mut told) => { tell("history", done); }
        }
        tokio::select! {
            () = process.shutdown.requested() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// `told`: of which days somebody was told already that they are too large.
async fn ready_days(process: &Process, told: &mut BTreeSet<Date>) -> anyhow::Result<u64> {
    let zone = &process.settings.rules.time_zone;
    let ready = process.store.ready_days(zone, INDEXED_BY_FUNCTION_TO_BYTES).await;
    let ready = ready.context("indexing and counting days that are over")?;
    for day in &ready.put_off {
        warn!(%day, "a day could not be indexed yet: somebody writes to it, or it takes too long");
    }
    for day in ready.too_large {
        if told.insert(day) {
            warn!(%day, "a day is too large to be indexed but by the owner of the tables: pages of the past are slow there");
        }
    }
    Ok((ready.indexed.len() + ready.counted.len()) as u64)
}
