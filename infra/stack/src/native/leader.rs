//! A server's process and those that it starts, which end together.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::family::{self, Halted};

/// Longest wait for a server to end after being told to at once.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a server to stop in its own order.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The leader of a process group. Dropping it ends the group, without waiting.
#[derive(Debug)]
pub(super) struct Leader {
    child: Child,
    /// What makes it end at once and leave nothing in the system.
    signal: Signal,
    /// Set while it is paused.
    halted: Option<Halted>,
}

impl Leader {
    /// Starts a command made by [`super::service`].
    pub(super) fn spawn(mut command: Command, what: &str, signal: Signal) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {what}"))?;
        Ok(Self {
            child,
            signal,
            halted: None,
        })
    }

    /// Its exit status, if it has ended.
    pub(super) fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.child.try_wait().context("looking at a server's process")
    }

    /// Halts all its processes.
    pub(super) fn pause(&mut self) {
        if self.halted.is_none() {
            self.halted = self.pid().map(family::halt);
        }
    }

    /// Lets them go on.
    pub(super) fn resume(&mut self) {
        if let Some(halted) = self.halted.take() {
            halted.resume();
        }
    }

    /// Kills all its processes in one moment, and waits until they are gone.
    pub(super) async fn kill(mut self) {
        self.pause();
        if let Some(halted) = self.halted.take() {
            halted.kill().await;
        }
        // Its status is of no interest, but it is waited for.
        let _ = timeout(END_TIMEOUT, self.child.wait()).await;
    }

    /// Tells it to stop in its own order, and waits for that; kills it where it takes too long.
    pub(super) async fn stop(mut self, told: Signal) {
        self.resume();
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, told);
        }
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    /// Ends it at once and waits for that.
    pub(super) async fn end(mut self) {
        self.tell_to_end();
        if timeout(END_TIMEOUT, self.child.wait()).await.is_err() {
            // What remains is for the system to end, which no process can refuse.
            let _ = self.child.kill().await;
        }
    }

    /// `None` where it has been waited for already.
    fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
    }

    fn tell_to_end(&mut self) {
        if let Some(pid) = self.pid() {
            // An error says that it has ended by itself, which is what is wanted.
            let _ = match self.signal {
                Signal::KILL => kill_process_group(pid, Signal::KILL),
                signal => kill_process(pid, signal),
            };
        }
        // Halted, it would not hear of it.
        self.resume();
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.tell_to_end();
    }
}
