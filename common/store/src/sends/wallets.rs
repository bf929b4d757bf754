//! The wallets, holds and top-ups that a batch of sends touches. Lock order: wallets, then holds.

use super::{Admitted, Debit, Path, Request, by_wallet, sum_milli};
use crate::StoreError;
use crate::rows;
use crate::transaction::Tx;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use topup_rules::account::Wallet;
use topup_rules::credits::Credits;
use topup_rules::holds::{Hold, use_hold};
use topup_rules::ids::{AccountId, WalletKey};
use topup_rules::money::Currency;
use topup_rules::sends::SendRefusal;
use uuid::Uuid;

/// Why each wallet that is not there is not: no such account, or no such service of it (S4).
pub(super) async fn refusals(
    tx: &Tx,
    admitted: &[Admitted<'_>],
    locked: &BTreeMap<WalletKey, Wallet>,
) -> Result<HashMap<WalletKey, SendRefusal>, StoreError> {
    let missing: BTreeSet<WalletKey> = admitted
        .iter()
        .map(|a| a.send.event.wallet())
        .filter(|key| !locked.contains_key(key))
        .collect();
    if missing.is_empty() {
        return Ok(HashMap::new());
    }
    let accounts: Vec<i64> = missing.iter().map(|k| k.account.get()).collect();
    let known = currencies(tx, &accounts).await?;
    Ok(missing
        .into_iter()
        .map(|key| {
            let refusal = if known.contains_key(&key.account) {
                SendRefusal::NoWallet(key)
            } else {
                SendRefusal::UnknownAccount(key.account)
            };
            (key, refusal)
        })
        .collect())
}

/// What each of the accounts pays in; unknown accounts are left out.
pub(crate) async fn currencies(
    tx: &Tx,
    accounts: &[i64],
) -> Result<HashMap<AccountId, Currency>, StoreError> {
    tx.query(
        "SELECT account_id, currency FROM accounts WHERE account_id = ANY($1)",
        &[&accounts],
    )
    .await?
    .iter()
    .map(|row| {
        Ok((
            rows::account_id(row, "account_id", "accounts")?,
            rows::name(row, "currency", "accounts")?,
        ))
    })
    .collect()
}

/// S5: the batch's sends use up their holds; returns the credits released per wallet.
pub(super) async fn use_holds(
    tx: &Tx,
    admitted: &[Admitted<'_>],
) -> Result<HashMap<WalletKey, Credits>, StoreError> {
    let with_hold: Vec<(&Admitted<'_>, Uuid)> = admitted
        .iter()
        .filter_map(|a| Some((a, a.send.event.batch_id?)))
        .collect();
    let mut released = HashMap::new();
    if with_hold.is_empty() {
        return Ok(released);
    }
    let mut holds = lock_holds(tx, &with_hold).await?;
    for (a, batch_id) in with_hold {
        let event = &a.send.event;
        let Some(hold) = holds.get_mut(&(event.wallet(), batch_id)) else {
            continue;
        };
        let covered = use_hold(hold, event.credits);
        hold.used = Credits::from_milli(hold.used.milli().saturating_add(covered.milli()));
        let sum: &mut Credits = released.entry(event.wallet()).or_default();
        *sum = Credits::from_milli(sum.milli().saturating_add(covered.milli()));
    }
    let keys: Vec<(&(WalletKey, Uuid), &Hold)> = holds.iter().collect();
    let accounts: Vec<i64> = keys.iter().map(|((wallet, _), _)| wallet.account.get()).collect();
    let batches: Vec<Uuid> = keys.iter().map(|((_, batch), _)| *batch).collect();
    let used: Vec<i64> = keys.iter().map(|(_, hold)| hold.used.milli()).collect();
    tx.execute(
        "UPDATE holds h SET used_milli = t.used_milli
           FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS t (account_id, batch_id, used_milli)
          WHERE h.account_id = t.account_id AND h.batch_id = t.batch_id",
        &[&accounts, &batches, &used],
    )
    .await?;
    Ok(released)
}

async fn lock_holds(
    tx: &Tx,
    with_hold: &[(&Admitted<'_>, Uuid)],
) -> Result<BTreeMap<(WalletKey, Uuid), Hold>, StoreError> {
    let keys: BTreeSet<(i64, Uuid)> = with_hold
        .iter()
        .map(|(a, batch)| (a.send.event.account_id.get(), *batch))
        .collect();
    let accounts: Vec<i64> = keys.iter().map(|k| k.0).collect();
    let batches: Vec<Uuid> = keys.iter().map(|k| k.1).collect();
    tx.query(
        "SELECT h.account_id, h.service, h.batch_id, h.credits_milli, h.used_milli, h.expires_at
           FROM unnest($1::bigint[], $2::uuid[]) AS k (account_id, batch_id)
           JOIN holds h USING (account_id, batch_id)
          WHERE h.state = 'open'
          ORDER BY h.account_id, h.batch_id
            FOR UPDATE OF h",
        &[&accounts, &batches],
    )
    .await?
    .iter()
    .map(|row| {
        let hold = Hold {
            credits: rows::credits(row, "credits_milli")?,
            used: rows::credits(row, "used_milli")?,
            open: true,
            expires_at: row.try_get("expires_at")?,
        };
        Ok(((rows::wallet_key(row, "holds")?, row.try_get("batch_id")?), hold))
    })
    .collect()
}

/// Debits the wallets of all these sends at once, and so locks them in their order. Returns them as they were
/// before. What is missing is left out.
pub(super) async fn take(
    tx: &Tx,
    admitted: &[Admitted<'_>],
) -> Result<BTreeMap<WalletKey, Wallet>, StoreError> {
    let sends = by_wallet(admitted);
    if sends.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (mut accounts, mut services, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for of_one in sends.chunk_by(|one, other| one.wallet() == other.wallet()) {
        if let Some(wallet) = of_one.first().map(|a| a.wallet()) {
            accounts.push(wallet.account.get());
            services.push(wallet.service.as_str());
            sums.push(sum_milli(of_one));
        }
    }
    let sql = format!(
        "UPDATE wallets w SET balance_milli = w.balance_milli - t.sum_milli
           FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS t (account_id, service, sum_milli)
          WHERE w.account_id = t.account_id AND w.service = t.service
         RETURNING {}, t.sum_milli",
        rows::WALLET_COLUMNS
    );
    tx.query(&sql, &[&accounts, &services, &sums])
        .await?
        .iter()
        .map(|row| {
            let mut wallet = rows::wallet(row)?;
            let sum: i64 = row.try_get("sum_milli")?;
            wallet.balance = Credits::from_milli(wallet.balance.milli() + sum);
            Ok((wallet.key, wallet))
        })
        .collect()
}

impl Debit<'_> {
    /// Whether the wallet's row says it all, but for a top-up that the debit opened.
    fn is_written(&self, path: Path) -> bool {
        match path {
            Path::Optimistic => !self.uses_holds && self.wallet.balance == self.taken,
            Path::Careful => false,
        }
    }
}

/// Writes the debited wallets of which something is not written yet, all in one statement.
pub(super) async fn write(
    tx: &Tx,
    debits: &[Debit<'_>],
    requests: &[Request],
    path: Path,
) -> Result<(), StoreError> {
    let opened: HashMap<WalletKey, Uuid> = requests.iter().map(|r| (r.wallet, r.topup_id)).collect();
    let debits: Vec<&Debit<'_>> = debits
        .iter()
        .filter(|d| !d.is_written(path) || opened.contains_key(&d.wallet.key))
        .collect();
    if debits.is_empty() {
        return Ok(());
    }
    let accounts: Vec<i64> = debits.iter().map(|d| d.wallet.key.account.get()).collect();
    let services: Vec<&str> = debits.iter().map(|d| d.wallet.key.service.as_str()).collect();
    let balances: Vec<i64> = debits.iter().map(|d| d.wallet.balance.milli()).collect();
    let held: Vec<i64> = debits.iter().map(|d| d.wallet.held.milli()).collect();
    let open: Vec<Option<Uuid>> = debits
        .iter()
        .map(|d| opened.get(&d.wallet.key).copied().or(d.wallet.open_topup))
        .collect();
    tx.execute(
        "UPDATE wallets w
            SET balance_milli = t.balance_milli, held_milli = t.held_milli, open_topup_id = t.open_topup_id
           FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[])
                AS t (account_id, service, balance_milli, held_milli, open_topup_id)
          WHERE w.account_id = t.account_id AND w.service = t.service",
        &[&accounts, &services, &balances, &held, &open],
    )
    .await?;
    Ok(())
}

/// The requested top-ups, one row each.
pub(super) async fn insert_topups(
    tx: &Tx,
    requests: &[Request],
    amounts_minor: &[Option<i64>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let accounts: Vec<i64> = requests.iter().map(|r| r.wallet.account.get()).collect();
    let ids: Vec<Uuid> = requests.iter().map(|r| r.topup_id).collect();
    let services: Vec<&str> = requests.iter().map(|r| r.wallet.service.as_str()).collect();
    let methods: Vec<&str> = requests.iter().map(|r| r.settings.method.as_str()).collect();
    let quantities: Vec<i64> = requests.iter().map(|r| r.settings.quantity.milli()).collect();
    let events: Vec<Uuid> = requests.iter().map(|r| r.event).collect();
    let balances: Vec<i64> = requests.iter().map(|r| r.balance.milli()).collect();
    let traces: Vec<Option<&str>> = requests.iter().map(|r| r.traceparent.as_deref()).collect();
    tx.execute(
        "INSERT INTO topups (account_id, topup_id, service, method, quantity_milli, amount_minor, currency, state,
                             trigger_event_id, trigger_milli, traceparent, requested_at)
         SELECT t.account_id, t.topup_id, t.service, t.method, t.quantity_milli, t.amount_minor, a.currency, 'requested',
                t.event_id, t.balance_milli, t.traceparent, $10
           FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::uuid[],
                       $8::bigint[], $9::text[])
                AS t (account_id, topup_id, service, method, quantity_milli, amount_minor, event_id, balance_milli, traceparent)
           JOIN accounts a USING (account_id)",
        &[&accounts, &ids, &services, &methods, &quantities, &amounts_minor, &events, &balances, &traces, &now],
    )
    .await?;
    Ok(())
}
