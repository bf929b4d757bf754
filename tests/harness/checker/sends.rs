//! What became of every event: the ledger, the balances, the queues.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::ledger_key;
use uuid::Uuid;

use super::super::app::App;
use super::super::broker::Parked;
use super::{Checker, Verdict};

/// Where an event may wait: its queue, and the levels that a retry comes down.
const QUEUE: &str = "sms-sent";
/// Levels of delayed messages.
const DELAY_LEVELS: u8 = 12;
/// Every queue for people. An event lies in its own, or, where its queue was gone, with what found none.
const PARKED: [&str; 6] = [
    "sms-sent.dead",
    "topup-requested.dead",
    "payment-results.dead",
    "notifications.dead",
    "topup.unroutable",
    "delay.v1.unroutable",
];

/// A wallet, as the ledger names it.
type Wallet = (i64, String);

/// Debits of the ledger.
struct Recorded {
    wallet: Wallet,
    milli: i64,
}

/// What lies in queues: events by key, and every body, for what is no event.
#[derive(Default)]
struct Lying {
    events: HashMap<Uuid, Vec<SmsSent>>,
    bodies: HashSet<Vec<u8>>,
}

impl Checker {
    pub(super) async fn judge_sends(&self, app: &App, verdict: &mut Verdict) -> Result<()> {
        let recorded = recorded(app).await?;
        let mut lying = Lying::default();
        for queue in PARKED {
            for message in looked_into(app, queue).await? {
                verdict.parked += 1;
                if message.reason().trim().is_empty() && !queue.ends_with("unroutable") {
                    let id = message.message_id.as_deref().unwrap_or("without an id");
                    verdict.parked_without_reason.push(format!("{queue}: {id}"));
                }
                if ["sms-sent.dead", "topup.unroutable"].contains(&queue) {
                    lying.add(message);
                }
            }
        }
        let missing = self.missing(&recorded, &lying);
        let waiting = if missing.is_empty() {
            Lying::default()
        } else {
            waiting(app).await?
        };
        verdict.events = self.promised() as u64;
        verdict.debited = self.sends.keys().filter(|key| recorded.contains_key(key)).count() as u64;
        for event in missing {
            if waiting.has(event) {
                verdict.waiting += 1;
            } else {
                let SmsSent {
                    event_id,
                    account_id,
                    credits,
                    ..
                } = event;
                verdict
                    .lost
                    .push(format!("{event_id} of account {account_id}, {credits} credits"));
            }
        }
        for body in &self.unusable {
            if waiting.bodies.contains(body) {
                verdict.waiting += 1;
            } else if !lying.bodies.contains(body) {
                let shown: String = String::from_utf8_lossy(body).chars().take(60).collect();
                verdict.lost.push(format!("what is no event: {shown}"));
            }
        }
        self.judge_doubles(&recorded, verdict);
        self.judge_balances(app, &recorded, verdict).await
    }

    /// Events that are neither in the ledger nor parked. Of several contents of one identity, one is debited; the
    /// others have to be parked.
    fn missing<'a>(&'a self, recorded: &HashMap<Uuid, Recorded>, lying: &Lying) -> Vec<&'a SmsSent> {
        let is_kept = |key: &Uuid, event: &SmsSent| {
            recorded.get(key).is_some_and(|it| it.is(event)) || lying.has(event)
        };
        self.sends
            .iter()
            .flat_map(|(key, variants)| variants.iter().map(move |event| (key, event)))
            .filter(|(key, event)| !is_kept(key, event))
            .map(|(_, event)| event)
            .collect()
    }

    /// Entries that no event explains: somebody was debited for nothing, or for the same thing again.
    fn judge_doubles(&self, recorded: &HashMap<Uuid, Recorded>, verdict: &mut Verdict) {
        for (key, entry) in recorded {
            let Some(variants) = self.sends.get(key) else {
                let (account, service) = &entry.wallet;
                verdict.doubled.push(format!(
                    "entry {key} of {account}/{service}, {} thousandths: nobody sent it",
                    entry.milli
                ));
                continue;
            };
            if !variants.iter().any(|event| entry.is(event)) {
                verdict
                    .doubled
                    .push(format!("entry {key} has another content than was sent"));
            }
        }
    }

    /// Balances, worked out from what was sent and from the entries that are no sends.
    async fn judge_balances(
        &self,
        app: &App,
        recorded: &HashMap<Uuid, Recorded>,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let mut balances: HashMap<Wallet, i64> = HashMap::new();
        let others = "SELECT account_id, service, sum(credits_milli)::bigint AS milli
                        FROM ledger WHERE kind <> 'send' GROUP BY account_id, service";
        for row in app.rows.client().query(others, &[]).await? {
            balances.insert(
                (row.try_get("account_id")?, row.try_get("service")?),
                row.try_get("milli")?,
            );
        }
        for (key, variants) in &self.sends {
            let Some(entry) = recorded.get(key) else { continue };
            if let Some(event) = variants.iter().find(|event| entry.is(event)) {
                *balances.entry(wallet(event)).or_default() -= event.credits.milli();
            }
        }
        let wallets = "SELECT account_id, service, balance_milli FROM wallets";
        for row in app.rows.client().query(wallets, &[]).await? {
            let key: Wallet = (row.try_get("account_id")?, row.try_get("service")?);
            let (is, should): (i64, i64) = (
                row.try_get("balance_milli")?,
                balances.get(&key).copied().unwrap_or_default(),
            );
            let (account, service) = key;
            let told = format!("{account}/{service} has {is} thousandths instead of {should}");
            match is.cmp(&should) {
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Less => verdict.doubled.push(told),
                std::cmp::Ordering::Greater => verdict.lost.push(told),
            }
        }
        Ok(())
    }
}

impl Recorded {
    fn is(&self, event: &SmsSent) -> bool {
        self.wallet == wallet(event) && self.milli == event.credits.milli()
    }
}

impl Lying {
    fn add(&mut self, message: Parked) {
        let id = message.message_id.as_deref();
        if let Ok(event) = message::parse::<SmsSent>(&message.body, id, message.kind.as_deref(), None) {
            let key = ledger_key(event.event_id, event.sent_at).uuid();
            self.events.entry(key).or_default().push(event);
        }
        self.bodies.insert(message.body);
    }

    fn has(&self, event: &SmsSent) -> bool {
        let key = ledger_key(event.event_id, event.sent_at).uuid();
        self.events
            .get(&key)
            .is_some_and(|variants| variants.contains(event))
    }
}

fn wallet(event: &SmsSent) -> Wallet {
    (event.account_id.get(), event.service.as_str().to_owned())
}

async fn recorded(app: &App) -> Result<HashMap<Uuid, Recorded>> {
    let closed = app.rows.count("SELECT count(*) FROM closed_days").await?;
    ensure!(closed == 0, "closed days can't be judged");
    let sql = "SELECT event_id, account_id, service, -credits_milli AS milli FROM ledger WHERE kind = 'send'";
    let rows = app.rows.client().query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let entry = Recorded {
                wallet: (row.try_get("account_id")?, row.try_get("service")?),
                milli: row.try_get("milli")?,
            };
            Ok((row.try_get("event_id")?, entry))
        })
        .collect()
}

async fn waiting(app: &App) -> Result<Lying> {
    let mut lying = Lying::default();
    let levels = (0..DELAY_LEVELS).map(|level| format!("delay.v1.{level:02}"));
    for queue in std::iter::once(QUEUE.to_owned()).chain(levels) {
        for message in looked_into(app, &queue).await? {
            lying.add(message);
        }
    }
    Ok(lying)
}

/// Nothing where there is no such queue, or nothing in it.
async fn looked_into(app: &App, queue: &str) -> Result<Vec<Parked>> {
    match app.broker.ready(queue).await? {
        None | Some(0) => Ok(Vec::new()),
        Some(_) => app.broker.look(queue).await,
    }
}
