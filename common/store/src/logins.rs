//! People who sign in to the pages: one address, one login, one account.
//!
//! What is here says what is so; who asked rightly is decided where a password or a code is compared. A person is a
//! login, whatever becomes of the account. Left out: passwords themselves (a hash comes in and goes out), the codes of a
//! second step, and everything of HTTP.

mod links;
mod sessions;
mod tries;

pub use links::LINK_LIFE;
pub use sessions::{SESSION_LIFE, Session};
pub use tries::{Counted, TryLimit};

use crate::{Store, StoreError, rows, secret};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use topup_rules::ids::AccountId;
use uuid::Uuid;

/// Logins of a list, at most.
const LISTED_MAX: i64 = 10_000;

/// Bytes of a second step's secret: those of SHA-1, as the standard advises (RFC 4226).
const TOTP_SECRET_BYTES: usize = 20;

const LOGIN_COLUMNS: &str = "login_id, account_id, email, password_hash, totp_secret, totp_confirmed_at, \
     disabled_at";

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Which.
    pub id: Uuid,
    /// For which account.
    pub account: AccountId,
    /// By which address; upper and lower case are the same.
    pub email: String,
    /// Argon2id, with its own parameters; none until it was set by a mailed link.
    pub password_hash: Option<String>,
    /// The second step's secret: shown, or in use.
    pub totp_secret: Option<Vec<u8>>,
    /// Whether the second step is asked for.
    pub totp_confirmed: bool,
    /// May not sign in.
    pub is_disabled: bool,
}

impl std::fmt::Debug for Login {
    /// Without what opens anything, and without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("totp_confirmed", &self.totp_confirmed)
            .field("is_disabled", &self.is_disabled)
            .finish_non_exhaustive()
    }
}

/// A login as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginView {
    /// Which.
    pub login_id: Uuid,
    /// For which account.
    pub account_id: AccountId,
    /// By which address.
    pub email: String,
    /// Whether one was chosen.
    pub has_password: bool,
    /// Whether a code is asked for, too.
    pub has_totp: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// What came of making a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMade {
    /// It is new, or may sign in again.
    Made(Uuid),
    /// The address had one, of the same account, which is as it was.
    There(Uuid),
    /// The address signs in to another account.
    OfAnother,
    /// There is no such account.
    NoAccount,
}

impl Store {
    /// Makes a login without a password; one that was disabled may sign in again.
    ///
    /// # Errors
    /// The database's.
    pub async fn make_login(&self, account: AccountId, email: &str) -> Result<LoginMade, StoreError> {
        self.transact(|tx| async move {
            let found = tx
                .query_opt(
                    "SELECT FROM accounts WHERE account_id = $1 AND person_removed_at IS NULL FOR KEY SHARE",
                    &[&account.get()],
                )
                .await?;
            if found.is_none() {
                return Ok(LoginMade::NoAccount);
            }
            let made = tx
                .query_opt(
                    "INSERT INTO logins (login_id, account_id, email) VALUES ($1, $2, $3)
                         ON CONFLICT (lower(email)) DO NOTHING
                     RETURNING login_id",
                    &[&Uuid::now_v7(), &account.get(), &email],
                )
                .await?;
            if let Some(row) = made {
                return Ok(LoginMade::Made(row.try_get(0)?));
            }
            let again = tx
                .query_opt(
                    "UPDATE logins SET disabled_at = NULL
                      WHERE lower(email) = lower($1) AND account_id = $2 AND disabled_at IS NOT NULL
                     RETURNING login_id",
                    &[&email, &account.get()],
                )
                .await?;
            if let Some(row) = again {
                return Ok(LoginMade::Made(row.try_get(0)?));
            }
            let there = tx
                .query_opt(
                    "SELECT login_id FROM logins WHERE lower(email) = lower($1) AND account_id = $2",
                    &[&email, &account.get()],
                )
                .await?;
            match there {
                Some(row) => Ok(LoginMade::There(row.try_get(0)?)),
                None => Ok(LoginMade::OfAnother),
            }
        })
        .await
    }

    /// Who signs in by this address.
    ///
    /// # Errors
    /// The database's.
    pub async fn login_of_email(&self, email: &str) -> Result<Option<Login>, StoreError> {
        let client = self.client().await?;
        let sql = format!("SELECT {LOGIN_COLUMNS} FROM logins WHERE lower(email) = lower($1)");
        let statement = client.prepare_cached(&sql).await?;
        let found = client.query_opt(&statement, &[&email]).await?;
        found.as_ref().map(login).transpose()
    }

    /// A login.
    ///
    /// # Errors
    /// The database's.
    pub async fn login(&self, id: Uuid) -> Result<Option<Login>, StoreError> {
        let client = self.client().await?;
        let sql = format!("SELECT {LOGIN_COLUMNS} FROM logins WHERE login_id = $1");
        let statement = client.prepare_cached(&sql).await?;
        let found = client.query_opt(&statement, &[&id]).await?;
        found.as_ref().map(login).transpose()
    }

    /// The address of somebody who may sign in.
    ///
    /// # Errors
    /// The database's.
    pub async fn login_address(&self, id: Uuid) -> Result<Option<String>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("SELECT email FROM logins WHERE login_id = $1 AND disabled_at IS NULL")
            .await?;
        let found = client.query_opt(&statement, &[&id]).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    /// An account's logins, or everybody's: the newest first, 10,000 at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn logins(&self, account: Option<AccountId>) -> Result<Vec<LoginView>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT login_id, account_id, email, password_hash IS NOT NULL AS has_password,
                        totp_confirmed_at IS NOT NULL AS has_totp, created_at, disabled_at
                   FROM logins
                  WHERE $1::bigint IS NULL OR account_id = $1
                  ORDER BY created_at DESC, login_id DESC
                  LIMIT $2",
            )
            .await?;
        let found = client
            .query(&statement, &[&account.map(AccountId::get), &LISTED_MAX])
            .await?;
        let read = found.iter().map(|row| {
            Ok(LoginView {
                login_id: row.try_get("login_id")?,
                account_id: rows::account_id(row, "account_id", "logins")?,
                email: row.try_get("email")?,
                has_password: row.try_get("has_password")?,
                has_totp: row.try_get("has_totp")?,
                created_at: row.try_get("created_at")?,
                disabled_at: row.try_get("disabled_at")?,
            })
        });
        read.collect()
    }

    /// A new password, chosen by somebody who is signed in: all other sessions end. `keep` is this one's secret.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_password(&self, login: Uuid, hash: &str, keep: Option<&str>) -> Result<(), StoreError> {
        self.transact(|tx| async move {
            links::set_password(&tx, login, hash).await?;
            sessions::end_all(&tx, login, keep).await
        })
        .await
    }

    /// Ends the login's sessions and lets it sign in no more. False: it was so before, or there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn disable_login(&self, login: Uuid) -> Result<bool, StoreError> {
        self.transact(|tx| async move {
            let sql = "UPDATE logins SET disabled_at = clock_timestamp() WHERE login_id = $1 AND disabled_at IS NULL";
            let changed = tx.execute(sql, &[&login]).await?;
            sessions::end_all(&tx, login, None).await?;
            links::forget_all(&tx, login).await?;
            Ok(changed > 0)
        })
        .await
    }

    /// Makes the secret that is to be shown to somebody who wants a second step. `None`: one is in use.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_totp(&self, login: Uuid) -> Result<Option<[u8; TOTP_SECRET_BYTES]>, StoreError> {
        let secret: [u8; TOTP_SECRET_BYTES] = secret::random();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE logins SET totp_secret = $2, totp_step = 0
                  WHERE login_id = $1 AND totp_confirmed_at IS NULL",
            )
            .await?;
        let set = client.execute(&statement, &[&login, &secret.as_slice()]).await?;
        Ok((set > 0).then_some(secret))
    }

    /// From now on a code is asked for; `step` is that of the code which showed that the secret has arrived.
    ///
    /// # Errors
    /// The database's.
    pub async fn confirm_totp(&self, login: Uuid, step: i64) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE logins SET totp_confirmed_at = clock_timestamp(), totp_step = $2
                  WHERE login_id = $1 AND totp_confirmed_at IS NULL AND totp_secret IS NOT NULL AND totp_step < $2",
            )
            .await?;
        Ok(client.execute(&statement, &[&login, &step]).await? > 0)
    }

    /// Uses a code up: false where it, or a later one, was used before.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_totp_step(&self, login: Uuid, step: i64) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE logins SET totp_step = $2
                  WHERE login_id = $1 AND totp_confirmed_at IS NOT NULL AND totp_step < $2",
            )
            .await?;
        Ok(client.execute(&statement, &[&login, &step]).await? > 0)
    }

    /// No code is asked for any more. False: none was.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_totp(&self, login: Uuid) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE logins SET totp_secret = NULL, totp_confirmed_at = NULL, totp_step = 0
                  WHERE login_id = $1 AND totp_secret IS NOT NULL",
            )
            .await?;
        Ok(client.execute(&statement, &[&login]).await? > 0)
    }
}

fn login(row: &Row) -> Result<Login, StoreError> {
    let confirmed_at: Option<Timestamp> = row.try_get("totp_confirmed_at")?;
    let disabled_at: Option<Timestamp> = row.try_get("disabled_at")?;
    Ok(Login {
        id: row.try_get("login_id")?,
        account: rows::account_id(row, "account_id", "logins")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        totp_secret: row.try_get("totp_secret")?,
        totp_confirmed: confirmed_at.is_some(),
        is_disabled: disabled_at.is_some(),
    })
}
