//! Wallets, locked: always in the order of their keys, before anything else of theirs.

use crate::StoreError;
use crate::rows;
use crate::transaction::Tx;
use std::collections::{BTreeMap, BTreeSet};
use topup_rules::account::Wallet;
use topup_rules::ids::{AccountId, WalletKey};

/// Locks wallets in their order, and reads them as they then are. What is missing is left out.
pub(crate) async fn wallets(
    tx: &Tx,
    keys: impl Iterator<Item = WalletKey>,
) -> Result<BTreeMap<WalletKey, Wallet>, StoreError> {
    let keys: BTreeSet<WalletKey> = keys.collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let accounts: Vec<i64> = keys.iter().map(|k| k.account.get()).collect();
    let services: Vec<&str> = keys.iter().map(|k| k.service.as_str()).collect();
    let sql = format!(
        "SELECT {} FROM unnest($1::bigint[], $2::text[]) AS k (account_id, service)
           JOIN wallets w USING (account_id, service)
          ORDER BY w.account_id, w.service
            FOR UPDATE OF w",
        rows::WALLET_COLUMNS
    );
    tx.query(&sql, &[&accounts, &services])
        .await?
        .iter()
        .map(|row| rows::wallet(row).map(|wallet| (wallet.key, wallet)))
        .collect()
}

/// Locks all the wallets that an account has, in their order.
pub(crate) async fn wallets_of(
    tx: &Tx,
    account: AccountId,
) -> Result<BTreeMap<WalletKey, Wallet>, StoreError> {
    let sql = format!(
        "SELECT {} FROM wallets w WHERE w.account_id = $1 ORDER BY w.service FOR UPDATE",
        rows::WALLET_COLUMNS
    );
    tx.query(&sql, &[&account.get()])
        .await?
        .iter()
        .map(|row| rows::wallet(row).map(|wallet| (wallet.key, wallet)))
        .collect()
}

/// Locks one wallet, and reads it as it then is.
pub(crate) async fn wallet(tx: &Tx, key: WalletKey) -> Result<Option<Wallet>, StoreError> {
    let sql = format!(
        "SELECT {} FROM wallets w WHERE w.account_id = $1 AND w.service = $2 FOR UPDATE",
        rows::WALLET_COLUMNS
    );
    tx.query_opt(&sql, &[&key.account.get(), &key.service.as_str()])
        .await?
        .as_ref()
        .map(rows::wallet)
        .transpose()
}
