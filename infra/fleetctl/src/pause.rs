//! `fleetctl pause` and `fleetctl resume`: nobody takes messages of a queue, and takes them again.
//!
//! A row says so, with who, why and until when; the workers see to it themselves, within seconds of it. Left out:
//! waiting until the last of them rests, which `fleetctl status` shows.

use crate::cli::{PauseArgs, ResumeArgs};
use crate::fleet::Fleet;
use crate::output::{Report, count};
use crate::words::moment;
use jiff::Timestamp;
use serde::Serialize;
use topup_store::{ProcessRow, QueuePause};

/// A process that said nothing for longer is not counted as alive.
pub(crate) const SILENT_S: f64 = 10.0;

#[derive(Serialize)]
struct Outcome<'a> {
    queue: &'a str,
    paused: bool,
    /// Whether that was so before.
    already: bool,
    paused_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    who: Option<&'a str>,
    reason: Option<&'a str>,
    /// Its workers that are alive.
    workers: usize,
}

/// Pauses a queue.
///
/// # Errors
/// Settings; the database's.
pub(crate) async fn pause(fleet: &Fleet, args: &PauseArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let (pause, is_new) = store
        .pause_queue(&args.queue, args.lasts, &args.by.who(), &args.reason)
        .await?;
    let workers = alive(&store.processes().await?, &args.queue);
    let until = match pause.ends_at {
        Some(at) => format!("until {}", moment(at)),
        None => format!("until `fleetctl resume {}`", pause.queue),
    };
    let since = if is_new {
        String::new()
    } else {
        format!(" (since {})", moment(pause.paused_at))
    };
    let text = format!(
        "{} is paused {until}{since}: {}",
        pause.queue,
        match workers {
            0 => "no worker of it is alive, and those that are started rest".to_owned(),
            some => format!(
                "{} to rest within seconds",
                count(some as u64, "worker begins", "workers begin")
            ),
        }
    );
    Report::fine(&outcome(&args.queue, Some(&pause), !is_new, workers), text)
}

/// Ends a pause.
///
/// # Errors
/// Settings; the database's.
pub(crate) async fn resume(fleet: &Fleet, args: &ResumeArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let ended = store
        .resume_queue(&args.queue, &args.by.who(), &args.reason)
        .await?;
    let workers = alive(&store.processes().await?, &args.queue);
    let text = match &ended {
        Some(pause) => format!(
            "{} is resumed; it was paused at {} by {}: {}",
            args.queue,
            moment(pause.paused_at),
            pause.who,
            pause.reason
        ),
        None => format!("{} was not paused", args.queue),
    };
    Report::fine(&outcome(&args.queue, None, ended.is_none(), workers), text)
}

fn outcome<'a>(queue: &'a str, pause: Option<&'a QueuePause>, already: bool, workers: usize) -> Outcome<'a> {
    Outcome {
        queue,
        paused: pause.is_some(),
        already,
        paused_at: pause.map(|pause| pause.paused_at),
        ends_at: pause.and_then(|pause| pause.ends_at),
        who: pause.map(|pause| pause.who.as_str()),
        reason: pause.map(|pause| pause.reason.as_str()),
        workers,
    }
}

/// Workers of a queue that are alive.
fn alive(processes: &[ProcessRow], queue: &str) -> usize {
    let of_queue = processes.iter().filter(|process| process.name == queue);
    of_queue.filter(|process| process.silent_s <= SILENT_S).count()
}
