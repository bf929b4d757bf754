//! How far a long command is, on a terminal; mistakes above it. Nothing is shown where standard error is no terminal.

use crate::lines::{Lines, Mistake};
use crate::output::grouped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How often the bar moves while nothing is read.
const TICK: Duration = Duration::from_millis(200);
/// How often the bar is drawn, at most, a second.
const DRAWS_PER_SECOND: u8 = 10;

/// A bar by the file's bytes, or a counter where its length is not known.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For these lines.
    pub(crate) fn new(lines: &Lines) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        let (bar, template) = match lines.progress().1 {
            Some(total) => (
                ProgressBar::with_draw_target(Some(total), target),
                "{bar:40} {percent:>3} %  {msg}  {elapsed}, {eta} to go",
            ),
            None => (
                ProgressBar::with_draw_target(None, target),
                "{spinner} {msg}  {elapsed}",
            ),
        };
        Self::shown(bar, template)
    }

    fn shown(bar: ProgressBar, template: &str) -> Self {
        // A template that can't be read leaves the usual one.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self { bar }
    }

    /// For so many things, none of which is a line.
    pub(crate) fn of(total: u64) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{bar:40} {percent:>3} %  {human_pos} of {human_len}  {msg}  {elapsed}, {eta} to go";
        Self::shown(bar, template)
    }

    /// So many of them are dealt with.
    pub(crate) fn at(&self, position: u64, said: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_position(position);
            self.bar.set_message(said.to_owned());
        }
    }

    /// So far have `lines` been read, and so many were `done`.
    pub(crate) fn show(&self, lines: &Lines, done: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(lines.progress().0);
        self.bar.set_message(format!(
            "{} done, line {}",
            grouped(done),
            grouped(lines.number())
        ));
    }

    /// Says a mistake on standard error.
    pub(crate) fn say(&self, mistake: &Mistake) {
        // The bar is taken away while the line is written.
        self.bar.suspend(|| eprintln!("{mistake}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
