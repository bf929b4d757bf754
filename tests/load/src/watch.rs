//! What the world outside saw: the sandbox's lists, waited on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Longest wait for something to be seen.
const WAIT: Duration = Duration::from_secs(20);
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A reader of the sandbox's lists, and of the processes' metrics.
#[derive(Debug)]
pub(crate) struct Watch {
    client: Client,
    sandbox_url: String,
}

/// A call to charge a card.
#[derive(Debug, Deserialize)]
pub(crate) struct Charge {
    /// When it came.
    pub(crate) received_at: Timestamp,
    pub(crate) reference: String,
}

/// A text message or an e-mail.
#[derive(Debug, Deserialize)]
pub(crate) struct Notice {
    /// When the carrier took it.
    pub(crate) at: Timestamp,
}

impl Watch {
    pub(crate) fn at(sandbox_url: String) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .timeout(ANSWER_TIMEOUT)
            .build()
            .context("making an HTTP client")?;
        Ok(Self { client, sandbox_url })
    }

    /// The charge after the first `after`, as soon as it comes.
    pub(crate) async fn charge(&self, after: u32) -> Result<Charge> {
        self.next("charges", after).await
    }

    /// The text message after the first `after`.
    pub(crate) async fn sms(&self, after: u32) -> Result<Notice> {
        self.next("sms", after).await
    }

    /// The e-mail after the first `after`.
    pub(crate) async fn mail(&self, after: u32) -> Result<Notice> {
        self.next("mail", after).await
    }

    /// A counter of a process's metrics; 0 where it has not counted yet.
    pub(crate) async fn counter(&self, process_url: &str, name: &str) -> Result<f64> {
        let answer = self
            .client
            .get(format!("{process_url}/metrics"))
            .send()
            .await
            .context("reading metrics")?;
        let text = answer.text().await.context("reading metrics")?;
        let samples = text.lines().filter_map(|line| line.strip_prefix(name));
        let values = samples.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    async fn next<T: DeserializeOwned>(&self, list: &str, after: u32) -> Result<T> {
        let url = format!("{}/sandbox/{list}", self.sandbox_url);
        let query = [
            ("after", u128::from(after)),
            ("at_least", 1),
            ("wait_ms", WAIT.as_millis()),
        ];
        let answer = self.client.get(url).query(&query).send().await;
        let answer = answer.with_context(|| format!("reading the sandbox's list of {list}"))?;
        let seen: Vec<T> = answer
            .json()
            .await
            .with_context(|| format!("reading the sandbox's list of {list}"))?;
        ensure!(
            seen.len() <= 1,
            "the sandbox saw {} {list} where one was expected",
            seen.len()
        );
        seen.into_iter()
            .next()
            .with_context(|| format!("nothing new in {list} after {} s", WAIT.as_secs()))
    }
}
