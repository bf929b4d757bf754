//! What a command leaves behind: one report, printed as text or as one JSON document.
//!
//! Left out: progress and mistakes found on the way. Those go to standard error as they happen, in either form.

use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// How it went; decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done.
    Fine,
    /// Refused, or something that is wrong was found.
    Wrong,
}

impl Verdict {
    /// Fine where `fine` holds.
    pub(crate) fn fine_if(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Wrong }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Fine => Self::SUCCESS,
            Verdict::Wrong => Self::FAILURE,
        }
    }
}

/// A command's result in both forms.
#[derive(Debug)]
pub(crate) struct Report {
    /// JSON, its fields in the order of their declaration.
    document: String,
    text: String,
    verdict: Verdict,
}

impl Report {
    /// A result that is fine.
    pub(crate) fn fine(document: &impl Serialize, text: impl Into<String>) -> anyhow::Result<Self> {
        Self::new(document, text, Verdict::Fine)
    }

    /// `text`: lines for people, with or without the last line's end.
    pub(crate) fn new(
        document: &impl Serialize,
        text: impl Into<String>,
        verdict: Verdict,
    ) -> anyhow::Result<Self> {
        let document =
            serde_json::to_string_pretty(document).context("the result could not be written as JSON")?;
        Ok(Self {
            document,
            text: text.into(),
            verdict,
        })
    }

    /// Writes it to standard output. A reader that has gone away (`| head`) is no error.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<Verdict> {
        let text = if json {
            &self.document
        } else {
            self.text.trim_end()
        };
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error).context("standard output could not be written")
            }
            Ok(()) | Err(_) => Ok(self.verdict),
        }
    }
}

/// Which side a column's texts stand at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Columns under headings, two spaces apart.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    sides: [Side; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// With these headings.
    pub(crate) fn new(columns: [(&str, Side); N]) -> Self {
        Self {
            sides: columns.map(|(_, side)| side),
            rows: vec![columns.map(|(heading, _)| heading.to_owned())],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Nothing but headings.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The lines.
    pub(crate) fn render(&self) -> String {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), side) in row.iter().zip(widths).zip(self.sides) {
                let _infallible = match side {
                    Side::Left => write!(line, "{cell:<width$}  "),
                    Side::Right => write!(line, "{cell:>width$}  "),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// `1 line`, `2,000 lines`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// With its thousands set apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
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
    fn a_table_s_columns_stand_under_each_other() {
        let mut table = Table::new([
            ("WHO", Side::Left),
            ("CREDITS", Side::Right),
            ("STATE", Side::Left),
        ]);
        assert!(table.is_empty());
        table.row(["1001".into(), "540.5".into(), "ok".into()]);
        table.row(["5".into(), "-3".into(), "müde".into()]);
        assert_eq!(
            table.render(),
            "WHO   CREDITS  STATE\n\
             1001    540.5  ok\n\
             5          -3  müde\n"
        );
    }

    #[test]
    fn counts_are_readable() {
        assert_eq!(count(1, "line", "lines"), "1 line");
        assert_eq!(count(0, "line", "lines"), "0 lines");
        assert_eq!(count(1_234_567, "line", "lines"), "1,234,567 lines");
    }
}
