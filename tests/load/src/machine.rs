//! What it was measured on: without it a number says nothing.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use topup_stack::{Stack, Versions};

/// More than this before the start is worth a word.
const BUSY: f64 = 1.0;
const KIB_PER_GIB: f64 = 1024.0 * 1024.0;

/// The machine and the servers.
#[derive(Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_gib: f64,
    versions: Versions,
    /// How many programs wanted its cores in the minute before: others than this one, or its compiler.
    busy_before: f64,
}

impl Machine {
    /// With what [`busy`] said before anything was started.
    pub(crate) async fn of(stack: &Stack, busy_before: f64) -> Result<Self> {
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|_| "unknown CPU".to_owned()),
            cores: thread::available_parallelism().context("counting cores")?.get(),
            memory_gib: kib(&field("/proc/meminfo", "MemTotal")?)? / KIB_PER_GIB,
            versions: stack.versions().await?,
            busy_before,
        })
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "memory_gib": (self.memory_gib * 10.0).round() / 10.0,
            "rabbitmq": self.versions.rabbitmq,
            "postgresql": self.versions.postgresql,
            "profile": profile(),
            "busy_before": self.busy_before,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu,
            cores,
            memory_gib,
            versions,
            busy_before,
        } = self;
        let Versions { rabbitmq, postgresql } = versions;
        write!(
            f,
            "{cpu}, {cores} cores, {memory_gib:.0} GiB; RabbitMQ {rabbitmq}, PostgreSQL {postgresql}; {} build",
            profile()
        )?;
        if *busy_before > BUSY {
            write!(f, "; busy with something else before (load {busy_before:.1})")?;
        }
        Ok(())
    }
}

/// The system's load average of the last minute.
pub(crate) fn busy() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    let number = text.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("reading {text}"))
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    }
}

/// The first `name: value` of a file of the kernel's.
fn field(path: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields
        .find(|(key, _)| key.trim() == name)
        .with_context(|| format!("finding {name} in {path}"))?;
    Ok(value.trim().to_owned())
}

fn kib(text: &str) -> Result<f64> {
    let number = text.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("reading {text}"))
}
