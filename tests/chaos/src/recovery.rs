//! How long the fleet takes to be at work again by itself, once a fault is over.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Client;
use tokio::time::{Instant, sleep};
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::ledger_key;
use topup_tests::{Raw, event};

use crate::arena::{Arena, not_ready, wanted};
use crate::fault::QUEUES;
use crate::people::PROBE;
use crate::sender::Sender;

/// Who is not back by then needs a person.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(40);
/// After which an event that was sent to see it debited is sent again: its queue may have been gone.
const PROBE_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Waits until every process is ready, every queue has its consumers, and an event sent since then is debited.
pub(crate) async fn wait(arena: &Arena, sender: &Sender) -> Result<Duration> {
    let since = Instant::now();
    let client = Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(ANSWER_MAX)
        .build()
        .context("making an HTTP client")?;
    let processes = arena.processes().await;
    let probe = event(PROBE).message();
    sender.send(vec![probe.clone()]);
    let mut sent_at = Instant::now();
    loop {
        let missing = missing(arena, &client, &processes, &probe).await;
        let Some(missing) = missing else {
            return Ok(since.elapsed());
        };
        if since.elapsed() > RECOVERY_MAX {
            bail!("not at work again after {} s: {missing}", RECOVERY_MAX.as_secs());
        }
        if sent_at.elapsed() > PROBE_AGAIN {
            sender.send(vec![probe.clone()]);
            sent_at = Instant::now();
        }
        sleep(POLL).await;
    }
}

/// What is still missing, in words.
async fn missing(
    arena: &Arena,
    client: &Client,
    processes: &[(String, String)],
    probe: &Raw,
) -> Option<String> {
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
    let event: SmsSent = message::parse(probe.body(), None, None, None).ok()?;
    let key = ledger_key(event.event_id, event.sent_at);
    let sql = format!("SELECT count(*) FROM ledger WHERE event_id = '{key}'");
    match arena.eyes.count(&sql).await {
        Ok(1) => None,
        Ok(_) | Err(_) => Some("a new event is not debited".to_owned()),
    }
}
