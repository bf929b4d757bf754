//! Which processes are connected to the broker, by the names of their connections.
//!
//! For those that say nowhere else that they are alive: the edge has no database. The management interface tells what it
//! saw up to five seconds ago. Left out: what the connections carry.

use super::check::CheckError;
use super::management::Management;
use crate::settings::Amqp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process that is connected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Connected {
    /// The machine's name.
    pub host: String,
    /// The system's number of it.
    pub pid: u32,
    /// Of its build.
    pub version: String,
    /// Since when; of several connections, the oldest.
    pub connected_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Connection {
    /// As its client calls it; missing where the client does not, or while it is being closed.
    #[serde(default)]
    user_provided_name: Option<String>,
    /// Milliseconds of the Unix epoch.
    #[serde(default)]
    connected_at: Option<i64>,
}

/// The processes of this name (`edge`) that are connected to the fleet's virtual host, by host and number.
///
/// # Errors
/// See [`CheckError`].
pub async fn connected(amqp: &Amqp, process: &str) -> Result<Vec<Connected>, CheckError> {
    let connections: Vec<Connection> = Management::of(amqp)?.connections().await?;
    Ok(of(process, &connections))
}

fn of(process: &str, connections: &[Connection]) -> Vec<Connected> {
    let mut found: Vec<Connected> = connections
        .iter()
        .filter_map(|connection| named(process, connection))
        .collect();
    // The oldest connection of a process stands first.
    found.sort();
    found.dedup_by(|later, first| (&later.host, later.pid) == (&first.host, first.pid));
    found
}

/// `edge@host#4711 v0.1.0 publishing`: see [`Sign`](super::Sign).
fn named(process: &str, connection: &Connection) -> Option<Connected> {
    let name = connection.user_provided_name.as_deref()?;
    let (host, rest) = name.strip_prefix(process)?.strip_prefix('@')?.split_once('#')?;
    let mut words = rest.split(' ');
    Some(Connected {
        host: host.to_owned(),
        pid: words.next()?.parse().ok()?,
        version: words.next()?.strip_prefix('v')?.to_owned(),
        connected_at: connection
            .connected_at
            .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Sign;

    #[test]
    fn a_process_is_known_by_its_connections_names_and_counted_once() {
        let own = Sign::publishing("edge").name;
        let json = serde_json::json!([
            {"user_provided_name": "edge@b#7 v0.2.0 publishing", "connected_at": 1_795_335_301_000_i64, "state": "running"},
            {"user_provided_name": "edge@b#7 v0.2.0", "connected_at": 1_795_335_300_000_i64},
            {"user_provided_name": "edge@a-1.example#12 v0.1.0"},
            {"user_provided_name": "sms-sent@b#8 v0.2.0", "connected_at": 1},
            {"user_provided_name": "edgeless@b#9 v0.2.0"},
            {"user_provided_name": "edge@b"},
            {"user_provided_name": own},
            {"name": "127.0.0.1:1 -> 127.0.0.1:2"},
        ]);
        let connections: Vec<Connection> = serde_json::from_value(json).unwrap();
        let mut found = of("edge", &connections);
        let this = found.iter().position(|it| it.pid == std::process::id()).unwrap();
        assert_eq!(found.remove(this).version, env!("CARGO_PKG_VERSION"));
        let told: Vec<String> = found
            .iter()
            .map(|it| format!("{}#{} {} {:?}", it.host, it.pid, it.version, it.connected_at))
            .collect();
        assert_eq!(
            told,
            [
                "a-1.example#12 0.1.0 None",
                "b#7 0.2.0 Some(2026-11-22T08:15:00Z)"
            ]
        );
    }
}
