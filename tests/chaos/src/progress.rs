//! Where the run is: a line that changes on a terminal, a line now and then where there is none.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::arena::Arena;
use crate::sender::Sender;
use crate::tally::Tally;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two lines where there is no terminal.
const LOOKS_A_LINE: u32 = 10;

/// What the database knows of the work.
const WORK: &str = "SELECT
    (SELECT count(*) FROM ledger WHERE kind = 'send'),
    (SELECT count(*) FROM payments WHERE state = 'succeeded'),
    (SELECT count(*) FROM topups WHERE state = 'scheduled')";

/// Shows it until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    pub(crate) fn start(arena: Arc<Arena>, sender: Arc<Sender>, tally: Arc<Tally>, length: Duration) -> Self {
        let bar = ProgressBar::new(length.as_secs());
        // A template that can't be read leaves the usual one.
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:20} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let shown = bar.clone();
        let task = tokio::spawn(async move { show(&shown, &arena, &sender, &tally).await });
        Self { bar, task }
    }

    /// A line above the one that changes.
    pub(crate) fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            eprintln!("chaos: {text}");
        } else {
            self.bar.println(format!("chaos: {text}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

async fn show(bar: &ProgressBar, arena: &Arena, sender: &Sender, tally: &Tally) {
    let (mut seen, mut parked, mut waiting) = ([0; 3], 0, 0);
    let (begun, mut looks) = (Instant::now(), 0);
    loop {
        // While a server is away, the last look stands.
        if let Ok(counts) = arena.eyes.counts::<3>(WORK).await {
            seen = counts;
        }
        if let Ok(Some(queue)) = arena.eyes.queue("sms-sent").await {
            waiting = queue.ready;
            sender.hold_above(u64::from(waiting));
        }
        if let Ok(Some(queue)) = arena.eyes.queue("sms-sent.dead").await {
            parked = queue.ready;
        }
        let counts = tally.counts();
        let [debited, credited, scheduled] = seen;
        let told = format!(
            "{} faults · {} published, {debited} debited, {parked} parked, lag {} · {credited} credited, {scheduled} \
             scheduled · {}",
            counts.faults_sum(),
            sender.published(),
            u64::from(waiting) + sender.pending() as u64,
            counts.now,
        );
        bar.set_position(begun.elapsed().as_secs());
        bar.set_message(told.clone());
        if bar.is_hidden() && looks % LOOKS_A_LINE == 0 {
            eprintln!("chaos: {:>4} s  {told}", begun.elapsed().as_secs());
        }
        looks += 1;
        sleep(LOOK).await;
    }
}
