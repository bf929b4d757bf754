//! The one way to wait for what has no signal of its own.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Longest wait for anything that should come soon. Generous: a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);

/// Looks again and again until there is something to see, [`PATIENCE`] at most.
///
/// # Errors
/// A look failed, or nothing was seen in time; `what` says what was waited for.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if Instant::now() > until {
            bail!("waited {} s in vain: {what}", PATIENCE.as_secs());
        }
        sleep(POLL).await;
    }
}
