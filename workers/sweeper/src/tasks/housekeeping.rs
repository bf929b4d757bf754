//! What the passing of time changes in the database itself.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use topup_rules::sends::OpenWindow;
use topup_runtime::Process;
use topup_store::LEDGER_DAYS_AHEAD;

/// A process that has said nothing for so long is gone, and not worth a line to anybody who looks.
const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// So long a request that bears an idempotency key can be repeated.
const REQUESTS_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// S5: holds whose time is over give back what they set aside.
pub(crate) async fn holds(process: &Process) -> Result<u64> {
    let limit = i64::from(process.settings.sweeper.rows_max);
    let expired = process
        .store
        .expire_holds(limit)
        .await
        .context("expiring holds")?;
    Ok(expired as u64)
}

/// S4: partitions for the days to come; days that left the open window are closed, their sums carried forward.
pub(crate) async fn partitions(process: &Process) -> Result<u64> {
    let rules = &process.settings.rules;
    let window = OpenWindow {
        back: rules.window_back,
        ahead: rules.window_ahead,
    };
    let made = process
        .store
        .ensure_partitions(&window, LEDGER_DAYS_AHEAD)
        .await
        .context("making partitions")?;
    let closed = process.store.close_days(&window).await.context("closing days")?;
    Ok((made.len() + closed.len()) as u64)
}

/// Forgets what nobody needs any more of those who call and sign in: sessions and links that have ended, tries of long
/// ago, answers to requests that nobody repeats after so long.
pub(crate) async fn callers(process: &Process) -> Result<u64> {
    let (store, limit) = (&process.store, i64::from(process.settings.sweeper.rows_max));
    let sessions = store
        .forget_sessions(limit)
        .await
        .context("forgetting sessions")?;
    let links = store.forget_links(limit).await.context("forgetting links")?;
    let tries = store.forget_old_tries(limit).await.context("forgetting tries")?;
    let requests = store
        .forget_requests(REQUESTS_KEPT, limit)
        .await
        .context("forgetting requests")?;
    Ok(sessions + links + tries + requests)
}

/// Forgets processes that ended without saying so long ago.
pub(crate) async fn processes(process: &Process) -> Result<u64> {
    let forgotten = process.store.forget_silent_processes(SILENCE_MAX).await;
    forgotten.context("forgetting processes")
}
