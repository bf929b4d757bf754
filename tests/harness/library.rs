//! The store as a library, for what no worker does yet, and for steps between which a worker would not stop.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use tokio_postgres::{Client, NoTls};
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_stack::Space;
use topup_store::{AccountImport, AuditPolicy, AuditReport, Store, StoreOptions};

use super::accounts::Account;
use super::shared;

/// Connections of one test's store: enough for statements that wait for each other.
const CONNECTIONS_MAX: usize = 16;
/// Longest statement of a test.
const STATEMENT_TIMEOUT_S: u32 = 30;

/// A store on a migrated database of its own, without any process beside it.
#[derive(Debug)]
pub struct Library {
    /// What the workers use.
    pub store: Store,
    /// The database's place.
    pub space: Space,
}

impl Library {
    /// Makes the database and imports accounts.
    ///
    /// # Errors
    /// The database could not be made, or an account was refused.
    pub async fn with(accounts: &[Account]) -> Result<Self> {
        let space = shared::migrated_space().await?;
        let store = store_on(&space)?;
        for account in accounts {
            let line: AccountImport = serde_json::from_value(account.line())?;
            let imported = store.import_account(&line).await?;
            ensure!(
                imported.is_ok(),
                "the import of {line:?} was refused: {imported:?}"
            );
        }
        Ok(Self { store, space })
    }

    /// Everything that is always true, as the operator's audit looks at it.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit(&self) -> Result<AuditReport> {
        let policy = AuditPolicy {
            card_spacing: SignedDuration::from_mins(30),
            failures_to_disable: 1,
            outbox_wait_max: SignedDuration::from_mins(5),
        };
        Ok(self.store.audit(&policy).await?)
    }

    /// Checks all of it.
    ///
    /// # Errors
    /// What is not true.
    pub async fn audit_is_clean(&self) -> Result<()> {
        let report = self.audit().await?;
        ensure!(report.is_clean(), "{report:#?}");
        Ok(())
    }
}

/// A store on a space's database.
///
/// # Errors
/// The address is none.
pub fn store_on(space: &Space) -> Result<Store> {
    store_at(space.database_url())
}

/// A store on the database with this address.
///
/// # Errors
/// It is none.
pub fn store_at(url: &str) -> Result<Store> {
    Ok(Store::new(&StoreOptions {
        url: url.to_owned(),
        connections_max: CONNECTIONS_MAX,
        ca_file: None,
        application_name: "specification".to_owned(),
        statement_timeout_s: STATEMENT_TIMEOUT_S,
    })?)
}

/// A session of the test's own with a space's database: for transactions that others wait for.
///
/// # Errors
/// The database's.
pub async fn session_on(space: &Space) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(space.database_url(), NoTls)
        .await
        .context("connecting to the database")?;
    // Ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// An account's SMS wallet.
///
/// # Panics
/// The id is not positive.
#[must_use]
pub fn sms_wallet(account: i64) -> WalletKey {
    WalletKey {
        account: account_id(account),
        service: Service::Sms,
    }
}

/// An account's id.
///
/// # Panics
/// It is not positive.
#[must_use]
#[expect(clippy::expect_used, reason = "a test's literal")]
pub fn account_id(account: i64) -> AccountId {
    AccountId::new(account).expect("a positive id")
}
