//! Orders to the world outside.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Client;
use serde_json::{Value, json};
use topup_stack::plain_client;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The sandbox, as whoever directs it sees it.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    client: Client,
    url: String,
}

impl Sandbox {
    pub(crate) fn at(url: String) -> Result<Self> {
        let client = plain_client().timeout(ANSWER_MAX).build();
        let client = client.context("making an HTTP client")?;
        Ok(Self { client, url })
    }

    /// An order, by its path below `/sandbox`.
    pub(crate) async fn post(&self, path: &str, order: &Value) -> Result<()> {
        let url = format!("{}/sandbox/{path}", self.url);
        let answer = self.client.post(url).json(order).send().await;
        answer?
            .error_for_status()
            .map(drop)
            .context("an order to the sandbox")
    }

    /// Calls every trouble off.
    pub(crate) async fn be_good(&self) -> Result<()> {
        let nothing =
            json!({"status": 503, "sms_status": 503, "smtp": "reject", "webhooks": "never", "calls": 0});
        self.post("trouble", &nothing).await?;
        self.post("latency", &json!({"ms": 0})).await
    }

    /// References of captures from the `after`-th on.
    pub(crate) async fn captured(&self, after: usize) -> Result<Vec<String>> {
        let url = format!("{}/sandbox/captures", self.url);
        let answer = self.client.get(url).query(&[("after", after)]).send().await?;
        let captures: Vec<Value> = answer.error_for_status()?.json().await?;
        let references = captures.iter().filter_map(|it| it["reference"].as_str());
        Ok(references.map(str::to_owned).collect())
    }
}
