//! Leave to send (S5): credits set aside for a batch, used up by its events, released at the end.
//!
//! A batch's events use their hold where they are recorded, in the same transaction as their debit; that is not
//! here. Locks are taken in one order: wallets, then holds.

use crate::transaction::Tx;
use crate::{Store, StoreError, locks, rows};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use topup_rules::credits::Credits;
use topup_rules::holds::{self, Hold, Leave};
use topup_rules::ids::{AccountId, Service, WalletKey};
use uuid::Uuid;

/// The answer to a sender who asks leave for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldGrant {
    /// The batch may go. Its cost is set aside until then.
    Granted {
        /// When what is left of it is released by itself.
        expires_at: Timestamp,
    },
    /// The same was granted before, and is still open.
    AlreadyGranted {
        /// When what is left of it is released by itself.
        expires_at: Timestamp,
    },
    /// The same batch had leave, and has ended: by its sender or by time.
    AlreadyEnded,
    /// The batch has leave for other credits or another service.
    Conflicting,
    /// The available credits do not cover it.
    Refused {
        /// What they fall short.
        missing: Credits,
    },
    /// A cost that is not above 0.
    NotPositive,
    /// No such account, or no such service of it.
    NoWallet,
}

/// What became of a hold that its sender ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldClose {
    /// It is closed, and what was left is available again.
    Closed {
        /// How much that was.
        released: Credits,
    },
    /// It had ended before.
    AlreadyEnded,
    /// The account has no hold of that name.
    Unknown,
}

impl Store {
    /// S5: asks leave for `cost` credits for a batch; granted, they are set aside for `ttl`.
    ///
    /// # Errors
    /// The database's.
    pub async fn grant_hold(
        &self,
        key: WalletKey,
        batch_id: Uuid,
        cost: Credits,
        ttl: SignedDuration,
    ) -> Result<HoldGrant, StoreError> {
        if !cost.is_positive() {
            return Ok(HoldGrant::NotPositive);
        }
        let once = || self.transact(|tx| async move { grant(&tx, key, batch_id, cost, ttl).await });
        match once().await {
            // The same batch asked for another of the account's wallets at the same moment, and was first.
            Err(error) if error.violates("holds_pk") => once().await,
            outcome => outcome,
        }
    }

    /// S5: the batch is through: releases what its events have not used.
    ///
    /// # Errors
    /// The database's.
    pub async fn close_hold(&self, account: AccountId, batch_id: Uuid) -> Result<HoldClose, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            let Some((service, _)) = hold_of(tx, account, batch_id).await? else {
                return Ok(HoldClose::Unknown);
            };
            // The service of a hold never changes; everything else is read again under the wallet's lock.
            locks::wallet(tx, WalletKey { account, service }).await?;
            let ended = end(tx, &[account.get()], &[batch_id], "closed").await?;
            Ok(match ended.first() {
                Some(released) => HoldClose::Closed { released: *released },
                None => HoldClose::AlreadyEnded,
            })
        })
        .await
    }

    /// S5: releases at most `limit` holds whose time is over. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn expire_holds(&self, limit: i64) -> Result<usize, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            let due = tx
                .query(
                    "SELECT account_id, batch_id, service FROM holds
                      WHERE state = 'open' AND expires_at <= clock_timestamp()
                      ORDER BY expires_at LIMIT $1",
                    &[&limit],
                )
                .await?;
            let accounts: Vec<i64> = due.iter().map(|row| row.get(0)).collect();
            let batches: Vec<Uuid> = due.iter().map(|row| row.get(1)).collect();
            let services: Vec<&str> = due.iter().map(|row| row.get(2)).collect();
            tx.query(
                "SELECT 1 FROM wallets
                  WHERE (account_id, service) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))
                  ORDER BY account_id, service FOR UPDATE",
                &[&accounts, &services],
            )
            .await?;
            Ok(end(tx, &accounts, &batches, "expired").await?.len())
        })
        .await
    }
}

async fn grant(
    tx: &Tx,
    key: WalletKey,
    batch_id: Uuid,
    cost: Credits,
    ttl: SignedDuration,
) -> Result<HoldGrant, StoreError> {
    let Some(wallet) = locks::wallet(tx, key).await? else {
        return Ok(HoldGrant::NoWallet);
    };
    if let Some((service, hold)) = hold_of(tx, key.account, batch_id).await? {
        return Ok(if service != key.service || hold.credits != cost {
            HoldGrant::Conflicting
        } else if hold.open {
            HoldGrant::AlreadyGranted {
                expires_at: hold.expires_at,
            }
        } else {
            HoldGrant::AlreadyEnded
        });
    }
    match holds::leave(&wallet, cost) {
        Leave::Refused { missing } => Ok(HoldGrant::Refused { missing }),
        Leave::Granted => {
            let now = tx.clock().await?;
            let expires_at = now.checked_add(ttl).unwrap_or(Timestamp::MAX);
            insert(tx, key, batch_id, cost, expires_at).await?;
            Ok(HoldGrant::Granted { expires_at })
        }
    }
}

/// An account's hold for a batch, open or not.
async fn hold_of(tx: &Tx, account: AccountId, batch_id: Uuid) -> Result<Option<(Service, Hold)>, StoreError> {
    tx.query_opt(
        "SELECT service, credits_milli, used_milli, state = 'open' AS open, expires_at
           FROM holds WHERE account_id = $1 AND batch_id = $2",
        &[&account.get(), &batch_id],
    )
    .await?
    .as_ref()
    .map(|row| Ok((rows::name(row, "service", "holds")?, hold(row)?)))
    .transpose()
}

fn hold(row: &Row) -> Result<Hold, StoreError> {
    Ok(Hold {
        credits: rows::credits(row, "credits_milli")?,
        used: rows::credits(row, "used_milli")?,
        open: row.try_get("open")?,
        expires_at: row.try_get("expires_at")?,
    })
}

async fn insert(
    tx: &Tx,
    key: WalletKey,
    batch_id: Uuid,
    cost: Credits,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "WITH held AS (
             INSERT INTO holds (account_id, batch_id, service, credits_milli, expires_at) VALUES ($1, $2, $3, $4, $5))
         UPDATE wallets SET held_milli = held_milli + $4 WHERE account_id = $1 AND service = $3",
        &[
            &key.account.get(),
            &batch_id,
            &key.service.as_str(),
            &cost.milli(),
            &expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// Ends the open ones of these holds, whose wallets are locked. Returns what each released.
async fn end(tx: &Tx, accounts: &[i64], batches: &[Uuid], state: &str) -> Result<Vec<Credits>, StoreError> {
    let ended = tx
        .query(
            "UPDATE holds h SET state = $3, ended_at = clock_timestamp()
               FROM unnest($1::bigint[], $2::uuid[]) AS t (account_id, batch_id)
              WHERE h.account_id = t.account_id AND h.batch_id = t.batch_id AND h.state = 'open'
             RETURNING h.account_id, h.service, h.credits_milli - h.used_milli",
            &[&accounts, &batches, &state],
        )
        .await?;
    let accounts: Vec<i64> = ended.iter().map(|row| row.get(0)).collect();
    let services: Vec<&str> = ended.iter().map(|row| row.get(1)).collect();
    let released: Vec<i64> = ended.iter().map(|row| row.get(2)).collect();
    tx.execute(
        "UPDATE wallets w SET held_milli = w.held_milli - t.released
           FROM (SELECT account_id, service, sum(milli)::bigint AS released
                   FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS u (account_id, service, milli)
                  GROUP BY account_id, service) t
          WHERE w.account_id = t.account_id AND w.service = t.service",
        &[&accounts, &services, &released],
    )
    .await?;
    Ok(released.into_iter().map(Credits::from_milli).collect())
}
