//! The upstream sender: publishes at its pace, and again whatever was not confirmed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::ledger_key;
use topup_stack::Space;
use topup_tests::{Broker, Checker, Raw};

use crate::eyes::Eyes;
use crate::traffic::Traffic;

/// Between two lots.
const TICK: Duration = Duration::from_millis(100);
/// Messages of one lot, at most: one that is not confirmed is published again as a whole.
const LOT_MAX: usize = 200;
/// Messages that wait to be published, at most; a sender that can't get rid of them makes no more.
const PENDING_MAX: usize = 20_000;
/// Messages that the fleet may have to do before senders hold back.
const TO_DO_MAX: u64 = 2_000;
/// Longest wait for the broker.
const BROKER_MAX: Duration = Duration::from_secs(5);
/// Pause before the broker is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A running sender.
#[derive(Debug)]
pub(crate) struct Sender {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<VecDeque<Raw>>,
    promised: Mutex<Promised>,
    published: AtomicU64,
    is_making: AtomicBool,
    /// The fleet has more to do than it should: nothing new until it has caught up.
    is_held: AtomicBool,
    /// Whether a lot is on its way.
    under_way: AtomicBool,
}

/// What the broker confirmed: for the judge, and for publishing it again.
#[derive(Debug, Default)]
struct Promised {
    checker: Checker,
    messages: Vec<Raw>,
}

impl Sender {
    /// Begins to publish `per_second` messages of `traffic`.
    pub(crate) fn start(space: &Space, traffic: Traffic, per_second: u64) -> Self {
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            promised: Mutex::default(),
            published: AtomicU64::new(0),
            is_making: AtomicBool::new(true),
            is_held: AtomicBool::new(false),
            under_way: AtomicBool::new(false),
        });
        let lot = per_second * u64::try_from(TICK.as_millis()).unwrap_or(100) / 1_000;
        let making = make(Arc::clone(&shared), traffic, lot);
        let publishing = publish(Arc::clone(&shared), space.amqp_url().to_owned());
        let task = tokio::spawn(async move {
            tokio::join!(making, publishing);
        });
        Self { shared, task }
    }

    /// Puts messages before all that wait.
    pub(crate) fn send(&self, messages: Vec<Raw>) {
        let mut pending = lock(&self.shared.pending);
        for message in messages {
            pending.push_front(message);
        }
    }

    /// Makes nothing new while the fleet has so many messages to do: it is to meet faults at work, on a slow machine,
    /// too, and not to be buried.
    pub(crate) fn hold_above(&self, to_do: u64) {
        let is_held = to_do > TO_DO_MAX;
        self.shared.is_held.store(is_held, Ordering::Relaxed);
    }

    /// Messages that were confirmed, repeats included.
    pub(crate) fn published(&self) -> u64 {
        self.shared.published.load(Ordering::Relaxed)
    }

    /// Messages that wait to be published.
    pub(crate) fn pending(&self) -> usize {
        lock(&self.shared.pending).len()
    }

    /// Publishes again what a destroyed broker took with it: whatever was confirmed and is not recorded. Bad ones,
    /// too: where they were parked is gone as well.
    pub(crate) async fn publish_again(&self, eyes: &Eyes) -> Result<usize> {
        let recorded = eyes.recorded().await?;
        let missing: Vec<Raw> = lock(&self.shared.promised)
            .messages
            .iter()
            .filter(|message| match read(message) {
                None => true,
                Some(event) => {
                    let key = ledger_key(event.event_id, event.sent_at).uuid();
                    recorded.get(&key) != Some(&event.credits.milli())
                }
            })
            .cloned()
            .collect();
        let count = missing.len();
        lock(&self.shared.pending).extend(missing);
        Ok(count)
    }

    /// Makes nothing more, and waits until everything is confirmed; what is not by then stays unpromised.
    pub(crate) async fn flush(&self, most: Duration) -> bool {
        self.shared.is_making.store(false, Ordering::Relaxed);
        let until = Instant::now() + most;
        while Instant::now() < until {
            if self.pending() == 0 && !self.shared.under_way.load(Ordering::Relaxed) {
                return true;
            }
            sleep(TICK).await;
        }
        false
    }

    /// Ends it, and gives what was promised to it.
    pub(crate) fn end(&self) -> Checker {
        self.task.abort();
        std::mem::take(&mut lock(&self.shared.promised).checker)
    }
}

async fn make(shared: Arc<Shared>, mut traffic: Traffic, lot: u64) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while shared.is_making.load(Ordering::Relaxed) {
        ticks.tick().await;
        let mut pending = lock(&shared.pending);
        if pending.len() < PENDING_MAX && !shared.is_held.load(Ordering::Relaxed) {
            pending.extend(traffic.next(lot));
        }
    }
}

async fn publish(shared: Arc<Shared>, amqp_url: String) {
    let mut broker: Option<Broker> = None;
    loop {
        let lot: Vec<Raw> = {
            let mut pending = lock(&shared.pending);
            let count = pending.len().min(LOT_MAX);
            // Under the lock, so that a flush never sees an empty queue while a lot is in hand.
            shared.under_way.store(count > 0, Ordering::Relaxed);
            pending.drain(..count).collect()
        };
        if lot.is_empty() {
            sleep(TICK / 4).await;
            continue;
        }
        let confirmed = timeout(BROKER_MAX, async {
            let open = match broker.take() {
                Some(open) => open,
                None => Broker::connect(&amqp_url).await?,
            };
            open.publish(lot.iter().cloned()).await?;
            anyhow::Ok(open)
        })
        .await;
        match confirmed {
            Ok(Ok(open)) => {
                broker = Some(open);
                shared.published.fetch_add(lot.len() as u64, Ordering::Relaxed);
                let mut promised = lock(&shared.promised);
                for message in lot {
                    promised.checker.accepted_raw(&message);
                    promised.messages.push(message);
                }
            }
            // Some of it may have arrived; nobody promised anything.
            Ok(Err(_)) | Err(_) => {
                put_back(&shared, lot);
                sleep(PAUSE).await;
            }
        }
    }
}

fn put_back(shared: &Shared, lot: Vec<Raw>) {
    let mut pending = lock(&shared.pending);
    for message in lot.into_iter().rev() {
        pending.push_front(message);
    }
}

fn read(message: &Raw) -> Option<SmsSent> {
    message::parse(message.body(), message.id(), message.amqp_type(), None).ok()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
