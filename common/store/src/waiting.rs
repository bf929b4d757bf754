//! What waits, for people: how many top-ups have not been taken up, and which of them should have been.

use crate::sweep::microseconds;
use crate::{Store, StoreError};
use jiff::SignedDuration;

/// Top-ups that were requested and not taken up yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitingTopups {
    /// How many.
    pub count: i64,
    /// How long ago the oldest was requested; 0 where there is none.
    pub oldest_age_s: f64,
    /// How many of them should have been taken up by now.
    pub overdue: i64,
    /// How long ago the one that is most overdue should have been; 0 where there is none.
    pub overdue_s: f64,
}

impl Store {
    /// Top-ups that wait for a worker, for their moment, or for an earlier one; overdue are those that should have been
    /// taken up `grace` ago.
    ///
    /// # Errors
    /// The database's.
    pub async fn waiting_topups(&self, grace: SignedDuration) -> Result<WaitingTopups, StoreError> {
        let client = self.client().await?;
        let row = client
            .query_one(include_str!("waiting/topups.sql"), &[&microseconds(grace)])
            .await?;
        Ok(WaitingTopups {
            count: row.try_get("topups")?,
            oldest_age_s: row.try_get("oldest_age_s")?,
            overdue: row.try_get("overdue")?,
            overdue_s: row.try_get("overdue_s")?,
        })
    }
}
