//! The command line.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use uuid::Uuid;

use crate::fault::KINDS;
use crate::plan::Wish;

/// Runs a fleet of real processes on a broker and a database of its own, under load, and does a seeded schedule of
/// faults to it. At the end everything has to add up; the exit status says whether it does.
#[derive(Debug, Parser)]
#[command(name = "cargo chaos", version)]
pub(crate) struct Cli {
    /// What faults and load follow from; another one each time, where it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// How long there are faults; setting up, judging and some histories of the model come on top
    #[arg(long, default_value_t = 5.0, value_parser = minutes)]
    minutes: f64,
    /// Half a minute with few accounts
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,
    /// Kinds of faults to choose from, separated by commas (`--faults help` lists them)
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// Print one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the schedule and do nothing
    #[arg(long)]
    pub(crate) plan: bool,
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) accounts: i64,
    pub(crate) per_second: u64,
    pub(crate) spacing_s: u64,
    /// Whether histories of the model are played at the end.
    pub(crate) histories: bool,
}

const WHOLE: Size = Size {
    accounts: 168,
    per_second: 100,
    spacing_s: 20,
    histories: true,
};
const QUICK: Size = Size {
    accounts: 24,
    per_second: 60,
    spacing_s: 4,
    histories: false,
};
const QUICK_LENGTH: Duration = Duration::from_secs(24);

fn minutes(text: &str) -> Result<f64> {
    match text.parse() {
        Ok(minutes) if (0.1..=1_440.0).contains(&minutes) => Ok(minutes),
        Ok(_) | Err(_) => bail!("from 0.1 to 1440"),
    }
}

impl Cli {
    /// What is wanted; an error names a kind that there is not.
    pub(crate) fn wish(&self) -> Result<Wish> {
        let names = || KINDS.map(|(kind, _)| kind);
        let mut kinds = Vec::new();
        for wanted in &self.faults {
            match names().into_iter().find(|kind| kind == wanted) {
                Some(kind) => kinds.push(kind),
                None => bail!("--faults {wanted}: there are {}", names().join(", ")),
            }
        }
        if kinds.is_empty() {
            kinds = names().into();
        }
        let length = if self.quick {
            QUICK_LENGTH
        } else {
            Duration::from_secs_f64(self.minutes * 60.0)
        };
        // Short enough to be typed again.
        let random = Uuid::now_v7().as_u64_pair().1 % 1_000_000;
        Ok(Wish {
            seed: self.seed.unwrap_or(random),
            length,
            kinds,
        })
    }

    pub(crate) fn size(&self) -> Size {
        if self.quick { QUICK } else { WHOLE }
    }

    /// The command that does the same again.
    pub(crate) fn again(&self, wish: &Wish) -> String {
        let length = if self.quick {
            "--quick".to_owned()
        } else {
            format!("--minutes {}", self.minutes)
        };
        let faults = if self.faults.is_empty() {
            String::new()
        } else {
            format!(" --faults {}", self.faults.join(","))
        };
        format!("cargo chaos --seed {} {length}{faults}", wish.seed)
    }
}
