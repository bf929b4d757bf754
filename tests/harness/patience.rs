//! The one way to wait for what has no signal of its own.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// Longest wait for anything that should come soon. Generous: a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait for a server that is being started again: on a busy machine a broker takes half a minute, and stops for
/// as long before.
pub(super) const SERVERS_PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);

/// Looks again and again until there is something to see, [`PATIENCE`] at most.
///
/// # Errors
/// A look failed, or nothing was seen in time; `what` says what was waited for.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, what, look).await
}

/// The same, with other patience.
///
/// # Errors
/// As those of [`eventually`].
pub(super) async fn within<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let until = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if Instant::now() > until {
            bail!("waited {} s in vain: {what}", patience.as_secs());
        }
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A sleep is either too long or too short; what is waited for can be looked at.
    #[test]
    fn no_test_of_the_specification_or_of_faults_sleeps() {
        for suite in ["specification", "faults"] {
            let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join(suite);
            let mut looked_at = 0;
            for file in fs::read_dir(suite).unwrap() {
                let path = file.unwrap().path();
                if path.is_file() {
                    let text = fs::read_to_string(&path).unwrap();
                    assert!(!text.contains("sleep("), "{} sleeps", path.display());
                    looked_at += 1;
                }
            }
            assert!(looked_at > 1);
        }
    }
}
