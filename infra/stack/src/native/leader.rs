//! A server's process and those that it starts, which end together.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest wait for a server to end after being told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The leader of a process group. Dropping it ends the group, without waiting.
#[derive(Debug)]
pub(super) struct Leader {
    child: Child,
    /// What makes it end at once and leave nothing in the system.
    signal: Signal,
}

impl Leader {
    /// Starts a command made by [`super::service`].
    pub(super) fn spawn(mut command: Command, what: &str, signal: Signal) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {what}"))?;
        Ok(Self { child, signal })
    }

    /// Its exit status, if it has ended.
    pub(super) fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.child.try_wait().context("looking at a server's process")
    }

    /// Ends it and waits for that.
    pub(super) async fn stop(mut self) {
        self.end();
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            // What remains is for the system to end, which no process can refuse.
            let _ = self.child.kill().await;
        }
    }

    fn end(&self) {
        // No id: it has been waited for already.
        let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
            return;
        };
        // An error says that it has ended by itself, which is what is wanted.
        let _ = match self.signal {
            Signal::KILL => kill_process_group(pid, Signal::KILL),
            signal => kill_process(pid, signal),
        };
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.end();
    }
}
