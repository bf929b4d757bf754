//! `fleetctl dead`: messages that were parked: looked at, put back to work, thrown away.
//!
//! Whatever looks through a queue holds its messages until it is done, and gives back all that it does not move: they stay
//! in their place, and none is lost by being looked at.

mod history;
mod list;
mod moving;
mod of_account;
mod show;
mod tally;
mod way;
mod which;

use crate::cli::{DeadCommand, dead_queues};
use crate::fleet::Fleet;
use crate::output::Report;
use crate::words;
use jiff::Timestamp;
pub(crate) use of_account::{OfAccount, of_account};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use topup_runtime::broker::admin::Seen;
use topup_runtime::broker::{delay, headers, topology};
use which::Selection;

/// Longest reason that a row of the list shows, in characters.
const REASON_SHOWN_CHARS: usize = 100;
/// Queues of what no other queue takes.
const UNROUTABLE_QUEUES: [&str; 2] = [topology::UNROUTABLE, delay::UNROUTABLE];
/// What is shown in place of a secret.
const MASK: &str = "****";
/// Longest body that is shown, in bytes.
const BODY_SHOWN_MAX_BYTES: usize = 64 * 1024;

/// A parked message, for the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Parked {
    /// Where it lies.
    pub(crate) queue: String,
    /// Where it stands there, counted from 1.
    position: u32,
    /// Which it is.
    pub(crate) message_id: Option<String>,
    /// `sms-sent.v1`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What it was published with, or was parked under.
    routing_key: String,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Tries.
    attempts: Option<u64>,
    /// When it was parked.
    pub(crate) failed_at: Option<Timestamp>,
    /// Who parked it.
    worker: Option<String>,
    /// Who published it.
    app_id: Option<String>,
    /// When it was published.
    sent_at: Option<Timestamp>,
    /// Length of the body.
    body_bytes: usize,
    /// The body, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// The body, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<String>,
    /// All headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
}

/// Lists, shows, puts back, throws away, or tells of it.
///
/// # Errors
/// Settings; the broker's, the database's; nobody to ask.
pub(crate) async fn run(fleet: &Fleet, command: &DeadCommand) -> anyhow::Result<Report> {
    match command {
        DeadCommand::List { filter, limit } => {
            let selection = Selection::new(&[], filter, Timestamp::now());
            let queues = wanted(filter.queue.as_deref());
            let broker = fleet.broker().await?;
            let listed = list::run(&broker, &queues, &selection, *limit).await;
            broker.close().await;
            listed
        }
        DeadCommand::Show(args) => {
            let broker = fleet.broker().await?;
            let shown = show::run(&broker, args).await;
            broker.close().await;
            shown
        }
        DeadCommand::Redrive(args) => moving::redrive(fleet, args).await,
        DeadCommand::Discard(args) => moving::discard(fleet, args).await,
        DeadCommand::History(args) => history::run(fleet, args).await,
    }
}

fn wanted(queue: Option<&str>) -> Vec<String> {
    queue.map_or_else(dead_queues, |queue| vec![queue.to_owned()])
}

impl Parked {
    fn of(queue: &str, position: u32, seen: &Seen, whole: bool) -> Self {
        let header = |name: &str| seen.headers.get(name).cloned();
        let sent_at = seen
            .timestamp_s
            .and_then(|s| Timestamp::from_second(i64::try_from(s).ok()?).ok());
        let json: Option<Value> = whole.then(|| serde_json::from_slice(&seen.body).ok()).flatten();
        let text = (whole && json.is_none()).then(|| readable(&seen.body));
        Self {
            queue: queue.to_owned(),
            position,
            message_id: seen.message_id.clone(),
            kind: seen.kind.clone(),
            routing_key: seen.routing_key.clone(),
            reason: reason(queue, seen),
            attempts: header(headers::ATTEMPTS).and_then(|n| n.parse().ok()),
            failed_at: seen.failed_at(),
            worker: header(headers::WORKER),
            app_id: seen.app_id.clone(),
            sent_at,
            body_bytes: seen.body.len(),
            body: json.map(masked),
            body_text: text,
            headers: whole.then(|| seen.headers.clone()),
        }
    }
}

/// Why it lies there. Nobody parks what is unroutable: the routing key that nothing takes is the reason.
fn reason(queue: &str, seen: &Seen) -> Option<String> {
    let unroutable = || {
        let key = &seen.routing_key;
        UNROUTABLE_QUEUES
            .contains(&queue)
            .then(|| format!("no queue takes the routing key `{key}`"))
    };
    seen.reason().map(str::to_owned).or_else(unroutable)
}

/// Without the token of a card and whose it is, which a payment's result may bear.
fn masked(mut body: Value) -> Value {
    for field in ["authorization_code", "email"] {
        if let Some(value) = body.pointer_mut(&format!("/card/{field}")) {
            *value = Value::String(MASK.to_owned());
        }
    }
    body
}

/// The body as text that a terminal survives.
fn readable(body: &[u8]) -> String {
    let shown = body
        .get(..body.len().min(BODY_SHOWN_MAX_BYTES))
        .unwrap_or_default();
    let text = String::from_utf8_lossy(shown);
    let mut text: String = text.lines().map(plain).collect::<Vec<_>>().join("\n");
    if shown.len() < body.len() {
        text.push('…');
    }
    text
}

/// A line that a terminal survives: whoever may publish writes what stands in a message.
fn plain(line: &str) -> String {
    line.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

/// The text as a terminal survives it, or a dash.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    plain(text.filter(|text| !text.is_empty()).unwrap_or("-"))
}

pub(crate) fn cut(text: &str) -> String {
    let mut shown: String = plain(text).chars().take(REASON_SHOWN_CHARS).collect();
    if text.chars().nth(REASON_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), words::moment)
}

#[cfg(test)]
mod tests;
