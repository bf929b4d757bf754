//! The fleet's processes: how many there are, how they end, and who takes their place.

use anyhow::{Result, ensure};
use reqwest::Client;
use topup_stack::Process;
use topup_tests::{App, AppOptions};

use super::Arena;
use crate::dice::Dice;
use crate::fault::{PROGRAMS, QUEUES};

/// How many of each kind run; one of the others.
const OF_EACH: usize = 2;

/// How a process is ended.
pub(super) enum End {
    Killed,
    Told,
}

impl Arena {
    /// Ends one process of a program.
    pub(super) async fn end(&self, program: &str, end: End, dice: &mut Dice) -> Result<()> {
        let mut app = self.app.lock().await;
        let mut of_it: Vec<&mut Process> = running(&mut app, program)?;
        ensure!(!of_it.is_empty(), "no {program} is running");
        let place = usize::try_from(dice.below(of_it.len() as u64)).unwrap_or_default();
        let process = of_it.swap_remove(place);
        match end {
            End::Killed => process.kill9().map(drop),
            End::Told => told_to_end(process).await,
        }
    }

    pub(super) async fn end_all(&self, program: &str) -> Result<()> {
        let mut app = self.app.lock().await;
        for process in running(&mut app, program)? {
            told_to_end(process).await?;
        }
        Ok(())
    }

    /// Kills the one that was started last, unless it is dead already: it was told to die somewhere.
    pub(super) async fn end_armed(&self, program: &str) -> Result<()> {
        let mut app = self.app.lock().await;
        let mut running = running(&mut app, program)?;
        if running.len() < wanted(program) {
            return Ok(());
        }
        running.pop().map_or(Ok(()), |process| process.kill9().map(drop))
    }

    /// Starts what is missing of a program.
    pub(super) async fn fill_up(&self, program: &'static str) -> Result<()> {
        let mut app = self.app.lock().await;
        let missing = wanted(program).saturating_sub(running(&mut app, program)?.len());
        app.fleet.add_many(program, missing).await
    }

    /// Every process, by its label, and the address of its own HTTP.
    pub(crate) async fn processes(&self) -> Vec<(String, String)> {
        let mut app = self.app.lock().await;
        let workers = app.fleet.workers().iter();
        workers
            .map(|worker| (worker.label().to_owned(), worker.http_url()))
            .collect()
    }

    /// Tells every process to end, which each has to do well.
    pub(crate) async fn end_everybody(&self) -> Result<()> {
        for program in PROGRAMS {
            self.end_all(program).await?;
        }
        Ok(())
    }
}

/// How many of a program there should be.
pub(crate) fn wanted(program: &str) -> usize {
    if QUEUES.contains(&program) { OF_EACH } else { 1 }
}

/// Those of a program that have not ended, in the order in which they were started.
fn running<'a>(app: &'a mut App, program: &str) -> Result<Vec<&'a mut Process>> {
    let mut running = Vec::new();
    for process in app.fleet.workers().iter_mut().filter(|it| it.name() == program) {
        if process.try_wait()?.is_none() {
            running.push(process);
        }
    }
    Ok(running)
}

/// SIGTERM; it has to end well, unless it was dead already.
async fn told_to_end(process: &mut Process) -> Result<()> {
    let status = process.terminate().await?;
    ensure!(
        status.success(),
        "{} ended with {status} when told to",
        process.label()
    );
    Ok(())
}

/// A fleet that meets everything within minutes: short pauses, small batches, two of each kind.
pub(super) fn options(spacing_s: u64) -> AppOptions {
    let settings = [
        ("SMS_SENT__BATCH_MAX", "200"),
        ("SMS_SENT__PREFETCH", "1000"),
        ("PAYSTACK__TIMEOUT", "2s"),
        ("PAYSTACK__BREAKER_PAUSE_FIRST", "1s"),
        ("PAYSTACK__BREAKER_PAUSE_MAX", "4s"),
        ("SMS__TIMEOUT", "3s"),
        ("SMTP__TIMEOUT", "3s"),
        ("INQUIRIES__FIRST", "1s"),
        ("INQUIRIES__MAX", "4s"),
        ("DATABASE__STATEMENT_TIMEOUT", "5s"),
        ("SWEEPER__INTERVAL", "2s"),
        ("SWEEPER__OUTBOX_OVERDUE", "2s"),
        ("SWEEPER__TOPUP_OVERDUE", "4s"),
        ("NOTIFICATIONS__ATTEMPTS_MAX", "100"),
        ("TOPUP_REQUESTED__ATTEMPTS_MAX", "100"),
        ("PAYMENT_RESULTS__ATTEMPTS_MAX", "100"),
    ];
    let mut options = AppOptions::whole()
        .spacing(&format!("{spacing_s}s"))
        .behind_wires();
    for (name, value) in settings {
        options = options.setting(name, value);
    }
    for queue in QUEUES {
        let name = queue.to_ascii_uppercase().replace('-', "_");
        options = options
            .count(queue, OF_EACH)
            .setting(&format!("{name}__RETRY_FIRST"), "1s")
            .setting(&format!("{name}__RETRY_MAX"), "4s");
    }
    options.sandbox("--pending", "2s").sandbox("--abandoned", "2s")
}

/// Who of these does not answer that it is ready.
pub(crate) async fn not_ready(client: &Client, processes: &[(String, String)]) -> Option<String> {
    let asked = processes.iter().map(|(label, url)| async move {
        let answer = client.get(format!("{url}/readyz")).send().await;
        let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
        (!is_ready).then(|| label.clone())
    });
    futures_util::future::join_all(asked)
        .await
        .into_iter()
        .flatten()
        .next()
}
