//! `fleetctl dead …`: which parked messages, and what is to become of them.

use super::help::{DISCARD_HELP, REDRIVE_HELP};
use super::{By, LIST_DEFAULT, LIST_MAX, reason};
use clap::{ArgGroup, Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use topup_rules::ids::AccountId;
use topup_runtime::broker::delay;
use topup_runtime::broker::topology::{self, UNROUTABLE, WORK_QUEUES};
use uuid::Uuid;

/// Messages put back a second unless told otherwise: gentle beside a fleet at work.
const PER_SECOND_DEFAULT: &str = "100";
/// Most messages a second that can be asked for.
const PER_SECOND_MAX: i64 = 100_000;
/// Longest age that can be asked for: ten years. Anything longer is a slip.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// `fleetctl dead …`
#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// List parked messages, oldest first, with the reason of each
    #[command(
        after_help = "Examples:\n  fleetctl dead list\n  fleetctl dead list --queue sms-sent --limit 500\n  \
                            fleetctl dead list --account 1001 --reason 'unknown account' --older-than 2h"
    )]
    List {
        /// Which of them
        #[command(flatten)]
        filter: DeadFilter,
        /// Messages of each queue, at most
        #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = clap::value_parser!(u64).range(1..=LIST_MAX as u64))]
        limit: u64,
    },
    /// Show one parked message whole
    #[command(
        after_help = "Examples:\n  fleetctl dead show 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b\n  \
                            fleetctl dead show --queue sms-sent --position 2"
    )]
    Show(DeadShowArgs),
    /// Put parked messages back to work, when what was wrong is mended; safe to do twice
    #[command(after_help = REDRIVE_HELP)]
    Redrive(RedriveArgs),
    /// Throw parked messages away; what they were is kept in the database
    #[command(after_help = DISCARD_HELP)]
    Discard(DiscardArgs),
    /// List what was put back or thrown away, by whom and why: the newest first
    #[command(
        after_help = "Examples:\n  fleetctl dead history\n  fleetctl dead history 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b\n  \
                            fleetctl dead history --account 1001"
    )]
    History(HistoryArgs),
}

/// Which messages: those that fit all that is given.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DeadFilter {
    /// Of this queue alone: a worker's, its `.dead`, or an unroutable one
    #[arg(long, value_name = "QUEUE", value_parser = dead_queue)]
    pub(crate) queue: Option<String>,
    /// Whose reason contains this; upper and lower case are the same
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
    /// Parked longer ago than this: 30m, 2h, 14d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<SignedDuration>,
    /// Parked since: 30m, 2h, 14d ago
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) newer_than: Option<SignedDuration>,
    /// Of this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Of this type: sms-sent.v1
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
}

/// Which messages are to be moved: said by somebody, not left out by a slip.
#[derive(Debug, Clone, Default, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true)
    .args(["message_ids", "queue", "reason", "older_than", "newer_than", "account", "kind", "all"]))]
pub(crate) struct Which {
    /// These messages, as `dead list` names them
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message_ids: Vec<String>,
    /// And only those of them
    #[command(flatten)]
    pub(crate) filter: DeadFilter,
    /// Everything that is parked, of all queues
    #[arg(long, conflicts_with = "message_ids")]
    all: bool,
    /// Messages, at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Who does it
    #[command(flatten)]
    pub(crate) by: By,
}

/// `fleetctl dead redrive`
#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// Which
    #[command(flatten)]
    pub(crate) which: Which,
    /// To this work queue, instead of the one that it came from
    #[arg(long, value_name = "QUEUE", value_parser = clap::builder::PossibleValuesParser::new(WORK_QUEUES))]
    pub(crate) to: Option<String>,
    /// Messages a second, at most
    #[arg(long, value_name = "N", default_value = PER_SECOND_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=PER_SECOND_MAX))]
    pub(crate) per_second: u32,
    /// Why: it is written down
    #[arg(long, value_name = "TEXT", default_value = "redriven", hide_default_value = true, value_parser = reason)]
    pub(crate) because: String,
}

/// `fleetctl dead discard`
#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    /// Which
    #[command(flatten)]
    pub(crate) which: Which,
    /// Why: it is written down
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) because: String,
}

/// `fleetctl dead history`
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The messages of this act, as the list names it
    #[arg(value_name = "ACT_ID", conflicts_with = "account")]
    pub(crate) act: Option<Uuid>,
    /// The messages of this account, over all acts
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Rows, at most
    #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = clap::value_parser!(i64).range(1..=LIST_MAX))]
    pub(crate) limit: i64,
}

/// `fleetctl dead show`
#[derive(Debug, Args)]
pub(crate) struct DeadShowArgs {
    /// As `dead list` names it
    #[arg(
        value_name = "MESSAGE_ID",
        required_unless_present = "position",
        conflicts_with = "position"
    )]
    pub(crate) message_id: Option<String>,
    /// Look in this queue alone
    #[arg(long, value_name = "QUEUE", value_parser = dead_queue)]
    pub(crate) queue: Option<String>,
    /// Where it stands in its queue, as `dead list` numbers it: for a message without an id
    #[arg(long, value_name = "N", requires = "queue", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) position: Option<u32>,
}

/// `30m`, `2h`, `14d`, `1w 2d`.
pub(super) fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "is no age; write 30m, 2h or 14d".to_owned();
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let age = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    if age.is_negative() || age > AGE_MAX {
        return Err(wrong());
    }
    Ok(age)
}

/// Every queue that parked messages lie in.
pub(crate) fn dead_queues() -> Vec<String> {
    let parked = WORK_QUEUES.iter().map(|queue| topology::dead_queue(queue));
    parked
        .chain([UNROUTABLE.to_owned(), delay::UNROUTABLE.to_owned()])
        .collect()
}

/// `sms-sent` means its dead letters, too.
pub(super) fn dead_queue(text: &str) -> Result<String, String> {
    let known = dead_queues();
    match known
        .iter()
        .find(|queue| *queue == text || queue.strip_suffix(".dead") == Some(text))
    {
        Some(queue) => Ok(queue.clone()),
        None => Err(format!("known are {}", known.join(", "))),
    }
}
