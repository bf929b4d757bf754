//! `fleetctl dead list`.

use super::which::Selection;
use super::{Parked, cut, moment, or_dash};
use crate::output::{Report, Side, Table, count, grouped};
use serde::Serialize;
use std::fmt::Write as _;
use topup_runtime::broker::admin::Admin;

/// How a queue stands.
#[derive(Debug, Serialize)]
pub(super) struct QueueCount {
    pub(super) queue: String,
    /// None: there is no such queue.
    pub(super) messages: Option<u32>,
    /// How many of them were looked at, from the head on.
    pub(super) looked_at: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    pub(super) queues: Vec<QueueCount>,
    pub(super) messages: Vec<Parked>,
}

/// Of each queue, the first `limit` messages that are selected.
pub(super) async fn run(
    broker: &Admin,
    queues: &[String],
    selection: &Selection,
    limit: u64,
) -> anyhow::Result<Report> {
    let mut list = List {
        queues: Vec::new(),
        messages: Vec::new(),
    };
    for queue in queues {
        let counted = look(broker, queue, selection, limit, &mut list.messages).await?;
        list.queues.push(counted);
    }
    let text = told(&list)?;
    Report::fine(&list, text)
}

async fn look(
    broker: &Admin,
    queue: &str,
    selection: &Selection,
    limit: u64,
    found: &mut Vec<Parked>,
) -> anyhow::Result<QueueCount> {
    let mut counted = QueueCount {
        queue: queue.to_owned(),
        messages: None,
        looked_at: 0,
    };
    let Some(mut holding) = broker.hold(queue).await? else {
        return Ok(counted);
    };
    let mut shown = 0;
    while shown < limit
        && let Some(held) = holding.next().await?
    {
        if selection.takes(queue, &held.seen) {
            found.push(Parked::of(queue, held.position, &held.seen, false));
            shown += 1;
        }
    }
    counted.messages = Some(holding.at_first());
    counted.looked_at = holding.seen();
    holding.give_back().await?;
    Ok(counted)
}

pub(super) fn told(list: &List) -> anyhow::Result<String> {
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
    for QueueCount {
        queue,
        messages,
        looked_at,
    } in &list.queues
    {
        match messages {
            Some(0) => writeln!(text, "{queue}: empty")?,
            Some(some) => {
                let shown = list
                    .messages
                    .iter()
                    .filter(|message| &message.queue == queue)
                    .count();
                let mut line = format!("{queue}: {}", count((*some).into(), "message", "messages"));
                if looked_at < some {
                    write!(line, ", {} looked at", grouped((*looked_at).into()))?;
                }
                if shown < *some as usize {
                    write!(line, ", {shown} shown")?;
                }
                writeln!(text, "{line}")?;
            }
            None => writeln!(
                text,
                "{queue}: there is no such queue; run `fleetctl topology apply`"
            )?,
        }
    }
    Ok(text)
}
