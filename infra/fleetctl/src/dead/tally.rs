//! What would be moved, counted before anybody is asked.

use super::{cut, plain};
use crate::output::{count, grouped};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Different reasons that are counted one by one; further ones are counted together.
const REASONS_MAX: usize = 1_000;
/// Reasons of a queue that are shown.
const REASONS_SHOWN_MAX: usize = 5;
/// What further reasons are counted under.
const OTHER_REASONS: &str = "other reasons";

/// One queue's part.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Where they lie.
    pub(super) queue: String,
    /// All that lie there; none: there is no such queue.
    pub(super) messages: Option<u32>,
    /// How many were looked at.
    pub(super) looked_at: u32,
    /// How many of them are to be moved.
    pub(super) matched: u32,
    /// Where to; empty where they are thrown away.
    pub(super) to: BTreeMap<String, u32>,
    /// Why they were parked.
    reasons: BTreeMap<String, u32>,
    /// Why some that were asked for stay where they are.
    pub(super) stay: BTreeMap<String, u32>,
}

impl Tally {
    pub(super) fn of(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            ..Self::default()
        }
    }

    /// One is to be moved, to a queue or away.
    pub(super) fn moves(&mut self, to: Option<&str>, reason: Option<&str>) {
        self.matched += 1;
        if let Some(to) = to {
            add(&mut self.to, to);
        }
        add(&mut self.reasons, reason.unwrap_or("no reason was given"));
    }

    /// One was asked for, and stays.
    pub(super) fn stays(&mut self, why: &str) {
        add(&mut self.stay, why);
    }

    /// How many were asked for, and stay.
    pub(super) fn staying(&self) -> u32 {
        self.stay.values().sum()
    }

    /// Lines for a person; nothing where nothing was asked for.
    pub(super) fn told(&self, text: &mut String) -> std::fmt::Result {
        let of = self.messages.map(|all| grouped(all.into())).unwrap_or_default();
        if self.matched > 0 {
            let to: Vec<&str> = self.to.keys().map(String::as_str).collect();
            let to = if to.is_empty() {
                String::new()
            } else {
                format!(", to {}", to.join(", "))
            };
            let (queue, matched) = (&self.queue, grouped(self.matched.into()));
            writeln!(text, "{queue}: {matched} of {of}{to}")?;
            lines(text, &self.reasons)?;
        }
        if !self.stay.is_empty() {
            let staying = count(self.staying().into(), "message stays", "messages stay");
            writeln!(text, "{}: {staying} where it lies", self.queue)?;
            lines(text, &self.stay)?;
        }
        Ok(())
    }
}

fn add(counts: &mut BTreeMap<String, u32>, name: &str) {
    let name = if counts.len() < REASONS_MAX || counts.contains_key(name) {
        plain(name)
    } else {
        OTHER_REASONS.to_owned()
    };
    *counts.entry(name).or_default() += 1;
}

/// The most frequent ones first.
fn lines(text: &mut String, counts: &BTreeMap<String, u32>) -> std::fmt::Result {
    let (mut sorted, others): (Vec<_>, Vec<_>) = counts.iter().partition(|(name, _)| *name != OTHER_REASONS);
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (name, count) in sorted.iter().take(REASONS_SHOWN_MAX) {
        writeln!(text, "{:>9}  {}", grouped(u64::from(**count)), cut(name))?;
    }
    let rest = sorted.iter().skip(REASONS_SHOWN_MAX).chain(&others);
    let rest: u32 = rest.map(|(_, count)| **count).sum();
    if rest > 0 {
        writeln!(text, "{:>9}  {OTHER_REASONS}", grouped(rest.into()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_says_how_many_of_what_and_what_stays() {
        let mut tally = Tally::of("sms-sent.dead");
        tally.messages = Some(5_000);
        for n in 0..1_203 {
            let reason = if n < 1_200 {
                "S4: unknown account 9"
            } else {
                "a\nb"
            };
            tally.moves(Some("sms-sent"), Some(reason));
        }
        tally.stays("newer");
        let mut text = String::new();
        tally.told(&mut text).unwrap();
        assert_eq!(
            text,
            "sms-sent.dead: 1,203 of 5,000, to sms-sent\n    1,200  S4: unknown account 9\n        3  a\u{FFFD}b\n\
             sms-sent.dead: 1 message stays where it lies\n        1  newer\n"
        );
    }

    #[test]
    fn a_thousand_reasons_take_no_more_room_than_that() {
        let mut tally = Tally::of("sms-sent.dead");
        for n in 0..3 * REASONS_MAX {
            tally.moves(Some("sms-sent"), Some(&format!("unknown account {n}")));
        }
        assert_eq!(tally.reasons.len(), REASONS_MAX + 1);
        assert_eq!(tally.reasons.values().sum::<u32>(), tally.matched);
        let mut text = String::new();
        tally.told(&mut text).unwrap();
        assert_eq!(text.lines().count(), 2 + REASONS_SHOWN_MAX, "{text}");
    }
}
