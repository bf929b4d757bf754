//! What every chapter works with, and how it says that something is not as told.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use topup_stack::Stack;

use crate::broker::Broker;
use crate::operator::Operator;
use crate::sandbox::Sandbox;

/// The least time between two card top-ups of one account, for the story; 30 minutes in production. Seven, so
/// that the second one's wait takes several delay queues.
pub(crate) const SPACING: Duration = Duration::from_secs(7);

/// How long the gateway may take to answer, for the story; 30 seconds in production.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(4);

/// How long after a call the gateway is asked what became of it, for the story; 10 seconds in production.
pub(crate) const QUESTION_AFTER: Duration = Duration::from_secs(2);

/// What the story shortens, as the fleet has to be told it.
pub(crate) const SHORTENED: [(&str, Duration); 3] = [
    ("TOPUP__RULES__CARD_SPACING", SPACING),
    ("TOPUP__PAYSTACK__TIMEOUT", ANSWER_MAX),
    ("TOPUP__INQUIRIES__FIRST", QUESTION_AFTER),
];

/// The fleet, and who watches it.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The servers, where this process started them.
    pub(crate) stack: Option<Stack>,
    pub(crate) operator: Operator,
    pub(crate) sandbox: Sandbox,
    pub(crate) broker: Broker,
    pub(crate) page: Page,
    /// The sample events, moved to the present.
    pub(crate) events: PathBuf,
}

/// The broker's management page, as a person finds it.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its address, without credentials.
    pub(crate) url: String,
    /// What it asks for.
    pub(crate) login: Option<(String, String)>,
    /// The fleet's virtual host.
    pub(crate) vhost: String,
}

impl Page {
    /// Takes the credentials out of the address.
    pub(crate) fn new(url: &str, vhost: &str) -> Self {
        let scheme_end = url.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = url.split_at(scheme_end);
        let (login, host) = match rest.split_once('@') {
            Some((login, host)) => (login.split_once(':'), host),
            None => (None, rest),
        };
        Self {
            url: format!("{scheme}{}", host.trim_end_matches('/')),
            login: login.map(|(user, password)| (user.to_owned(), password.to_owned())),
            vhost: vhost.to_owned(),
        }
    }

    /// Where it shows a queue.
    pub(crate) fn of_queue(&self, queue: &str) -> String {
        format!("{}/#/queues/{}/{queue}", self.url, self.vhost)
    }
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

    /// The directory of everybody's logs, where they are this process's.
    pub(crate) fn logs(&self) -> Option<&Path> {
        self.stack.as_ref().map(Stack::logs)
    }

    /// Lets everybody finish that this process started, then stops the servers.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self {
            stack,
            operator,
            sandbox: _,
            broker,
            page: _,
            events: _,
        } = self;
        drop(broker);
        let stopped = match operator {
            Operator::Own(fleet) => fleet.stop().await,
            Operator::Elsewhere(_) => Ok(()),
        };
        if let Some(stack) = stack {
            stack.stop().await;
        }
        stopped
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_page_is_named_without_its_credentials() {
        let page = Page::new("http://u:p@127.0.0.1:15672/", "topup");
        assert_eq!(
            page.of_queue("sms-sent"),
            "http://127.0.0.1:15672/#/queues/topup/sms-sent"
        );
        assert_eq!(page.login, Some(("u".to_owned(), "p".to_owned())));
        assert_eq!(Page::new("http://127.0.0.1:15672", "topup").login, None);
    }
}
