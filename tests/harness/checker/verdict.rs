//! What the judge found.

use std::fmt;

use serde::Serialize;

/// Findings of one kind that are told one by one; all are counted.
const TOLD_MAX: usize = 12;

/// What was kept, and what was not. Every finding is one line for a person.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    /// Events that were promised, repeats not counted.
    pub events: u64,
    /// Of those: debited.
    pub debited: u64,
    /// Of those: still in a queue.
    pub waiting: u64,
    /// Messages in the queues for people.
    pub parked: u64,
    /// Captures at the gateway.
    pub captures: u64,
    /// Notices that were handed over, by distinct id.
    pub notices: u64,
    /// Accounts whose auto top-up was disabled by a failure.
    pub disabled: u64,
    /// Promised, and neither debited nor waiting nor parked.
    pub lost: Vec<String>,
    /// Debited twice, debited without having been sent, or a balance that sends do not explain.
    pub doubled: Vec<String>,
    /// Parked, and nobody can read why.
    pub parked_without_reason: Vec<String>,
    /// Money taken that brought no credits, or not the right ones.
    pub captures_uncredited: Vec<String>,
    /// Money taken twice under one reference, or credited twice.
    pub captures_doubled: Vec<String>,
    /// Credits of a card for which no money was taken.
    pub credits_uncaptured: Vec<String>,
    /// Captures of one account closer to each other than its spacing.
    pub captures_inside_spacing: Vec<String>,
    /// Told by more than one notice of a channel.
    pub notices_doubled: Vec<String>,
    /// Written down as told, and never handed over; or handed over, and never written down.
    pub notices_lost: Vec<String>,
    /// Auto top-up disabled though neither gateway nor balance refused.
    pub disabled_for_nothing: Vec<String>,
    /// What the operator's audit found; `None`: it is clean.
    pub audit: Option<String>,
}

impl Verdict {
    /// Everything was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.audit.is_none() && self.findings().iter().all(|(_, found)| found.is_empty())
    }

    /// Every kind of finding, with its name for people.
    #[must_use]
    pub fn findings(&self) -> [(&'static str, &[String]); 10] {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("parked without a reason", &self.parked_without_reason),
            ("captured, not credited", &self.captures_uncredited),
            ("captured or credited twice", &self.captures_doubled),
            ("credited, not captured", &self.credits_uncaptured),
            ("captured inside the spacing", &self.captures_inside_spacing),
            ("told twice", &self.notices_doubled),
            ("notices lost", &self.notices_lost),
            ("disabled for nothing", &self.disabled_for_nothing),
        ]
    }

    /// Fails where something was not kept.
    ///
    /// # Errors
    /// All of it.
    pub fn must_be_clean(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.is_clean(), "{self}");
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events: {} debited, {} waiting; {} messages parked; {} captures; {} notices; {} wallets disabled",
            self.events, self.debited, self.waiting, self.parked, self.captures, self.notices, self.disabled
        )?;
        for (name, found) in self.findings() {
            writeln!(f, "{name}: {}", found.len())?;
            for line in found.iter().take(TOLD_MAX) {
                writeln!(f, "  {line}")?;
            }
            if found.len() > TOLD_MAX {
                writeln!(f, "  and {} more", found.len() - TOLD_MAX)?;
            }
        }
        match &self.audit {
            None => write!(f, "audit: clean"),
            Some(found) => write!(f, "audit: NOT CLEAN\n{found}"),
        }
    }
}
