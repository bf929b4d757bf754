//! Accounts moved here from another system: one account at a time, all or nothing, repeatable.
//!
//! What is checked is what makes a line readable and its settings possible (E1, and quantity against threshold);
//! E2, E3 and 'credits above the threshold' were agreed elsewhere. An import triggers no top-up (T3), and enables
//! nothing that was disabled here.

mod check;
mod line;

pub(crate) use check::reached;
pub use check::{ContactProblem, ImportProblem, ImportRefusal};
pub use line::{AccountImport, AutoTopupImport, KindImport, WalletImport};

use crate::cards;
use crate::ledger::{self, Entry};
use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, events, locks, settings};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use topup_rules::account::{AccountKind, AutoTopup, AutoTopupSettings, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::written::Written;
use uuid::Uuid;

/// The reason of an auto top-up that a line brings along as not enabled.
const IMPORTED_DISABLED: &str = Written::NotEnabledInImport.as_str();

/// What an import did to an account or wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there before.
    Created,
    /// Something of it is different now.
    Updated,
    /// It was like that before.
    Unchanged,
}

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Which account.
    pub account_id: AccountId,
    /// What became of it.
    pub account: Change,
    /// What became of its wallets, in the order of the line.
    pub wallets: Vec<ImportedWallet>,
}

/// What became of one wallet of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedWallet {
    /// Which.
    pub service: Service,
    /// What became of it.
    pub change: Change,
    /// What the line asked for and did not get, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl AccountImport {
    /// The first mistake of this line by itself, whatever is there already; otherwise the account's kind.
    ///
    /// # Errors
    /// The field, and what is wrong with it.
    pub fn check(&self) -> Result<AccountKind, ImportRefusal> {
        check::line(self)
    }
}

impl Store {
    /// Imports one account, in one transaction. A refusal changes nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn import_account(
        &self,
        line: &AccountImport,
    ) -> Result<Result<Imported, ImportRefusal>, StoreError> {
        let kind = match line.check() {
            Ok(kind) => kind,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let imported = self.transact(|tx| async move {
            let keys = line.wallets.iter().map(|w| w.key(line.account_id));
            let existing = locks::wallets(&tx, keys).await?;
            if let Err(refusal) = fits_what_is_there(&tx, line, kind).await? {
                return Ok(Err(refusal));
            }
            let mut events = Vec::new();
            let imported = write(&tx, line, existing, &mut events).await?;
            Ok(Ok((imported, events)))
        });
        Ok(imported.await?.map(|(imported, events)| {
            self.publish(events);
            imported
        }))
    }
}

/// What only the database knows: a sub's parent is a main account, and no account ever changes its kind.
async fn fits_what_is_there(
    tx: &Tx,
    line: &AccountImport,
    kind: AccountKind,
) -> Result<Result<(), ImportRefusal>, StoreError> {
    let problem = |field: &str, problem| {
        Ok(Err(ImportRefusal {
            field: field.to_owned(),
            problem,
        }))
    };
    match kind_of(tx, line.account_id).await? {
        Some(before) if before != line.kind => return problem("kind", ImportProblem::KindChanged { before }),
        Some(_) | None => {}
    }
    let AccountKind::Sub { parent } = kind else {
        return Ok(Ok(()));
    };
    match kind_of(tx, parent).await? {
        Some(KindImport::Main) => Ok(Ok(())),
        Some(KindImport::Sub) => problem("parent_id", ImportProblem::ParentIsSub { parent }),
        None => problem("parent_id", ImportProblem::NoParent { parent }),
    }
}

async fn kind_of(tx: &Tx, account: AccountId) -> Result<Option<KindImport>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT parent_id IS NULL FROM accounts WHERE account_id = $1 FOR KEY SHARE",
            &[&account.get()],
        )
        .await?;
    Ok(row.map(|row| {
        if row.get(0) {
            KindImport::Main
        } else {
            KindImport::Sub
        }
    }))
}

async fn write(
    tx: &Tx,
    line: &AccountImport,
    existing: BTreeMap<WalletKey, Wallet>,
    events: &mut Vec<OutboxMessage>,
) -> Result<Imported, StoreError> {
    let account = write_account(tx, line).await?;
    let now = tx.clock().await?;
    let mut wallets = Vec::with_capacity(line.wallets.len());
    for wallet in &line.wallets {
        let before = existing.get(&wallet.key(line.account_id));
        wallets.push(write_wallet(tx, line.account_id, wallet, before, now, events).await?);
    }
    Ok(Imported {
        account_id: line.account_id,
        account,
        wallets,
    })
}

async fn write_account(tx: &Tx, line: &AccountImport) -> Result<Change, StoreError> {
    let caps = line.caps();
    let per_day = caps.topups_per_day.and_then(|n| i32::try_from(n).ok());
    let row = tx
        .query_opt(
            "INSERT INTO accounts AS a (account_id, kind, parent_id, currency, language, mobile, email,
                                        cap_topups_per_day, cap_minor_per_month)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT ON CONSTRAINT accounts_pk DO UPDATE
                SET parent_id = excluded.parent_id, currency = excluded.currency, language = excluded.language,
                    mobile = excluded.mobile, email = excluded.email,
                    cap_topups_per_day = excluded.cap_topups_per_day, cap_minor_per_month = excluded.cap_minor_per_month
              WHERE (a.parent_id, a.currency, a.language, a.mobile, a.email, a.cap_topups_per_day, a.cap_minor_per_month)
                    IS DISTINCT FROM
                    (excluded.parent_id, excluded.currency, excluded.language, excluded.mobile, excluded.email,
                     excluded.cap_topups_per_day, excluded.cap_minor_per_month)
             RETURNING xmax = 0 AS created",
            &[
                &line.account_id.get(),
                &line.kind.as_str(),
                &line.parent_id.map(AccountId::get),
                &line.currency.as_str(),
                &line.language,
                &line.mobile(),
                &line.email(),
                &per_day,
                &caps.amount_minor_per_month,
            ],
        )
        .await?;
    Ok(match row.map(|row| row.get("created")) {
        Some(true) => Change::Created,
        Some(false) => Change::Updated,
        None => Change::Unchanged,
    })
}

async fn write_wallet(
    tx: &Tx,
    account: AccountId,
    line: &WalletImport,
    before: Option<&Wallet>,
    now: Timestamp,
    events: &mut Vec<OutboxMessage>,
) -> Result<ImportedWallet, StoreError> {
    let key = line.key(account);
    if before.is_none() {
        open_wallet(tx, key, line, now).await?;
    }
    let notice_changed = match before {
        Some(wallet) if wallet.low_credit_threshold != line.low_credit_threshold => {
            set_notice_threshold(tx, key, line.low_credit_threshold).await?;
            true
        }
        Some(_) | None => false,
    };
    let (settings_changed, note) = match &line.auto_topup {
        None => (false, None),
        Some(wanted) => write_settings(tx, key, wanted, before.map(|w| &w.auto_topup)).await?,
    };
    // What a wallet begins with is no news to anybody; that somebody's settings became others is.
    if settings_changed && before.is_some() {
        let auto = locks::wallet(tx, key).await?.map(|wallet| wallet.auto_topup);
        let event = auto.and_then(|auto| topup_rules::events::settings_changed(key, &auto, now));
        events.extend(events::write(tx, event, now, None).await?);
    }
    let change = match before {
        None => Change::Created,
        Some(_) if notice_changed || settings_changed => Change::Updated,
        Some(_) => Change::Unchanged,
    };
    Ok(ImportedWallet {
        service: line.service,
        change,
        note,
    })
}

/// A new wallet, with its opening balance as its first ledger entry (A1).
async fn open_wallet(tx: &Tx, key: WalletKey, line: &WalletImport, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO wallets (account_id, service, balance_milli, low_credit_threshold_milli) VALUES ($1, $2, 0, $3)",
        &[&key.account.get(), &key.service.as_str(), &line.low_credit_threshold.milli()],
    )
    .await?;
    if line.credits != Credits::ZERO {
        let opening = Entry {
            wallet: key,
            kind: "opening",
            credits: line.credits,
            detail: "opening balance",
            at: now,
        };
        ledger::post(tx, &opening).await?;
    }
    Ok(())
}

async fn set_notice_threshold(tx: &Tx, key: WalletKey, threshold: Credits) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE wallets SET low_credit_threshold_milli = $3 WHERE account_id = $1 AND service = $2",
        &[&key.account.get(), &key.service.as_str(), &threshold.milli()],
    )
    .await?;
    Ok(())
}

/// Whether anything changed, and what the line asked for in vain.
async fn write_settings(
    tx: &Tx,
    key: WalletKey,
    wanted: &AutoTopupImport,
    before: Option<&AutoTopup>,
) -> Result<(bool, Option<String>), StoreError> {
    let (card, card_changed) = match &wanted.card {
        Some(_) if was_let_go(tx, key, before).await? => (None, false),
        Some(card) => {
            let (id, changed) = cards::save(tx, key.account, card).await?;
            (Some(id), changed)
        }
        None => (kept_card(tx, key, before).await?, false),
    };
    let (auto, note) = merged(wanted, before);
    let changed = settings::write(tx, key, &auto, card).await?;
    Ok((changed || card_changed, note))
}

/// E6: whoever disabled it took the card away, which is registered anew before it is charged again.
async fn was_let_go(tx: &Tx, key: WalletKey, before: Option<&AutoTopup>) -> Result<bool, StoreError> {
    match before {
        Some(AutoTopup::Disabled { settings, .. }) if settings.method == Method::Card => {
            Ok(settings::card_id(tx, key).await?.is_none())
        }
        Some(_) | None => Ok(false),
    }
}

/// A line without a card leaves the one that is there.
async fn kept_card(tx: &Tx, key: WalletKey, before: Option<&AutoTopup>) -> Result<Option<Uuid>, StoreError> {
    match before {
        Some(_) => settings::card_id(tx, key).await,
        None => Ok(None),
    }
}

/// The line's settings over those that are there: never enabled where they were disabled.
fn merged(wanted: &AutoTopupImport, before: Option<&AutoTopup>) -> (AutoTopup, Option<String>) {
    let settings = AutoTopupSettings {
        method: wanted.method,
        threshold: wanted.threshold,
        quantity: wanted.quantity,
    };
    match before {
        Some(AutoTopup::Disabled { reason, .. }) => {
            let note = wanted
                .enabled
                .then(|| format!("auto top-up stays disabled: {reason}"));
            (
                AutoTopup::Disabled {
                    settings,
                    reason: reason.clone(),
                },
                note,
            )
        }
        Some(AutoTopup::Off | AutoTopup::Enabled(_)) | None if wanted.enabled => {
            (AutoTopup::Enabled(settings), None)
        }
        Some(AutoTopup::Off | AutoTopup::Enabled(_)) | None => (
            AutoTopup::Disabled {
                settings,
                reason: IMPORTED_DISABLED.to_owned(),
            },
            None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::account::Method;

    fn wanted(enabled: bool) -> AutoTopupImport {
        AutoTopupImport {
            method: Method::Transfer,
            threshold: Credits::from_milli(1_000),
            quantity: Credits::from_milli(2_000),
            enabled,
            caps: None,
            card: None,
        }
    }

    fn before(threshold_milli: i64) -> AutoTopupSettings {
        AutoTopupSettings {
            method: Method::Transfer,
            threshold: Credits::from_milli(threshold_milli),
            quantity: Credits::from_milli(2_000),
        }
    }

    #[test]
    fn an_import_enables_what_was_never_set_up() {
        assert!(matches!(
            merged(&wanted(true), None),
            (AutoTopup::Enabled(_), None)
        ));
        assert!(matches!(
            merged(&wanted(true), Some(&AutoTopup::Off)),
            (AutoTopup::Enabled(_), None)
        ));
    }

    #[test]
    fn an_import_never_enables_what_was_disabled_and_says_so() {
        let disabled = AutoTopup::Disabled {
            settings: before(500),
            reason: "declined".to_owned(),
        };
        let (auto, note) = merged(&wanted(true), Some(&disabled));
        assert_eq!(
            auto,
            AutoTopup::Disabled {
                settings: before(1_000),
                reason: "declined".to_owned()
            }
        );
        assert_eq!(note.as_deref(), Some("auto top-up stays disabled: declined"));
        assert_eq!(merged(&wanted(false), Some(&disabled)).1, None);
    }

    #[test]
    fn an_import_takes_over_figures_and_disables_on_request() {
        let enabled = AutoTopup::Enabled(before(500));
        assert_eq!(
            merged(&wanted(true), Some(&enabled)).0,
            AutoTopup::Enabled(before(1_000))
        );
        assert!(matches!(
            merged(&wanted(false), Some(&enabled)).0,
            AutoTopup::Disabled { .. }
        ));
    }
}
