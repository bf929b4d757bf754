//! The processes that are alive: whether somebody takes from each queue, in how many versions, on how many connections.

use super::{Part, said};
use crate::output::count;
use crate::pause::SILENT_S;
use crate::words::moment;
use std::collections::BTreeSet;
use topup_runtime::broker::topology::WORK_QUEUES;
use topup_store::{ProcessRow, QueuePause, Server, Store};

/// The process that does what time alone brings about.
const SWEEPER: &str = "sweeper";

/// Looks at them; `pool`: connections of one process, at most.
pub(super) async fn examine(store: &Store, server: &Server, pool: usize, part: &mut Part<'_>) {
    let (processes, pauses) = match tokio::try_join!(store.processes(), store.paused_queues()) {
        Ok(found) => found,
        Err(error) => {
            return part.warning(
                format!("they were not looked at: {}", said(&error)),
                "a queue that nobody takes from would go unseen",
                "`fleetctl migrate`",
            );
        }
    };
    let alive: Vec<&ProcessRow> = processes.iter().filter(|it| it.silent_s <= SILENT_S).collect();
    part.looked_at(format!(
        "{} alive",
        count(alive.len() as u64, "process", "processes")
    ));
    for name in WORK_QUEUES.into_iter().chain([SWEEPER]) {
        if !alive.iter().any(|process| process.name == name) {
            part.warning(
                format!("no {name} says that it is alive"),
                if name == SWEEPER {
                    "what got lost on the way is not found again, and the ledger's next days are not opened"
                } else {
                    "its messages wait; one of a version before this says nothing, and is in the management page"
                },
                format!("start one: `{name}`"),
            );
        }
    }
    for pause in &pauses {
        tell_pause(pause, part);
    }
    let versions: BTreeSet<&str> = alive.iter().map(|process| process.version.as_str()).collect();
    if versions.len() > 1 {
        part.warning(
            format!(
                "versions run side by side: {}",
                versions.into_iter().collect::<Vec<_>>().join(", ")
            ),
            "that is fine during an upgrade, and not for weeks",
            "end the old ones (SIGTERM)",
        );
    }
    let needed = i64::try_from(alive.len().max(1).saturating_mul(pool)).unwrap_or(i64::MAX);
    if needed > server.connections_max {
        part.warning(
            format!(
                "{} of {pool} connections each can want {needed}, and the database takes {}",
                count(alive.len() as u64, "process", "processes"),
                server.connections_max
            ),
            "under load some wait for a connection, and so do people",
            "raise max_connections, or lower TOPUP__DATABASE__CONNECTIONS_MAX",
        );
    }
}

fn tell_pause(pause: &QueuePause, part: &mut Part<'_>) {
    let until = pause
        .ends_at
        .map_or_else(|| "it is resumed".to_owned(), |at| moment(at).to_string());
    part.warning(
        format!(
            "{} is paused since {} until {until}, by {}: {}",
            pause.queue,
            moment(pause.paused_at),
            pause.who,
            pause.reason
        ),
        "its messages wait",
        format!("`fleetctl resume {}`", pause.queue),
    );
}
