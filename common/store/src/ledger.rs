//! Entries of the ledger that are no sends, and the balances that they change.

use crate::transaction::Tx;
use crate::{StoreError, rows};
use jiff::Timestamp;
use topup_rules::credits::Credits;
use topup_rules::ids::WalletKey;
use topup_rules::low_credit;
use topup_rules::notices::{self, NoticeDraft};
use topup_rules::sends::entry_key;
use uuid::Uuid;

/// The kind of the receiver's entry of a move.
pub(crate) const TRANSFER_IN: &str = "transfer-in";

/// An entry that is no send.
pub(crate) struct Entry<'a> {
    /// Whose.
    pub(crate) wallet: WalletKey,
    /// `topup`, `transfer-in`, `transfer-out`, `adjustment`, `opening`.
    pub(crate) kind: &'static str,
    /// Signed.
    pub(crate) credits: Credits,
    /// What it belongs to; names the entry among those of its moment.
    pub(crate) detail: &'a str,
    /// By the database's clock.
    pub(crate) at: Timestamp,
}

impl Entry<'_> {
    fn key(&self) -> Uuid {
        entry_key(self.at, &format!("{}/{}/{}", self.wallet, self.kind, self.detail)).uuid()
    }
}

/// Whether the same entry was written before.
pub(crate) async fn is_posted(tx: &Tx, entry: &Entry<'_>) -> Result<bool, StoreError> {
    let row = tx
        .query_opt("SELECT FROM ledger WHERE event_id = $1", &[&entry.key()])
        .await?;
    Ok(row.is_some())
}

/// Writes an entry and changes the balance of its wallet, which is locked. Returns the new balance.
pub(crate) async fn post(tx: &Tx, entry: &Entry<'_>) -> Result<Credits, StoreError> {
    let Entry {
        wallet,
        kind,
        credits,
        detail,
        at,
    } = entry;
    let key = entry.key();
    tx.execute(
        "INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, sent_at, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &key,
            &wallet.account.get(),
            &wallet.service.as_str(),
            kind,
            &credits.milli(),
            at,
            detail,
        ],
    )
    .await?;
    let row = tx
        .query_one(
            "UPDATE wallets SET balance_milli = balance_milli + $3
              WHERE account_id = $1 AND service = $2
             RETURNING balance_milli",
            &[&wallet.account.get(), &wallet.service.as_str(), &credits.milli()],
        )
        .await?;
    rows::credits(&row, "balance_milli")
}

/// What a move of credits left behind.
pub(crate) struct Moved {
    /// The giver's new balance.
    pub(crate) from_balance: Credits,
    /// The receiver's new balance.
    pub(crate) to_balance: Credits,
}

/// Moves credits between two locked wallets. It is no send and triggers nothing (T3, X3), but the giver's
/// balance can cross its notice threshold (L1).
pub(crate) async fn move_credits(
    tx: &Tx,
    from: WalletKey,
    to: WalletKey,
    quantity: Credits,
    detail: &str,
    at: Timestamp,
) -> Result<(Moved, Vec<NoticeDraft>), StoreError> {
    let less = Credits::from_milli(-quantity.milli());
    let from_balance = post(
        tx,
        &Entry {
            wallet: from,
            kind: "transfer-out",
            credits: less,
            detail,
            at,
        },
    )
    .await?;
    let to_balance = post(
        tx,
        &Entry {
            wallet: to,
            kind: TRANSFER_IN,
            credits: quantity,
            detail,
            at,
        },
    )
    .await?;
    let drafts = low_credit_notice(tx, from, less, from_balance, detail).await?;
    Ok((
        Moved {
            from_balance,
            to_balance,
        },
        drafts,
    ))
}

/// L1: the notice that a change of a locked wallet's balance calls for, if it does.
pub(crate) async fn low_credit_notice(
    tx: &Tx,
    wallet: WalletKey,
    change: Credits,
    balance: Credits,
    cause: &str,
) -> Result<Vec<NoticeDraft>, StoreError> {
    let row = tx
        .query_one(
            "SELECT low_credit_threshold_milli FROM wallets WHERE account_id = $1 AND service = $2",
            &[&wallet.account.get(), &wallet.service.as_str()],
        )
        .await?;
    let threshold = rows::credits(&row, "low_credit_threshold_milli")?;
    let before = Credits::from_milli(balance.milli().saturating_sub(change.milli()));
    Ok(if low_credit::crossed(before, balance, threshold) {
        vec![notices::low_credit(wallet, balance, threshold, cause)]
    } else {
        Vec::new()
    })
}
