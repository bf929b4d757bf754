//! The payment gateway's HTTP interface, with the real one's paths, shapes and error codes.

mod admission;
mod charge;
mod errors;
mod hosted;
mod initialize;
mod refund;
mod request;
pub mod shape;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::world::World;

pub(crate) use refund::{dispute_event, refund_event, refused_sentence};

/// All paths of the gateway.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/transaction", get(verify::list))
        .route("/transaction/initialize", post(initialize::initialize))
        .route(
            "/transaction/charge_authorization",
            post(charge::charge_authorization),
        )
        .route("/transaction/verify/{reference}", get(verify::verify))
        .route("/refund", post(refund::refund))
        .route("/customer/authorization/deactivate", post(refund::deactivate))
        .route("/pay/{access_code}", get(hosted::show).post(hosted::submit))
        .route(
            "/pay/{access_code}/secure",
            get(hosted::ask).post(hosted::answered),
        )
}
