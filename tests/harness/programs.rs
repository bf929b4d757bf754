//! The fleet's programs by themselves: what they say of themselves over HTTP, and how they end.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use topup_stack::{build_workspace, plain_client, program};

use super::patience::PATIENCE;

/// An edge stands behind no other process here: many fleets run at once, and it would wait for the workers of them all.
pub(super) const AMONG_FLEETS: (&str, &str) = ("TOPUP__EDGE__NICE", "0");

/// A program with these settings and none of the test's own.
///
/// # Errors
/// It could not be built.
pub async fn command(name: &str, settings: &[(&str, &str)]) -> Result<Command> {
    tokio::task::spawn_blocking(build_workspace).await??;
    let mut command = Command::new(program(name)?);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("TOPUP") {
            command.env_remove(variable);
        }
    }
    let all = [AMONG_FLEETS].into_iter().chain(settings.iter().copied());
    command.envs(all).stdin(Stdio::null());
    Ok(command)
}

/// Runs a program to its end.
///
/// # Errors
/// It could not be built, or did not end in time.
pub async fn run(name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Output> {
    let mut command = tokio::process::Command::from(command(name, settings).await?);
    command.args(arguments).kill_on_drop(true);
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .with_context(|| format!("{name} did not end"))?
        .with_context(|| format!("running {name}"))
}

/// Asks a process to end (SIGTERM).
///
/// # Errors
/// It has ended.
pub fn terminate(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(pid.try_into()?).context("a process id is never 0")?;
    kill_process(pid, Signal::TERM).context("sending SIGTERM")
}

/// What a process answers at one of its own addresses.
///
/// # Errors
/// It did not answer.
pub async fn ask(url: &str, path: &str) -> Result<(StatusCode, String)> {
    // Kept by nobody: a test's connections must not outlive its runtime.
    let client = plain_client()
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .build()
        .context("making an HTTP client")?;
    let answer = client.get(format!("{url}{path}")).send().await?;
    let status = answer.status();
    Ok((status, answer.text().await?))
}

/// The sum of a process's samples of one metric: of those that bear certain labels, `name{label="value"}`, or of all.
///
/// # Errors
/// It did not answer, or not with numbers.
pub async fn metric(url: &str, name: &str) -> Result<f64> {
    let (status, text) = ask(url, "/metrics").await?;
    ensure!(status.is_success(), "{status}: {text}");
    let (name, wanted) = sample(name);
    let mut sum = 0.0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((told, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let (of, labels) = sample(told);
        if of == name && wanted.iter().all(|label| labels.contains(label)) {
            sum += value.parse::<f64>().with_context(|| line.to_owned())?;
        }
    }
    Ok(sum)
}

/// A sample's name and its labels, `label="value"` each. No value of the fleet's has a comma.
fn sample(text: &str) -> (&str, Vec<&str>) {
    match text.split_once('{') {
        None => (text, Vec::new()),
        Some((name, labels)) => (name, labels.trim_end_matches('}').split(',').collect()),
    }
}
