//! Logs, spans and metrics: their names, and nothing of what messages hold.
//!
//! Logs go to standard error, JSON for machines or lines for people, each with its process and version. Fields come
//! from one list ([`fields`]); bodies,
//! numbers, addresses and tokens are never logged, at any level: not by ourselves, not by a library that would
//! (its talk is cut off, whatever the filter says), and what slips into the words of somebody else is masked.
//! Metrics are one list ([`metrics`]); each is named `topup_…` with its base unit last, and bears the process and its
//! version.
//!
//! Traces are exported where a collector is named ([`traces`]); `traceparent` is carried from message to message all
//! the same.

mod logs;
mod masking;
mod metric;
pub mod metrics;
mod panics;
mod stamp;
pub mod traces;

use crate::broker::PublishError;
use crate::settings::{Log, SettingsError};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use topup_store::Store;

pub(crate) use masking::masked;
pub use metric::{Counter, Gauge, Histogram, Kind, Label, Metric, Values};
pub use panics::panics_on_standard_error;

/// The fields of log lines and spans.
pub mod fields {
    /// An account.
    pub const ACCOUNT: &str = "account.id";
    /// A top-up.
    pub const TOPUP: &str = "topup.id";
    /// A payment.
    pub const PAYMENT: &str = "payment.reference";
    /// A message.
    pub const MESSAGE: &str = "message.id";
    /// Tries of it before this one.
    pub const ATTEMPT: &str = "attempt";
    /// Where it was taken from.
    pub const QUEUE: &str = "queue";
}

/// How often histograms are drained.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// How often the database's pool is looked at.
const POOL_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sets up logs and metrics of the process.
pub(crate) fn install(name: &'static str, log: &Log) -> Result<PrometheusHandle, SettingsError> {
    logs::install(name, log)?;
    panics::in_the_log();
    let mut builder = PrometheusBuilder::new()
        .add_global_label("process", name)
        .add_global_label("version", env!("CARGO_PKG_VERSION"));
    for metric in metrics::LIST
        .iter()
        .filter(|metric| metric.kind == Kind::Histogram)
    {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)
            .map_err(|e| SettingsError::about("log", &e.to_string()))?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    // An error says that one is installed already: then it is a test's.
    let _already = ::metrics::set_global_recorder(recorder);
    for metric in metrics::LIST {
        metric.describe(name);
    }
    metrics::BUILD_INFO.set([], 1.0);
    // Until somebody says otherwise.
    if metrics::QUEUE_PAUSED.is_of(name) {
        metrics::QUEUE_PAUSED.set_bool([name], false);
    }
    Ok(handle)
}

/// Drains what the recorder gathers, which would otherwise grow until somebody asks.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// Milliseconds, for a log field.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn handled(queue: &'static str, outcome: &'static str, messages: u64) {
    metrics::MESSAGES.add([queue, outcome], messages);
}

pub(crate) fn handle_took(queue: &'static str, took: Duration) {
    metrics::HANDLE_SECONDS.took([queue], took);
}

pub(crate) fn batch(queue: &'static str, messages: usize) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch is far smaller than what a float holds exactly"
    )]
    metrics::BATCH_MESSAGES.record([queue], messages as f64);
}

pub(crate) fn published(result: &Result<(), PublishError>, took: Duration) {
    metrics::PUBLISHES.add([metrics::publish_result(result)], 1);
    metrics::PUBLISH_SECONDS.took([], took);
}

pub(crate) fn session_lost(role: &'static str) {
    metrics::SESSIONS_LOST.add([role], 1);
}

pub(crate) fn database_wait(queue: &'static str) {
    metrics::DATABASE_WAITS.add([queue], 1);
}

pub(crate) fn outbox_rows(fate: &'static str, rows: usize) {
    metrics::OUTBOX_ROWS.add([fate], rows as u64);
}

/// Tells how the database's pool stands, until the process ends.
pub(crate) async fn watch_pool(store: Store) {
    let mut looks = tokio::time::interval(POOL_LOOK_EVERY);
    loop {
        looks.tick().await;
        let pool = store.connections();
        metrics::DATABASE_CONNECTIONS.set(["in-use"], exactly(pool.in_use));
        metrics::DATABASE_CONNECTIONS.set(["idle"], exactly(pool.idle));
        metrics::DATABASE_CONNECTIONS_MAX.set([], exactly(pool.max));
        metrics::DATABASE_WAITING.set([], exactly(pool.waiting));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "far fewer connections than what a float holds exactly"
)]
const fn exactly(connections: usize) -> f64 {
    connections as f64
}

pub(crate) fn queue_paused(queue: &'static str, paused: bool) {
    metrics::QUEUE_PAUSED.set_bool([queue], paused);
}
