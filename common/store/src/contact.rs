//! How an account's holder is reached: what the holder may change by itself.
//!
//! What is wrong with a number or an address is said as an import says it.

use crate::delivery::Contact;
use crate::import::{self, ContactProblem};
use crate::{Store, StoreError, rows};
use topup_rules::ids::AccountId;

/// What an account's holder asks to be reached by. An empty text is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewContact {
    /// The number; none: no SMS.
    pub mobile: Option<String>,
    /// The address; none: no e-mail.
    pub email: Option<String>,
    /// What notices are written in: `en`.
    pub language: String,
}

impl Store {
    /// How an account's holder is reached. `None` where there is no such account.
    ///
    /// # Errors
    /// The database's.
    pub async fn contact(&self, account: AccountId) -> Result<Option<Contact>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("SELECT mobile, email, language, currency FROM accounts WHERE account_id = $1")
            .await?;
        let row = client.query_opt(&statement, &[&account.get()]).await?;
        row.map(|row| {
            Ok(Contact {
                mobile: row.try_get("mobile")?,
                email: row.try_get("email")?,
                language: row.try_get("language")?,
                currency: rows::name(&row, "currency", "accounts")?,
            })
        })
        .transpose()
    }

    /// From now on the account's holder is reached so. Whether there is such an account; or what is wrong with it, and
    /// nothing changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_contact(
        &self,
        account: AccountId,
        new: &NewContact,
    ) -> Result<Result<bool, ContactProblem>, StoreError> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (mobile, email) = (said(&new.mobile), said(&new.email));
        if let Err(refusal) = import::reached(&new.language, mobile.as_deref(), email.as_deref()) {
            return Ok(Err(refusal));
        }
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE accounts SET mobile = $2, email = $3, language = $4 WHERE account_id = $1",
            )
            .await?;
        let changed = client
            .execute(&statement, &[&account.get(), &mobile, &email, &new.language])
            .await?;
        Ok(Ok(changed == 1))
    }
}
