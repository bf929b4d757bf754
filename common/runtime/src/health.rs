//! `/livez`, `/readyz` and `/metrics` of every process, on an address of its own.
//!
//! Live: the process answers. Ready: each of its parts (database, consumer, publisher) has what it needs. A part that
//! waits for the database or the broker makes the process not ready, never dead: restarting it would mend nothing.

use crate::telemetry::metrics::PART_READY;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// The parts of a process, each ready or with the reason why not. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

impl Health {
    /// Adds a part, not ready yet.
    #[must_use]
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part {
            name,
            health: self.clone(),
        };
        part.not_ready("starting");
        part
    }

    /// Why the process is not ready; empty when it is.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts
            .iter()
            .filter_map(|(name, why)| Some((*name, why.clone()?)))
            .collect()
    }

    fn set(&self, name: &'static str, why_not: Option<String>) {
        PART_READY.set_bool([name], why_not.is_none());
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, why_not);
    }

    /// `{"ready": false, "parts": {"database": "ready", "consumer": "…"}}`.
    fn report(&self) -> (bool, Value) {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = parts.values().all(Option::is_none);
        let told: Map<String, Value> = parts
            .iter()
            .map(|(name, why)| ((*name).to_owned(), json!(why.as_deref().unwrap_or("ready"))))
            .collect();
        (ready, json!({ "ready": ready, "parts": told }))
    }
}

/// One part of a process that can be ready or not. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

impl Part {
    /// It has what it needs.
    pub fn ready(&self) {
        self.health.set(self.name, None);
    }

    /// It has not, and why.
    pub fn not_ready(&self, why: impl Into<String>) {
        self.health.set(self.name, Some(why.into()));
    }
}

#[derive(Clone)]
struct Served {
    health: Health,
    metrics: PrometheusHandle,
}

/// Serves the three addresses until the process ends.
pub(crate) async fn serve(listener: TcpListener, health: Health, metrics: PrometheusHandle) {
    let routes = Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Served { health, metrics });
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "the health address is no longer served");
    }
}

async fn readyz(State(served): State<Served>) -> Response {
    let (ready, body) = served.health.report();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(body)).into_response()
}

async fn render(State(served): State<Served>) -> Response {
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, text)], served.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_each_of_its_parts_is() {
        let health = Health::default();
        assert!(health.report().0);
        let database = health.part("database");
        let consumer = health.part("consumer");
        database.ready();
        let (ready, told) = health.report();
        assert!(!ready);
        assert_eq!(
            told,
            json!({"ready": false, "parts": {"database": "ready", "consumer": "starting"}})
        );
        consumer.ready();
        assert!(health.report().0 && health.missing().is_empty());
        database.not_ready("no answer");
        assert_eq!(
            health.missing(),
            BTreeMap::from([("database", "no answer".to_owned())])
        );
    }
}
