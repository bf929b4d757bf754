//! `cargo chaos`: the fault suite at length.
//!
//! A fleet of real processes, several of each kind, on a broker and a database of its own, behind wires that can be
//! cut; senders that publish all the time, with everything that senders do wrong; and a schedule of faults and pairs of
//! faults that follows from a seed ([`fault`], [`plan`]). Each fault ends, and how long the fleet then takes to be at
//! work again by itself is measured. At the end everything comes to rest, and the judge of the specification's tests
//! asks everybody who knows whether anything was lost, doubled, charged too early or told twice. Then, for a tenth of the
//! time, random histories are played on the store and on the model of the rules.
//!
//! It runs the debug build, in which a process can be told to die at a named point. Progress goes to standard error,
//! the report to standard output; the exit status is 0 only where nothing is off.
//!
//! Deliberately absent: clocks that are wrong, clusters and upgrades, which have tests of their own; and equal runs:
//! faults, accounts and messages follow from the seed, the moments at which processes meet them do not.

mod arena;
mod cli;
mod dice;
mod eyes;
mod fault;
mod outcome;
mod people;
mod plan;
mod progress;
mod recovery;
mod rest;
mod run;
mod sandbox;
mod sender;
mod tally;
mod traffic;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::Cli;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let wish = cli.wish()?;
    let again = cli.again(&wish);
    if cli.plan {
        println!("{again}");
        for (number, step) in plan::steps(&wish).iter().enumerate() {
            println!("{:>4}  {step}", number + 1);
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("chaos: {again}");
    let outcome = run::run(&wish, cli.size(), again).await?;
    if cli.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        println!("{outcome}");
    }
    Ok(if outcome.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
