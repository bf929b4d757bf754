//! A process and all that descend from it, halted and ended together, wherever they moved to.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

/// Longest wait for killed processes to be gone.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(5);

/// A process and its descendants, none of which runs.
#[derive(Debug)]
pub(super) struct Halted {
    pids: BTreeSet<i32>,
}

/// Halts `root` and its descendants: one that is halted starts no further ones.
pub(super) fn halt(root: Pid) -> Halted {
    let mut pids = BTreeSet::new();
    let mut new = BTreeSet::from([root.as_raw_pid()]);
    while !new.is_empty() {
        signal(&new, Signal::STOP);
        pids.append(&mut new);
        new = children(&pids);
    }
    Halted { pids }
}

impl Halted {
    /// Lets them go on, the children first: their parent may have a word with them at once.
    pub(super) fn resume(self) {
        signal(&self.pids, Signal::CONT);
    }

    /// Kills them, and waits until they are gone.
    pub(super) async fn kill(self) {
        signal(&self.pids, Signal::KILL);
        let until = Instant::now() + GONE_TIMEOUT;
        while Instant::now() < until && self.pids.iter().any(|&pid| is_there(pid)) {
            sleep(POLL).await;
        }
    }
}

/// From the youngest to the oldest. One that has ended meanwhile is no matter.
fn signal(pids: &BTreeSet<i32>, signal: Signal) {
    for pid in pids.iter().rev().copied().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Children of `parents` that are not among them.
fn children(parents: &BTreeSet<i32>) -> BTreeSet<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| !parents.contains(pid))
        .filter(|&pid| state_and_parent(pid).is_some_and(|(_, parent)| parents.contains(&parent)))
        .collect()
}

/// Whether a process holds anything yet: one that has ended, and that nobody has waited for, does not.
fn is_there(pid: i32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

fn state_and_parent(pid: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; what follows it is regular.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
