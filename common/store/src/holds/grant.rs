//! Leave for many batches in one transaction: a commit costs the same for one and for hundreds.
//!
//! Four statements, however many ask: the wallets are locked, the holds of the same names are read, the rules answer one
//! after the other, each on what the ones before it left, and what was granted is written at once.

use super::{HoldGrant, HoldWanted};
use crate::transaction::Tx;
use crate::{Store, StoreError, locks, rows};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use topup_rules::account::Wallet;
use topup_rules::credits::Credits;
use topup_rules::holds::{self, Answer, Hold};
use topup_rules::ids::{AccountId, Service, WalletKey};
use uuid::Uuid;

/// Every row is looked up by its key, whatever the tables were like when that was planned: a plan is kept as long as its
/// connection, and one that was made while there were no holds would read all of them for each that asks.
const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off";

impl Store {
    /// S5: answers each that asks, in their order, as if they had come one by one; all of it is committed, or nothing.
    /// All their wallets are locked until then.
    ///
    /// # Errors
    /// The database's.
    pub async fn grant_holds(&self, wanted: &[HoldWanted]) -> Result<Vec<HoldGrant>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let once = || self.transact_as(BEGIN, |tx| async move { grant(&tx, wanted).await });
        match once().await {
            // The same batch asked for another of the account's wallets at the same moment, and was first.
            Err(error) if error.violates("holds_pk") => once().await,
            outcome => outcome,
        }
    }
}

async fn grant(tx: &Tx, wanted: &[HoldWanted]) -> Result<Vec<HoldGrant>, StoreError> {
    let wallets = locks::wallets(tx, wanted.iter().map(|w| w.wallet)).await?;
    let (now, before) = before(tx, wanted).await?;
    let mut asked = Asked {
        wallets,
        before,
        granted: Vec::new(),
    };
    let answers = wanted.iter().map(|w| asked.answer(w, now)).collect();
    asked.write(tx).await?;
    Ok(answers)
}

type Holds = HashMap<(AccountId, Uuid), (Service, Hold)>;

/// What the answers so far left.
struct Asked {
    wallets: BTreeMap<WalletKey, Wallet>,
    before: Holds,
    granted: Vec<(HoldWanted, Timestamp)>,
}

impl Asked {
    fn answer(&mut self, wanted: &HoldWanted, now: Timestamp) -> HoldGrant {
        let Some(wallet) = self.wallets.get_mut(&wanted.wallet) else {
            return HoldGrant::NoWallet;
        };
        let name = (wanted.wallet.account, wanted.batch_id);
        let before = self.before.get(&name).map(|(service, hold)| (*service, hold));
        match holds::answer(wallet, before, wanted.credits) {
            Answer::Granted => {
                let expires_at = now.checked_add(wanted.ttl).unwrap_or(Timestamp::MAX);
                wallet.held = Credits::from_milli(wallet.held.milli().saturating_add(wanted.credits.milli()));
                let hold = Hold {
                    credits: wanted.credits,
                    used: Credits::ZERO,
                    open: true,
                    expires_at,
                };
                self.before.insert(name, (wanted.wallet.service, hold));
                self.granted.push((*wanted, expires_at));
                HoldGrant::Granted { expires_at }
            }
            Answer::AlreadyGranted { expires_at } => HoldGrant::AlreadyGranted { expires_at },
            Answer::AlreadyEnded => HoldGrant::AlreadyEnded,
            Answer::Conflicting => HoldGrant::Conflicting,
            Answer::Refused { missing } => HoldGrant::Refused { missing },
            Answer::NotPositive => HoldGrant::NotPositive,
        }
    }

    /// The holds, and their sums into their locked wallets.
    async fn write(self, tx: &Tx) -> Result<(), StoreError> {
        if self.granted.is_empty() {
            return Ok(());
        }
        let granted = &self.granted;
        let accounts: Vec<i64> = granted.iter().map(|(w, _)| w.wallet.account.get()).collect();
        let services: Vec<&str> = granted.iter().map(|(w, _)| w.wallet.service.as_str()).collect();
        let batches: Vec<Uuid> = granted.iter().map(|(w, _)| w.batch_id).collect();
        let credits: Vec<i64> = granted.iter().map(|(w, _)| w.credits.milli()).collect();
        let ends: Vec<Timestamp> = granted.iter().map(|(_, expires_at)| *expires_at).collect();
        tx.execute(
            "WITH granted AS MATERIALIZED (
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[])
                            AS g (account_id, service, batch_id, credits_milli, expires_at)),
             held AS (
                 INSERT INTO holds (account_id, service, batch_id, credits_milli, expires_at) SELECT * FROM granted)
             UPDATE wallets w SET held_milli = w.held_milli + t.milli
               FROM (SELECT account_id, service, sum(credits_milli)::bigint AS milli
                       FROM granted GROUP BY account_id, service) t
              WHERE w.account_id = t.account_id AND w.service = t.service",
            &[&accounts, &services, &batches, &credits, &ends],
        )
        .await?;
        Ok(())
    }
}

/// The database's clock, now that the wallets are locked, and the holds that these batches have.
async fn before(tx: &Tx, wanted: &[HoldWanted]) -> Result<(Timestamp, Holds), StoreError> {
    let names: BTreeSet<(i64, Uuid)> = wanted
        .iter()
        .map(|w| (w.wallet.account.get(), w.batch_id))
        .collect();
    let (accounts, batches): (Vec<i64>, Vec<Uuid>) = names.into_iter().unzip();
    // LATERAL and OFFSET 0: one after the other, each by its key.
    let found = tx
        .query(
            "SELECT c.now, h.account_id, h.batch_id, h.service, h.credits_milli, h.used_milli, h.open, h.expires_at
               FROM (SELECT clock_timestamp() AS now) c
               LEFT JOIN (unnest($1::bigint[], $2::uuid[]) AS k (of_account, of_batch)
                    CROSS JOIN LATERAL (
                        SELECT account_id, batch_id, service, credits_milli, used_milli, state = 'open' AS open, expires_at
                          FROM holds
                         WHERE account_id = k.of_account AND batch_id = k.of_batch
                        OFFSET 0) h) ON true",
            &[&accounts, &batches],
        )
        .await?;
    let mut holds = Holds::new();
    let mut now = None;
    for row in &found {
        now = Some(row.try_get("now")?);
        let Some(batch_id) = row.try_get::<_, Option<Uuid>>("batch_id")? else {
            continue;
        };
        let hold = Hold {
            credits: rows::credits(row, "credits_milli")?,
            used: rows::credits(row, "used_milli")?,
            open: row.try_get("open")?,
            expires_at: row.try_get("expires_at")?,
        };
        let name = (rows::account_id(row, "account_id", "holds")?, batch_id);
        holds.insert(name, (rows::name(row, "service", "holds")?, hold));
    }
    let now = now.ok_or_else(|| StoreError::Unreadable {
        table: "holds",
        what: "the database did not tell the time".to_owned(),
    })?;
    Ok((now, holds))
}
