//! The database's clock, as a process knows it.

use crate::consume::chain;
use crate::health::Part;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use topup_store::{ClocksCompared, Store};

/// How often the database is asked whether it is there, and what time it is.
const DATABASE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// The same, while it is away: whoever waits for `/readyz` is not to wait much longer than for the database.
const DATABASE_LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long that question may take.
const DATABASE_LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// The database's clock as far as this process knows it: its own, corrected by how far the two lay apart when last
/// compared. A machine whose clock is wrong would otherwise delay messages by as much.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How far the database's is ahead of our own.
    ahead_ms: AtomicI64,
    was_compared: AtomicBool,
}

impl Clock {
    /// About now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.shared.ahead_ms.load(Ordering::Relaxed));
        let own = Timestamp::now();
        own.checked_add(ahead).unwrap_or(own)
    }

    /// How far our own is ahead of the database's; `None`: they were not compared yet.
    pub(super) fn own_is_ahead(&self) -> Option<SignedDuration> {
        let shared = &self.shared;
        let was_compared = shared.was_compared.load(Ordering::Acquire);
        was_compared.then(|| SignedDuration::from_millis(-shared.ahead_ms.load(Ordering::Relaxed)))
    }

    fn learn(&self, compared: ClocksCompared) {
        let ahead_ms = i64::try_from(compared.ahead().as_millis()).unwrap_or_default();
        self.shared.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        self.shared.was_compared.store(true, Ordering::Release);
    }
}

/// Keeps `/readyz` true to the database, and the clock true to its clock.
pub(super) async fn watch_database(store: Store, clock: Clock, part: Part) {
    loop {
        let pause = match tokio::time::timeout(DATABASE_LOOK_TIMEOUT, store.compare_clocks()).await {
            Ok(Ok(compared)) => {
                clock.learn(compared);
                part.ready();
                DATABASE_LOOK_EVERY
            }
            Ok(Err(error)) => {
                part.not_ready(chain(&error));
                DATABASE_LOOK_AGAIN
            }
            Err(_late) => {
                part.not_ready("no answer");
                DATABASE_LOOK_AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_databases() {
        let clock = Clock::default();
        assert_eq!(clock.own_is_ahead(), None);
        let asked = Timestamp::now();
        let hour = SignedDuration::from_hours(1);
        let learn = |theirs, answered| {
            clock.learn(ClocksCompared {
                asked,
                theirs,
                answered,
            });
        };
        learn(asked + hour, asked);
        assert_eq!(clock.own_is_ahead(), Some(-hour));
        assert!((clock.now().duration_since(Timestamp::now()) - hour).abs() < SignedDuration::from_secs(1));
        learn(
            asked + SignedDuration::from_secs(1),
            asked + SignedDuration::from_secs(2),
        );
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_secs(1));
    }
}
