//! An account as it stands now, in the shape that it was imported in.

use crate::cards::{self, SavedCard};
use crate::import::KindImport;
use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use topup_rules::account::{AccountKind, AutoTopup, Caps, Method};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, TopupId};
use topup_rules::money::Currency;
use topup_rules::topup::TopupState;

/// Accounts with their wallets, one wallet a row.
const VIEW: &str = include_str!("accounts/view.sql");

/// An account with its wallets. As JSON it is the shape of an import, with what changes beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Which.
    pub account_id: AccountId,
    /// Main or sub.
    pub kind: KindImport,
    /// A sub's main.
    pub parent_id: Option<AccountId>,
    /// What it pays in.
    pub currency: Currency,
    /// What its notices are written in.
    pub language: String,
    /// The account holder's number.
    pub mobile: Option<String>,
    /// The account holder's address.
    pub email: Option<String>,
    /// It is the main of others.
    #[serde(skip)]
    pub has_subs: bool,
    /// One a service.
    pub wallets: Vec<WalletView>,
}

/// A wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// For what.
    pub service: Service,
    /// The balance.
    pub credits: Credits,
    /// The balance less open holds (S5).
    pub available: Credits,
    /// The low-credit notice threshold; 0: never.
    pub low_credit_threshold: Credits,
    /// None: never set up.
    pub auto_topup: Option<AutoTopupView>,
    /// The one open top-up (T2).
    pub open_topup: Option<OpenTopupView>,
}

/// Auto top-up settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutoTopupView {
    /// Card or transfer.
    pub method: Method,
    /// Reaching it triggers.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// To be acted on.
    pub enabled: bool,
    /// Why not, if not.
    pub disabled_reason: Option<String>,
    /// Since when.
    #[serde(skip)]
    pub disabled_at: Option<Timestamp>,
    /// The account's limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<Caps>,
    /// The saved card, its token masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<SavedCard>,
}

/// A top-up under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenTopupView {
    /// Which.
    pub topup_id: TopupId,
    /// Where it stands.
    pub state: TopupState,
    /// The moment that it waits for, if it waits for a known one.
    pub due_at: Option<Timestamp>,
    /// Credits that it brings.
    pub quantity: Credits,
    /// What the card is charged, in the currency's minor unit.
    pub amount_minor: Option<i64>,
}

impl Store {
    /// The account, all of it from one moment. `None` where there is no such account.
    ///
    /// # Errors
    /// The database's.
    pub async fn account_view(&self, id: AccountId) -> Result<Option<AccountView>, StoreError> {
        let client = self.client().await?;
        let sql = format!("{VIEW} WHERE a.account_id = $1 ORDER BY w.service");
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&id.get()]).await?;
        Ok(with_wallets(&rows)?.pop())
    }

    /// At most `limit` sub accounts of `main` behind `after`, by their numbers, with their wallets.
    ///
    /// # Errors
    /// The database's.
    pub async fn subs(
        &self,
        main: AccountId,
        after: Option<AccountId>,
        limit: u16,
    ) -> Result<Vec<AccountView>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "{VIEW} WHERE a.account_id IN (SELECT account_id FROM accounts
                                            WHERE parent_id = $1 AND account_id > $2 ORDER BY account_id LIMIT $3)
              ORDER BY a.account_id, w.service"
        );
        let statement = client.prepare_cached(&sql).await?;
        let after = after.map_or(0, AccountId::get);
        let rows = client
            .query(&statement, &[&main.get(), &after, &i64::from(limit)])
            .await?;
        with_wallets(&rows)
    }
}

/// Rows in the order of their accounts, as accounts.
fn with_wallets(rows: &[Row]) -> Result<Vec<AccountView>, StoreError> {
    let mut accounts: Vec<AccountView> = Vec::new();
    for row in rows {
        let id = rows::account_id(row, "account_id", "accounts")?;
        if accounts.last().is_none_or(|last| last.account_id != id) {
            accounts.push(AccountView {
                has_subs: row.try_get("has_subs")?,
                ..account(row)?
            });
        }
        if let Some(last) = accounts.last_mut() {
            last.wallets.extend(wallet(row)?);
        }
    }
    Ok(accounts)
}

impl Store {
    /// At most `limit` accounts behind `after`, by their numbers, without their wallets.
    ///
    /// # Errors
    /// The database's.
    pub async fn accounts_page(
        &self,
        after: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<AccountView>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT account_id, kind, parent_id, currency, language, mobile, email, cap_topups_per_day,
                        cap_minor_per_month
                   FROM accounts WHERE account_id > $1 ORDER BY account_id LIMIT $2",
            )
            .await?;
        let after = after.map_or(0, AccountId::get);
        let rows = client.query(&statement, &[&after, &limit]).await?;
        rows.iter().map(account).collect()
    }
}

fn account(row: &Row) -> Result<AccountView, StoreError> {
    let account = rows::account(row)?;
    let (kind, parent_id) = match account.kind {
        AccountKind::Main => (KindImport::Main, None),
        AccountKind::Sub { parent } => (KindImport::Sub, Some(parent)),
    };
    Ok(AccountView {
        account_id: account.id,
        kind,
        parent_id,
        currency: account.currency,
        language: row.try_get("language")?,
        mobile: row.try_get("mobile")?,
        email: row.try_get("email")?,
        has_subs: false,
        wallets: Vec::new(),
    })
}

/// The wallet of a row; none for an account without wallets.
fn wallet(row: &Row) -> Result<Option<WalletView>, StoreError> {
    let service: Option<&str> = row.try_get("service")?;
    if service.is_none() {
        return Ok(None);
    }
    let wallet = rows::wallet(row)?;
    let (settings, enabled, disabled_reason) = match &wallet.auto_topup {
        AutoTopup::Off => (None, false, None),
        AutoTopup::Disabled { settings, reason } => (Some(settings), false, Some(reason.clone())),
        AutoTopup::Enabled(settings) => (Some(settings), true, None),
    };
    let caps = Some(rows::account(row)?.caps).filter(|caps| *caps != Caps::default());
    let card = cards::card(row)?.map(SavedCard::masked);
    let disabled_at: Option<Timestamp> = row.try_get("auto_disabled_at")?;
    let auto_topup = settings.map(|settings| AutoTopupView {
        method: settings.method,
        threshold: settings.threshold,
        quantity: settings.quantity,
        enabled,
        disabled_reason,
        disabled_at: disabled_at.filter(|_| !enabled),
        caps,
        card,
    });
    Ok(Some(WalletView {
        service: wallet.key.service,
        credits: wallet.balance,
        available: wallet.available(),
        low_credit_threshold: wallet.low_credit_threshold,
        auto_topup,
        open_topup: open_topup(row)?,
    }))
}

fn open_topup(row: &Row) -> Result<Option<OpenTopupView>, StoreError> {
    let id: Option<TopupId> = row.try_get("topup_id")?;
    let Some(topup_id) = id else { return Ok(None) };
    Ok(Some(OpenTopupView {
        topup_id,
        state: rows::name(row, "state", "topups")?,
        due_at: row.try_get("due_at")?,
        quantity: rows::credits(row, "quantity_milli")?,
        amount_minor: row.try_get("amount_minor")?,
    }))
}
