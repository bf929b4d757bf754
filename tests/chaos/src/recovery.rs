//! How long the fleet takes to be at work again by itself, once a fault is over.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use tokio::time::{Instant, sleep};
use topup_stack::plain_client;
use topup_tests::event;

use crate::arena::{Arena, not_ready, wanted};
use crate::fault::QUEUES;
use crate::people::PROBE;
use crate::sender::Sender;

/// Who is not back by then needs a person.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// What is debited so far.
const DEBITED: &str = "SELECT count(*) FROM ledger WHERE kind = 'send'";
/// How often an event is sent to see one debited: where it went may have been gone.
const PROBE_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Waits until every process is ready, every queue has its consumers, and something is debited that was not before.
pub(crate) async fn wait(arena: &Arena, sender: &Sender) -> Result<Duration> {
    let since = Instant::now();
    let client = plain_client()
        .pool_max_idle_per_host(0)
        .timeout(ANSWER_MAX)
        .build()
        .context("making an HTTP client")?;
    let processes = arena.processes().await;
    let (mut debited_before, mut probed_at) = (None, None);
    loop {
        // There has to be something to debit, whatever became of what was there.
        if probed_at.is_none_or(|at: Instant| at.elapsed() > PROBE_AGAIN) {
            sender.send(vec![event(PROBE).message()]);
            probed_at = Some(Instant::now());
        }
        let missing = match idle(arena, &client, &processes).await {
            Some(idle) => idle,
            None => match (arena.eyes.count(DEBITED).await, debited_before) {
                (Ok(debited), Some(before)) if debited > before => return Ok(since.elapsed()),
                (Ok(_), Some(_)) => "nothing is debited".to_owned(),
                (Ok(debited), None) => {
                    debited_before = Some(debited);
                    continue;
                }
                (Err(error), _) => format!("{error:#}"),
            },
        };
        if since.elapsed() > RECOVERY_MAX {
            bail!("not at work again after {} s: {missing}", RECOVERY_MAX.as_secs());
        }
        sleep(POLL).await;
    }
}

/// Who does not work, in words.
async fn idle(arena: &Arena, client: &Client, processes: &[(String, String)]) -> Option<String> {
    if let Some(label) = not_ready(client, processes).await {
        return Some(format!("{label} is not ready"));
    }
    for queue in QUEUES {
        let consumers = match arena.eyes.queue(queue).await {
            Ok(Some(found)) => found.consumers,
            Ok(None) | Err(_) => 0,
        };
        if usize::try_from(consumers).unwrap_or_default() < wanted(queue) {
            return Some(format!("{queue} has {consumers} consumers"));
        }
    }
    None
}
