//! What the outside world saw: the sandbox's lists, read and waited on.

use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use topup_stack::plain_client;

/// Longest wait for something to be seen.
const WAIT: Duration = Duration::from_secs(15);
/// Longest wait for an answer, beyond the wait that was asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The header that says where a list goes on.
const NEXT: &str = "x-sandbox-next";

/// A reader of the sandbox's lists.
#[derive(Debug)]
pub(crate) struct Sandbox {
    client: Client,
    url: String,
}

/// Where each list stood at one moment: what is seen later is new.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    charges: u64,
    sms: u64,
    mail: u64,
}

impl Mark {
    /// Before anything was seen.
    pub(crate) const START: Self = Self {
        charges: 0,
        sms: 0,
        mail: 0,
    };
}

/// A call to charge a card.
#[derive(Debug, Deserialize)]
pub(crate) struct Charge {
    /// When the answer was decided.
    pub(crate) at: Timestamp,
    /// When the call came.
    pub(crate) received_at: Timestamp,
    /// In the currency's minor unit.
    pub(crate) amount: i64,
    /// `success`, `failed`, …
    pub(crate) outcome: String,
}

/// A text message that the provider took.
#[derive(Debug, Deserialize)]
pub(crate) struct Sms {
    pub(crate) at: Timestamp,
    pub(crate) to: String,
    pub(crate) message: String,
}

/// An e-mail that the relay took.
#[derive(Debug, Deserialize)]
pub(crate) struct Mail {
    pub(crate) at: Timestamp,
    pub(crate) to: Vec<String>,
    pub(crate) subject: Option<String>,
    /// The plain part.
    pub(crate) text: Option<String>,
}

impl Sandbox {
    pub(crate) fn at(url: String) -> Result<Self> {
        let client = plain_client().build().context("making an HTTP client")?;
        Ok(Self { client, url })
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where the lists stand now.
    pub(crate) async fn mark(&self) -> Result<Mark> {
        let at_end = async |list| {
            self.list::<serde_json::Value>(list, u64::MAX, 0, Duration::ZERO)
                .await
        };
        Ok(Mark {
            charges: at_end("charges").await?.1,
            sms: at_end("sms").await?.1,
            mail: at_end("mail").await?.1,
        })
    }

    /// The next webhook gets lost on its way.
    pub(crate) async fn lose_a_webhook(&self) -> Result<()> {
        let lost = self
            .client
            .post(format!("{}/sandbox/trouble", self.url))
            .json(&serde_json::json!({"webhooks": "never", "calls": 1}))
            .timeout(ANSWER_TIMEOUT)
            .send()
            .await;
        lost.and_then(reqwest::Response::error_for_status)
            .context("ordering trouble at the sandbox")?;
        Ok(())
    }

    /// The charges since `mark`, as soon as there are `at_least` so many, or what there is after the longest wait.
    pub(crate) async fn charges(&self, mark: Mark, at_least: usize) -> Result<Vec<Charge>> {
        Ok(self.list("charges", mark.charges, at_least, WAIT).await?.0)
    }

    /// The text messages since `mark`.
    pub(crate) async fn sms(&self, mark: Mark, at_least: usize) -> Result<Vec<Sms>> {
        Ok(self.list("sms", mark.sms, at_least, WAIT).await?.0)
    }

    /// The e-mails since `mark`.
    pub(crate) async fn mail(&self, mark: Mark, at_least: usize) -> Result<Vec<Mail>> {
        Ok(self.list("mail", mark.mail, at_least, WAIT).await?.0)
    }

    /// A list's entries after the first `after`, and how many were ever recorded.
    async fn list<T: DeserializeOwned>(
        &self,
        list: &str,
        after: u64,
        at_least: usize,
        wait: Duration,
    ) -> Result<(Vec<T>, u64)> {
        let doing = || format!("reading the sandbox's list of {list}");
        let answer = self
            .client
            .get(format!("{}/sandbox/{list}", self.url))
            .query(&[("after", after), ("at_least", at_least as u64)])
            .query(&[("wait_ms", wait.as_millis())])
            .timeout(wait + ANSWER_TIMEOUT)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .with_context(doing)?;
        let next = answer
            .headers()
            .get(NEXT)
            .and_then(|next| next.to_str().ok()?.parse().ok());
        let next = next.with_context(doing)?;
        Ok((answer.json().await.with_context(doing)?, next))
    }
}
