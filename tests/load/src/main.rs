//! `cargo load`: the benchmark. The release build of the whole fleet, on a private broker and database that are as
//! careful with their data as in production, measured from outside.
//!
//! One file of [`measures`] is one measurement; each returns a [`report::Section`], and this file is their list.
//! Progress goes to standard error; a table, or with `--json` one object, to standard output. Nothing is claimed
//! here: what the numbers should be is for whoever reads them.

mod bench;
mod machine;
mod measures;
mod progress;
mod report;
mod sender;
mod watch;

use anyhow::{Context as _, Result};
use clap::Parser;

use bench::Bench;
use machine::Machine;
use report::Report;

/// Measures the release build of the fleet on this machine.
#[derive(Debug, Parser)]
#[command(name = "cargo load", max_term_width = 100)]
struct Cli {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Triggering events, published one at a time
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    triggers: u32,
    /// Events that are debited as fast as they can be
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    debits: u32,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    tokio::task::spawn_blocking(topup_stack::build_workspace)
        .await
        .context("building")??;
    let mut bench = Bench::set_up(cli.triggers).await?;
    let machine = Machine::of(bench.stack()).await?;
    let sections = vec![
        measures::memory::measure(&mut bench, measures::memory::When::Idle).await?,
        measures::latency::measure(&mut bench, cli.triggers).await?,
        measures::debits::measure(&mut bench, cli.debits).await?,
        measures::memory::measure(&mut bench, measures::memory::When::AfterWork).await?,
    ];
    bench.tear_down().await?;
    Report { machine, sections }.print(cli.json)
}
