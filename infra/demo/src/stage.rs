//! What every chapter works with, and how it says that something is not as told.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use topup_stack::{Fleet, Stack};

use crate::broker::Broker;
use crate::sandbox::Sandbox;

/// The least time between two card top-ups of one account, for the story; 30 minutes in production. Seven, so
/// that the second one's wait takes several delay queues.
pub(crate) const SPACING: Duration = Duration::from_secs(7);

/// How long the gateway may take to answer, for the story; 30 seconds in production.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(4);

/// How long after a call the gateway is asked what became of it, for the story; 10 seconds in production.
pub(crate) const QUESTION_AFTER: Duration = Duration::from_secs(2);

/// The fleet, and who watches it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) fleet: Fleet,
    pub(crate) sandbox: Sandbox,
    pub(crate) broker: Broker,
    /// The sample events, moved to the present.
    pub(crate) events: PathBuf,
}

/// Something is not as told: what was expected and what was seen.
#[derive(Debug, thiserror::Error)]
#[error("{what}: expected {expected}, seen {seen}")]
pub(crate) struct NotAsTold {
    what: String,
    expected: String,
    seen: String,
    logs: Option<String>,
}

impl NotAsTold {
    pub(crate) fn with_logs(mut self, logs: String) -> Self {
        self.logs = Some(logs);
        self
    }

    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            self.what.clone(),
            format!("  expected  {}", self.expected),
            format!("  seen      {}", self.seen),
        ];
        lines.extend(self.logs.as_ref().map(|logs| format!("  logs      {logs}")));
        lines
    }
}

/// Tells a difference.
pub(crate) fn expect<T: PartialEq + Display>(what: &str, expected: T, seen: T) -> Result<()> {
    expect_that(expected == seen, what, expected, seen)
}

/// Tells a difference that is not one of equality.
pub(crate) fn expect_that(holds: bool, what: &str, expected: impl Display, seen: impl Display) -> Result<()> {
    if holds {
        return Ok(());
    }
    let (what, expected, seen) = (what.to_owned(), expected.to_string(), seen.to_string());
    Err(NotAsTold {
        what,
        expected,
        seen,
        logs: None,
    }
    .into())
}

/// The only one of a list.
pub(crate) fn only<T>(what: &str, list: Vec<T>) -> Result<T> {
    expect(what, 1, list.len())?;
    list.into_iter().next().context("a list of one is empty")
}

impl Stage {
    /// The path of one file of sample events.
    pub(crate) fn events(&self, name: &str) -> String {
        self.events.join(name).display().to_string()
    }

    /// The directory of everybody's logs.
    pub(crate) fn logs(&self) -> &Path {
        self.stack.logs()
    }

    /// Lets everybody finish, then stops the servers.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self {
            stack,
            fleet,
            sandbox: _,
            broker,
            events: _,
        } = self;
        drop(broker);
        let stopped = fleet.stop().await;
        stack.stop().await;
        stopped
    }
}
