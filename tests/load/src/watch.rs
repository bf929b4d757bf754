//! What the world outside saw: the sandbox's lists, waited on; and what the processes say of themselves.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use topup_stack::plain_client;

/// Longest wait for something to be seen.
const WAIT: Duration = Duration::from_secs(50);
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A reader of the sandbox's lists, and of the processes' metrics.
#[derive(Debug, Clone)]
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
        let client = plain_client()
            .timeout(ANSWER_TIMEOUT)
            .build()
            .context("making an HTTP client")?;
        Ok(Self { client, sandbox_url })
    }

    /// So many charges after the first `after`, as soon as they have come.
    pub(crate) async fn charges(&self, after: u32, count: u32) -> Result<Vec<Charge>> {
        self.next("charges", after, count).await
    }

    /// So many text messages after the first `after`.
    pub(crate) async fn sms(&self, after: u32, count: u32) -> Result<Vec<Notice>> {
        self.next("sms", after, count).await
    }

    /// So many e-mails after the first `after`.
    pub(crate) async fn mail(&self, after: u32, count: u32) -> Result<Vec<Notice>> {
        self.next("mail", after, count).await
    }

    /// How long every call to the gateway takes from now on.
    pub(crate) async fn set_gateway_latency(&self, ms: u32) -> Result<()> {
        let url = format!("{}/sandbox/latency", self.sandbox_url);
        let told = self.client.post(url).json(&json!({"ms": ms})).send().await;
        told.and_then(Response::error_for_status)
            .map(drop)
            .context("setting the gateway's latency")
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

    async fn next<T: DeserializeOwned>(&self, list: &str, after: u32, count: u32) -> Result<Vec<T>> {
        let url = format!("{}/sandbox/{list}", self.sandbox_url);
        let query = [
            ("after", u128::from(after)),
            ("at_least", u128::from(count)),
            ("wait_ms", WAIT.as_millis()),
        ];
        let answer = self.client.get(url).query(&query).send().await;
        let answer = answer.with_context(|| format!("reading the sandbox's list of {list}"))?;
        let seen: Vec<T> = answer
            .json()
            .await
            .with_context(|| format!("reading the sandbox's list of {list}"))?;
        ensure!(
            seen.len() == count as usize,
            "the sandbox saw {} new {list} within {} s where {count} were expected",
            seen.len(),
            WAIT.as_secs()
        );
        Ok(seen)
    }
}
