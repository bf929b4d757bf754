//! `fleetctl status`: the whole fleet on one screen: queues, workers, and what waits.
//!
//! Broker and database are asked side by side; where one does not answer, the rest is shown all the same, and the one
//! is named (exit status 1). Left out: why one account was not topped up (`fleetctl why`), and what is wrong with a
//! set-up (`fleetctl doctor`).

mod look;
mod screen;

use crate::cli::StatusArgs;
use crate::fleet::Fleet;
use crate::output::{Report, Verdict};
use anyhow::{Context as _, ensure};
use look::{Look, Status};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// Between two looks.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// To the upper left corner, and everything behind it away.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Looks once, or until Ctrl-C.
///
/// # Errors
/// Settings; `--watch` without a terminal.
pub(crate) async fn run(fleet: &Fleet, args: &StatusArgs) -> anyhow::Result<Report> {
    let mut look = Look::at(fleet)?;
    if !args.watch {
        return report(&look.now().await);
    }
    ensure!(
        io::stdout().is_terminal(),
        "--watch needs a terminal; without one, call `fleetctl status` again and again"
    );
    let mut status = look.now().await;
    loop {
        draw(&format!("{}\nCtrl-C ends.", screen::render(&status)))?;
        tokio::select! {
            _asked = tokio::signal::ctrl_c() => break,
            next = async {
                tokio::time::sleep(WATCH_EVERY).await;
                look.now().await
            } => status = next,
        }
    }
    // The last look stays, in its place.
    draw("")?;
    report(&status)
}

fn report(status: &Status) -> anyhow::Result<Report> {
    let verdict = Verdict::fine_if(status.problems.is_empty());
    Report::new(status, screen::render(status), verdict)
}

fn draw(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{CLEAR}{text}")
        .and_then(|()| out.flush())
        .context("the terminal could not be written to")
}
