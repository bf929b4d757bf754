//! Logs, spans and metrics: their names, and nothing of what messages hold.
//!
//! Logs go to standard error, JSON for machines or lines for people. Fields come from one list ([`fields`]); bodies,
//! numbers, addresses and tokens are never logged, at any level: not by ourselves, not by a library that would
//! (its talk is cut off, whatever the filter says), and what slips into the words of somebody else is masked.
//! Metrics are named `topup_…` with their base unit last.
//!
//! Deliberately not here: exporting traces. `traceparent` is carried from message to message all the same.

mod logs;
mod masking;

use crate::broker::PublishError;
use crate::settings::{Log, SettingsError};
use metrics::Unit;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

pub(crate) use masking::masked;

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

/// Messages dealt with, by `queue` and `outcome`: `done`, `retried`, `parked`, `unreadable`, `delayed`.
const MESSAGES: &str = "topup_messages_total";
/// Time from taking a message or a batch to its outcome, by `queue`.
const HANDLE_SECONDS: &str = "topup_handle_seconds";
/// Messages of one batch, by `queue`.
const BATCH_MESSAGES: &str = "topup_batch_messages";
/// Publishes, by `result`: `confirmed`, `unroutable`, `refused`, `down`, `timed-out`.
const PUBLISHES: &str = "topup_publishes_total";
/// Time until the broker's confirm.
const PUBLISH_SECONDS: &str = "topup_publish_seconds";
/// Broker sessions that ended without being asked to, by `role`: `consume`, `publish`.
const SESSIONS_LOST: &str = "topup_sessions_lost_total";
/// Times that a consumer had to wait for the database, by `queue`.
const OUTAGES: &str = "topup_database_waits_total";
/// Outbox rows, by `fate`: `published`, or `left` for the sweeper.
const OUTBOX_ROWS: &str = "topup_outbox_rows_total";
/// Always 1; its labels say which build runs.
const BUILD_INFO: &str = "topup_build_info";

/// From a millisecond to half a minute.
const SECONDS_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From a lone message to the largest batch.
const BATCH_BUCKETS: [f64; 10] = [
    1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 5_000.0,
];
/// How often histograms are drained.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Sets up logs and metrics of the process.
pub(crate) fn install(name: &'static str, log: &Log) -> Result<PrometheusHandle, SettingsError> {
    logs::install(name, log)?;
    logs::of_panics();
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(BATCH_MESSAGES.to_owned()), &BATCH_BUCKETS)
        })
        .map_err(|e| SettingsError::about("log", &e.to_string()))?
        .build_recorder();
    let handle = recorder.handle();
    // An error says that one is installed already: then it is a test's.
    let _already = metrics::set_global_recorder(recorder);
    describe(name);
    Ok(handle)
}

fn describe(name: &'static str) {
    describe_counter!(MESSAGES, "Messages dealt with, by queue and outcome");
    describe_histogram!(
        HANDLE_SECONDS,
        Unit::Seconds,
        "Time from taking a message or a batch to its outcome"
    );
    describe_histogram!(BATCH_MESSAGES, "Messages of one batch");
    describe_counter!(PUBLISHES, "Publishes, by result");
    describe_histogram!(PUBLISH_SECONDS, Unit::Seconds, "Time until the broker's confirm");
    describe_counter!(
        SESSIONS_LOST,
        "Broker sessions that ended without being asked to, by role"
    );
    describe_counter!(OUTAGES, "Times that a consumer had to wait for the database");
    describe_counter!(OUTBOX_ROWS, "Outbox rows, by fate");
    describe_gauge!(BUILD_INFO, "Always 1; its labels say which build runs");
    gauge!(BUILD_INFO, "process" => name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
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
    counter!(MESSAGES, "queue" => queue, "outcome" => outcome).increment(messages);
}

pub(crate) fn handle_took(queue: &'static str, took: Duration) {
    histogram!(HANDLE_SECONDS, "queue" => queue).record(took);
}

pub(crate) fn batch(queue: &'static str, messages: usize) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch is far smaller than what a float holds exactly"
    )]
    histogram!(BATCH_MESSAGES, "queue" => queue).record(messages as f64);
}

pub(crate) fn published(result: &Result<(), PublishError>, took: Duration) {
    let label = match result {
        Ok(()) => "confirmed",
        Err(PublishError::Unroutable { .. }) => "unroutable",
        Err(PublishError::Refused { .. }) => "refused",
        Err(PublishError::Down { .. }) => "down",
        Err(PublishError::TimedOut { .. }) => "timed-out",
    };
    counter!(PUBLISHES, "result" => label).increment(1);
    histogram!(PUBLISH_SECONDS).record(took);
}

pub(crate) fn session_lost(role: &'static str) {
    counter!(SESSIONS_LOST, "role" => role).increment(1);
}

pub(crate) fn database_wait(queue: &'static str) {
    counter!(OUTAGES, "queue" => queue).increment(1);
}

pub(crate) fn outbox_rows(fate: &'static str, rows: usize) {
    counter!(OUTBOX_ROWS, "fate" => fate).increment(rows as u64);
}
