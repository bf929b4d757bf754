//! What was measured: as a table for people, as one JSON object for programs.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::layout::{Of, Row, SECTIONS, readable, rows, words};
use crate::machine::Machine;
use crate::plan::Plan;
use crate::samples::Samples;

/// All of it.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) plan: &'a Plan,
    pub(crate) samples: &'a Samples,
    pub(crate) took_s: u64,
}

impl Report<'_> {
    pub(crate) fn print(&self) -> Result<()> {
        let text = if self.plan.json {
            self.json().to_string()
        } else {
            self.table()
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .context("writing the report")
    }

    /// Every figure by its name, null where this run did not measure it; under `samples` every round's numbers.
    fn json(&self) -> Value {
        let mut object = figures(self.samples);
        let all: Map<String, Value> = self
            .samples
            .all()
            .map(|(key, numbers)| {
                let numbers: Vec<f64> = numbers.iter().copied().map(rounded).collect();
                (key.to_owned(), json!(numbers))
            })
            .collect();
        object.insert("samples".to_owned(), Value::Object(all));
        object.insert("skipped".to_owned(), json!(self.samples.skipped()));
        object.insert("rounds".to_owned(), json!(self.plan.rounds));
        object.insert("sizes".to_owned(), json!(self.plan.sizes));
        object.insert("took_s".to_owned(), json!(self.took_s));
        object.insert("machine".to_owned(), self.machine.json());
        Value::Object(object)
    }

    fn table(&self) -> String {
        let Self {
            machine,
            plan,
            samples,
            took_s,
        } = self;
        let width = rows()
            .filter(|row| row.number(samples).is_some())
            .map(|row| words(row.what, &plan.sizes).chars().count())
            .max()
            .unwrap_or_default();
        let rounds = match plan.rounds {
            1 => "one round".to_owned(),
            rounds => format!("medians of {rounds} rounds"),
        };
        let mut text = format!("\n  {machine}\n  {rounds}, {took_s} s\n");
        for section in &SECTIONS {
            let lines: Vec<String> = section
                .rows
                .iter()
                .filter_map(|row| self.line(row, width))
                .collect();
            if !lines.is_empty() {
                text.push_str(&format!(
                    "\n  {}\n{}",
                    words(section.title, &plan.sizes),
                    lines.concat()
                ));
            }
        }
        for line in samples.skipped() {
            text.push_str(&format!("\n  {line}\n"));
        }
        text
    }

    /// With the range of the rounds, where there were several.
    fn line(&self, row: &Row, width: usize) -> Option<String> {
        let what = words(row.what, &self.plan.sizes);
        let number = readable(row.number(self.samples)?);
        let range = match (row.of, self.samples.of(row.key)) {
            (Of::Ratio(..), _) | (Of::Median, [] | [_]) => String::new(),
            (Of::Median, numbers) => {
                let least = numbers.iter().copied().reduce(f64::min)?;
                let most = numbers.iter().copied().reduce(f64::max)?;
                format!("  ({} to {})", readable(least), readable(most))
            }
        };
        let line = format!("    {what:<width$}  {number:>12} {}{range}", row.unit);
        Some(format!("{}\n", line.trim_end()))
    }
}

fn figures(samples: &Samples) -> Map<String, Value> {
    rows()
        .map(|row| (row.key.to_owned(), json!(row.number(samples).map(rounded))))
        .collect()
}

/// Three decimals are more than any of the numbers is worth.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_was_not_measured_is_null() {
        let mut samples = Samples::default();
        samples.add("debits_per_s", 50_000.123_456);
        samples.add("raw_drain_per_s", 100_000.0);
        let figures = figures(&samples);
        assert_eq!(figures["debits_per_s"], json!(50_000.123));
        assert_eq!(figures["debits_to_raw"], json!(0.5));
        assert_eq!(figures["naive_per_s"], Value::Null);
        assert_eq!(figures.len(), rows().count());
    }
}
