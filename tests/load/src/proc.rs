//! What the kernel says of processes: CPU time and resident memory.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};

/// Linux's unit of CPU time towards programs, on every architecture in use.
const TICKS_PER_S: f64 = 100.0;
const MB_PER_KIB: f64 = 1_024.0 / 1_000_000.0;
/// What the broker's process is called.
const BROKER: &str = "beam.smp";
/// What each of the database's processes is called.
const DATABASE: &str = "postgres";

/// CPU time in seconds, user and system.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) workers_s: f64,
    /// 0 where the broker runs elsewhere.
    pub(crate) broker_s: f64,
    /// 0 where the database runs elsewhere.
    pub(crate) database_s: f64,
}

/// One process of the table.
#[derive(Debug, PartialEq)]
struct Entry {
    pid: i32,
    parent: i32,
    name: String,
    /// Its own.
    own_s: f64,
    /// That of its children that have ended.
    ended_s: f64,
}

impl Cpu {
    /// Used so far by these workers, and by the broker and the database that this process's stack runs.
    pub(crate) fn now(workers: &[i32]) -> Result<Self> {
        let table = table()?;
        let me = i32::try_from(std::process::id()).context("reading this process's id")?;
        Ok(Self::of(&table, me, workers))
    }

    fn of(table: &[Entry], me: i32, workers: &[i32]) -> Self {
        let ours = descendants(table, me);
        let sum = |is: &dyn Fn(&Entry) -> bool| {
            let of_them = table
                .iter()
                .filter(|entry| ours.contains(&entry.pid) && is(entry));
            of_them.map(|entry| entry.own_s + entry.ended_s).sum()
        };
        Self {
            workers_s: sum(&|entry| workers.contains(&entry.pid)),
            broker_s: sum(&|entry| entry.name == BROKER),
            // Connections come and go: the time of those that have gone is with their parent.
            database_s: sum(&|entry| entry.name == DATABASE),
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            workers_s: self.workers_s - before.workers_s,
            broker_s: self.broker_s - before.broker_s,
            database_s: self.database_s - before.database_s,
        }
    }

    pub(crate) fn total_s(self) -> f64 {
        self.workers_s + self.broker_s + self.database_s
    }
}

/// The most that a process has ever had in memory.
pub(crate) fn rss_peak_mb(pid: i32) -> Result<f64> {
    memory_mb(pid, "VmHWM:")
}

/// What it has there now.
pub(crate) fn rss_mb(pid: i32) -> Result<f64> {
    memory_mb(pid, "VmRSS:")
}

fn memory_mb(pid: i32, field: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("process {pid} has ended"))?;
    Ok(kib * MB_PER_KIB)
}

fn table() -> Result<Vec<Entry>> {
    let processes = fs::read_dir("/proc").context("reading the table of processes")?;
    let ids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // One that ends meanwhile is none any more.
    Ok(ids
        .filter_map(|pid| read(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect())
}

/// A process's line: id, name in brackets (which may hold anything), and numbers.
fn read(stat: &str) -> Option<Entry> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    // From the third field on.
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let seconds = |place: usize| Some(fields.get(place - 3)?.parse::<f64>().ok()? / TICKS_PER_S);
    Some(Entry {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        name: name.to_owned(),
        own_s: seconds(14)? + seconds(15)?,
        ended_s: seconds(16)? + seconds(17)?,
    })
}

fn descendants(table: &[Entry], of: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for entry in table.iter().filter(|entry| entry.parent == parent) {
            if found.insert(entry.pid) {
                parents.push(entry.pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processes_line_is_read_whatever_its_name() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194304 10 0 0 0 150 50 30 20 20 0 9 0 123 456 78";
        let expected = Entry {
            pid: 42,
            parent: 7,
            name: "a) b (c".to_owned(),
            own_s: 2.0,
            ended_s: 0.5,
        };
        assert_eq!(read(line), Some(expected));
        assert_eq!(read("42 (a"), None);
    }

    #[test]
    fn only_descendants_count() {
        let entry = |pid, parent, name: &str, own_s| Entry {
            pid,
            parent,
            name: name.to_owned(),
            own_s,
            ended_s: 0.0,
        };
        let table = [
            entry(1, 0, "init", 1.0),
            entry(10, 1, "load", 1.0),
            entry(11, 10, "stack", 1.0),
            entry(12, 11, "postgres", 2.0),
            entry(13, 12, "postgres", 3.0),
            entry(14, 11, "beam.smp", 4.0),
            entry(15, 10, "sms-sent", 5.0),
            entry(20, 1, "postgres", 100.0),
        ];
        let cpu = Cpu::of(&table, 10, &[15]);
        assert_eq!(
            cpu,
            Cpu {
                workers_s: 5.0,
                broker_s: 4.0,
                database_s: 5.0
            }
        );
        assert_eq!(cpu.since(cpu).total_s(), 0.0);
    }

    #[test]
    fn this_process_has_memory() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(rss_peak_mb(pid).unwrap() >= rss_mb(pid).unwrap() - 1.0);
    }
}
