//! Compares what stands on the broker with what correctness needs: queues, exchanges, bindings, and the policies that
//! override a queue's own arguments without anybody being told.
//!
//! Asks the management interface, read only. Where no address of it is set, nothing is checked.

use super::connect::BrokerError;
use super::management::Management;
use super::refusal::TopologyError;
use super::topology::{Argument, Binding, Destination, Queue, Topology, Value};
use crate::settings::Amqp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tracing::{error, info, warn};

/// How long a session waits for all answers before it begins unchecked: a node that hangs must not keep a worker from
/// the others.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Policies that make messages vanish, or a queue.
const HARMFUL: [(&str, &str); 2] = [
    ("message-ttl", "its messages would expire"),
    ("expires", "the queue would be deleted when nobody uses it"),
];

/// What mends what is missing.
const APPLY: &str = "`fleetctl topology apply` makes it";
/// What mends a queue's own arguments.
const QUEUE_AGAIN: &str = "move its messages away, delete it, and run `fleetctl topology apply`";
/// What mends an exchange's.
const EXCHANGE_AGAIN: &str = "delete it and run `fleetctl topology apply`";
/// What mends a policy's.
const NO_POLICY: &str = "take the queue out of it";

/// Something on the broker that is not as the fleet needs it. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is found.
    pub what: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub mend: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}); {}", self.what, self.why, self.mend)
    }
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// No address of the management interface is set.
    #[error("TOPUP__AMQP__MANAGEMENT_URL is not set")]
    NoAddress,
    /// No broker address is set.
    #[error("{0}")]
    Settings(#[from] crate::settings::SettingsError),
    /// It did not answer, or not with what was asked for.
    #[error("management interface: {0}")]
    Http(#[from] reqwest::Error),
    /// It leads elsewhere, where credentials are not taken.
    #[error(
        "management interface: {what}: {url} leads elsewhere; TOPUP__AMQP__MANAGEMENT_URL has to name where it answers itself"
    )]
    Elsewhere {
        /// What was asked for.
        what: &'static str,
        /// Where, without credentials.
        url: reqwest::Url,
    },
    /// Its answer is longer than any that makes sense.
    #[error("management interface: {what}: an answer of more than {bytes_max} bytes")]
    TooLong {
        /// What was asked for.
        what: &'static str,
        /// As long as it may be.
        bytes_max: usize,
    },
    /// Its answer can't be read.
    #[error("management interface: {what}: {source}")]
    Unreadable {
        /// What was asked for.
        what: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}

#[derive(Debug, Deserialize)]
struct FoundQueue {
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    durable: bool,
    #[serde(default)]
    arguments: Loose,
    #[serde(default)]
    effective_policy_definition: Loose,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    operator_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FoundExchange {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    durable: bool,
    #[serde(default)]
    arguments: Loose,
}

#[derive(Debug, Deserialize)]
struct FoundBinding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
}

/// An object; some versions write an empty one as `[]` or leave it null.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Loose(BTreeMap<String, serde_json::Value>);

impl From<serde_json::Value> for Loose {
    fn from(value: serde_json::Value) -> Self {
        Self(serde_json::from_value(value).unwrap_or_default())
    }
}

impl Loose {
    fn get(&self, name: &str) -> Option<&serde_json::Value> {
        self.0.get(name)
    }
}

/// Everything on the broker that is not as the fleet needs it; empty when all is well.
///
/// # Errors
/// See [`CheckError`].
pub async fn check(amqp: &Amqp) -> Result<Vec<Finding>, CheckError> {
    let management = Management::of(amqp)?;
    let queues: Vec<FoundQueue> = management.list("queues").await?;
    let exchanges: Vec<FoundExchange> = management.list("exchanges").await?;
    let bindings: Vec<FoundBinding> = management.list("bindings").await?;
    Ok(compare(&Topology::fleet(), &queues, &exchanges, &bindings))
}

/// At the start of a session: refuses to consume from what is known to be unfit. An interface that does not answer
/// is no reason to stand still.
pub(crate) async fn refuse_unfit(amqp: &Amqp) -> Result<(), BrokerError> {
    if amqp.management_url.is_none() {
        return Ok(());
    }
    let findings = match tokio::time::timeout(SESSION_TIMEOUT, check(amqp)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => {
            warn!(%error, "the queues' effective settings were not checked");
            return Ok(());
        }
        Err(_late) => {
            let after_s = SESSION_TIMEOUT.as_secs();
            warn!(
                after_s,
                "the queues' effective settings were not checked: no answer in time"
            );
            return Ok(());
        }
    };
    for finding in &findings {
        error!(%finding, "the broker is not set up as the fleet needs it");
    }
    match findings.as_slice() {
        [] => {
            info!("the queues' effective settings are as needed");
            Ok(())
        }
        [only] => Err(TopologyError(only.to_string()).into()),
        [first, rest @ ..] => Err(TopologyError(format!("{first} (and {} more)", rest.len())).into()),
    }
}

fn compare(
    topology: &Topology,
    queues: &[FoundQueue],
    exchanges: &[FoundExchange],
    bindings: &[FoundBinding],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for needed in &topology.queues {
        match queues.iter().find(|found| found.name == needed.name) {
            Some(found) => compare_queue(needed, found, &mut findings),
            None => findings.push(Finding {
                what: format!("queue {} is missing", needed.name),
                why: "messages for it have nowhere to go",
                mend: APPLY,
            }),
        }
    }
    for needed in &topology.exchanges {
        let name = &needed.name;
        match exchanges.iter().find(|found| &found.name == name) {
            None => findings.push(Finding {
                what: format!("exchange {name} is missing"),
                why: "whoever publishes to it is refused",
                mend: APPLY,
            }),
            Some(found) if found.kind != "topic" || !found.durable => findings.push(Finding {
                what: format!("exchange {name} is not a durable topic exchange"),
                why: "messages take other ways, or it is gone when the broker restarts",
                mend: EXCHANGE_AGAIN,
            }),
            Some(found) => {
                let alternate = found
                    .arguments
                    .get("alternate-exchange")
                    .and_then(serde_json::Value::as_str);
                if alternate != needed.alternate {
                    findings.push(Finding {
                        what: format!(
                            "exchange {name} has the alternate exchange {}, and {} is needed",
                            alternate.unwrap_or("none"),
                            needed.alternate.unwrap_or("none")
                        ),
                        why: "messages that nothing is bound for are lost",
                        mend: EXCHANGE_AGAIN,
                    });
                }
            }
        }
    }
    let standing: BTreeSet<Binding> = bindings.iter().map(binding).collect();
    for needed in topology
        .bindings
        .iter()
        .filter(|needed| !standing.contains(needed))
    {
        let (Destination::Queue(to) | Destination::Exchange(to)) = &needed.destination;
        findings.push(Finding {
            what: format!(
                "the binding of {to} to exchange {} by {} is missing",
                needed.exchange, needed.key
            ),
            why: "messages that way do not arrive",
            mend: APPLY,
        });
    }
    findings
}

fn binding(found: &FoundBinding) -> Binding {
    let destination = match found.destination_type.as_str() {
        "exchange" => Destination::Exchange(found.destination.clone()),
        _ => Destination::Queue(found.destination.clone()),
    };
    Binding {
        exchange: found.source.clone(),
        key: found.routing_key.clone(),
        destination,
    }
}

fn compare_queue(needed: &Queue, found: &FoundQueue, findings: &mut Vec<Finding>) {
    let name = &needed.name;
    if found.kind != "quorum" || !found.durable {
        findings.push(Finding {
            what: format!("queue {name} is not a durable quorum queue"),
            why: "it is on one node alone, and its messages are lost with that",
            mend: QUEUE_AGAIN,
        });
        return;
    }
    for argument in &needed.arguments {
        if !same(argument, found.arguments.get(argument.name)) {
            let is = found
                .arguments
                .get(argument.name)
                .map_or_else(|| "nothing".to_owned(), ToString::to_string);
            findings.push(Finding {
                what: format!(
                    "queue {name} has {} = {is}, and {} is needed",
                    argument.name, argument.value
                ),
                why: argument.reason,
                mend: QUEUE_AGAIN,
            });
        }
    }
    compare_policy(needed, found, findings);
}

fn compare_policy(needed: &Queue, found: &FoundQueue, findings: &mut Vec<Finding>) {
    let name = &needed.name;
    let by = [&found.operator_policy, &found.policy]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty());
    let by = by.map_or_else(|| "a policy".to_owned(), |name| format!("policy {name}"));
    let policy = |name| {
        found
            .effective_policy_definition
            .get(name)
            .and_then(serde_json::Value::as_i64)
    };
    for (option, harm) in HARMFUL {
        let own = number(needed, &format!("x-{option}"));
        // The smaller of the two counts: a policy that is no smaller changes nothing.
        if let Some(value) = policy(option).filter(|value| own.is_none_or(|own| *value < own)) {
            findings.push(Finding {
                what: format!("queue {name}: {by} sets {option} = {value}"),
                why: harm,
                mend: NO_POLICY,
            });
        }
    }
    if let (Some(own), Some(value)) = (number(needed, "x-delivery-limit"), policy("delivery-limit"))
        && value < own
    {
        findings.push(Finding {
            what: format!("queue {name}: {by} sets delivery-limit = {value}, and {own} is needed"),
            why: "outages would park messages",
            mend: NO_POLICY,
        });
    }
}

fn number(queue: &Queue, name: &str) -> Option<i64> {
    let argument = queue.arguments.iter().find(|argument| argument.name == name)?;
    match argument.value {
        Value::Number(number) => Some(number),
        Value::Text(_) => None,
    }
}

fn same(needed: &Argument, found: Option<&serde_json::Value>) -> bool {
    match (&needed.value, found) {
        (Value::Text(needed), Some(found)) => found.as_str() == Some(needed),
        (Value::Number(needed), Some(found)) => found.as_i64() == Some(*needed),
        (Value::Text(_) | Value::Number(_), None) => false,
    }
}

#[cfg(test)]
mod tests;
