//! `fleetctl topology`: exchanges, queues and bindings, declared or compared with what is needed.

use crate::cli::TopologyCommand;
use crate::fleet::Fleet;
use crate::output::{Report, Verdict, count};
use serde::Serialize;
use std::fmt::Write as _;
use topup_runtime::broker::check;
use topup_runtime::broker::topology::Topology;

#[derive(Serialize)]
struct Applied {
    exchanges: usize,
    queues: usize,
    bindings: usize,
}

#[derive(Serialize)]
struct Checked {
    findings: Vec<String>,
}

/// Declares or compares.
///
/// # Errors
/// Settings; the broker's.
pub(crate) async fn run(fleet: &Fleet, command: TopologyCommand) -> anyhow::Result<Report> {
    match command {
        TopologyCommand::Apply => apply(fleet).await,
        TopologyCommand::Check => compare(fleet).await,
    }
}

async fn apply(fleet: &Fleet) -> anyhow::Result<Report> {
    let broker = fleet.broker().await?;
    broker.apply_topology().await?;
    broker.close().await;
    let Topology {
        exchanges,
        queues,
        bindings,
    } = Topology::fleet();
    let applied = Applied {
        exchanges: exchanges.len(),
        queues: queues.len(),
        bindings: bindings.len(),
    };
    let text = format!(
        "{} exchanges, {} queues and {} bindings stand as needed",
        applied.exchanges, applied.queues, applied.bindings
    );
    Report::fine(&applied, text)
}

async fn compare(fleet: &Fleet) -> anyhow::Result<Report> {
    let findings = check::check(&fleet.settings().amqp).await?;
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let mut text = String::new();
    for finding in &findings {
        writeln!(text, "{finding}")?;
    }
    match findings.len() {
        0 => text.push_str("everything on the broker is as the fleet needs it"),
        some => write!(text, "{} to mend", count(some as u64, "thing", "things"))?,
    }
    let verdict = Verdict::fine_if(findings.is_empty());
    Report::new(&Checked { findings }, text, verdict)
}
