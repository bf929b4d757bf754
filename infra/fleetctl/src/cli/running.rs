//! The command line of what is done to a fleet that runs: pausing, looking, asking what is wrong with it.

use super::{By, reason};
use clap::Args;
use clap_complete::Shell;
use jiff::SignedDuration;
use std::path::PathBuf;
use topup_runtime::broker::topology::WORK_QUEUES;

/// Longest time that a pause can be told to last.
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Of `pause`.
pub(super) const PAUSE_HELP: &str = r#"Every worker of the queue finishes and acknowledges what it has in hand, gives the rest back, and stays up
without taking anything, within a few seconds; one that is started meanwhile begins paused. Messages wait in the
queue, and are published to it as before. No attempt is counted. No process holds a pause: none ends with one.
Paused again, a queue has the new end and reason.

Examples:
  fleetctl pause notifications --reason "the SMS provider asked us to" --for 30m
  fleetctl pause topup-requested --reason "prices are being replaced, ticket 4711"
  fleetctl status                                 which queues are paused, and which workers rest"#;

/// Of `status`.
pub(super) const STATUS_HELP: &str = r#"PER S is what the workers of a queue deal with in a second, over the last ten. DEAD are parked messages
(`fleetctl dead list`), delayed ones wait in delay.v1.* for their moment. A process that said nothing for ten seconds is
SILENT: it was killed, or can't reach the database. The edge has no database: those are listed that are connected to the
broker, as its management interface (TOPUP__AMQP__MANAGEMENT_URL) saw it a few seconds ago.
Exit status 1 where the broker or the database could not be looked at.

Examples:
  fleetctl status
  fleetctl status --watch
  fleetctl status --json | jq '.queues[] | select(.paused)'"#;

/// Of `doctor`.
pub(super) const DOCTOR_HELP: &str = r#"Asks broker and database as the user and the role that the settings name, and changes nothing. Each finding says what is
wrong, why it matters, and what to do. Exit status 1 where one is an error; a warning is for a person to weigh.

Examples:
  fleetctl doctor
  fleetctl doctor --management-url http://admin:secret@mq1:15672
  fleetctl doctor --json | jq -r '.findings[] | .severity + ": " + .what'"#;

/// Of `completions`.
pub(super) const COMPLETIONS_HELP: &str = r#"Examples:
  fleetctl completions bash > /etc/bash_completion.d/fleetctl
  fleetctl completions zsh > "${fpath[1]}/_fleetctl"
  fleetctl completions fish > ~/.config/fish/completions/fleetctl.fish"#;

/// Of `man`.
pub(super) const MAN_HELP: &str = r#"Examples:
  fleetctl man | man -l -
  fleetctl man --dir /usr/local/share/man/man1"#;

/// `fleetctl status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Look again every 2 seconds, until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub(crate) watch: bool,
}

/// `fleetctl doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The broker's management interface; TOPUP__AMQP__MANAGEMENT_URL unless given, or port 15672 of the broker's host
    #[arg(long, value_name = "URL")]
    pub(crate) management_url: Option<String>,
}

/// `fleetctl completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `fleetctl man`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write this command's page and those of all others there, instead of this one to standard output
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) dir: Option<PathBuf>,
}

/// `fleetctl pause`
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The queue: sms-sent, topup-requested, payment-results or notifications
    #[arg(value_name = "QUEUE", value_parser = WORK_QUEUES)]
    pub(crate) queue: String,
    /// Why: whoever looks reads it, and it is kept
    #[arg(long, value_parser = reason)]
    pub(crate) reason: String,
    /// For how long: 30m, 2h, 1h 30m; until it is resumed unless given
    #[arg(long = "for", value_name = "TIME", value_parser = pause_time)]
    pub(crate) lasts: Option<SignedDuration>,
    /// Who does it
    #[command(flatten)]
    pub(crate) by: By,
}

/// `fleetctl resume`
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The queue
    #[arg(value_name = "QUEUE", value_parser = WORK_QUEUES)]
    pub(crate) queue: String,
    /// Why: it is kept
    #[arg(long, default_value = "resumed", value_parser = reason)]
    pub(crate) reason: String,
    /// Who does it
    #[command(flatten)]
    pub(crate) by: By,
}

fn pause_time(text: &str) -> Result<SignedDuration, String> {
    let time: SignedDuration = text
        .parse()
        .map_err(|_| "is no time like 30m, 2h or 1h 30m".to_owned())?;
    if time.is_positive() && time <= PAUSE_MAX {
        Ok(time)
    } else {
        Err(format!(
            "must be more than 0, and {} h at most",
            PAUSE_MAX.as_hours()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lasts_for_a_time_that_people_write() {
        assert_eq!(pause_time("30m"), Ok(SignedDuration::from_mins(30)));
        assert_eq!(pause_time("1h 30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(pause_time("2s"), Ok(SignedDuration::from_secs(2)));
        for wrong in ["", "0s", "-5m", "soon", "30", "745h"] {
            assert!(pause_time(wrong).is_err(), "{wrong}");
        }
    }
}
