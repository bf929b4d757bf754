//! The line to the gateway, shared with every other process: leave is asked before a call, its end is told after.
//!
//! Left out: what is decided of both, which the rules do on the line's locked row.

use std::time::Duration;
use tokio::time::{Instant, sleep};
use topup_rules::lines::{Admission, CallClass, CallEnd, LinePolicy};
use topup_store::{Store, StoreError};

/// Least pause before leave is asked again.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Calls of one class to one gateway.
#[derive(Debug)]
pub struct Line {
    /// Where the line stands.
    pub store: Store,
    /// Which gateway: `paystack`.
    pub gateway: &'static str,
    /// What calls.
    pub class: CallClass,
    /// What the platform decided about them.
    pub policy: LinePolicy,
}

impl Line {
    /// Waits for leave to make one call, for `wait_max` at most. `false` where that was too short.
    ///
    /// # Errors
    /// The database's.
    pub async fn leave(&self, wait_max: Duration) -> Result<bool, StoreError> {
        let started = Instant::now();
        loop {
            let asked = self.store.admit_call(self.gateway, self.class, &self.policy);
            let until = match asked.await? {
                Admission::Now => return Ok(true),
                Admission::Later { until, why: _ } => until,
            };
            let left = until.duration_since(self.store.now().await?);
            let pause = Duration::try_from(left).unwrap_or_default().max(PAUSE_MIN);
            if started.elapsed().saturating_add(pause) > wait_max {
                return Ok(false);
            }
            sleep(pause).await;
        }
    }

    /// How a call ended.
    ///
    /// # Errors
    /// The database's; the line does not learn of it then.
    pub async fn ended(&self, end: CallEnd) -> Result<(), StoreError> {
        self.store
            .end_call(self.gateway, self.class, end, &self.policy)
            .await
    }
}
