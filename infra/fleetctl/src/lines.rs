//! NDJSON files, line by line, and the one line that is said about a mistake: file, line, field.
//!
//! Blank lines are passed over and counted; a line's end may be `\n` or `\r\n`; a byte-order mark is dropped.

use anyhow::Context as _;
use serde::Serialize;
use std::fmt;
use std::os::fd::AsFd as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};

/// What is read from the file at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;
/// What standard input is called in a mistake.
pub(crate) const STANDARD_INPUT: &str = "standard input";
/// What some editors put at the head of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One line of a file that can't be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// As it was named.
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: u64,
    /// `wallets[0].auto_topup.quantity`, where one is to blame.
    pub(crate) field: Option<String>,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        match &self.field {
            Some(field) => write!(f, "field `{field}`: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for Mistake {}

/// A line and its number, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: u64,
    /// Any bytes.
    pub(crate) text: Vec<u8>,
}

/// The lines of a file, or of standard input.
pub(crate) struct Lines {
    name: String,
    reader: Box<dyn AsyncBufRead + Unpin + Send>,
    line_max_bytes: usize,
    number: u64,
    bytes_read: u64,
    bytes_total: Option<u64>,
}

impl Lines {
    /// Opens `file`; `-` is standard input. A line longer than `line_max_bytes` is a mistake.
    ///
    /// # Errors
    /// The file can't be opened.
    pub(crate) fn open(file: &str, line_max_bytes: usize) -> anyhow::Result<Self> {
        let (name, opened) = match file {
            "-" => (
                STANDARD_INPUT,
                std::io::stdin()
                    .as_fd()
                    .try_clone_to_owned()
                    .map(std::fs::File::from),
            ),
            file => (file, std::fs::File::open(file)),
        };
        let opened = opened.with_context(|| format!("{name} can't be opened"))?;
        let facts = opened
            .metadata()
            .with_context(|| format!("{name} can't be read"))?;
        anyhow::ensure!(!facts.is_dir(), "{name} is a directory");
        let reader = BufReader::with_capacity(BUFFER_BYTES, tokio::fs::File::from_std(opened));
        let mut lines = Self::new(name, Box::new(reader), line_max_bytes);
        lines.bytes_total = facts.is_file().then_some(facts.len());
        Ok(lines)
    }

    fn new(name: &str, reader: Box<dyn AsyncBufRead + Unpin + Send>, line_max_bytes: usize) -> Self {
        Self {
            name: name.to_owned(),
            reader,
            line_max_bytes,
            number: 0,
            bytes_read: 0,
            bytes_total: None,
        }
    }

    /// What it is called in a mistake.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The number of the line that was read last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How far it is read, in bytes, and how long it is where that is known.
    pub(crate) fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes_read, self.bytes_total)
    }

    /// A mistake in line `number` of this file.
    pub(crate) fn mistake(&self, number: u64, field: Option<String>, problem: impl Into<String>) -> Mistake {
        Mistake {
            file: self.name.clone(),
            line: number,
            field,
            problem: problem.into(),
        }
    }

    /// The next line that is not blank; `None` at the end. A line that is too long is passed over to its end and
    /// is a mistake.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Result<Line, Mistake>>> {
        loop {
            let mut text = Vec::new();
            let Some(length) = self.read_line(&mut text).await? else {
                return Ok(None);
            };
            self.number += 1;
            if self.number == 1 && text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..BYTE_ORDER_MARK.len());
            }
            if length > self.line_max_bytes {
                let problem = format!(
                    "the line is {length} bytes long, more than the limit of {}",
                    self.line_max_bytes
                );
                return Ok(Some(Err(self.mistake(self.number, None, problem))));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(Ok(Line {
                    number: self.number,
                    text,
                })));
            }
        }
    }

    /// Reads to the next line's end; keeps no more than the limit. The line's whole length; `None` at the end.
    async fn read_line(&mut self, text: &mut Vec<u8>) -> anyhow::Result<Option<usize>> {
        let mut length = 0;
        let mut started = false;
        loop {
            let chunk = self
                .reader
                .fill_buf()
                .await
                .with_context(|| format!("{} can't be read", self.name))?;
            if chunk.is_empty() {
                return Ok(started.then_some(length));
            }
            started = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            let room = (self.line_max_bytes + 1).saturating_sub(text.len());
            text.extend(part.iter().take(room));
            length += part.len();
            let consumed = part.len() + usize::from(end.is_some());
            self.bytes_read += consumed as u64;
            self.reader.consume(consumed);
            if end.is_some() {
                if length <= self.line_max_bytes + 1 && text.last() == Some(&b'\r') {
                    text.pop();
                    length -= 1;
                }
                return Ok(Some(length));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &'static [u8], line_max_bytes: usize) -> Vec<(u64, Result<Vec<u8>, String>)> {
        // A small buffer, so that lines lie across its borders.
        let reader = BufReader::with_capacity(3, bytes);
        let mut lines = Lines::new("f", Box::new(reader), line_max_bytes);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            let number = lines.number();
            seen.push((
                number,
                line.map(|line| line.text).map_err(|mistake| mistake.to_string()),
            ));
        }
        assert_eq!(lines.progress(), (bytes.len() as u64, None));
        seen
    }

    #[tokio::test]
    async fn lines_are_counted_with_the_blank_ones() {
        let seen = all(b"\xEF\xBB\xBFone\r\n\n  \t\ntwo\n\xFF\nlast", 100).await;
        let expected: [(u64, &[u8]); 4] = [(1, b"one"), (4, b"two"), (5, b"\xFF"), (6, b"last")];
        assert_eq!(seen, expected.map(|(number, text)| (number, Ok(text.to_vec()))));
        assert_eq!(all(b"", 100).await, []);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_a_mistake_and_the_next_is_read() {
        let too_long = "f:2: the line is 8 bytes long, more than the limit of 4".to_owned();
        let expected = [
            (1, Ok(b"four".to_vec())),
            (2, Err(too_long)),
            (3, Ok(b"{}".to_vec())),
        ];
        assert_eq!(all(b"four\r\ntoo long\n{}\n", 4).await, expected);
    }

    #[test]
    fn a_mistake_names_file_line_and_field() {
        let mut mistake = Mistake {
            file: "a.ndjson".into(),
            line: 7,
            field: Some("wallets[0].credits".into()),
            problem: "is missing".into(),
        };
        assert_eq!(
            mistake.to_string(),
            "a.ndjson:7: field `wallets[0].credits`: is missing"
        );
        mistake.field = None;
        assert_eq!(mistake.to_string(), "a.ndjson:7: is missing");
    }
}
