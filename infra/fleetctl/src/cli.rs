//! The command line: what can be asked for, in the words of `--help`.
//!
//! Left out: what a command does. Values that can be wrong by themselves are parsed here, into the types that the
//! rules know.

mod by;
mod dead;
mod grants;
mod help;
mod login;
mod personal;
mod running;
mod token;

pub(crate) use by::By;
pub(crate) use dead::{
    DeadCommand, DeadFilter, DeadShowArgs, DiscardArgs, HistoryArgs, RedriveArgs, Which, dead_queues,
};

pub(crate) use grants::{BrokerGrantsArgs, DatabaseGrantsArgs, GrantsCommand, Half, Passwords};

use crate::topup::settle::Target;
use clap::{ArgGroup, Args, Parser, Subcommand};
use help::{AFTER_HELP, IMPORT_HELP, PRICES_HELP, PUBLISH_HELP, RECONCILE_HELP, SETTLE_HELP};
use jiff::civil::Date;
use running::{COMPLETIONS_HELP, DOCTOR_HELP, MAN_HELP, PAUSE_HELP, STATUS_HELP};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service};
use topup_rules::message::PaymentStatus;
use topup_rules::topup::TopupState;
use uuid::Uuid;

pub(crate) use login::{LoginAddArgs, LoginCommand, LoginResetArgs, Pages};
pub(crate) use personal::PersonalCommand;
pub(crate) use token::{TokenCommand, TokenCreateArgs};

pub(crate) use running::{CompletionsArgs, DoctorArgs, ManArgs, PauseArgs, ResumeArgs, StatusArgs};

/// Rows that a list shows unless told otherwise.
const LIST_DEFAULT: &str = "50";
/// Most rows that a list can be told to show.
const LIST_MAX: i64 = 10_000;
/// Most messages on their way to the broker at once: beyond that, waiting for confirms gains nothing.
const IN_FLIGHT_MAX: i64 = 10_000;

/// The operator's command for the top-up fleet.
#[derive(Debug, Parser)]
#[command(name = "fleetctl", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Print one JSON document on standard output instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the database's schema up to date and open the ledger's days; safe to run at any time
    #[command(
        after_help = "Example:\n  TOPUP__DATABASE__URL=postgres://topup:secret@db/topup fleetctl migrate"
    )]
    Migrate,
    /// Declare the broker's exchanges and queues, or check what stands there
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Print who may do what, for the broker or the database to take in: a user or a role for each process
    #[command(subcommand)]
    Grants(GrantsCommand),
    /// Add accounts from a file, or change them: one JSON object a line, mains before their subs
    #[command(after_help = IMPORT_HELP)]
    Import(FileArg),
    /// Replace the whole price list by a file's: one JSON object a line
    #[command(after_help = PRICES_HELP)]
    Prices(FileArg),
    /// Publish send events from a file to the queue sms-sent: one JSON object a line
    #[command(after_help = PUBLISH_HELP)]
    Publish(PublishArgs),
    /// Look at one account
    #[command(subcommand)]
    Account(AccountCommand),
    /// Tell the story of an account's top-ups: why its card was charged, or not
    #[command(after_help = "Examples:\n  fleetctl why 1001\n  fleetctl why 1001 --limit 10 --json")]
    Why(WhyArgs),
    /// Look at top-ups, or say how one ended where only a person can know
    #[command(subcommand)]
    Topup(TopupCommand),
    /// Add credits to a wallet or take them away, by hand; never triggers a top-up
    #[command(
        after_help = "Examples:\n  fleetctl adjust 1001 --credits +500 --reason \"goodwill, ticket 4711\"\n  \
                            fleetctl adjust 1001 --credits -12.5 --service whatsapp --reason \"billed twice\""
    )]
    Adjust(AdjustArgs),
    /// Tokens of the HTTP interface: make, list, revoke
    #[command(subcommand)]
    Token(TokenCommand),
    /// People who sign in to the pages: let them in, help them, keep them out
    #[command(subcommand)]
    Login(LoginCommand),
    /// What is kept of an account's holder: print it, remove it
    #[command(subcommand)]
    Personal(PersonalCommand),
    /// Messages that were parked because nothing could be done with them: look, put back, throw away
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Show queues, workers and what waits, on one screen
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Find what is wrong with broker, database, clocks and processes, and say what to do
    #[command(after_help = DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Let no worker take messages of a queue, without stopping any
    #[command(after_help = PAUSE_HELP)]
    Pause(PauseArgs),
    /// Let the workers of a paused queue take messages again
    #[command(after_help = "Example:\n  fleetctl resume notifications --reason \"the SMS provider is back\"")]
    Resume(ResumeArgs),
    /// Compare a day's payments with the payment gateway's list; exit status 1 when a person has to look
    #[command(after_help = RECONCILE_HELP)]
    Reconcile(ReconcileArgs),
    /// Check what must always be true: balances, transfers, spacing, notices; exit status 1 when something is not
    #[command(after_help = "Example:\n  fleetctl audit || echo 'call somebody'")]
    Audit,
    /// Ask a process whether it is ready; exit status 1 where it is not
    #[command(
        after_help = "Without a URL it asks the process that has the same settings, at TOPUP__HTTP__LISTEN: \
                            what a container's health check is for.\n\nExample:\n  fleetctl health http://127.0.0.1:9090/readyz"
    )]
    Health {
        /// The process's own address, with the path /readyz or /livez
        #[arg(value_name = "URL")]
        url: Option<String>,
    },
    /// Print a shell's completions of this command
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print this command's manual page
    #[command(after_help = MAN_HELP)]
    Man(ManArgs),
}

/// `fleetctl topology …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Declare every exchange, queue and binding; what is there already stays
    Apply,
    /// Compare what stands on the broker, operator policies included, with what the fleet needs
    #[command(
        after_help = "Needs TOPUP__AMQP__MANAGEMENT_URL, the address of the broker's management interface: \
                            http://user:password@host:15672"
    )]
    Check,
}

/// One file.
#[derive(Debug, Args)]
pub(crate) struct FileArg {
    /// NDJSON; `-` is standard input
    pub(crate) file: String,
}

/// `fleetctl publish`
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// NDJSON; `-` is standard input
    pub(crate) file: String,
    /// Begin at this line, counted from 1
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from_line: u64,
    /// Leave broken lines out and list them, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Publish lines as they are, broken ones too: the fleet parks those
    #[arg(long, conflicts_with = "skip_bad")]
    pub(crate) unchecked: bool,
    /// Messages on their way to the broker at once, at most
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u16).range(1..=IN_FLIGHT_MAX))]
    pub(crate) in_flight: u16,
}

/// `fleetctl account …`
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Show an account with its wallets, settings and open top-ups
    Show {
        /// The account
        #[arg(value_name = "ID")]
        account: AccountId,
    },
}

/// `fleetctl why`
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The account
    #[arg(value_name = "ID")]
    pub(crate) account: AccountId,
    /// The newest top-ups to tell of, at most
    #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = clap::value_parser!(i64).range(1..=LIST_MAX))]
    pub(crate) limit: i64,
}

/// `fleetctl topup …`
#[derive(Debug, Subcommand)]
pub(crate) enum TopupCommand {
    /// List top-ups, newest first
    #[command(after_help = "Example:\n  fleetctl topup list --state unknown")]
    List(TopupListArgs),
    /// Show one top-up with its payments
    Show {
        /// The top-up
        #[arg(value_name = "ID")]
        topup: Uuid,
    },
    /// Say how a top-up's payment ended, where nobody but a person can find out
    #[command(after_help = SETTLE_HELP)]
    Settle(SettleArgs),
}

/// `fleetctl topup settle`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verdict").required(true))]
pub(crate) struct SettleArgs {
    /// The top-up, or a payment's reference
    #[arg(value_name = "ID")]
    pub(crate) target: Target,
    /// The money was taken: its credits come, once
    #[arg(long, group = "verdict")]
    succeeded: bool,
    /// The money was not taken and will not be: what a declined card brings about follows
    #[arg(long, group = "verdict")]
    failed: bool,
    /// Why: it stands in the story, and the account holder is told it where it failed
    #[arg(long, value_parser = reason)]
    pub(crate) reason: String,
}

impl SettleArgs {
    /// What the person says.
    pub(crate) fn verdict(&self) -> PaymentStatus {
        // Exactly one of both is given.
        match (self.succeeded, self.failed) {
            (true, _) => PaymentStatus::Success,
            (false, _) => PaymentStatus::Failed,
        }
    }
}

/// `fleetctl topup list`
#[derive(Debug, Args)]
pub(crate) struct TopupListArgs {
    /// Of this account alone
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// In this state alone
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<TopupState>,
    /// Rows, at most
    #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = clap::value_parser!(i64).range(1..=LIST_MAX))]
    pub(crate) limit: i64,
}

/// `fleetctl reconcile`
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Which day, in the time zone of the rules: 2026-11-21
    #[arg(value_name = "DAY")]
    pub(crate) day: Date,
}

/// `fleetctl adjust`
#[derive(Debug, Args)]
pub(crate) struct AdjustArgs {
    /// The account
    #[arg(value_name = "ID")]
    pub(crate) account: AccountId,
    /// How many to add (+N) or to take away (-N); at most 3 decimals
    #[arg(long, value_name = "±N", allow_hyphen_values = true, value_parser = signed_credits)]
    pub(crate) credits: Credits,
    /// Which wallet: sms or whatsapp
    #[arg(long, default_value = "sms")]
    pub(crate) service: Service,
    /// Why: it stands in the ledger
    #[arg(long, value_parser = reason)]
    pub(crate) reason: String,
    /// Who does it
    #[command(flatten)]
    pub(crate) by: By,
}

/// `+500`, `-12.5`, `3`; anything but 0.
fn signed_credits(text: &str) -> Result<Credits, String> {
    let digits = text
        .strip_prefix('+')
        .filter(|rest| !rest.starts_with('-'))
        .unwrap_or(text);
    let credits: Credits = digits.parse().map_err(|e| format!("{e}"))?;
    match credits {
        Credits::ZERO => Err("must not be 0".to_owned()),
        credits if credits.milli().abs() > Credits::EVENT_MAX.milli() => {
            Err(format!("is more than {} credits at once", Credits::EVENT_MAX))
        }
        credits => Ok(credits),
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("must say something".to_owned()),
        reason => Ok(reason.to_owned()),
    }
}

#[cfg(test)]
mod tests;
