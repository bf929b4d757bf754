//! P2: what an invoice needs, given with a purchase or by itself, and kept for the next time.

use crate::transaction::Tx;
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::fmt;
use topup_rules::ids::AccountId;

/// Whom an invoice is made out to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// A person or a company.
    pub name: String,
    /// On as many lines as it needs.
    #[serde(default)]
    pub address: String,
    /// Where there is one.
    #[serde(default)]
    pub tax_number: Option<String>,
}

/// Without what stands in it.
impl fmt::Debug for Billing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Billing").finish_non_exhaustive()
    }
}

impl Store {
    /// What the account's invoices bear; `None` before it was given.
    ///
    /// # Errors
    /// The database's.
    pub async fn billing(&self, account: AccountId) -> Result<Option<Billing>, StoreError> {
        self.transact(|tx| async move { read(&tx, account).await }).await
    }

    /// Keeps what the account's next invoices bear. Those that there are stay as they are.
    ///
    /// # Errors
    /// The database's, also where there is no such account.
    pub async fn set_billing(&self, account: AccountId, billing: &Billing) -> Result<(), StoreError> {
        self.transact(|tx| async move { write(&tx, account, billing).await })
            .await
    }
}

pub(crate) async fn read(tx: &Tx, account: AccountId) -> Result<Option<Billing>, StoreError> {
    tx.query_opt(
        "SELECT name, address, tax_number FROM billing_details WHERE account_id = $1",
        &[&account.get()],
    )
    .await?
    .map(|row| {
        Ok(Billing {
            name: row.try_get("name")?,
            address: row.try_get("address")?,
            tax_number: row.try_get("tax_number")?,
        })
    })
    .transpose()
}

pub(crate) async fn write(tx: &Tx, account: AccountId, billing: &Billing) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO billing_details (account_id, name, address, tax_number) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT billing_details_pk DO UPDATE
            SET name = excluded.name, address = excluded.address, tax_number = excluded.tax_number,
                changed_at = clock_timestamp()",
        &[
            &account.get(),
            &billing.name,
            &billing.address,
            &billing.tax_number,
        ],
    )
    .await?;
    Ok(())
}
