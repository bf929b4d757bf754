//! Who is signed in.
//!
//! A session ends when nobody has done anything for a while, and in any case after twelve hours. That somebody was there
//! is written down once a minute at most: looking at a page is no write.

use crate::transaction::Tx;
use crate::{Store, StoreError, rows, secret};
use jiff::SignedDuration;
use secrecy::SecretString;
use std::time::Duration;
use topup_rules::ids::AccountId;
use uuid::Uuid;

/// Longest time from signing in to having to sign in again.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// Longest time between the two steps of signing in, in seconds.
const SECOND_STEP_MAX_S: f64 = 600.0;
/// How exactly it is known when somebody was last there, in seconds.
const SEEN_EVERY_S: f64 = 60.0;

/// Somebody who is signed in, or half way.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub login: Uuid,
    /// For which account.
    pub account: AccountId,
    /// By which address.
    pub email: String,
    /// What every form of this session bears, in hexadecimal.
    pub csrf: String,
    /// The second step is done, or not asked for. Without it, nothing but that step may be done.
    pub second: bool,
}

impl std::fmt::Debug for Session {
    /// Without what opens anything, and without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("login", &self.login)
            .field("account", &self.account)
            .field("second", &self.second)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Signs somebody in; `second`: nothing more is asked for. The secret is the cookie's value.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_session(&self, login: Uuid, second: bool) -> Result<SecretString, StoreError> {
        let (secret, hash) = secret::fresh("");
        let csrf: [u8; 32] = secret::random();
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "INSERT INTO sessions (hash, login_id, csrf, second, expires_at)
                 VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))",
            )
            .await?;
        let life_s = if second {
            SESSION_LIFE.as_secs_f64()
        } else {
            SECOND_STEP_MAX_S
        };
        client
            .execute(
                &statement,
                &[&hash.as_slice(), &login, &csrf.as_slice(), &second, &life_s],
            )
            .await?;
        Ok(secret)
    }

    /// Whose session this is; `None`: nobody's, or it has ended, or somebody did nothing for `idle`.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self, secret: &str, idle: Duration) -> Result<Option<Session>, StoreError> {
        let Some(hash) = secret::hash(secret) else {
            return Ok(None);
        };
        let client = self.client().await?;
        let statement = client.prepare_cached(include_str!("session.sql")).await?;
        let found = client
            .query_opt(
                &statement,
                &[&hash.as_slice(), &idle.as_secs_f64(), &SEEN_EVERY_S],
            )
            .await?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some(Session {
            login: row.try_get("login_id")?,
            account: rows::account_id(&row, "account_id", "logins")?,
            email: row.try_get("email")?,
            csrf: row.try_get("csrf")?,
            second: row.try_get("second")?,
        }))
    }

    /// The second step is done: a whole session, under a new secret, takes the place of the half one.
    /// `None`: the half one has ended meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn second_done(&self, secret: &str) -> Result<Option<SecretString>, StoreError> {
        let Some(old) = secret::hash(secret) else {
            return Ok(None);
        };
        let (fresh, new) = secret::fresh("");
        let (old, new, csrf) = (old.as_slice(), new.as_slice(), &secret::random::<32>());
        let done = self
            .transact(|tx| async move {
                tx.execute(
                    "UPDATE sessions
                        SET hash = $2, csrf = $3, second = true, created_at = clock_timestamp(),
                            seen_at = clock_timestamp(),
                            expires_at = clock_timestamp() + make_interval(secs => $4)
                      WHERE hash = $1 AND NOT second AND expires_at > clock_timestamp()",
                    &[&old, &new, &csrf.as_slice(), &SESSION_LIFE.as_secs_f64()],
                )
                .await
            })
            .await?;
        Ok((done > 0).then_some(fresh))
    }

    /// Signs out.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_session(&self, secret: &str) -> Result<(), StoreError> {
        let Some(hash) = secret::hash(secret) else {
            return Ok(());
        };
        let client = self.client().await?;
        let statement = client
            .prepare_cached("DELETE FROM sessions WHERE hash = $1")
            .await?;
        client.execute(&statement, &[&hash.as_slice()]).await?;
        Ok(())
    }

    /// Signs a login out everywhere, but for the session with the secret `except`.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_sessions(&self, login: Uuid, except: Option<&str>) -> Result<(), StoreError> {
        self.transact(|tx| async move { end_all(&tx, login, except).await })
            .await
    }

    /// Forgets sessions that have ended, `limit` at most. How many they were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_sessions(&self, limit: i64) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "DELETE FROM sessions WHERE hash IN (
                    SELECT hash FROM sessions WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT $1)",
            )
            .await?;
        client.execute(&statement, &[&limit]).await
    }
}

pub(super) async fn end_all(tx: &Tx, login: Uuid, except: Option<&str>) -> Result<(), StoreError> {
    let kept = except.and_then(secret::hash);
    let kept = kept.as_ref().map(<[u8; 32]>::as_slice);
    tx.execute(
        "DELETE FROM sessions WHERE login_id = $1 AND hash IS DISTINCT FROM $2",
        &[&login, &kept],
    )
    .await?;
    Ok(())
}
