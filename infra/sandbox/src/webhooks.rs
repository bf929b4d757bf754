//! The gateway's webhooks: signed, sent a moment after what they announce, and sent again until they are taken.
//!
//! The real gateway repeats for three days; here the repeats end within minutes, because a test does. There is
//! neither time stamp nor event id in them, as in the real ones: telling a replay is the receiver's business.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;
use sha2::Sha512;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::reach::Reach;
use crate::record::Record;
use crate::trouble::WebhookTrouble;

/// The header that carries the signature: hex HMAC-SHA512 of the raw body.
pub const SIGNATURE_HEADER: &str = "x-paystack-signature";
/// Webhooks that may be on their way or waiting for a repeat; what comes on top is dropped and logged.
const PENDING_MAX: usize = 10_000;
/// Requests under way at once.
const SENDING_MAX: usize = 16;
/// Longest time that a receiver may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Pause between what happens and the webhook that announces it, so that the answer is usually first.
const USUAL_DELAY: Duration = Duration::from_millis(50);
/// Pauses before the repeats of a webhook that was not taken; after the last it is given up.
const REPEAT_PAUSES_S: [u64; 8] = [1, 2, 4, 8, 15, 30, 60, 60];

/// One announcement.
#[derive(Debug, Clone)]
pub struct Event {
    /// `charge.success` and so on.
    pub name: &'static str,
    /// The payment's reference, for the list.
    pub reference: String,
    /// What stands under `data`.
    pub data: Value,
}

/// Sends webhooks in the background and lists each try.
#[derive(Debug)]
pub struct Announcer {
    secret_key: String,
    client: reqwest::Client,
    url: Mutex<Option<Url>>,
    reach: Reach,
    tries: Arc<Record>,
    pending: Arc<Semaphore>,
    sending: Semaphore,
    /// Counts how often everything was forgotten; what was on its way then stops.
    forgotten: watch::Sender<u64>,
}

/// Resolves when the first try of an announcement is over.
pub type FirstTry = oneshot::Receiver<()>;

#[derive(Serialize)]
struct Try<'a> {
    event: &'a str,
    reference: &'a str,
    attempt: usize,
    /// HTTP status of the receiver's answer.
    status: Option<u16>,
    error: Option<String>,
}

struct Signed {
    name: &'static str,
    reference: String,
    body: Vec<u8>,
    signature: String,
}

impl Announcer {
    /// Sends nothing until there is a URL, and nothing beyond its reach. Each try is listed in `tries`.
    ///
    /// # Errors
    /// The HTTP client could not be made.
    pub fn new(secret_key: String, reach: Reach, tries: Arc<Record>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_MAX)
            .build()
            .context("making the HTTP client of the webhooks")?;
        Ok(Self {
            secret_key,
            client,
            url: Mutex::default(),
            reach,
            tries,
            pending: Arc::new(Semaphore::new(PENDING_MAX)),
            sending: Semaphore::new(SENDING_MAX),
            forgotten: watch::Sender::new(0),
        })
    }

    /// Sets where webhooks go; `None`: nowhere.
    ///
    /// # Errors
    /// No URL, or one that is out of reach.
    pub fn send_to(&self, url: Option<&str>) -> anyhow::Result<()> {
        let url = url.map(|url| self.reach.webhook_url(url)).transpose()?;
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
        Ok(())
    }

    /// Announces events, one after the other. Where they are to come early, the caller gets something to wait
    /// for before it goes on.
    pub fn announce(
        self: &Arc<Self>,
        events: Vec<Event>,
        trouble: Option<WebhookTrouble>,
    ) -> Option<FirstTry> {
        let url = self.url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let url = url.filter(|_| trouble != Some(WebhookTrouble::Never))?;
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            tracing::warn!(max = PENDING_MAX, "too many webhooks are waiting: dropped");
            return None;
        };
        let early = trouble == Some(WebhookTrouble::Early);
        let delay = if early { Duration::ZERO } else { USUAL_DELAY };
        let copies = if trouble == Some(WebhookTrouble::Twice) {
            2
        } else {
            1
        };
        let signed: Vec<Signed> = events
            .iter()
            .flat_map(|event| std::iter::repeat_n(event, copies))
            .filter_map(|event| self.sign(event, trouble))
            .collect();
        let (tried, first_try) = oneshot::channel();
        let announcer = Arc::clone(self);
        let mut forgotten = self.forgotten.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = announcer.deliver(&url, signed, delay, tried) => {}
                _ = forgotten.changed() => {}
            }
            drop(permit);
        });
        early.then_some(first_try)
    }

    /// Stops what is on its way.
    pub fn forget(&self) {
        self.forgotten.send_modify(|times| *times = times.wrapping_add(1));
    }

    async fn deliver(&self, url: &Url, signed: Vec<Signed>, delay: Duration, tried: oneshot::Sender<()>) {
        let pauses = std::iter::once(delay).chain(REPEAT_PAUSES_S.map(Duration::from_secs));
        let mut left = signed;
        let mut tried = Some(tried);
        for (tries, pause) in pauses.enumerate() {
            tokio::time::sleep(pause).await;
            let mut refused = Vec::new();
            for webhook in left {
                if !self.send(url, &webhook, tries + 1).await {
                    refused.push(webhook);
                }
            }
            if let Some(tried) = tried.take() {
                // Nobody may be waiting for it.
                let _ = tried.send(());
            }
            if refused.is_empty() {
                return;
            }
            left = refused;
        }
        tracing::warn!(webhooks = left.len(), "given up after the last repeat");
    }

    /// One try; whether it was taken.
    async fn send(&self, url: &Url, webhook: &Signed, attempt: usize) -> bool {
        let Ok(_permit) = self.sending.acquire().await else {
            return false;
        };
        let request = self
            .client
            .post(url.clone())
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, &webhook.signature)
            .body(webhook.body.clone());
        let answer = request.send().await;
        let (status, error) = match &answer {
            Ok(answer) => (Some(answer.status().as_u16()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let Signed {
            name: event,
            reference,
            ..
        } = webhook;
        self.tries.push(&Try {
            event,
            reference,
            attempt,
            status,
            error,
        });
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn sign(&self, event: &Event, trouble: Option<WebhookTrouble>) -> Option<Signed> {
        let mut data = event.data.clone();
        if trouble == Some(WebhookTrouble::WrongAmount) {
            // Both: the requested one is what counts where the customer bears the fees.
            for amount in ["amount", "requested_amount"] {
                if let Some(right) = data.get(amount).and_then(Value::as_u64) {
                    data[amount] = right.saturating_add(1).into();
                }
            }
        }
        let body = serde_json::to_vec(&serde_json::json!({"event": event.name, "data": data})).ok()?;
        let key = match trouble {
            Some(WebhookTrouble::Forged) => "sk_test_somebody_elses",
            Some(
                WebhookTrouble::Never
                | WebhookTrouble::Twice
                | WebhookTrouble::Early
                | WebhookTrouble::WrongAmount,
            )
            | None => &self.secret_key,
        };
        let signature = signature(key, &body)?;
        Some(Signed {
            name: event.name,
            reference: event.reference.clone(),
            body,
            signature,
        })
    }
}

/// Hex HMAC-SHA512 of a raw body. `None` never happens: any key length will do.
pub fn signature(secret_key: &str, body: &[u8]) -> Option<String> {
    let mac = Hmac::<Sha512>::new_from_slice(secret_key.as_bytes()).ok()?;
    Some(hex::encode(mac.chain_update(body).finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha512_in_hex() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?").unwrap(),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }
}
