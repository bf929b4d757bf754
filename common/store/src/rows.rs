//! Rows into the rules' words.

use crate::StoreError;
use std::str::FromStr;
use tokio_postgres::Row;
use topup_rules::account::{Account, AccountKind, AutoTopup, AutoTopupSettings, Caps, Wallet};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::money::{Currency, Money};
use topup_rules::topup::Topup;

/// The columns of a wallet, as [`wallet`] reads them. Prefixed with `w.`.
pub(crate) const WALLET_COLUMNS: &str = "w.account_id, w.service, w.balance_milli, w.held_milli, \
     w.low_credit_threshold_milli, w.auto_method, w.auto_threshold_milli, w.auto_quantity_milli, w.auto_enabled, \
     w.auto_disabled_reason, w.consecutive_failures, w.open_topup_id, w.auto_card_id";

/// The columns of a top-up, as [`topup`] reads them.
pub(crate) const TOPUP_COLUMNS: &str = "topup_id, account_id, service, method, quantity_milli, amount_minor, \
     currency, state, requested_at, due_at";

/// The columns of an account, as [`account`] reads them.
pub(crate) const ACCOUNT_COLUMNS: &str =
    "account_id, kind, parent_id, currency, cap_topups_per_day, cap_minor_per_month";

fn unreadable(table: &'static str, what: impl ToString) -> StoreError {
    StoreError::Unreadable {
        table,
        what: what.to_string(),
    }
}

/// A text column as one of the rules' names.
pub(crate) fn name<T: FromStr<Err: ToString>>(
    row: &Row,
    column: &str,
    table: &'static str,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column)?;
    text.parse()
        .map_err(|e: T::Err| unreadable(table, format!("{column} {text:?} {}", e.to_string())))
}

/// An account's number.
pub(crate) fn account_id(row: &Row, column: &str, table: &'static str) -> Result<AccountId, StoreError> {
    let id: i64 = row.try_get(column)?;
    AccountId::new(id).ok_or_else(|| unreadable(table, format!("{column} {id} is not positive")))
}

/// A small count.
pub(crate) fn count(row: &Row, column: &str, table: &'static str) -> Result<u32, StoreError> {
    let number: i32 = row.try_get(column)?;
    u32::try_from(number).map_err(|_| unreadable(table, format!("{column} {number} is negative")))
}

/// A credits column.
pub(crate) fn credits(row: &Row, column: &str) -> Result<Credits, StoreError> {
    Ok(Credits::from_milli(row.try_get(column)?))
}

/// The wallet that a row is about.
pub(crate) fn wallet_key(row: &Row, table: &'static str) -> Result<WalletKey, StoreError> {
    Ok(WalletKey {
        account: account_id(row, "account_id", table)?,
        service: name::<Service>(row, "service", table)?,
    })
}

/// A wallet of [`WALLET_COLUMNS`].
pub(crate) fn wallet(row: &Row) -> Result<Wallet, StoreError> {
    let method: Option<&str> = row.try_get("auto_method")?;
    let auto_topup = match method {
        None => AutoTopup::Off,
        Some(_) => {
            let settings = AutoTopupSettings {
                method: name(row, "auto_method", "wallets")?,
                threshold: credits(row, "auto_threshold_milli")?,
                quantity: credits(row, "auto_quantity_milli")?,
            };
            if row.try_get("auto_enabled")? {
                AutoTopup::Enabled(settings)
            } else {
                let reason: Option<String> = row.try_get("auto_disabled_reason")?;
                AutoTopup::Disabled {
                    settings,
                    reason: reason.unwrap_or_default(),
                }
            }
        }
    };
    Ok(Wallet {
        key: wallet_key(row, "wallets")?,
        balance: credits(row, "balance_milli")?,
        held: credits(row, "held_milli")?,
        low_credit_threshold: credits(row, "low_credit_threshold_milli")?,
        auto_topup,
        consecutive_failures: count(row, "consecutive_failures", "wallets")?,
        open_topup: row.try_get("open_topup_id")?,
    })
}

/// A top-up of [`TOPUP_COLUMNS`].
pub(crate) fn topup(row: &Row) -> Result<Topup, StoreError> {
    let amount: Option<i64> = row.try_get("amount_minor")?;
    let currency: Currency = name(row, "currency", "topups")?;
    Ok(Topup {
        id: row.try_get("topup_id")?,
        wallet: wallet_key(row, "topups")?,
        method: name(row, "method", "topups")?,
        quantity: credits(row, "quantity_milli")?,
        price: amount.map(|amount_minor| Money::new(amount_minor, currency)),
        state: name(row, "state", "topups")?,
        requested_at: row.try_get("requested_at")?,
        due_at: row.try_get("due_at")?,
    })
}

/// An account of [`ACCOUNT_COLUMNS`].
pub(crate) fn account(row: &Row) -> Result<Account, StoreError> {
    let parent: Option<i64> = row.try_get("parent_id")?;
    let kind = match parent {
        None => AccountKind::Main,
        Some(_) => AccountKind::Sub {
            parent: account_id(row, "parent_id", "accounts")?,
        },
    };
    let per_day: Option<i32> = row.try_get("cap_topups_per_day")?;
    Ok(Account {
        id: account_id(row, "account_id", "accounts")?,
        kind,
        currency: name(row, "currency", "accounts")?,
        caps: Caps {
            topups_per_day: per_day.and_then(|n| u32::try_from(n).ok()),
            amount_minor_per_month: row.try_get("cap_minor_per_month")?,
        },
    })
}
