//! Bearer tokens of the HTTP interface: made once, known by their hashes, revoked for good.
//!
//! Left out: what a token's leave covers, which the rules decide; people who sign in, who have sessions instead.

use crate::secret;
use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use tokio_postgres::Row;
use topup_rules::access::{Caller, Leave, Scope};
use topup_rules::account::Account;
use topup_rules::ids::AccountId;
use uuid::Uuid;

/// What a token begins with, so that people and scanners of sources know one by its look.
pub const TOKEN_PREFIX: &str = "topup_";
/// Tokens of a list, at most: the newest.
const LISTED_MAX: i64 = 10_000;

const PLATFORM: &str = "platform";
const ACCOUNT: &str = "account";

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Whose it is. The account must exist.
    pub holder: Caller,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// What people call it by.
    pub name: String,
    /// `user@host` of whoever makes it.
    pub created_by: String,
    /// From when on it is good for nothing; `None`: until it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// Who calls, known by a token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Which token.
    pub token_id: Uuid,
    /// Who, and what it covers.
    pub leave: Leave,
}

/// A token as people look at it. The token itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Which.
    pub token_id: Uuid,
    /// Whose; none: the platform's.
    pub account_id: Option<AccountId>,
    /// What people call it by.
    pub name: String,
    /// What it covers.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From when on it is good for nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// When it was last borne, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// Whether it is good for something now.
    pub is_valid: bool,
}

impl Store {
    /// Makes a token. The secret is returned here and never again.
    ///
    /// # Errors
    /// The database's; an account that does not exist, too.
    pub async fn create_token(&self, new: &NewToken) -> Result<(Uuid, SecretString), StoreError> {
        let (secret, hash) = secret::fresh(TOKEN_PREFIX);
        let token_id = Uuid::now_v7();
        let (holder, account) = match new.holder {
            Caller::Platform => (PLATFORM, None),
            Caller::Account(account) => (ACCOUNT, Some(account.get())),
        };
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "INSERT INTO access_tokens (token_id, hash, holder, account_id, scopes, name, created_by, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .await?;
        client
            .execute(
                &statement,
                &[
                    &token_id,
                    &hash.as_slice(),
                    &holder,
                    &account,
                    &scopes,
                    &new.name,
                    &new.created_by,
                    &new.expires_at,
                ],
            )
            .await?;
        Ok((token_id, secret))
    }

    /// Whose token this is. `None`: nobody's, or one that expired or was revoked; which of these, is nobody's business.
    ///
    /// That it was used is written down once an hour.
    ///
    /// # Errors
    /// The database's.
    pub async fn bearer(&self, token: &str) -> Result<Option<Bearer>, StoreError> {
        let Some(hash) = secret::hash(token) else {
            return Ok(None);
        };
        let client = self.client().await?;
        let statement = client.prepare_cached(include_str!("access/bearer.sql")).await?;
        let found = client.query_opt(&statement, &[&hash.as_slice()]).await?;
        found.as_ref().map(bearer).transpose()
    }

    /// An account's tokens, or everybody's: the newest first, 10,000 at most, those that are good for nothing included.
    ///
    /// # Errors
    /// The database's.
    pub async fn tokens(&self, account: Option<AccountId>) -> Result<Vec<TokenView>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT token_id, account_id, name, scopes, created_at, created_by, expires_at, revoked_at, revoked_by,
                        last_used_at,
                        revoked_at IS NULL AND coalesce(expires_at > clock_timestamp(), true) AS is_valid
                   FROM access_tokens
                  WHERE $1::bigint IS NULL OR account_id = $1
                  ORDER BY created_at DESC, token_id DESC
                  LIMIT $2",
            )
            .await?;
        let found = client
            .query(&statement, &[&account.map(AccountId::get), &LISTED_MAX])
            .await?;
        found.iter().map(view).collect()
    }

    /// Makes a token good for nothing, from now on and for good. False: there is none, or it is revoked already.
    ///
    /// # Errors
    /// The database's.
    pub async fn revoke_token(&self, token_id: Uuid, by: &str) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE access_tokens SET revoked_at = clock_timestamp(), revoked_by = $2
                  WHERE token_id = $1 AND revoked_at IS NULL",
            )
            .await?;
        Ok(client.execute(&statement, &[&token_id, &by]).await? > 0)
    }

    /// The account as the rules know it.
    ///
    /// # Errors
    /// The database's.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(&format!(
                "SELECT {} FROM accounts WHERE account_id = $1",
                rows::ACCOUNT_COLUMNS
            ))
            .await?;
        let found = client.query_opt(&statement, &[&id.get()]).await?;
        found.as_ref().map(rows::account).transpose()
    }
}

fn bearer(row: &Row) -> Result<Bearer, StoreError> {
    let caller = match holder(row)? {
        Some(account) => Caller::Account(account),
        None => Caller::Platform,
    };
    Ok(Bearer {
        token_id: row.try_get("token_id")?,
        leave: Leave {
            caller,
            scopes: scopes(row)?,
        },
    })
}

/// None: the platform's, as the table's own condition has it.
fn holder(row: &Row) -> Result<Option<AccountId>, StoreError> {
    let account: Option<i64> = row.try_get("account_id")?;
    match account {
        Some(_) => rows::account_id(row, "account_id", "access_tokens").map(Some),
        None => Ok(None),
    }
}

fn scopes(row: &Row) -> Result<Vec<Scope>, StoreError> {
    let texts: Vec<&str> = row.try_get("scopes")?;
    let unreadable = |what: topup_rules::ids::InvalidName| StoreError::Unreadable {
        table: "access_tokens",
        what: what.to_string(),
    };
    texts
        .into_iter()
        .map(|text| text.parse().map_err(unreadable))
        .collect()
}

fn view(row: &Row) -> Result<TokenView, StoreError> {
    Ok(TokenView {
        token_id: row.try_get("token_id")?,
        account_id: holder(row)?,
        name: row.try_get("name")?,
        scopes: scopes(row)?,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        revoked_by: row.try_get("revoked_by")?,
        last_used_at: row.try_get("last_used_at")?,
        is_valid: row.try_get("is_valid")?,
    })
}
