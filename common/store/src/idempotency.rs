//! What was answered to a request that bore an idempotency key, so that a repeat is answered the same.
//!
//! A key belongs to its caller. Whoever dies between the request and its answer leaves a row without one, and after a
//! minute the same request may begin again: what it makes is named after caller, key and the moment of the first try, so
//! it finds itself.
//! Left out: which requests bear a key, and what of them is hashed.

use crate::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

/// A request without an answer for so long is no longer in anybody's hand, in seconds. Longer than any answer takes.
const IN_HAND_MAX_S: f64 = 60.0;

/// What is known of a request as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBegun {
    /// It is to be done, and ended by [`Store::end_request`] or [`Store::release_request`].
    New {
        /// When it was first tried, by the database's clock: the same for every further try.
        begun_at: Timestamp,
    },
    /// The same was answered before.
    Same {
        /// HTTP's.
        status: u16,
        /// HTTP's.
        content_type: Option<String>,
        /// As it was sent.
        body: Vec<u8>,
    },
    /// The key was used for something else.
    Other,
    /// The same is being done by somebody else.
    InHand,
}

impl Store {
    /// Takes a request in hand, unless it was before. `hash` is of all that makes it this request and no other.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_request(
        &self,
        caller: Uuid,
        key: &str,
        hash: &[u8],
    ) -> Result<RequestBegun, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "INSERT INTO idempotent_requests AS r (caller, key, request_hash, held_until)
                 VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
                 ON CONFLICT (caller, key) DO UPDATE SET held_until = EXCLUDED.held_until
                    WHERE r.status IS NULL AND r.request_hash = EXCLUDED.request_hash
                      AND r.held_until < clock_timestamp()
                 RETURNING begun_at",
            )
            .await?;
        let begun = client
            .query_opt(&statement, &[&caller, &key, &hash, &IN_HAND_MAX_S])
            .await?;
        if let Some(row) = begun {
            let begun_at = row.try_get("begun_at")?;
            return Ok(RequestBegun::New { begun_at });
        }
        let statement = client
            .prepare_cached(
                "SELECT request_hash = $3 AS is_same, status, content_type, body
                   FROM idempotent_requests WHERE caller = $1 AND key = $2",
            )
            .await?;
        match client.query_opt(&statement, &[&caller, &key, &hash]).await? {
            Some(row) => before(&row),
            // Forgotten between the two looks: whoever asks again is the first.
            None => Ok(RequestBegun::InHand),
        }
    }

    /// Keeps the answer to a request in hand. One that is kept already stays.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_request(
        &self,
        caller: Uuid,
        key: &str,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE idempotent_requests SET status = $3, content_type = $4, body = $5
                  WHERE caller = $1 AND key = $2 AND status IS NULL",
            )
            .await?;
        // HTTP's end at 999.
        let status = i16::try_from(status).unwrap_or(i16::MAX);
        client
            .execute(&statement, &[&caller, &key, &status, &content_type, &body])
            .await?;
        Ok(())
    }

    /// Lets go of a request in hand, so that the same may be tried again at once: it came to no answer that would hold,
    /// and yet it may have done what it was to do.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_request(&self, caller: Uuid, key: &str) -> Result<(), StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE idempotent_requests SET held_until = begun_at
                  WHERE caller = $1 AND key = $2 AND status IS NULL",
            )
            .await?;
        client.execute(&statement, &[&caller, &key]).await?;
        Ok(())
    }

    /// Forgets requests that are older, the oldest first, `limit` at most. How many they were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_requests(&self, older_than: SignedDuration, limit: i64) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "DELETE FROM idempotent_requests WHERE (caller, key) IN (
                    SELECT caller, key FROM idempotent_requests
                     WHERE begun_at < clock_timestamp() - make_interval(secs => $1)
                     ORDER BY begun_at LIMIT $2)",
            )
            .await?;
        client
            .execute(&statement, &[&older_than.as_secs_f64(), &limit])
            .await
    }
}

fn before(row: &Row) -> Result<RequestBegun, StoreError> {
    if !row.try_get::<_, bool>("is_same")? {
        return Ok(RequestBegun::Other);
    }
    let status: Option<i16> = row.try_get("status")?;
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        return Ok(RequestBegun::InHand);
    };
    let body: Option<Vec<u8>> = row.try_get("body")?;
    Ok(RequestBegun::Same {
        status,
        content_type: row.try_get("content_type")?,
        body: body.unwrap_or_default(),
    })
}
