//! Leave to send (S5): credits set aside for a batch, used up by its events, released at the end.
//!
//! A batch's events use their hold where they are recorded, in the same transaction as their debit; that is not
//! here. Locks are taken in one order: wallets, then holds.

mod grant;

use crate::transaction::Tx;
use crate::{Store, StoreError, locks, rows};
use jiff::{SignedDuration, Timestamp};
use topup_rules::credits::Credits;
use topup_rules::holds::HoldState;
use topup_rules::ids::{AccountId, Service, WalletKey};
use uuid::Uuid;

/// A batch that asks leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldWanted {
    /// Whose credits.
    pub wallet: WalletKey,
    /// The batch, as its sender names it: an account has one hold of a name.
    pub batch_id: Uuid,
    /// What the batch costs.
    pub credits: Credits,
    /// How long they are set aside.
    pub ttl: SignedDuration,
}

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
    /// The batch has, or had, leave for other credits or another service.
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

/// A hold, as people and senders look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldView {
    /// The batch that it is for.
    pub batch_id: Uuid,
    /// Of which wallet.
    pub service: Service,
    /// Set aside in the beginning.
    pub credits: Credits,
    /// Of which the batch's events have used.
    pub used: Credits,
    /// Open, or how it ended.
    pub state: HoldState,
    /// When leave was given.
    pub created_at: Timestamp,
    /// When it is released by itself, or would have been.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Store {
    /// S5: asks leave for `cost` credits for a batch; granted, they are set aside for `ttl`.
    ///
    /// # Errors
    /// The database's.
    pub async fn grant_hold(
        &self,
        wallet: WalletKey,
        batch_id: Uuid,
        credits: Credits,
        ttl: SignedDuration,
    ) -> Result<HoldGrant, StoreError> {
        let wanted = HoldWanted {
            wallet,
            batch_id,
            credits,
            ttl,
        };
        let grants = self.grant_holds(&[wanted]).await?;
        // One answer an ask; without a wallet to ask of, that one.
        Ok(grants.first().copied().unwrap_or(HoldGrant::NoWallet))
    }

    /// An account's hold for a batch.
    ///
    /// # Errors
    /// The database's.
    pub async fn hold(&self, account: AccountId, batch_id: Uuid) -> Result<Option<HoldView>, StoreError> {
        let client = self.client().await?;
        let sql = client
            .prepare_cached(
                "SELECT batch_id, service, credits_milli, used_milli, state, created_at, expires_at, ended_at
                   FROM holds WHERE account_id = $1 AND batch_id = $2",
            )
            .await?;
        client
            .query_opt(&sql, &[&account.get(), &batch_id])
            .await?
            .map(|row| {
                Ok(HoldView {
                    batch_id: row.try_get("batch_id")?,
                    service: rows::name(&row, "service", "holds")?,
                    credits: rows::credits(&row, "credits_milli")?,
                    used: rows::credits(&row, "used_milli")?,
                    state: rows::name(&row, "state", "holds")?,
                    created_at: row.try_get("created_at")?,
                    expires_at: row.try_get("expires_at")?,
                    ended_at: row.try_get("ended_at")?,
                })
            })
            .transpose()
    }

    /// S5: the batch is through: releases what its events have not used.
    ///
    /// # Errors
    /// The database's.
    pub async fn close_hold(&self, account: AccountId, batch_id: Uuid) -> Result<HoldClose, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            let Some(service) = service_of(tx, account, batch_id).await? else {
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

/// The service of an account's hold for a batch, open or not.
async fn service_of(tx: &Tx, account: AccountId, batch_id: Uuid) -> Result<Option<Service>, StoreError> {
    tx.query_opt(
        "SELECT service FROM holds WHERE account_id = $1 AND batch_id = $2",
        &[&account.get(), &batch_id],
    )
    .await?
    .as_ref()
    .map(|row| rows::name(row, "service", "holds"))
    .transpose()
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
