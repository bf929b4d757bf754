//! The database's clock, as a process knows it.

use crate::consume::chain;
use crate::health::Part;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use topup_store::Store;

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
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// About now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        let own = Timestamp::now();
        own.checked_add(ahead).unwrap_or(own)
    }

    /// The database said `theirs` at some moment between `asked` and `answered` of our own clock.
    fn learn(&self, asked: Timestamp, theirs: Timestamp, answered: Timestamp) {
        let way = answered.duration_since(asked) / 2;
        let middle = asked.checked_add(way).unwrap_or(asked);
        let ahead_ms = theirs.duration_since(middle).as_millis();
        self.ahead_ms
            .store(i64::try_from(ahead_ms).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Keeps `/readyz` true to the database, and the clock true to its clock.
pub(super) async fn watch_database(store: Store, clock: Clock, part: Part) {
    loop {
        let asked = Timestamp::now();
        let pause = match tokio::time::timeout(DATABASE_LOOK_TIMEOUT, store.now()).await {
            Ok(Ok(theirs)) => {
                clock.learn(asked, theirs, Timestamp::now());
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
        let asked = Timestamp::now();
        let hour = SignedDuration::from_hours(1);
        clock.learn(asked, asked + hour, asked);
        assert!((clock.now().duration_since(Timestamp::now()) - hour).abs() < SignedDuration::from_secs(1));
        clock.learn(
            asked,
            asked + SignedDuration::from_secs(1),
            asked + SignedDuration::from_secs(2),
        );
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_secs(1));
    }
}
