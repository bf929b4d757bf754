//! `stack`: a private broker, database and fleet, from the command line.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use topup_stack::{Durability, Mode, Options};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start broker, database, sandbox and the whole fleet, and leave them running
    Up,
    /// Stop everything that `up` started
    Down,
    /// Keep a broker and a database until standard input ends; prints one line of JSON when ready
    Keep {
        /// What it is for; part of its directory's name
        #[arg(long, default_value = "kept")]
        name: String,
        /// How careful it is with its data
        #[arg(long, value_enum, default_value = "full")]
        durability: Durability,
        /// How many RabbitMQ nodes: 1, or 3 in a cluster
        #[arg(long, default_value = "1")]
        nodes: u8,
        /// Where the servers come from, whatever TOPUP_STACK says
        #[arg(long, value_enum)]
        mode: Option<Mode>,
    },
    /// Own what `up` started
    #[command(hide = true)]
    Hold,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    // One thread: the servers get a signal when the thread that started them ends.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Up => topup_stack::up().await,
            Command::Down => topup_stack::down().await,
            Command::Keep {
                name,
                durability,
                nodes,
                mode,
            } => {
                let options = Options {
                    name,
                    durability,
                    nodes,
                    mode,
                };
                topup_stack::keep(&options).await
            }
            Command::Hold => topup_stack::hold().await,
        }
    });
    // A thread that reads standard input may be blocked in it for good.
    runtime.shutdown_background();
    result
}
