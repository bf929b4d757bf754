//! `cargo load`: the benchmark. The release build of the whole fleet, on a private broker and database that are as
//! careful with their data as in production, measured from outside, beside what else could do the job.
//!
//! [`plan`] says what is measured, and of how much. What is compared with each other is measured in turn, round
//! after round ([`measures::round`]), and medians are shown; what takes its time by nature (latency, delays) is
//! measured once. At the end the ledgers are counted and audited: a number counts only if nothing was lost or
//! doubled for it. Progress goes to standard error; a table, or with `--json` one object, to standard output; the
//! chart to `target/load`.

mod bench;
mod chart;
mod database;
mod layout;
mod machine;
mod measures;
mod plain;
mod plan;
mod proc;
mod progress;
mod report;
mod samples;
mod sender;
mod watch;

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use bench::Bench;
use machine::Machine;
use plan::{Cli, Part, Plan};
use report::Report;
use samples::Samples;

#[tokio::main]
async fn main() -> Result<()> {
    let plan = Plan::of(Cli::parse())?;
    let busy_before = machine::busy()?;
    tokio::task::spawn_blocking(topup_stack::build_workspace)
        .await
        .context("building")??;
    let start = Instant::now();
    let mut samples = Samples::default();
    let mut bench = Bench::set_up(&plan).await?;
    let machine = Machine::of(bench.stack(), busy_before).await?;
    measure(&mut bench, &plan, &mut samples).await?;
    eprintln!("load: counting and auditing");
    bench.tear_down().await?;
    draw(&plan, &samples, &machine)?;
    Report {
        machine: &machine,
        plan: &plan,
        samples: &samples,
        took_s: start.elapsed().as_secs(),
    }
    .print()
}

async fn measure(bench: &mut Bench, plan: &Plan, samples: &mut Samples) -> Result<()> {
    if plan.has(Part::Resources) {
        measures::memory::idle(bench, samples).await?;
    }
    bench.fill(plan, samples).await?;
    // While the machine has not been made to work yet: a disk that is still writing makes every commit wait.
    if plan.has(Part::Holds) {
        measures::holds::measure(bench, &plan.sizes, samples).await?;
    }
    for round in 1..=plan.rounds {
        eprintln!("load: round {round} of {}", plan.rounds);
        measures::round(bench, plan, samples).await?;
    }
    if plan.has(Part::Latency) {
        measures::latency::measure(bench, &plan.sizes, samples).await?;
    }
    if plan.has(Part::Delays) {
        measures::delays::measure(&bench.few, &plan.sizes, samples).await?;
    }
    measures::memory::add_largest(samples);
    Ok(())
}

fn draw(plan: &Plan, samples: &Samples, machine: &Machine) -> Result<()> {
    let default = || measures::peers::load_dir().join("throughput.svg");
    let path = plan.chart.clone().unwrap_or_else(default);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    fs::write(&path, chart::svg(samples, &plan.sizes, &machine.to_string()))
        .with_context(|| format!("writing {}", path.display()))?;
    eprintln!("load: the chart is in {}", path.display());
    Ok(())
}
