//! Asking about payments: one by its reference, or the list of a period.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admission::Admitted;
use super::errors::ApiError;
use super::shape::{self, Occasion};
use crate::books::Transaction;
use crate::world::World;

/// Payments on a page of the list, at most.
const PAGE_MAX: usize = 100;
/// Payments on a page where nothing is asked for.
const PAGE_DEFAULT: usize = 50;

/// `GET /transaction/verify/{reference}`.
pub(super) async fn verify(
    State(world): State<Arc<World>>,
    _: Admitted,
    Path(reference): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = world.books().find(&reference).cloned();
    let status = found.as_ref().map(|it| it.status.word());
    world
        .verifications
        .push(&json!({"reference": reference, "status": status}));
    let transaction = found.ok_or(ApiError::TransactionNotFound)?;
    let data = shape::transaction(&world, &transaction, Occasion::Verification);
    Ok(Json(
        json!({"status": true, "message": "Verification successful", "data": data}),
    ))
}

/// What of the list is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Period {
    from: Option<String>,
    to: Option<String>,
    page: Option<usize>,
    #[serde(rename = "perPage")]
    per_page: Option<usize>,
    status: Option<String>,
}

/// `GET /transaction`: newest first.
pub(super) async fn list(
    State(world): State<Arc<World>>,
    _: Admitted,
    Query(period): Query<Period>,
) -> Result<Json<Value>, ApiError> {
    let from = moment(period.from.as_deref(), Timestamp::MIN)?;
    let to = moment(period.to.as_deref(), Timestamp::MAX)?;
    let per_page = period.per_page.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let page = period.page.unwrap_or(1).max(1);
    let skipped = (page - 1).saturating_mul(per_page);
    let (total, volume_minor, wanted) = {
        let books = world.books();
        let all = || {
            books.between(from, to).filter(|it| {
                period
                    .status
                    .as_deref()
                    .is_none_or(|status| status == it.status.word())
            })
        };
        (
            all().count(),
            all().map(|it| it.amount_minor).sum::<u64>(),
            all()
                .skip(skipped)
                .take(per_page)
                .cloned()
                .collect::<Vec<Transaction>>(),
        )
    };
    let shape = |it: &Transaction| shape::transaction(&world, it, Occasion::List);
    Ok(Json(json!({
        "status": true,
        "message": "Transactions retrieved",
        "data": wanted.iter().map(shape).collect::<Vec<Value>>(),
        "meta": {
            "total": total,
            "total_volume": volume_minor,
            "skipped": skipped,
            "perPage": per_page,
            "page": page,
            "pageCount": total.div_ceil(per_page),
        },
    })))
}

/// A moment, or the beginning of a day in UTC.
fn moment(text: Option<&str>, default: Timestamp) -> Result<Timestamp, ApiError> {
    let Some(text) = text else { return Ok(default) };
    let day = || {
        text.parse::<Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|it| it.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(day);
    moment.ok_or_else(|| ApiError::Validation(format!("{text:?} is no date")))
}
