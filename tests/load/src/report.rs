//! What was measured: as a table for people, as one JSON object for programs.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::machine::Machine;

/// One number.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Its name in the JSON object, unit last.
    pub(crate) key: String,
    /// Its name in the table.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

/// What one measurement yields.
#[derive(Debug)]
pub(crate) struct Section {
    /// What was done, in a line.
    pub(crate) title: String,
    pub(crate) figures: Vec<Figure>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) sections: Vec<Section>,
}

impl Figure {
    pub(crate) fn new(
        key: impl Into<String>,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
            value,
            unit,
        }
    }
}

impl Report {
    pub(crate) fn print(&self, json: bool) -> Result<()> {
        let text = if json {
            self.json().to_string()
        } else {
            self.table()
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .context("writing the report")
    }

    fn json(&self) -> Value {
        let figures = self.sections.iter().flat_map(|section| &section.figures);
        let mut object: Map<String, Value> = figures
            .map(|figure| (figure.key.clone(), json!(rounded(figure.value))))
            .collect();
        object.insert("machine".to_owned(), self.machine.json());
        Value::Object(object)
    }

    fn table(&self) -> String {
        let all = self.sections.iter().flat_map(|section| &section.figures);
        let width = all
            .map(|figure| figure.what.chars().count())
            .max()
            .unwrap_or_default();
        let mut text = format!("\n  {}\n", self.machine);
        for section in &self.sections {
            text.push_str(&format!("\n  {}\n", section.title));
            for figure in &section.figures {
                let Figure {
                    what, value, unit, ..
                } = figure;
                text.push_str(&format!("    {what:<width$}  {:>12} {unit}\n", readable(*value)));
            }
        }
        text
    }
}

/// Three decimals are more than any of the numbers is worth.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// `48,210`, `312`, `23.4`.
fn readable(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(readable(48_210.4), "48,210");
        assert_eq!(readable(312.2), "312");
        assert_eq!(readable(23.44), "23.4");
        assert!((rounded(1.234_56) - 1.235).abs() < f64::EPSILON);
    }
}
