//! Clocks: this machine's, the database's, the broker's, and those of the processes that are alive. The database's decides.

use super::{Part, said};
use crate::output::count;
use crate::pause::SILENT_S;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use topup_runtime::broker::management::About;
use topup_store::{ProcessRow, Store, StoreError};

/// Clocks that lie further apart are wrong.
const APART_MAX: SignedDuration = SignedDuration::from_secs(5);
/// Clocks that lie further apart are not kept by anybody.
const APART_WARNED: SignedDuration = SignedDuration::from_secs(2);
/// Processes of one machine that are named, at most.
const NAMED_MAX: usize = 5;
/// How often the database is asked: the quickest answer tells best.
const QUESTIONS: u32 = 3;

/// Looks at them.
pub(super) async fn examine(store: &Store, about: Option<&About>, part: &mut Part<'_>) {
    match ahead(store).await {
        Ok(database) => {
            part.looked_at(format!(
                "this machine's and the database's: {} apart",
                words(database)
            ));
            tell(database, "database", part);
        }
        Err(error) => part.warning(
            format!(
                "this machine's and the database's were not compared: {}",
                said(&error)
            ),
            "a wrong clock delays messages by as much, and refuses events as too old or too new",
            "see to the database first",
        ),
    }
    if let Some(ahead) = about.and_then(|about| about.clock_ahead) {
        part.looked_at("this machine's and the broker's");
        tell(ahead, "broker", part);
    }
    // Where they can't be read, the part of the processes says so.
    if let Ok(processes) = store.processes().await {
        of_processes(&processes, part);
    }
}

/// What each process that is alive last said of its own clock: one finding a machine.
fn of_processes(processes: &[ProcessRow], part: &mut Part<'_>) {
    let alive = processes.iter().filter(|process| process.silent_s <= SILENT_S);
    let compared = alive.filter_map(|process| Some((process, process.clock_ahead?)));
    let mut compared_count = 0;
    let mut wrong: BTreeMap<&str, Vec<(&ProcessRow, SignedDuration)>> = BTreeMap::new();
    for (process, ahead) in compared {
        compared_count += 1;
        if ahead.abs() > APART_WARNED {
            wrong.entry(&process.host).or_default().push((process, ahead));
        }
    }
    if compared_count > 0 {
        let processes = count(compared_count, "process", "processes");
        part.looked_at(format!("the database's and those of {processes}"));
    }
    for (host, found) in wrong {
        let Some((_, ahead)) = found.iter().max_by_key(|(_, ahead)| ahead.abs()) else {
            continue;
        };
        let names = found.iter().take(NAMED_MAX);
        let mut names: Vec<String> = names.map(|(it, _)| format!("{}#{}", it.name, it.pid)).collect();
        if found.len() > NAMED_MAX {
            names.push(format!("{} more", found.len() - NAMED_MAX));
        }
        let what = format!(
            "the clock of {host} is {} {} the database's, as {} found",
            words(*ahead),
            direction(*ahead),
            names.join(", ")
        );
        let why = "its log tells wrong times, and so do the ids and messages that it makes; spacing and delays are as long \
                   as they should be, since the database's clock decides";
        let mend = format!("let {host} keep time (chrony, systemd-timesyncd)");
        if ahead.abs() > APART_MAX {
            part.error(what, why, mend);
        } else {
            part.warning(what, why, mend);
        }
    }
}

fn direction(ahead: SignedDuration) -> &'static str {
    if ahead.is_negative() { "behind" } else { "ahead of" }
}

fn tell(ahead: SignedDuration, whose: &str, part: &mut Part<'_>) {
    let apart = ahead.abs();
    if apart <= APART_WARNED {
        return;
    }
    let what = format!(
        "the {whose}'s clock is {} {} this machine's",
        words(apart),
        direction(ahead)
    );
    let why = "whoever sends and who records must mean the same moment: events can be refused as too old or too new, \
               and people read wrong times";
    let mend = "let the machines keep time (chrony, systemd-timesyncd), this one and theirs";
    if apart > APART_MAX {
        part.error(what, why, mend);
    } else {
        part.warning(what, why, mend);
    }
}

/// How far the database's clock is ahead of ours.
async fn ahead(store: &Store) -> Result<SignedDuration, StoreError> {
    let mut best = store.compare_clocks().await?;
    for _ in 1..QUESTIONS {
        let compared = store.compare_clocks().await?;
        if compared.took() < best.took() {
            best = compared;
        }
    }
    Ok(best.ahead())
}

/// `10.0 s`.
fn words(apart: SignedDuration) -> String {
    format!("{:.1} s", apart.abs().as_secs_f64())
}
