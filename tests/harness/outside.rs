//! The outside world, as the sandbox saw it. Every list is waited for, never polled.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use topup_stack::plain_client;

use super::patience::PATIENCE;

/// A client of the sandbox.
#[derive(Debug)]
pub struct Outside {
    client: Client,
    url: String,
}

/// Money that was taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Capture {
    /// When.
    pub at: Timestamp,
    /// The fleet's reference.
    pub reference: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// From which card.
    pub authorization_code: Option<String>,
}

/// A call to charge a card, whatever came of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// When it came to its end.
    pub at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The fleet's reference.
    pub reference: Option<String>,
    /// In minor units.
    pub amount: Option<i64>,
    /// Which card.
    pub authorization_code: Option<String>,
    /// The address that the card was registered with.
    pub email: Option<String>,
    /// What came of it.
    pub outcome: String,
}

/// An SMS that was handed over.
#[derive(Debug, Clone, Deserialize)]
pub struct Sms {
    /// When.
    pub at: Timestamp,
    /// The number, digits only.
    pub to: String,
    /// Its text.
    pub message: String,
    /// The notice's id.
    pub client_message_id: Option<String>,
    /// Whether the provider took it.
    pub accepted: bool,
}

/// A mail that was handed over.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// When.
    pub at: Timestamp,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its `Message-ID`.
    pub message_id: Option<String>,
    /// Its headers.
    pub headers: BTreeMap<String, Value>,
    /// Its text part.
    pub text: Option<String>,
    /// Its HTML part.
    pub html: Option<String>,
    /// All of it, as it came.
    pub raw: String,
}

/// One try to hand over a webhook.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookTry {
    /// When it was over.
    pub at: Timestamp,
    /// `charge.success`, …
    pub event: String,
    /// Which payment it is about.
    pub reference: String,
    /// The first is 1.
    pub attempt: usize,
    /// How it was answered; `None`: not at all.
    pub status: Option<u16>,
}

impl Capture {
    /// Whether `account`'s top-up paid it.
    #[must_use]
    pub fn is_of(&self, account: i64) -> bool {
        self.reference.starts_with(&format!("topup-{account}-"))
    }
}

impl Outside {
    pub(crate) fn new(url: String) -> Result<Self> {
        // A test's connections must not outlive its runtime, nor wait for a proxy.
        let client = plain_client()
            .timeout(PATIENCE * 2)
            .build()
            .context("making an HTTP client")?;
        Ok(Self { client, url })
    }

    /// Waits until there are so many captures, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn captures(&self, at_least: usize) -> Result<Vec<Capture>> {
        self.list("captures", at_least).await
    }

    /// Waits until there are so many calls to charge, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn charges(&self, at_least: usize) -> Result<Vec<Charge>> {
        self.list("charges", at_least).await
    }

    /// Waits until there are so many SMS, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn sms(&self, at_least: usize) -> Result<Vec<Sms>> {
        self.list("sms", at_least).await
    }

    /// Waits until there are so many mails, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn mail(&self, at_least: usize) -> Result<Vec<Mail>> {
        self.list("mail", at_least).await
    }

    /// Waits until so many webhooks were handed over, repeats included, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn webhooks(&self, at_least: usize) -> Result<Vec<WebhookTry>> {
        self.list("webhooks", at_least).await
    }

    /// Waits until so many cards' tokens were forgotten, and gives all.
    ///
    /// # Errors
    /// There were fewer in time.
    pub async fn deactivated(&self, at_least: usize) -> Result<Vec<Value>> {
        self.list("deactivated", at_least).await
    }

    /// Spoils the next answers: `{"status": 429, "calls": 2}` and the like.
    ///
    /// # Errors
    /// The sandbox did not understand.
    pub async fn trouble(&self, order: Value) -> Result<()> {
        self.post("trouble", &order).await
    }

    /// An order to the sandbox, by its path below `/sandbox`.
    ///
    /// # Errors
    /// The sandbox did not understand.
    pub async fn post(&self, path: &str, order: &Value) -> Result<()> {
        let answer = self
            .client
            .post(format!("{}/sandbox/{path}", self.url))
            .json(order)
            .send()
            .await?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "the sandbox answered {status}: {}",
            answer.text().await?
        );
        Ok(())
    }

    async fn list<T: DeserializeOwned>(&self, name: &str, at_least: usize) -> Result<Vec<T>> {
        let answer = self
            .client
            .get(format!("{}/sandbox/{name}", self.url))
            .query(&[
                ("at_least", at_least.to_string()),
                ("wait_ms", PATIENCE.as_millis().to_string()),
            ])
            .send()
            .await?
            .error_for_status()?;
        let text = answer.text().await?;
        let seen: Vec<T> =
            serde_json::from_str(&text).with_context(|| format!("reading the sandbox's {name}"))?;
        ensure!(
            seen.len() >= at_least,
            "{} instead of {at_least} {name} after {} s: {text}",
            seen.len(),
            PATIENCE.as_secs(),
        );
        Ok(seen)
    }
}
