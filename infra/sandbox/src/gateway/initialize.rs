//! Opening a payment on the hosted page.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::admission::Admitted;
use super::errors::ApiError;
use super::hosted::page_url;
use super::request::Request;
use crate::world::World;

/// `POST /transaction/initialize`.
pub(super) async fn initialize(
    State(world): State<Arc<World>>,
    _: Admitted,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request = Request::read(&body)?;
    let asked = request.asked(&world)?;
    let channels = request.channels(asked.currency)?;
    let opened = world
        .books()
        .initialize(asked, request.callback_url, channels, Timestamp::now());
    let transaction = opened?;
    let access_code = transaction.page.as_ref().map(|page| page.access_code.as_str());
    Ok(Json(json!({
        "status": true,
        "message": "Authorization URL created",
        "data": {
            "authorization_url": access_code.map(|code| page_url(&world, code)),
            "access_code": access_code,
            "reference": transaction.asked.reference,
        },
    })))
}
