//! How far a measurement is: a bar on a terminal, a line otherwise.

use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Several at once stand below each other.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar of `length` steps.
pub(crate) fn bar(what: &str, length: u64) -> ProgressBar {
    let bar = BARS.add(ProgressBar::new(length));
    if bar.is_hidden() {
        eprintln!("load: {what}");
        return bar;
    }
    // A template that can't be read leaves the usual one.
    let style = ProgressStyle::with_template("{msg:44} {bar:30} {pos}/{len}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(what.to_owned());
    bar
}
