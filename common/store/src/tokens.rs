//! E8, P3: tokens that no consent uses any more, until the gateway has forgotten them, too.
//!
//! Left out: which those are (`cards`), and asking the gateway.

use crate::sweep::microseconds;
use crate::{Store, StoreError, rows};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use topup_rules::ids::AccountId;
use topup_rules::retry::{NextTry, RetryPolicy};

/// A token that the gateway is to forget now, by whoever has this.
#[derive(Clone)]
pub struct TokenDue {
    /// Whose it was.
    pub account: AccountId,
    /// The token. A secret.
    pub authorization_code: String,
    /// Which gateway's: `paystack`.
    pub gateway: String,
    /// Tries before this one.
    pub tries: u32,
    /// From then on it is others' to see to.
    pub leased_until: Timestamp,
}

/// Without the token.
impl fmt::Debug for TokenDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDue")
            .field("account", &self.account)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}

/// What came of asking.
#[derive(Debug, Clone)]
pub enum TokenEnd {
    /// The gateway has forgotten it.
    Forgotten,
    /// It has not, or nobody knows. Asking again does no harm.
    Kept {
        /// Why, on one line.
        reason: String,
        /// It asked for at least this pause, in seconds.
        at_least_s: Option<u32>,
        /// C9: our own trouble, which is no try.
        is_ours: bool,
    },
}

impl Store {
    /// At most `limit` tokens that the gateway is to forget now, each leased to the caller for `lease`.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_tokens(&self, lease: SignedDuration, limit: i64) -> Result<Vec<TokenDue>, StoreError> {
        let lease_us = microseconds(lease);
        self.transact(|tx| async move {
            tx.query(
                "WITH due AS (
                     SELECT account_id, authorization_code FROM tokens_to_deactivate
                      WHERE due_at <= statement_timestamp()
                      ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
                 )
                 UPDATE tokens_to_deactivate t
                    SET due_at = clock_timestamp() + $1::bigint * interval '1 microsecond'
                   FROM due
                  WHERE t.account_id = due.account_id AND t.authorization_code = due.authorization_code
                 RETURNING t.account_id, t.authorization_code, t.gateway, t.tries, t.due_at",
                &[&lease_us, &limit],
            )
            .await?
            .iter()
            .map(|row| {
                Ok(TokenDue {
                    account: rows::account_id(row, "account_id", "tokens_to_deactivate")?,
                    authorization_code: row.try_get("authorization_code")?,
                    gateway: row.try_get("gateway")?,
                    tries: rows::count(row, "tries", "tokens_to_deactivate")?,
                    leased_until: row.try_get("due_at")?,
                })
            })
            .collect()
        })
        .await
    }

    /// Writes down what came of asking. Whether it is given up: after so many tries the token stays here, and is asked
    /// about no more.
    ///
    /// # Errors
    /// The database's; the gateway is asked again when the lease is over.
    pub async fn record_token(
        &self,
        due: &TokenDue,
        end: &TokenEnd,
        pauses: &RetryPolicy,
    ) -> Result<bool, StoreError> {
        let account = due.account.get();
        self.transact(|tx| async move {
            let (reason, at_least_s, is_ours) = match end {
                TokenEnd::Forgotten => {
                    tx.execute(
                        "DELETE FROM tokens_to_deactivate
                          WHERE account_id = $1 AND authorization_code = $2 AND due_at = $3",
                        &[&account, &due.authorization_code, &due.leased_until],
                    )
                    .await?;
                    return Ok(false);
                }
                TokenEnd::Kept {
                    reason,
                    at_least_s,
                    is_ours,
                } => (reason, at_least_s.unwrap_or(0), *is_ours),
            };
            let tries = if is_ours {
                due.tries
            } else {
                due.tries.saturating_add(1)
            };
            let delay_s = match pauses.after(tries.max(1)) {
                NextTry::After { delay_s } => Some(delay_s.max(at_least_s)),
                NextTry::GiveUp if is_ours => Some(pauses.max_s.max(at_least_s)),
                NextTry::GiveUp => None,
            };
            tx.execute(
                "UPDATE tokens_to_deactivate
                    SET tries = $4, detail = $5,
                        due_at = CASE WHEN $6::bigint IS NULL THEN 'infinity'::timestamptz
                                      ELSE clock_timestamp() + $6 * interval '1 second' END
                  WHERE account_id = $1 AND authorization_code = $2 AND due_at = $3",
                &[
                    &account,
                    &due.authorization_code,
                    &due.leased_until,
                    &i32::try_from(tries).unwrap_or(i32::MAX),
                    reason,
                    &delay_s.map(i64::from),
                ],
            )
            .await?;
            Ok(delay_s.is_none())
        })
        .await
    }
}
