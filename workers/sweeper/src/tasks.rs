//! The sweeper's tasks. Each says how many rows or messages it dealt with.

use anyhow::{Context as _, Result};
use topup_rules::sends::OpenWindow;
use topup_runtime::Process;

/// How many days ahead the ledger has partitions.
const DAYS_AHEAD: u16 = 7;

/// Rows that their worker did not get to publish: it was killed, or the broker was away.
pub(crate) async fn outbox(process: &Process) -> Result<u64> {
    let settings = &process.settings.sweeper;
    let rows = process
        .store
        .outbox_overdue(settings.outbox_overdue, i64::from(settings.rows_max))
        .await
        .context("reading the outbox")?;
    Ok(process.outbox.publish_all(rows).await as u64)
}

/// Top-ups whose message should have come by now: the broker lost it, or its settlement did.
pub(crate) async fn topups(process: &Process) -> Result<u64> {
    let settings = &process.settings.sweeper;
    let messages = process
        .store
        .overdue_topups(settings.topup_overdue, i64::from(settings.rows_max))
        .await
        .context("waking overdue top-ups")?;
    let woken = messages.len() as u64;
    process.outbox.send(messages);
    Ok(woken)
}

/// S5: holds whose time is over give back what they set aside.
pub(crate) async fn holds(process: &Process) -> Result<u64> {
    let limit = i64::from(process.settings.sweeper.rows_max);
    process.store.expire_holds(limit).await.context("expiring holds")
}

/// S4: partitions for the days to come; days that left the open window are closed, their sums carried forward.
pub(crate) async fn partitions(process: &Process) -> Result<u64> {
    let rules = &process.settings.rules;
    let window = OpenWindow { back: rules.window_back, ahead: rules.window_ahead };
    let made = process.store.ensure_partitions(&window, DAYS_AHEAD).await.context("making partitions")?;
    let closed = process.store.close_days(&window).await.context("closing days")?;
    Ok((made.len() + closed.len()) as u64)
}

/// What an operator watches: how much waits, and for how long.
pub(crate) async fn gauges(process: &Process) -> Result<u64> {
    let (rows, oldest_s) = process.store.outbox_backlog().await.context("measuring the outbox")?;
    metrics::gauge!("topup_outbox_rows").set(rows as f64);
    metrics::gauge!("topup_outbox_oldest_seconds").set(oldest_s);
    for (state, open) in process.store.open_topups().await.context("counting open top-ups")? {
        metrics::gauge!("topup_topups_open", "state" => state.as_str()).set(open as f64);
    }
    Ok(0)
}
