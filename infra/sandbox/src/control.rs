//! `/sandbox/…`: for whoever watches. What was seen, and what is to happen.
//!
//! | path | what |
//! | --- | --- |
//! | `GET captures`, `charges`, `verifications`, `sms`, `mail`, `webhooks`, `deactivated` | JSON arrays, oldest first, each entry with `at` (UTC, microseconds). `?after=N`, `?since=TIME`, and `?at_least=N&wait_ms=MS` to wait for entries; the header `x-sandbox-next` is the `after` that continues |
//! | `POST refund` | `{"reference", "amount"?, "outcome"?: "processed", "failed"}`: somebody refunds on the gateway's own page |
//! | `POST succeed` | `{"reference"}`: a payment that failed, or is not settled, was captured after all |
//! | `POST dispute` | `{"reference", "amount"?, "outcome"?: "lost", "unanswered", "won"}`: opens a dispute; with an outcome, ends it |
//! | `POST replay` | `{"reference"}`: the payment's `charge.success` once more |
//! | `POST trouble` | see [`crate::trouble::Order`] |
//! | `POST latency` | `{"ms"}`: how long every gateway call takes at least |
//! | `POST webhook-url` | `{"url"}`, null for none: where webhooks go from now on |
//! | `POST reset` | forgets everything seen, and trouble |
//!
//! Orders are answered with 200 and what came of them, or with 400 and `{"message"}`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::books::{DisputeOutcome, RefundRefused};
use crate::gateway::{dispute_event, refund_event, refused_sentence};
use crate::record::{Record, Wanted};
use crate::trouble::Order;
use crate::world::World;

/// All paths below `/sandbox`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route(
            "/captures",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.captures, wanted)),
        )
        .route(
            "/charges",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.charges, wanted)),
        )
        .route(
            "/verifications",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.verifications, wanted)),
        )
        .route(
            "/sms",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.sms, wanted)),
        )
        .route(
            "/mail",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.mail, wanted)),
        )
        .route(
            "/webhooks",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.webhooks, wanted)),
        )
        .route(
            "/deactivated",
            get(|State(world): State<Arc<World>>, wanted| list(world, |it| &it.deactivated, wanted)),
        )
        .route("/refund", post(refund))
        .route("/succeed", post(succeed))
        .route("/dispute", post(dispute))
        .route("/replay", post(replay))
        .route("/trouble", post(trouble))
        .route("/latency", post(latency))
        .route("/webhook-url", post(webhook_url))
        .route("/reset", post(reset))
}

/// An order that is not taken, and why.
struct Refused(String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({"message": self.0}))).into_response()
    }
}

impl From<RefundRefused> for Refused {
    fn from(refused: RefundRefused) -> Self {
        Self(refused_sentence(refused).to_owned())
    }
}

type Answer = Result<Json<Value>, Refused>;

async fn list(world: Arc<World>, of: fn(&World) -> &Record, Query(wanted): Query<Wanted>) -> Response {
    let part = of(&world).wait(&wanted).await;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
        ("x-sandbox-next", part.next.to_string()),
    ];
    (headers, part.json).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundOrder {
    reference: String,
    amount: Option<u64>,
    #[serde(default)]
    outcome: RefundOutcome,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RefundOutcome {
    #[default]
    Processed,
    Failed,
    NeedsAttention,
}

async fn refund(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let order: RefundOrder = read(&body)?;
    let refunded = match order.outcome {
        RefundOutcome::Processed => world
            .books()
            .refund(&order.reference, order.amount, Timestamp::now()),
        RefundOutcome::Failed | RefundOutcome::NeedsAttention => {
            world
                .books()
                .failed_refund(&order.reference, order.amount, Timestamp::now())
        }
    }?;
    let name = match order.outcome {
        RefundOutcome::Processed => "refund.processed",
        RefundOutcome::Failed => "refund.failed",
        RefundOutcome::NeedsAttention => "refund.needs-attention",
    };
    let event = refund_event(&world, &refunded, name);
    let data = event.data.clone();
    world.announce(vec![event]);
    Ok(Json(data))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeOrder {
    reference: String,
    amount: Option<u64>,
    outcome: Option<DisputeOutcome>,
}

async fn dispute(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let DisputeOrder {
        reference,
        amount,
        outcome,
    } = read(&body)?;
    let now = Timestamp::now();
    let mut events = Vec::new();
    {
        let mut books = world.books();
        let (opened, new) = books.dispute(&reference, amount, now)?;
        if new {
            events.push(dispute_event(&world, &opened));
        }
        if let Some(outcome) = outcome {
            events.push(dispute_event(&world, &books.resolve(&reference, outcome, now)?));
        }
    }
    let data = events.last().map_or(Value::Null, |event| event.data.clone());
    world.announce(events);
    Ok(Json(data))
}

/// An order that names a payment and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    reference: String,
}

async fn succeed(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let Named { reference } = read(&body)?;
    let succeeded = world
        .books()
        .succeed_after_all(&reference, Timestamp::now(), |asked| world.trouble.amounts(asked));
    let transaction = succeeded.ok_or(RefundRefused::Unknown)?;
    world.captured(&transaction);
    Ok(Json(world.success_event(&transaction).data))
}

async fn replay(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let Named { reference } = read(&body)?;
    let found = world.books().find(&reference).cloned();
    let transaction = found.ok_or(RefundRefused::Unknown)?;
    let event = world.success_event(&transaction);
    let data = event.data.clone();
    world.announce(vec![event]);
    Ok(Json(data))
}

async fn trouble(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    let order: Order = read(&body)?;
    world
        .trouble
        .order(&order)
        .map_err(|message| Refused(message.to_owned()))?;
    Ok(Json(world.trouble.pending()))
}

async fn latency(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Latency {
        ms: u64,
    }
    let Latency { ms } = read(&body)?;
    world.set_latency(Duration::from_millis(ms));
    Ok(Json(json!({"ms": world.latency().as_millis()})))
}

async fn webhook_url(State(world): State<Arc<World>>, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct WebhookUrl {
        url: Option<String>,
    }
    let WebhookUrl { url } = read(&body)?;
    world
        .announcer
        .send_to(url.as_deref())
        .map_err(|error| Refused(format!("{error:#}")))?;
    Ok(Json(json!({"url": url})))
}

async fn reset(State(world): State<Arc<World>>) -> Answer {
    world.forget();
    Ok(Json(json!({})))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused(error.to_string()))
}
