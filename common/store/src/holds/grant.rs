//! Leave for many batches at once: a commit costs the same for one and for hundreds.
//!
//! While the rules answer, and while answers travel, nobody's wallet is locked: who debits it would have to wait for a
//! process that the world outside keeps busy. Wallets and holds are read as they are, the rules answer one after the other,
//! each on what the ones before it left, and what they granted is written in one statement, which has another look at
//! what is available by then. Who can't be answered in this way is answered with the wallets locked.

use super::{HoldGrant, HoldWanted};
use crate::transaction::{Tx, transact_at_once};
use crate::{Store, StoreError, locks, rows};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use topup_rules::account::Wallet;
use topup_rules::credits::Credits;
use topup_rules::holds::{self, Answer, Hold};
use topup_rules::ids::{AccountId, Service, WalletKey};
use uuid::Uuid;

/// The wallets are taken one after the other, in the order of the arrays that name them, which is the lock order.
const BEGIN: &str = "BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off";
/// The same, with plans that are kept, for [`WALLETS`] and [`BEFORE`]: each can be followed in one way alone, by the key of
/// each that is named, whatever the tables are. They are made once a connection; making them anew would take longer than
/// they do. An UPDATE's target may be what the others are looked up for: its plan is made for its tables as they are.
const BEGIN_PLANNED: &str = "BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan";

impl Store {
    /// S5: answers each that asks, in their order, as if they had come one by one. Where it fails, some may have been
    /// granted; whoever asks again hears it.
    ///
    /// # Errors
    /// The database's.
    pub async fn grant_holds(&self, wanted: &[HoldWanted]) -> Result<Vec<HoldGrant>, StoreError> {
        let mut answers = match self.grant_unlocked(wanted).await {
            // The same batch asked elsewhere at the same moment, or a wallet was taken in another order: nothing was granted.
            Err(error) if is_elsewhere(&error) || error.is_contention() => vec![None; wanted.len()],
            answers => answers?,
        };
        let left: Vec<HoldWanted> = wanted
            .iter()
            .zip(&answers)
            .filter_map(|(wanted, answer)| answer.is_none().then_some(*wanted))
            .collect();
        let mut locked = self.grant_locked(&left).await?.into_iter();
        Ok(answers
            .iter_mut()
            .filter_map(|answer| answer.take().or_else(|| locked.next()))
            .collect())
    }

    /// As far as that is possible with nobody's wallet locked.
    async fn grant_unlocked(&self, wanted: &[HoldWanted]) -> Result<Vec<Option<HoldGrant>>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client().await?;
        let (keys, names) = (Keys::of(wanted), Names::of(wanted));
        let read = [
            (WALLETS.as_str(), &keys.params()[..]),
            (BEFORE, &names.params()[..]),
        ];
        let [wallets, before] = transact_at_once(&client, BEGIN_PLANNED, read).await?;
        let (now, before) = read_before(&before)?;
        let wallets = wallets
            .iter()
            .map(|row| rows::wallet(row).map(|wallet| (wallet.key, wallet)))
            .collect::<Result<_, _>>()?;
        let mut asked = Asked::new(wallets, before);
        let mut answers: Vec<Option<HoldGrant>> =
            wanted.iter().map(|w| asked.settled_answer(w, now)).collect();
        if asked.granted.is_empty() {
            return Ok(answers);
        }
        let writes = Writes::of(&asked.granted);
        let write = [(WRITE, &writes.params()[..])];
        let [stand] = transact_at_once(&client, BEGIN, write).await?;
        let stand: BTreeSet<WalletKey> = stand
            .iter()
            .map(|row| rows::wallet_key(row, "wallets"))
            .collect::<Result<_, _>>()?;
        for (wanted, answer) in wanted.iter().zip(&mut answers) {
            if matches!(answer, Some(HoldGrant::Granted { .. })) && !stand.contains(&wanted.wallet) {
                *answer = None;
            }
        }
        Ok(answers)
    }

    /// All of it is committed, or nothing. All their wallets are locked until then.
    async fn grant_locked(&self, wanted: &[HoldWanted]) -> Result<Vec<HoldGrant>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let once = || self.transact_as(BEGIN, |tx| async move { grant(&tx, wanted).await });
        match once().await {
            Err(error) if is_elsewhere(&error) => once().await,
            outcome => outcome,
        }
    }
}

/// The same batch asked at the same moment, at another edge or for another of the account's wallets, and was first.
fn is_elsewhere(error: &StoreError) -> bool {
    error.violates("holds_pk")
}

async fn grant(tx: &Tx, wanted: &[HoldWanted]) -> Result<Vec<HoldGrant>, StoreError> {
    let wallets = locks::wallets(tx, wanted.iter().map(|w| w.wallet)).await?;
    let (now, before) = read_before(&tx.query(BEFORE, &Names::of(wanted).params()).await?)?;
    let mut asked = Asked::new(wallets, before);
    let answers = wanted.iter().map(|w| asked.answer(w, now)).collect();
    if !asked.granted.is_empty() {
        let writes = Writes::of(&asked.granted);
        let stand = tx.query(WRITE, &writes.params()).await?;
        if stand.len() != writes.sums.0.len() {
            return Err(StoreError::Unreadable {
                table: "wallets",
                what: "what was available under a lock is not".to_owned(),
            });
        }
    }
    Ok(answers)
}

type Holds = HashMap<(AccountId, Uuid), (Service, Hold)>;

/// What the answers so far left.
struct Asked {
    wallets: BTreeMap<WalletKey, Wallet>,
    before: Holds,
    granted: Vec<(HoldWanted, Timestamp)>,
    /// Who hears nothing before it is known whether what they were granted stands.
    unsettled: HashSet<AccountId>,
}

impl Asked {
    fn new(wallets: BTreeMap<WalletKey, Wallet>, before: Holds) -> Self {
        Self {
            wallets,
            before,
            granted: Vec::new(),
            unsettled: HashSet::new(),
        }
    }

    /// The answer, unless it rests on what was granted just now, or somebody of the same account has none: what was
    /// granted counts only once it is written.
    fn settled_answer(&mut self, wanted: &HoldWanted, now: Timestamp) -> Option<HoldGrant> {
        let account = wanted.wallet.account;
        if self.unsettled.contains(&account) {
            return None;
        }
        let was_granted = self.granted.iter().any(|(w, _)| w.wallet.account == account);
        let answer = self.answer(wanted, now);
        if was_granted && !matches!(answer, HoldGrant::Granted { .. }) {
            self.unsettled.insert(account);
            return None;
        }
        Some(answer)
    }

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
}

/// The holds, and their sums into their wallets, of which the rules' answers stand: as much as they were granted is
/// available still. Those wallets come back.
const WRITE: &str = "
WITH held AS (
    UPDATE wallets w SET held_milli = w.held_milli + t.milli
      FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS t (account_id, service, milli)
     WHERE w.account_id = t.account_id AND w.service = t.service AND w.balance_milli - w.held_milli >= t.milli
    RETURNING w.account_id, w.service),
granted AS (
    INSERT INTO holds (account_id, service, batch_id, credits_milli, expires_at)
    SELECT g.*
      FROM unnest($4::bigint[], $5::text[], $6::uuid[], $7::bigint[], $8::timestamptz[])
               AS g (account_id, service, batch_id, credits_milli, expires_at)
      JOIN held USING (account_id, service))
SELECT account_id, service FROM held";

/// What [`WRITE`] is given.
struct Writes {
    /// What is to be set aside of each wallet, in the lock order.
    sums: (Vec<i64>, Vec<&'static str>, Vec<i64>),
    /// The holds: whose, of which service.
    of: (Vec<i64>, Vec<&'static str>),
    batches: Vec<Uuid>,
    credits: Vec<i64>,
    ends: Vec<Timestamp>,
}

impl Writes {
    fn of(granted: &[(HoldWanted, Timestamp)]) -> Self {
        let mut sums: BTreeMap<WalletKey, i64> = BTreeMap::new();
        for (w, _) in granted {
            let sum = sums.entry(w.wallet).or_default();
            *sum = sum.saturating_add(w.credits.milli());
        }
        let (accounts, services) = columns(sums.keys());
        Self {
            sums: (accounts, services, sums.values().copied().collect()),
            of: columns(granted.iter().map(|(w, _)| &w.wallet)),
            batches: granted.iter().map(|(w, _)| w.batch_id).collect(),
            credits: granted.iter().map(|(w, _)| w.credits.milli()).collect(),
            ends: granted.iter().map(|(_, expires_at)| *expires_at).collect(),
        }
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 8] {
        let Self {
            sums,
            of,
            batches,
            credits,
            ends,
        } = self;
        [&sums.0, &sums.1, &sums.2, &of.0, &of.1, batches, credits, ends]
    }
}

/// As arrays.
fn columns<'a>(keys: impl Iterator<Item = &'a WalletKey>) -> (Vec<i64>, Vec<&'static str>) {
    keys.map(|key| (key.account.get(), key.service.as_str())).unzip()
}

/// Wallets as they are, locked by nobody here. What is missing is left out.
static WALLETS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}
           FROM unnest($1::bigint[], $2::text[]) AS k (of_account, of_service)
          CROSS JOIN LATERAL (
                SELECT * FROM wallets WHERE account_id = k.of_account AND service = k.of_service OFFSET 0) w",
        rows::WALLET_COLUMNS
    )
});

/// What [`WALLETS`] is given: each once.
struct Keys(Vec<i64>, Vec<&'static str>);

impl Keys {
    fn of(wanted: &[HoldWanted]) -> Self {
        let keys: BTreeSet<WalletKey> = wanted.iter().map(|w| w.wallet).collect();
        let (accounts, services) = columns(keys.iter());
        Self(accounts, services)
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 2] {
        [&self.0, &self.1]
    }
}

/// The database's clock, and the holds that these batches have. LATERAL and OFFSET 0: one after the other, each by its key.
const BEFORE: &str = "
SELECT c.now, h.account_id, h.batch_id, h.service, h.credits_milli, h.used_milli, h.open, h.expires_at
  FROM (SELECT clock_timestamp() AS now) c
  LEFT JOIN (unnest($1::bigint[], $2::uuid[]) AS k (of_account, of_batch)
       CROSS JOIN LATERAL (
           SELECT account_id, batch_id, service, credits_milli, used_milli, state = 'open' AS open, expires_at
             FROM holds
            WHERE account_id = k.of_account AND batch_id = k.of_batch
           OFFSET 0) h) ON true";

/// What [`BEFORE`] is given: each once.
struct Names(Vec<i64>, Vec<Uuid>);

impl Names {
    fn of(wanted: &[HoldWanted]) -> Self {
        let names: BTreeSet<(i64, Uuid)> = wanted
            .iter()
            .map(|w| (w.wallet.account.get(), w.batch_id))
            .collect();
        let (accounts, batches) = names.into_iter().unzip();
        Self(accounts, batches)
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 2] {
        [&self.0, &self.1]
    }
}

fn read_before(found: &[Row]) -> Result<(Timestamp, Holds), StoreError> {
    let mut holds = Holds::new();
    let mut now = None;
    for row in found {
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
