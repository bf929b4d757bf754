//! `fleetctl dead`: messages that were parked, looked at and put back.
//!
//! Left out: moving and discarding them.

use crate::cli::{DeadCommand, DeadShowArgs, dead_queues};
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table, count};
use crate::words;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use topup_runtime::broker::admin::{Admin, PEEK_MAX, Seen};
use topup_runtime::broker::{delay, headers, topology};

/// Longest reason that a row of the list shows, in characters.
const REASON_SHOWN_CHARS: usize = 100;
/// Queues of what no other queue takes.
const UNROUTABLE_QUEUES: [&str; 2] = [topology::UNROUTABLE, delay::UNROUTABLE];
/// Longest body that is shown, in bytes.
const BODY_SHOWN_MAX_BYTES: usize = 64 * 1024;

/// A parked message, for the JSON document.
#[derive(Debug, Serialize)]
struct Parked {
    /// Where it lies.
    queue: String,
    /// Where it stands there, counted from 1.
    position: u64,
    /// Which it is.
    message_id: Option<String>,
    /// `sms-sent.v1`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// What it was published with, or was parked under.
    routing_key: String,
    /// Why.
    reason: Option<String>,
    /// Tries.
    attempts: Option<u64>,
    /// When it was parked.
    failed_at: Option<Timestamp>,
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

#[derive(Debug, Serialize)]
struct QueueCount {
    queue: String,
    /// None: there is no such queue.
    messages: Option<u32>,
}

#[derive(Debug, Serialize)]
struct List {
    queues: Vec<QueueCount>,
    messages: Vec<Parked>,
}

/// Lists or shows.
///
/// # Errors
/// Settings; the broker's.
pub(crate) async fn run(fleet: &Fleet, command: &DeadCommand) -> anyhow::Result<Report> {
    let broker = fleet.broker().await?;
    let report = match command {
        DeadCommand::List { queue, limit } => {
            list(
                &broker,
                queue.as_deref(),
                usize::try_from(*limit).unwrap_or(PEEK_MAX),
            )
            .await
        }
        DeadCommand::Show(args) => show(&broker, args).await,
    };
    broker.close().await;
    report
}

fn wanted(queue: Option<&str>) -> Vec<String> {
    queue.map_or_else(dead_queues, |queue| vec![queue.to_owned()])
}

async fn list(broker: &Admin, queue: Option<&str>, limit: usize) -> anyhow::Result<Report> {
    let mut list = List {
        queues: Vec::new(),
        messages: Vec::new(),
    };
    for queue in wanted(queue) {
        let messages = broker.count(&queue).await?.map(|count| count.messages);
        if messages.is_some_and(|messages| messages > 0) {
            let seen = broker.peek(&queue, limit).await?;
            let numbered = (1..).zip(&seen);
            list.messages
                .extend(numbered.map(|(at, message)| Parked::of(&queue, at, message, false)));
        }
        list.queues.push(QueueCount { queue, messages });
    }
    let text = told(&list)?;
    Report::fine(&list, text)
}

async fn show(broker: &Admin, args: &DeadShowArgs) -> anyhow::Result<Report> {
    for queue in wanted(args.queue.as_deref()) {
        if broker
            .count(&queue)
            .await?
            .is_none_or(|count| count.messages == 0)
        {
            continue;
        }
        let seen = broker.peek(&queue, PEEK_MAX).await?;
        let found = |position, message: &Seen| match args.position {
            Some(wanted) => position == wanted,
            None => message.message_id == args.message_id,
        };
        let mut numbered = (1..).zip(&seen);
        if let Some((position, message)) = numbered.find(|(position, message)| found(*position, message)) {
            let parked = Parked::of(&queue, position, message, true);
            let text = told_whole(&parked)?;
            return Report::fine(&parked, text);
        }
    }
    let which = match (&args.message_id, args.position) {
        (Some(id), _) => format!("no parked message has the id {id}"),
        (None, position) => format!(
            "no parked message stands at position {}",
            position.unwrap_or_default()
        ),
    };
    anyhow::bail!("{which} (of each queue, the first {PEEK_MAX} messages were looked at)")
}

impl Parked {
    fn of(queue: &str, position: u64, seen: &Seen, whole: bool) -> Self {
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
            body: json,
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

fn or_dash(text: Option<&str>) -> String {
    plain(text.filter(|text| !text.is_empty()).unwrap_or("-"))
}

fn cut(text: &str) -> String {
    let mut shown: String = plain(text).chars().take(REASON_SHOWN_CHARS).collect();
    if text.chars().nth(REASON_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), words::moment)
}

fn told(list: &List) -> anyhow::Result<String> {
    let mut table = Table::new([
        ("QUEUE", Side::Left),
        ("#", Side::Right),
        ("MESSAGE", Side::Left),
        ("PARKED AT", Side::Left),
        ("TRIES", Side::Right),
        ("REASON", Side::Left),
    ]);
    for message in &list.messages {
        table.row([
            message.queue.clone(),
            message.position.to_string(),
            or_dash(message.message_id.as_deref()),
            moment(message.failed_at.or(message.sent_at)),
            message.attempts.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            cut(message.reason.as_deref().unwrap_or("-")),
        ]);
    }
    let mut text = if table.is_empty() {
        String::new()
    } else {
        table.render() + "\n"
    };
    for QueueCount { queue, messages } in &list.queues {
        match messages {
            Some(0) => writeln!(text, "{queue}: empty")?,
            Some(some) => {
                let shown = list
                    .messages
                    .iter()
                    .filter(|message| &message.queue == queue)
                    .count();
                let messages = count((*some).into(), "message", "messages");
                let rest = if shown < *some as usize {
                    format!(", {shown} shown")
                } else {
                    String::new()
                };
                writeln!(text, "{queue}: {messages}{rest}")?;
            }
            None => writeln!(
                text,
                "{queue}: there is no such queue; run `fleetctl topology apply`"
            )?,
        }
    }
    Ok(text)
}

fn told_whole(message: &Parked) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| writeln!(text, "{name:<10} {value}");
    line("queue", &message.queue)?;
    line("message", &or_dash(message.message_id.as_deref()))?;
    line("type", &or_dash(message.kind.as_deref()))?;
    line(
        "reason",
        &plain(message.reason.as_deref().unwrap_or("none was given")),
    )?;
    line("parked at", &moment(message.failed_at))?;
    line("parked by", &or_dash(message.worker.as_deref()))?;
    line(
        "tries",
        &message.attempts.map_or_else(|| "-".to_owned(), |n| n.to_string()),
    )?;
    line("sent by", &or_dash(message.app_id.as_deref()))?;
    line("sent at", &moment(message.sent_at))?;
    // The project's own headers are told above, in words.
    let foreign = |name: &String| !name.starts_with("x-topup-");
    for (name, value) in message.headers.iter().flatten().filter(|(name, _)| foreign(name)) {
        line("header", &format!("{}: {}", plain(name), cut(value)))?;
    }
    write!(
        text,
        "\nbody, {}:\n",
        count(message.body_bytes as u64, "byte", "bytes")
    )?;
    match (&message.body, &message.body_text) {
        (Some(body), _) => text.push_str(&serde_json::to_string_pretty(body)?),
        (None, Some(body)) => text.push_str(body),
        (None, None) => {}
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
