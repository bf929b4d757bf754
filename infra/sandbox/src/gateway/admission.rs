//! What every gateway call goes through before anything is done: latency, trouble, the key.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::errors::ApiError;
use crate::world::World;

/// When a call came in, before any latency. To be named before [`Admitted`].
pub(super) struct Arrived(pub(super) Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for Arrived {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Timestamp::now()))
    }
}

/// Proof that a call may go on. Naming it as an argument is what makes a call slow, spoiled and checked.
pub(super) struct Admitted;

impl FromRequestParts<Arc<World>> for Admitted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, world: &Arc<World>) -> Result<Self, ApiError> {
        let latency = world.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if let Some(status) = world.trouble.gateway() {
            return Err(ApiError::Spoiled(status));
        }
        let header = parts
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        match header.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(key) if key == world.secret_key => Ok(Self),
            Some(_) => Err(ApiError::InvalidKey),
            None => Err(ApiError::NoKey),
        }
    }
}
