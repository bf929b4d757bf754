//! `fleetctl completions` and `fleetctl man`: what the command line says of itself, for shells and for `man`.
//!
//! Both are made from the same description as `--help`, so that they can't say anything else.

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::fleet::NAME;
use crate::output::Report;
use anyhow::Context as _;
use clap::CommandFactory as _;
use serde::Serialize;

#[derive(Serialize)]
struct Printed {
    text: String,
}

#[derive(Serialize)]
struct Written {
    directory: String,
}

/// A shell's completions.
///
/// # Errors
/// None that is expected.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Report> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    printed(script)
}

/// The manual page, or all of them into a directory.
///
/// # Errors
/// The directory can't be written to.
pub(crate) fn pages(args: &ManArgs) -> anyhow::Result<Report> {
    match &args.dir {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            printed(page)
        }
        Some(directory) => {
            let shown = directory.display().to_string();
            std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
                .with_context(|| format!("writing manual pages to {shown}"))?;
            let text = format!("this command's manual pages are in {shown}");
            Report::fine(&Written { directory: shown }, text)
        }
    }
}

fn printed(text: Vec<u8>) -> anyhow::Result<Report> {
    let text = String::from_utf8(text).context("what was generated is no text")?;
    Report::fine(&Printed { text: text.clone() }, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;
    use clap::Parser as _;

    #[test]
    fn every_shell_and_man_know_every_command() {
        let mut told = Vec::new();
        for shell in ["bash", "zsh", "fish"] {
            let line = ["fleetctl", "completions", shell];
            let Command::Completions(args) = Cli::parse_from(line).command else {
                panic!("another command")
            };
            told.push(completions(&args).unwrap());
        }
        let Command::Man(args) = Cli::parse_from(["fleetctl", "man"]).command else {
            panic!("another command")
        };
        told.push(pages(&args).unwrap());
        for report in told {
            let text = format!("{report:?}");
            for command in Cli::command().get_subcommands() {
                assert!(
                    text.contains(command.get_name()),
                    "{}: {text}",
                    command.get_name()
                );
            }
        }
    }
}
