//! Leave to send (S5): a sender asks before a batch goes out, and says when it is through.
//!
//! The batch's own name is what a repeat is known by. It is written down with the hold itself, so that no other key is
//! needed, and nothing is written down for a batch that has no leave: who was refused may ask again at once.

use crate::Edge;
use crate::holding::NoAnswer;
use crate::http::{Bearer, CreditsGiven, CreditsText, Json, Kind, Named, Path, Problem, allowed};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::holds::{HoldRefusal, HoldState, lasts};
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{AdjustRefusal, HoldClose, HoldGrant, HoldView, HoldWanted};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(look, close))
}

/// A batch that is to go out.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "batch_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "credits": "120.5", "ttl_s": 600
}))]
struct Batch {
    /// The batch's name, which its events bear as `batch_id`. Asked for again, the same batch gets the same answer.
    batch_id: Uuid,
    /// For what: `sms` or `whatsapp`.
    #[serde(default)]
    #[schema(value_type = String, default = "sms")]
    service: Service,
    /// What all of it costs.
    credits: CreditsGiven,
    /// For how long its credits are set aside, at most, in seconds.
    #[serde(default)]
    #[schema(minimum = 1)]
    ttl_s: Option<i64>,
}

/// Leave for a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Leave, example = json!({
    "batch_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "credits": "120.5",
    "expires_at": "2026-11-22T08:25:00Z"
}))]
struct Granted {
    /// The batch.
    batch_id: Uuid,
    /// For what.
    #[schema(value_type = String)]
    service: Service,
    /// What is set aside for it.
    credits: CreditsText,
    /// When what it has not used by then is available again.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A hold: credits set aside for a batch.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "batch_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "credits": "120.5", "used": "80",
    "state": "closed", "created_at": "2026-11-22T08:15:00Z", "expires_at": "2026-11-22T08:25:00Z",
    "ended_at": "2026-11-22T08:16:30Z"
}))]
struct Hold {
    /// The batch.
    batch_id: Uuid,
    /// For what.
    #[schema(value_type = String)]
    service: Service,
    /// Set aside in the beginning.
    credits: CreditsText,
    /// Of which the batch's events have used. What is left of an ended hold is available again.
    used: CreditsText,
    /// `open`, `closed` by its sender, or `expired`.
    #[schema(value_type = String)]
    state: HoldState,
    /// When leave was given.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends by itself, or would have.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When it ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<HoldView> for Hold {
    fn from(hold: HoldView) -> Self {
        Self {
            batch_id: hold.batch_id,
            service: hold.service,
            credits: hold.credits.into(),
            used: hold.used.into(),
            state: hold.state,
            created_at: hold.created_at,
            expires_at: hold.expires_at,
            ended_at: hold.ended_at,
        }
    }
}

/// Ask leave for a batch
///
/// Before it goes out. Granted, its cost is set aside, and the batch's events use it up; refused, the batch may not go,
/// not even a part of it. The `batch_id` is the key of a repeat: the same batch hears the same again.
#[utoipa::path(
    post, path = "/accounts/{account}/holds", operation_id = "ask_leave", tag = "holds",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    request_body = Batch,
    responses(
        (status = 201, description = "The batch may go", body = Granted,
            headers(("Idempotency-Replayed" = String, description = "`true` where the same was granted before"))),
        (status = 402, description = "The available credits do not cover it: `missing` says by how much",
            body = crate::http::problem::ProblemBody, content_type = "application/problem+json",
            example = json!({"type": "/problems/not-enough-credits", "title": "Too few credits are available",
                "status": 402, "detail": "S5: 12.5 credits are missing", "rule": "S5", "missing": "12.5"})),
        (status = 409, description = "The batch had leave, and its hold has ended",
            body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The batch has leave for something else, or asks for nothing that there is",
            body = crate::http::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn ask(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Json(batch): Json<Batch>,
) -> Result<Response, Problem> {
    allowed(&edge, &bearer.leave, Act::Hold, account).await?;
    let wanted = HoldWanted {
        wallet: WalletKey {
            account,
            service: batch.service,
        },
        batch_id: batch.batch_id,
        credits: batch.credits.0,
        ttl: ttl(&edge, batch.ttl_s)?,
    };
    match edge.holding()?.ask(wanted).await? {
        HoldGrant::Granted { expires_at } => Ok(granted(&wanted, expires_at).into_response()),
        HoldGrant::AlreadyGranted { expires_at } => {
            let again = [(REPLAYED, HeaderValue::from_static("true"))];
            Ok((again, granted(&wanted, expires_at)).into_response())
        }
        HoldGrant::AlreadyEnded => Err(HoldRefusal::Ended.into()),
        HoldGrant::Conflicting => Err(HoldRefusal::Conflicting.into()),
        HoldGrant::Refused { missing } => Err(HoldRefusal::Missing { missing }.into()),
        HoldGrant::NotPositive => Err(HoldRefusal::NotPositive.into()),
        HoldGrant::NoWallet => Err(AdjustRefusal::NoWallet(wanted.wallet).into()),
    }
}

fn ttl(edge: &Edge, asked_s: Option<i64>) -> Result<SignedDuration, Problem> {
    let settings = &edge.settings.edge;
    let long = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    Ok(lasts(
        asked_s,
        long(settings.hold_ttl),
        long(settings.hold_ttl_max),
    )?)
}

fn granted(wanted: &HoldWanted, expires_at: Timestamp) -> (StatusCode, Json<Granted>) {
    let granted = Granted {
        batch_id: wanted.batch_id,
        service: wanted.wallet.service,
        credits: wanted.credits.into(),
        expires_at,
    };
    (StatusCode::CREATED, Json(granted))
}

/// A batch's hold
#[utoipa::path(
    get, path = "/accounts/{account}/holds/{batch_id}", operation_id = "hold", tag = "holds",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("batch_id" = Uuid, Path, description = "The batch")
    ),
    responses((status = 200, description = "As it stands now", body = Hold))
)]
async fn look(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), batch_id)): Path<(Named<AccountId>, Uuid)>,
) -> Result<Json<Hold>, Problem> {
    allowed(&edge, &bearer.leave, Act::Hold, account).await?;
    view(&edge, account, batch_id).await.map(Json)
}

/// Say that a batch is through
///
/// What its events have not used is available again. Events that come later are debited all the same. Once more changes
/// nothing, and is answered the same.
#[utoipa::path(
    delete, path = "/accounts/{account}/holds/{batch_id}", operation_id = "close_hold", tag = "holds",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("batch_id" = Uuid, Path, description = "The batch")
    ),
    responses((status = 200, description = "It has ended, now or before", body = Hold))
)]
async fn close(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), batch_id)): Path<(Named<AccountId>, Uuid)>,
) -> Result<Json<Hold>, Problem> {
    allowed(&edge, &bearer.leave, Act::Hold, account).await?;
    match edge.database()?.store.close_hold(account, batch_id).await? {
        HoldClose::Closed { .. } | HoldClose::AlreadyEnded => view(&edge, account, batch_id).await.map(Json),
        HoldClose::Unknown => Err(unknown(batch_id)),
    }
}

async fn view(edge: &Edge, account: AccountId, batch_id: Uuid) -> Result<Hold, Problem> {
    let found = edge.database()?.store.hold(account, batch_id).await?;
    found.map(Hold::from).ok_or_else(|| unknown(batch_id))
}

fn unknown(batch_id: Uuid) -> Problem {
    Problem::not_found(format!("there is no hold for a batch {batch_id}"))
}

impl From<HoldRefusal> for Problem {
    fn from(refusal: HoldRefusal) -> Self {
        let kind = match refusal {
            HoldRefusal::Missing { .. } => Kind::NotEnoughCredits,
            HoldRefusal::Conflicting => Kind::KeyReused,
            HoldRefusal::Ended => Kind::Conflict,
            HoldRefusal::NotPositive | HoldRefusal::Lasts { .. } => Kind::Refused,
        };
        let problem = Self::new(kind, refusal.to_string());
        match refusal {
            HoldRefusal::Missing { missing } => problem.missing(missing),
            HoldRefusal::NotPositive => problem.field("credits", refusal.to_string()),
            HoldRefusal::Lasts { .. } => problem.field("ttl_s", refusal.to_string()),
            HoldRefusal::Conflicting | HoldRefusal::Ended => problem,
        }
    }
}

impl From<NoAnswer> for Problem {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::Busy => Self::unavailable("too many ask leave to send at once"),
            NoAnswer::Late => Self::unavailable("there was no answer in time"),
            NoAnswer::Unavailable => Self::unavailable("the database does not answer now"),
            NoAnswer::Broken => Self::new(Kind::Internal, "something went wrong here, and was written down"),
        }
    }
}
