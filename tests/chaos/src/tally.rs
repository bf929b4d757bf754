//! What happened so far: faults by kind, recoveries, and what went wrong beside the verdict.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::plan::Step;

/// How long the fleet may take to be at work again after a fault is over.
pub(crate) const BAR: Duration = Duration::from_secs(5);

/// Counted while it happens.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// The counts.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Counts {
    /// Faults by kind; of a pair, both.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Steps that were pairs.
    pub(crate) pairs: u64,
    /// By kind, or `a + b` of a pair: the longest recovery in seconds.
    pub(crate) worst_recovery_s: BTreeMap<String, f64>,
    /// All of them, in seconds.
    #[serde(skip)]
    pub(crate) recoveries_s: Vec<f64>,
    /// Recoveries that took longer than the bar.
    pub(crate) over_5_s: u64,
    /// Messages that were published again, because a broker or a queue was lost.
    pub(crate) published_again: usize,
    /// Histories that were played on the store and on the model of the rules.
    pub(crate) histories: u64,
    /// What went wrong, beside what the judge finds.
    pub(crate) findings: Vec<String>,
    /// What is going on.
    #[serde(skip)]
    pub(crate) now: String,
}

impl Tally {
    /// As it stands.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    pub(crate) fn now(&self, what: impl Into<String>) {
        self.lock().now = what.into();
    }

    pub(crate) fn begun(&self, step: &Step) {
        let mut counts = self.lock();
        counts.now = step.told();
        counts.pairs += u64::from(step.blows.len() > 1);
        for blow in &step.blows {
            *counts.faults.entry(blow.fault.kind()).or_default() += 1;
        }
    }

    pub(crate) fn recovered(&self, step: &Step, took: Duration) {
        let kinds: Vec<&str> = step.blows.iter().map(|blow| blow.fault.kind()).collect();
        let took_s = took.as_secs_f64();
        let mut counts = self.lock();
        let worst = counts.worst_recovery_s.entry(kinds.join(" + ")).or_default();
        *worst = worst.max(took_s);
        counts.recoveries_s.push(took_s);
        counts.over_5_s += u64::from(took > BAR);
    }

    pub(crate) fn published_again(&self, count: usize) {
        self.lock().published_again += count;
    }

    pub(crate) fn histories(&self, count: u64) {
        let mut counts = self.lock();
        counts.histories = count;
        counts.now = format!("histories of the model: {count}");
    }

    pub(crate) fn finding(&self, what: String) {
        self.lock().findings.push(what);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// `kill 3, broker-pause 1`, the most frequent first.
    pub(crate) fn faults_told(&self) -> String {
        let mut faults: Vec<(&str, u64)> = self.faults.iter().map(|(kind, count)| (*kind, *count)).collect();
        faults.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let told: Vec<String> = faults
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        told.join(", ")
    }

    /// How many faults there were.
    pub(crate) fn faults_sum(&self) -> u64 {
        self.faults.values().sum()
    }

    /// The middle one of all recoveries, and the longest, in seconds.
    pub(crate) fn recovery_s(&self) -> (f64, f64) {
        let mut sorted = self.recoveries_s.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        (middle, sorted.last().copied().unwrap_or_default())
    }
}
