//! What a run asks, and of how much.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Measures the release build of the fleet on this machine.
#[derive(Debug, Parser)]
#[command(name = "cargo load", max_term_width = 100)]
pub(crate) struct Cli {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Only these parts, separated by commas
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<Part>,
    /// All but these parts, separated by commas
    #[arg(
        long,
        value_name = "PARTS",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    skip: Vec<Part>,
    /// How often a, b, c, … are measured in turn; what is shown is the median [default: 3, quick: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: Option<u32>,
    /// Everything a good deal smaller: to see that it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Events of one drain [default: 200,000, quick: 20,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(5_000..=5_000_000))]
    events: Option<u32>,
    /// Rows of the long ledger [default: 20,000,000, quick: 500,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=500_000_000))]
    ledger_rows: Option<u32>,
    /// Accounts of the large platform [default: 1,000,000, quick: 50,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
    accounts: Option<u32>,
    /// Where the chart goes [default: target/load/throughput.svg]
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// The bare drain: the same queue and client, no database
    #[value(name = "a")]
    Raw,
    /// The fleet, end to end, until every event is in the ledger
    #[value(name = "b")]
    Fleet,
    /// The naive design: one transaction a message, one connection
    #[value(name = "c")]
    Naive,
    /// The same job in FastStream with asyncpg and in Celery with psycopg
    #[value(name = "d")]
    Peers,
    /// Many accounts, a long ledger
    #[value(name = "e")]
    Size,
    /// Two and four worker processes
    #[value(name = "f")]
    Processes,
    /// Every event on one account
    #[value(name = "g")]
    Hot,
    /// From an event to the charge, idle and under load
    #[value(name = "h")]
    Latency,
    /// How late delayed messages come
    #[value(name = "i")]
    Delays,
    /// Many top-ups at once
    #[value(name = "j")]
    Topups,
    /// Memory and CPU time
    #[value(name = "k")]
    Resources,
    /// Bad messages among the events
    #[value(name = "l")]
    Bad,
    /// Leave to send, and the debits beside it
    #[value(name = "m")]
    Holds,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Plan {
    parts: BTreeSet<Part>,
    pub(crate) rounds: u32,
    pub(crate) sizes: Sizes,
    pub(crate) json: bool,
    pub(crate) chart: Option<PathBuf>,
}

/// Of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sizes {
    /// Of one drain.
    pub(crate) events: u32,
    /// Of one drain that takes a transaction for each of them.
    pub(crate) slow_events: u32,
    pub(crate) accounts_few: u32,
    pub(crate) accounts_many: u32,
    pub(crate) ledger_rows: u32,
    /// Triggering events, one at a time, while nothing else happens; and as many while events are debited.
    pub(crate) triggers: u32,
    pub(crate) busy_events_per_s: u32,
    /// Delayed messages that wait at once, in three measurements.
    pub(crate) delayed: [u32; 3],
    pub(crate) delay_max_s: u32,
    /// Top-ups at once.
    pub(crate) topups: u32,
    /// How long the gateway takes for each.
    pub(crate) gateway_ms: u32,
    /// Batches that ask leave while nothing else happens.
    pub(crate) hold_asks: u32,
    /// Batches a second that ask leave at a steady rate, and for how long.
    pub(crate) holds_per_s: u32,
    pub(crate) hold_s: u32,
}

const FULL: Sizes = Sizes {
    events: 200_000,
    slow_events: 3_000,
    accounts_few: 10_000,
    accounts_many: 1_000_000,
    ledger_rows: 20_000_000,
    triggers: 300,
    busy_events_per_s: 10_000,
    delayed: [1_000, 20_000, 100_000],
    delay_max_s: 60,
    topups: 500,
    gateway_ms: 200,
    hold_asks: 2_000,
    holds_per_s: 2_000,
    hold_s: 10,
};
const FULL_ROUNDS: u32 = 3;

const QUICK: Sizes = Sizes {
    events: 20_000,
    slow_events: 300,
    accounts_few: 1_000,
    accounts_many: 50_000,
    ledger_rows: 500_000,
    triggers: 20,
    busy_events_per_s: 1_000,
    delayed: [100, 1_000, 5_000],
    delay_max_s: 8,
    topups: 50,
    gateway_ms: 200,
    hold_asks: 200,
    holds_per_s: 500,
    hold_s: 2,
};
const QUICK_ROUNDS: u32 = 1;

impl Plan {
    /// What a command line asks for.
    ///
    /// # Errors
    /// Nothing is left of it.
    pub(crate) fn of(cli: Cli) -> Result<Self> {
        let all = Part::value_variants().iter().copied();
        let parts: BTreeSet<Part> = all
            .filter(|part| cli.only.is_empty() || cli.only.contains(part))
            .filter(|part| !cli.skip.contains(part))
            .collect();
        ensure!(!parts.is_empty(), "nothing is left to be measured");
        let (mut sizes, rounds) = if cli.quick {
            (QUICK, QUICK_ROUNDS)
        } else {
            (FULL, FULL_ROUNDS)
        };
        sizes.events = cli.events.unwrap_or(sizes.events);
        sizes.ledger_rows = cli.ledger_rows.unwrap_or(sizes.ledger_rows);
        sizes.accounts_many = cli.accounts.unwrap_or(sizes.accounts_many);
        Ok(Self {
            parts,
            rounds: cli.rounds.unwrap_or(rounds),
            sizes,
            json: cli.json,
            chart: cli.chart,
        })
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Memory and CPU time are looked at while the fleet drains and tops up, so these go with them.
    pub(crate) fn drains(&self) -> bool {
        self.has(Part::Fleet) || self.has(Part::Resources)
    }

    /// See [`Self::drains`].
    pub(crate) fn tops_up(&self) -> bool {
        self.has(Part::Topups) || self.has(Part::Resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan> {
        let arguments = ["load"].iter().chain(arguments);
        Plan::of(Cli::try_parse_from(arguments)?)
    }

    #[test]
    fn parts_are_chosen_by_their_letters() {
        let all = plan(&[]).unwrap();
        assert!(Part::value_variants().iter().all(|part| all.has(*part)));
        let some = plan(&["--only", "a,b,e", "--skip", "b"]).unwrap();
        assert!(some.has(Part::Raw) && some.has(Part::Size));
        assert!(!some.drains() && !some.tops_up());
        assert!(plan(&["--only", "k"]).unwrap().drains());
        assert!(plan(&["--only", "a", "--skip", "a"]).is_err());
        assert!(plan(&["--only", "z"]).is_err());
    }

    #[test]
    fn sizes_can_be_given_one_by_one() {
        let quick = plan(&["--quick", "--ledger-rows", "2000", "--rounds", "5"]).unwrap();
        assert_eq!(
            quick.sizes,
            Sizes {
                ledger_rows: 2_000,
                ..QUICK
            }
        );
        assert_eq!(quick.rounds, 5);
        assert_eq!(plan(&[]).unwrap().sizes, FULL);
    }
}
