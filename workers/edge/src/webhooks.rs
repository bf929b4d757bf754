//! `POST /webhooks/paystack`: the payment gateway tells of a payment.
//!
//! Cheap checks first: who called, is it signed at all, is there room; then the body, as bytes, since the signature is
//! over bytes. What it says becomes a message for `payment-results`, and 200 is answered once the broker has
//! confirmed it. Anything but 200 makes the gateway tell again, for days: so 200 is also what is answered to what
//! nobody here needs, and never to what could not be kept.
//!
//! | answer | when |
//! | --- | --- |
//! | 200 | the broker has it; or it is of an event, or of a payment, that concerns nobody here |
//! | 400 | signed, and not to be understood |
//! | 401 | not signed, or not by the gateway |
//! | 403 | not from where webhooks may come from |
//! | 408 | the body did not come in time |
//! | 413 | the body is too large |
//! | 503 | the broker did not confirm it, or too many are in hand: to be told again |

use crate::Edge;
use crate::serve::Peer;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use futures_util::StreamExt as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use topup_failpoints::{Point, reach};
use topup_gateways::payment::{PaymentGateway, Webhook};
use topup_rules::message::PaymentResult;
use topup_runtime::traces::{self, Work};
use topup_runtime::{Outgoing, metrics};
use uuid::Uuid;

/// Webhooks in hand at once: being read, or waiting for the broker.
pub(crate) const AT_ONCE_MAX: usize = 256;
/// Largest body, in bytes. Real ones are a few thousand.
const BODY_MAX_BYTES: usize = 256 * 1024;
/// How long a body may take.
const BODY_READ_MAX: Duration = Duration::from_secs(10);
/// How long the rest of a body that nobody wants is taken in, so that its sender gets to read why.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// When to come again, in seconds, for callers that heed it.
const RETRY_AFTER_S: &str = "30";

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The broker has it.
    Published,
    /// An event that nobody here needs.
    Ignored,
    /// A payment that is none of ours.
    Foreign,
    /// Signed by the gateway, and not to be understood.
    Malformed,
    /// Not signed, or not by the gateway.
    Forged,
    /// Not from where webhooks may come from.
    NotListed,
    /// The body did not come in time, or not whole.
    Slow,
    /// The body is too large.
    TooLarge,
    /// Too many are in hand.
    Busy,
    /// The broker did not confirm it.
    BrokerAway,
}

impl Outcome {
    #[cfg(test)]
    const ALL: [Self; 10] = [
        Self::Published,
        Self::Ignored,
        Self::Foreign,
        Self::Malformed,
        Self::Forged,
        Self::NotListed,
        Self::Slow,
        Self::TooLarge,
        Self::Busy,
        Self::BrokerAway,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Ignored => "ignored",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::NotListed => "not-listed",
            Self::Slow => "slow",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::BrokerAway => "broker-away",
        }
    }

    /// What went wrong here, for its span: a caller's mistake is none of ours.
    const fn trouble(self) -> Option<&'static str> {
        match self {
            Self::Busy | Self::BrokerAway => Some(self.label()),
            Self::Published
            | Self::Ignored
            | Self::Foreign
            | Self::Malformed
            | Self::Forged
            | Self::NotListed
            | Self::Slow
            | Self::TooLarge => None,
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Published | Self::Ignored | Self::Foreign => StatusCode::OK,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Forged => StatusCode::UNAUTHORIZED,
            Self::NotListed => StatusCode::FORBIDDEN,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::BrokerAway => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let status = self.status();
        // The label says it all, and nothing that a forger could use.
        let body = format!("{}\n", self.label());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(header::RETRY_AFTER, RETRY_AFTER_S)], body).into_response();
        }
        (status, body).into_response()
    }
}

/// The path is named after the gateway that calls it.
pub(crate) fn routes(gateway: &PaymentGateway) -> Router<Arc<Edge>> {
    Router::new().route(&path(gateway), post(webhook))
}

fn path(gateway: &PaymentGateway) -> String {
    format!("/webhooks/{}", gateway.name())
}

async fn webhook(
    State(edge): State<Arc<Edge>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Outcome {
    let started = Instant::now();
    let mut body = body.into_data_stream();
    let caller = edge.senders.caller(peer, &headers);
    let work = Work::serving("POST", &path(&edge.gateway));
    let outcome = work.run(edge.take(caller, &headers, &mut body)).await;
    work.answered(outcome.status().as_u16(), outcome.trouble());
    drop(work);
    match outcome {
        // Read to its end, or given up already.
        Outcome::Published
        | Outcome::Ignored
        | Outcome::Foreign
        | Outcome::Malformed
        | Outcome::BrokerAway
        | Outcome::Slow => {}
        Outcome::Forged | Outcome::NotListed | Outcome::TooLarge | Outcome::Busy => drain(body).await,
    }
    metrics::WEBHOOKS.add([outcome.label()], 1);
    metrics::WEBHOOK_SECONDS.took([], started.elapsed());
    match outcome {
        Outcome::Published | Outcome::Ignored | Outcome::Foreign => {}
        Outcome::Malformed
        | Outcome::Forged
        | Outcome::NotListed
        | Outcome::Slow
        | Outcome::TooLarge
        | Outcome::Busy
        | Outcome::BrokerAway => {
            let caller = caller.map_or_else(|| "not named".to_owned(), |caller| caller.to_string());
            tracing::warn!(caller, outcome = outcome.label(), "webhook not taken");
        }
    }
    outcome
}

impl Edge {
    async fn take(&self, caller: Option<IpAddr>, headers: &HeaderMap, body: &mut BodyDataStream) -> Outcome {
        if !self.senders.may_call(caller) {
            return Outcome::NotListed;
        }
        let signature = headers.get(self.gateway.signature_header());
        let Some(signature) = signature.and_then(|signature| signature.to_str().ok()) else {
            return Outcome::Forged;
        };
        let Ok(_permit) = self.webhooks.try_acquire() else {
            return Outcome::Busy;
        };
        let raw = match tokio::time::timeout(BODY_READ_MAX, read(body, headers)).await {
            Ok(Ok(raw)) => raw,
            Ok(Err(outcome)) => return outcome,
            Err(_late) => return Outcome::Slow,
        };
        match self.gateway.read_webhook(&raw, Some(signature)) {
            Webhook::Result(result) => {
                reach(Point::Received);
                self.publish(&result).await
            }
            Webhook::Ignored { event } => {
                tracing::debug!(event, "webhook ignored");
                Outcome::Ignored
            }
            Webhook::Foreign => Outcome::Foreign,
            Webhook::Forged => Outcome::Forged,
            Webhook::Malformed { reason } => {
                tracing::warn!(%reason, "a signed webhook can't be understood");
                Outcome::Malformed
            }
        }
    }

    async fn publish(&self, result: &PaymentResult) -> Outcome {
        let reference = result.reference.as_str();
        let status = result.status.as_str();
        traces::about_payment(&result.reference);
        let message = match Outgoing::of(result) {
            Ok(message) => message.identified(message_id(result).to_string()),
            Err(error) => {
                tracing::error!(payment.reference = reference, %error, "a result can't be written");
                return Outcome::Malformed;
            }
        };
        match self.publisher.publish(&message).await {
            Ok(()) => {
                tracing::info!(payment.reference = reference, status, "webhook published");
                Outcome::Published
            }
            Err(error) => {
                tracing::warn!(payment.reference = reference, status, %error, "webhook not published");
                Outcome::BrokerAway
            }
        }
    }
}

/// The whole body; or why not.
async fn read(body: &mut BodyDataStream, headers: &HeaderMap) -> Result<Vec<u8>, Outcome> {
    let said = headers.get(header::CONTENT_LENGTH);
    let said: Option<usize> = said.and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|bytes| bytes > BODY_MAX_BYTES) {
        return Err(Outcome::TooLarge);
    }
    let mut raw = Vec::with_capacity(said.unwrap_or_default());
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_broken| Outcome::Slow)?;
        if raw.len() + chunk.len() > BODY_MAX_BYTES {
            return Err(Outcome::TooLarge);
        }
        raw.extend_from_slice(&chunk);
    }
    Ok(raw)
}

/// Takes in what is left, and keeps nothing: a caller whose writing is cut off may never read its answer.
async fn drain(mut body: BodyDataStream) {
    let left = async { while let Some(Ok(_chunk)) = body.next().await {} };
    let _enough = tokio::time::timeout(DRAIN_MAX, left).await;
}

/// The same for the same event, however often it is told: a replay bears the id of what it repeats.
fn message_id(result: &PaymentResult) -> Uuid {
    let PaymentResult {
        reference,
        gateway,
        status,
        gateway_transaction_id,
        reversal_id,
        ..
    } = result;
    let transaction = gateway_transaction_id.as_deref().unwrap_or_default();
    let reversal = reversal_id.as_deref().unwrap_or_default();
    let name = format!("webhook {gateway} {status} {transaction} {reversal} {reference}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::message::{PaymentMode, PaymentStatus, ResultSource};

    fn told() -> PaymentResult {
        PaymentResult {
            reference: "topup-1-a".parse().expect("a reference"),
            gateway: "paystack".to_owned(),
            status: PaymentStatus::Success,
            amount_minor: Some(100),
            currency: "ZAR".parse().ok(),
            gateway_transaction_id: Some("4099490251".to_owned()),
            reason: Some("Approved".to_owned()),
            card: None,
            decline: None,
            source: ResultSource::Webhook,
            mode: PaymentMode::Test,
            reversal_id: None,
            occurred_at: "2026-11-22T08:15:00Z".parse().expect("a moment"),
        }
    }

    #[test]
    fn a_replay_bears_the_id_of_what_it_repeats_and_news_another() {
        let first = message_id(&told());
        let again = PaymentResult {
            occurred_at: "2026-11-23T08:15:00Z".parse().expect("a moment"),
            ..told()
        };
        assert_eq!(message_id(&again), first);
        let reversed = |id: &str| PaymentResult {
            status: PaymentStatus::Reversed,
            reversal_id: Some(id.to_owned()),
            ..told()
        };
        let other = [
            PaymentResult {
                gateway_transaction_id: None,
                ..told()
            },
            PaymentResult {
                reference: "topup-1-b".parse().expect("a reference"),
                ..told()
            },
            reversed("refund-1"),
            reversed("refund-2"),
        ];
        let mut ids: Vec<_> = other.iter().map(message_id).collect();
        ids.push(first);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), other.len() + 1);
    }

    #[test]
    fn whatever_may_still_be_taken_is_told_again_and_nothing_else() {
        for outcome in Outcome::ALL {
            let kept = matches!(outcome, Outcome::Published | Outcome::Ignored | Outcome::Foreign);
            assert_eq!(outcome.status().is_success(), kept, "{outcome:?}");
        }
        let counted = metrics::LIST
            .iter()
            .find(|metric| metric.name == "topup_webhooks_total");
        let label = counted.and_then(|metric| metric.labels.first());
        let values = label.and_then(|label| label.closed());
        assert_eq!(values, Some(Outcome::ALL.map(Outcome::label).to_vec()));
    }
}
