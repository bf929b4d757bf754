//! The report: what was done, what became of it, and how to have it again.

use std::fmt;

use serde::Serialize;
use topup_tests::Verdict;

use crate::tally::{BAR, Counts};

/// Everything that is told at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    /// The command that does the same again.
    pub(crate) again: String,
    pub(crate) took_s: u64,
    /// Messages that were confirmed, repeats included.
    pub(crate) published: u64,
    pub(crate) counts: Counts,
    /// `None`: it never came to judging.
    pub(crate) verdict: Option<Verdict>,
    /// Of everybody; kept where something is off.
    pub(crate) logs: String,
}

impl Outcome {
    /// Nothing is off.
    pub(crate) fn is_clean(&self) -> bool {
        self.counts.findings.is_empty() && self.verdict.as_ref().is_some_and(Verdict::is_clean)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "seed {}: {} faults, {} of them in pairs, in {} s",
            self.seed,
            counts.faults_sum(),
            2 * counts.pairs,
            self.took_s
        )?;
        writeln!(f, "  {}", counts.faults_told())?;
        let (middle_s, worst_s) = counts.recovery_s();
        writeln!(
            f,
            "recovery: {middle_s:.1} s (median), {worst_s:.1} s (worst), {} of {} over {} s",
            counts.over_5_s,
            counts.recoveries_s.len(),
            BAR.as_secs()
        )?;
        for (kinds, worst_s) in &counts.worst_recovery_s {
            writeln!(f, "  {worst_s:>5.1} s  {kinds}")?;
        }
        writeln!(
            f,
            "{} messages published, {} again after a loss; {} histories of the model",
            self.published, counts.published_again, counts.histories
        )?;
        match &self.verdict {
            Some(verdict) => writeln!(f, "{verdict}")?,
            None => writeln!(f, "it never came to judging")?,
        }
        for finding in &counts.findings {
            writeln!(f, "OFF: {finding}")?;
        }
        if self.is_clean() {
            write!(f, "clean; again: {}", self.again)
        } else {
            write!(f, "NOT CLEAN; again: {}\nlogs: {}", self.again, self.logs)
        }
    }
}
