//! How often somebody tried of late: counted here, since there are many edges.
//!
//! What is counted is a key's business: the hash of an address of either kind, with what is tried in front. Whoever is over
//! the limit waits until its time is over; whoever goes on trying meanwhile waits twice as long, and again.

use crate::{Store, StoreError};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// How often the wait is doubled, at most: to sixteen times the window.
const DOUBLED_MAX: i32 = 4;
/// After so long nothing is known of anybody's tries any more, in seconds.
const FORGOTTEN_AFTER_S: f64 = 86_400.0;

/// How much is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLimit {
    /// So many tries …
    pub tries_max: u16,
    /// … in so long.
    pub window: Duration,
}

/// What came of counting a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It may be made.
    Allowed,
    /// It may not.
    TooMany {
        /// Not before so long.
        retry_after: Duration,
    },
}

impl Store {
    /// Counts a try before it is made, and says whether it may be. `key`: what is tried, and whose address; only its hash
    /// is kept.
    ///
    /// # Errors
    /// The database's.
    pub async fn count_try(&self, key: &str, limit: TryLimit) -> Result<Counted, StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached(include_str!("count_try.sql")).await?;
        let window_s = limit.window.as_secs_f64();
        let max = i32::from(limit.tries_max.max(1));
        let row = client
            .query_one(
                &statement,
                &[&hashed(key).as_slice(), &window_s, &max, &DOUBLED_MAX],
            )
            .await?;
        let (tries, left_s): (i32, f64) = (row.try_get("tries")?, row.try_get("left_s")?);
        Ok(if tries <= max {
            Counted::Allowed
        } else {
            Counted::TooMany {
                retry_after: Duration::from_secs_f64(left_s.max(1.0).ceil()),
            }
        })
    }

    /// A try turned out to be right, and does not count.
    ///
    /// # Errors
    /// The database's.
    pub async fn uncount_try(&self, key: &str) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("UPDATE sign_in_tries SET tries = greatest(tries - 1, 0) WHERE key = $1")
            .await?;
        client.execute(&statement, &[&hashed(key).as_slice()]).await?;
        Ok(())
    }

    /// Forgets all tries under a key: whoever it is has shown who it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_tries(&self, key: &str) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("DELETE FROM sign_in_tries WHERE key = $1")
            .await?;
        client.execute(&statement, &[&hashed(key).as_slice()]).await?;
        Ok(())
    }

    /// Forgets tries of long ago, `limit` keys at most. How many they were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_old_tries(&self, limit: i64) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "DELETE FROM sign_in_tries WHERE key IN (
                    SELECT key FROM sign_in_tries
                     WHERE window_start < clock_timestamp() - make_interval(secs => $1)
                     ORDER BY window_start LIMIT $2)",
            )
            .await?;
        client.execute(&statement, &[&FORGOTTEN_AFTER_S, &limit]).await
    }
}

fn hashed(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
