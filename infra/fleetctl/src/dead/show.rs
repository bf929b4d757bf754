//! `fleetctl dead show`.

use super::{Parked, cut, moment, or_dash, plain, wanted};
use crate::cli::DeadShowArgs;
use crate::output::{Report, count};
use std::fmt::Write as _;
use topup_runtime::broker::admin::{Admin, Held};

/// The first message of that id, or the one at that place.
pub(super) async fn run(broker: &Admin, args: &DeadShowArgs) -> anyhow::Result<Report> {
    let is_it = |held: &Held| match args.position {
        Some(wanted) => held.position == wanted,
        None => held.seen.message_id == args.message_id,
    };
    for queue in wanted(args.queue.as_deref()) {
        let Some(mut holding) = broker.hold(&queue).await? else {
            continue;
        };
        let mut found = None;
        while found.is_none()
            && let Some(held) = holding.next().await?
        {
            found = is_it(&held).then(|| Parked::of(&queue, held.position, &held.seen, true));
        }
        holding.give_back().await?;
        if let Some(parked) = found {
            let text = told_whole(&parked)?;
            return Report::fine(&parked, text);
        }
    }
    match (&args.message_id, args.position) {
        (Some(id), _) => anyhow::bail!("no parked message has the id {id}"),
        (None, position) => anyhow::bail!(
            "no parked message stands at position {}",
            position.unwrap_or_default()
        ),
    }
}

pub(super) fn told_whole(message: &Parked) -> anyhow::Result<String> {
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
