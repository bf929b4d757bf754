//! How the story looks: calm lines, at most 100 columns, colours only on a terminal that wants them.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use jiff::{SignedDuration, Timestamp};

use crate::stage::NotAsTold;

/// Columns of a line, at most.
const WIDTH: usize = 100;
/// What every line begins with, below a heading.
const INDENT: &str = "  ";
/// Columns of an offset, its plus sign included: `+ 0.123 s`.
const OFFSET_WIDTH: usize = 10;
/// Columns of a fact's name.
const FACT_WIDTH: usize = 18;

/// Writes to standard output. Whoever closed it does not want the story: the exit status still tells how it ended.
#[derive(Debug)]
pub(crate) struct Narrator {
    /// Colours.
    is_coloured: bool,
    /// Lines that change in place.
    is_live: bool,
    /// A changing line stands there and must go before the next one is written.
    has_passing_line: bool,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Timestamp,
    /// What, in a sentence.
    pub(crate) what: String,
}

/// A look; each has its ANSI code.
#[derive(Debug, Clone, Copy)]
enum Look {
    Bold,
    Dim,
    Green,
    Red,
    Cyan,
}

impl Look {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Red => "1;31",
            Self::Cyan => "36",
        }
    }
}

impl Moment {
    pub(crate) fn new(at: Timestamp, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
        }
    }
}

impl Narrator {
    pub(crate) fn on_stdout() -> Self {
        let is_live = io::stdout().is_terminal();
        // https://no-color.org: set, and not empty.
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            is_coloured: is_live && !is_plain,
            is_live,
            has_passing_line: false,
        }
    }

    /// The first line.
    pub(crate) fn title(&mut self, text: &str) {
        let line = self.looking(Look::Bold, text);
        self.line("");
        self.line(&format!("{INDENT}{line}"));
        self.line("");
    }

    /// A heading, with its number where it has one.
    pub(crate) fn heading(&mut self, number: Option<usize>, text: &str) {
        let heading = number.map_or_else(|| text.to_owned(), |number| format!("{number}  {text}"));
        let line = self.looking(Look::Bold, &heading);
        self.line("");
        self.line(&format!("{INDENT}{line}"));
        self.line("");
    }

    /// Words, wrapped.
    pub(crate) fn paragraph(&mut self, text: &str) {
        for line in wrapped(text, WIDTH - INDENT.len()) {
            self.line(&format!("{INDENT}{line}"));
        }
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.line("");
    }

    /// What is being done now, before the story.
    pub(crate) fn step(&mut self, text: &str) {
        let mark = self.looking(Look::Dim, "·");
        self.line(&format!("{INDENT}{mark} {text}"));
    }

    /// A name and its value.
    pub(crate) fn fact(&mut self, name: &str, value: &str) {
        let name = self.looking(Look::Dim, &format!("{name:<FACT_WIDTH$}"));
        self.hanging(&name, FACT_WIDTH, value);
    }

    /// Something to type.
    pub(crate) fn command(&mut self, command: &str) {
        let command = self.looking(Look::Cyan, command);
        self.line(&format!("{INDENT}{INDENT}{command}"));
    }

    /// What happened, in the order of time, each as an offset from `start`.
    pub(crate) fn moments(&mut self, start: Timestamp, mut moments: Vec<Moment>) {
        moments.sort_by_key(|moment| moment.at);
        for Moment { at, what } in moments {
            self.moment(Some(at.duration_since(start)), &what);
        }
    }

    /// One thing that happened, at an offset.
    pub(crate) fn moment(&mut self, offset: Option<SignedDuration>, what: &str) {
        let offset = offset.map(offset_text).unwrap_or_default();
        let offset = self.looking(Look::Dim, &format!("{offset:>OFFSET_WIDTH$}   "));
        self.hanging(&offset, OFFSET_WIDTH + 3, what);
    }

    /// What the moments come to; checked, so it bears a mark.
    pub(crate) fn outcome(&mut self, text: &str) {
        let mark = self.looking(Look::Green, "✓ ");
        self.hanging(&mark, 2, text);
    }

    /// What arrived, and why it was of no use.
    pub(crate) fn refusal(&mut self, what: &str, reason: &str) {
        let what = self.looking(Look::Cyan, what);
        self.line(&format!("{INDENT}{INDENT}{what}"));
        let arrow = self.looking(Look::Dim, "  → ");
        self.hanging(&arrow, 4, reason);
    }

    /// Somebody else's words, beside a bar.
    pub(crate) fn quote(&mut self, text: &str) {
        let bar = self.looking(Look::Dim, "│ ");
        let hang = OFFSET_WIDTH + 3;
        let beside = format!("{}{bar}", " ".repeat(hang));
        for line in text.trim_end().lines() {
            for line in wrapped(line, WIDTH - INDENT.len() - hang - 2) {
                self.line(format!("{INDENT}{beside}{line}").trim_end());
            }
        }
    }

    /// A line that the next one replaces; only where lines can change in place.
    pub(crate) fn passing(&mut self, text: &str) {
        if self.is_live {
            self.write(&format!(
                "\r\x1b[2K{}{text}",
                " ".repeat(INDENT.len() + OFFSET_WIDTH + 3)
            ));
            self.has_passing_line = true;
        }
    }

    /// Why it ended badly, on standard error.
    pub(crate) fn failure(&mut self, error: &anyhow::Error) {
        self.line("");
        let (heading, lines) = match error.downcast_ref::<NotAsTold>() {
            Some(not_as_told) => ("✗ This is not as told.", not_as_told.lines()),
            None => (
                "✗ The demo broke off.",
                format!("{error:#}").lines().map(str::to_owned).collect(),
            ),
        };
        let is_coloured = self.is_coloured && io::stderr().is_terminal();
        eprintln!("{INDENT}{}\n", coloured(is_coloured, Look::Red, heading));
        for line in lines {
            for line in wrapped(&line, WIDTH - INDENT.len()) {
                eprintln!("{INDENT}{line}");
            }
        }
    }

    /// Words beside something that takes `width` columns.
    fn hanging(&mut self, beside: &str, width: usize, text: &str) {
        let mut beside = beside.to_owned();
        for line in wrapped(text, WIDTH - INDENT.len() - width) {
            self.line(format!("{INDENT}{beside}{line}").trim_end());
            beside = " ".repeat(width);
        }
    }

    fn looking(&self, look: Look, text: &str) -> String {
        coloured(self.is_coloured, look, text)
    }

    fn line(&mut self, line: &str) {
        let clear = if self.has_passing_line { "\r\x1b[2K" } else { "" };
        self.has_passing_line = false;
        self.write(&format!("{clear}{line}\n"));
    }

    fn write(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

fn coloured(is_coloured: bool, look: Look, text: &str) -> String {
    match is_coloured {
        true => format!("\x1b[{}m{text}\x1b[0m", look.code()),
        false => text.to_owned(),
    }
}

/// `+ 0.031 s`; what happened before the start has a minus.
fn offset_text(offset: SignedDuration) -> String {
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{sign} {:.3} s", offset.abs().as_secs_f64())
}

/// Words in lines of at most `width` columns; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable x", 4), ["unbreakable", "x"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn offsets_bear_their_sign() {
        assert_eq!(offset_text(SignedDuration::from_millis(1_234)), "+ 1.234 s");
        assert_eq!(offset_text(SignedDuration::from_millis(-5)), "- 0.005 s");
    }
}
