//! `fleetctl`: what an operator does with the fleet, from setting it up to asking why a card was charged.
//!
//! Every command reads the fleet's own settings and asks only for those that it uses; results go to standard output,
//! as text or (`--json`) as exactly one JSON document; progress, mistakes and errors go to standard error. The exit
//! status is 0 when done, 1 when something is refused or wrong, 2 when the command line or a setting is.
//!
//! Left out: SQL (`topup-store`) and decisions (`topup-rules`). Nothing here runs longer than its command.

mod account;
mod adjust;
mod audit;
mod cli;
mod dead;
mod doctor;
mod fields;
mod fleet;
mod grants;
mod health;
mod import;
mod lines;
mod login;
mod manual;
mod migrate;
mod output;
mod pause;
mod personal;
mod prices;
mod progress;
mod publish;
mod reconcile;
mod sending;
mod status;
mod token;
mod topology;
mod topup;
mod why;
mod words;

use clap::Parser as _;
use cli::{Cli, Command};
use fleet::{Fleet, NAME};
use lines::Mistake;
use output::{Report, Verdict};
use std::io::Write as _;
use std::process::ExitCode;
use topup_runtime::SettingsError;
use topup_runtime::broker::check::CheckError;
use topup_runtime::telemetry::panics_on_standard_error;
use topup_store::StoreError;

/// The command line or a setting is wrong; the command line's own parser answers so, too.
const EXIT_SETTINGS: u8 = 2;
/// Threads: one command's work is mostly waiting.
const THREADS: usize = 2;

fn main() -> ExitCode {
    panics_on_standard_error(NAME);
    let Cli { json, command } = Cli::parse();
    // The one TLS implementation's one provider. An error says that it is installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let ended = start(&command).and_then(|report| report.print(json));
    match ended {
        Ok(verdict) => verdict.into(),
        Err(error) => failed(&error, json),
    }
}

fn start(command: &Command) -> anyhow::Result<Report> {
    // These are about the command itself: no setting is asked for.
    if let Command::Completions(args) = command {
        return manual::completions(args);
    }
    if let Command::Man(args) = command {
        return manual::pages(args);
    }
    if let Command::Grants(command) = command {
        return grants::run(command);
    }
    let fleet = Fleet::load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()?;
    let report = runtime.block_on(run(&fleet, command));
    // Standard input may still be waited for.
    runtime.shutdown_background();
    report
}

async fn run(fleet: &Fleet, command: &Command) -> anyhow::Result<Report> {
    match command {
        Command::Migrate => migrate::run(fleet).await,
        Command::Topology(command) => topology::run(fleet, *command).await,
        Command::Grants(command) => grants::run(command),
        Command::Import(args) => import::run(fleet, &args.file).await,
        Command::Prices(args) => prices::run(fleet, &args.file).await,
        Command::Publish(args) => publish::run(fleet, args).await,
        Command::Account(command) => account::run(fleet, command).await,
        Command::Adjust(args) => adjust::run(fleet, args).await,
        Command::Token(command) => token::run(fleet, command).await,
        Command::Login(command) => login::run(fleet, command).await,
        Command::Personal(command) => personal::run(fleet, *command).await,
        Command::Dead(command) => dead::run(fleet, command).await,
        Command::Status(args) => status::run(fleet, args).await,
        Command::Doctor(args) => doctor::run(fleet, args).await,
        Command::Pause(args) => pause::pause(fleet, args).await,
        Command::Resume(args) => pause::resume(fleet, args).await,
        Command::Why(args) => why::run(fleet, args).await,
        Command::Topup(command) => topup::run(fleet, command).await,
        Command::Reconcile(args) => reconcile::run(fleet, args).await,
        Command::Audit => audit::run(fleet).await,
        Command::Health { url } => health::run(fleet, url.as_deref()).await,
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::pages(args),
    }
}

/// Says what went wrong: one line on standard error, and the one document where JSON was asked for.
fn failed(error: &anyhow::Error, json: bool) -> ExitCode {
    let said = chain(error);
    // A mistake in a file begins with the file's name, so that editors find it.
    let line = if error.is::<Mistake>() {
        said.clone()
    } else {
        format!("fleetctl: {said}")
    };
    // Nothing can be said where nobody listens.
    let _unheard = writeln!(std::io::stderr(), "{line}");
    if json {
        let document = serde_json::json!({ "error": said });
        let _printed = Report::new(&document, "", Verdict::Wrong).and_then(|report| report.print(true));
    }
    if error.chain().any(is_setting) {
        ExitCode::from(EXIT_SETTINGS)
    } else {
        ExitCode::FAILURE
    }
}

/// The error and what caused it, on one line. Many libraries repeat the cause in their own words; it is said once.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line = if line.is_empty() {
                cause
            } else {
                format!("{line}: {cause}")
            };
        }
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_setting(cause: &(dyn std::error::Error + 'static)) -> bool {
    let unchecked = cause.downcast_ref::<CheckError>();
    let store = cause.downcast_ref::<StoreError>();
    cause.is::<SettingsError>()
        || unchecked.is_some_and(|e| matches!(e, CheckError::NoAddress | CheckError::Settings(_)))
        || store.is_some_and(|e| matches!(e, StoreError::Settings(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_says_each_cause_once() {
        let error = anyhow::anyhow!("refused")
            .context("broker h: refused")
            .context("no connection\n to h");
        assert_eq!(chain(&error), "no connection to h: broker h: refused");
    }

    #[test]
    fn a_wrong_setting_is_told_apart() {
        let wrong = anyhow::Error::from(CheckError::NoAddress).context("asked");
        assert!(wrong.chain().any(is_setting));
        assert!(!anyhow::anyhow!("no").chain().any(is_setting));
    }
}
