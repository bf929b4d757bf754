//! Saying when to stop, softly first.

use super::EXIT_FAILED;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

/// Says when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Lets a [`Shutdown`] say so.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Shutdown {
    /// A pair, for tests and tools that are no [`super::Process`].
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Whether it is time.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time.
    pub async fn requested(&self) {
        // An error means that nobody is left who could ask: then it is time, too.
        let mut asked = self.0.clone();
        let _time = asked.wait_for(|stop| *stop).await;
    }
}

impl Stopper {
    /// It is time.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// The first signal asks everybody to stop; the second one, or the end of the grace period, does not ask.
pub(super) fn listen_to_signals(stopper: Stopper, grace: Duration) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        info!(grace_s = grace.as_secs(), "stopping: finishing what is in hand");
        stopper.stop();
        tokio::select! {
            _ = terminate.recv() => warn!("second signal: ending at once"),
            _ = interrupt.recv() => warn!("second signal: ending at once"),
            () = tokio::time::sleep(grace) => warn!("the grace period is over: ending at once"),
        }
        std::process::exit(EXIT_FAILED.into());
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shutdown_is_heard_by_all_who_wait_and_by_all_who_come_later() {
        let (stopper, shutdown) = Shutdown::new();
        assert!(!shutdown.is_requested());
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        stopper.stop();
        waiting.await.unwrap();
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
