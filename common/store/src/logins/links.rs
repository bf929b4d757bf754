//! Mailed links, each for one use: to choose a password by.
//!
//! A link's secret is made when its mail is written, and stands nowhere but in that mail; asking for one records a notice
//! that names the login alone.

use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, notices, rows, secret};
use jiff::SignedDuration;
use secrecy::SecretString;
use topup_rules::notices::sign_in_link;
use uuid::Uuid;

/// How long a link can be used.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_mins(30);

impl Store {
    /// Has a link mailed to a login's address; `pages` is where the pages are. What is to be published; `None`: there is no
    /// such login, or it may not sign in.
    ///
    /// # Errors
    /// The database's.
    pub async fn request_link(
        &self,
        login: Uuid,
        pages: &str,
    ) -> Result<Option<Vec<OutboxMessage>>, StoreError> {
        let request = Uuid::now_v7();
        self.transact(|tx| async move {
            let found = tx
                .query_opt(
                    "SELECT account_id FROM logins WHERE login_id = $1 AND disabled_at IS NULL",
                    &[&login],
                )
                .await?;
            let Some(row) = found else { return Ok(None) };
            let account = rows::account_id(&row, "account_id", "logins")?;
            let draft = sign_in_link(account, login, request, pages);
            notices::request(&tx, &[draft], None).await.map(Some)
        })
        .await
    }

    /// Makes a link that can be used once, for `life`; those that were made before can't be used any more. `None`: there
    /// is no such login, or it may not sign in.
    ///
    /// # Errors
    /// The database's.
    pub async fn new_link(
        &self,
        login: Uuid,
        life: SignedDuration,
    ) -> Result<Option<SecretString>, StoreError> {
        let (secret, hash) = secret::fresh("");
        let hash = hash.as_slice();
        let made = self
            .transact(|tx| async move {
                forget_all(&tx, login).await?;
                tx.execute(
                    "INSERT INTO login_links (hash, login_id, expires_at)
                     SELECT $2, login_id, clock_timestamp() + make_interval(secs => $3)
                       FROM logins WHERE login_id = $1 AND disabled_at IS NULL",
                    &[&login, &hash, &life.as_secs_f64()],
                )
                .await
            })
            .await?;
        Ok((made > 0).then_some(secret))
    }

    /// Whose link this is, if it can still be used. It is not used up by this.
    ///
    /// # Errors
    /// The database's.
    pub async fn link_login(&self, link: &str) -> Result<Option<Uuid>, StoreError> {
        let Some(hash) = secret::hash(link) else {
            return Ok(None);
        };
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT login_id FROM login_links JOIN logins USING (login_id)
                  WHERE hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp() AND disabled_at IS NULL",
            )
            .await?;
        let found = client.query_opt(&statement, &[&hash.as_slice()]).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    /// Uses a link up: its login has this password from now on, all its sessions end, and its other links with them.
    /// `None`: it was used, or its time is over.
    ///
    /// # Errors
    /// The database's.
    pub async fn use_link(&self, link: &str, password_hash: &str) -> Result<Option<Uuid>, StoreError> {
        let Some(hash) = secret::hash(link) else {
            return Ok(None);
        };
        let hash = hash.as_slice();
        self.transact(|tx| async move {
            let used = tx
                .query_opt(
                    "UPDATE login_links k SET used_at = clock_timestamp()
                       FROM logins l
                      WHERE k.hash = $1 AND k.used_at IS NULL AND k.expires_at > clock_timestamp()
                        AND l.login_id = k.login_id AND l.disabled_at IS NULL
                     RETURNING k.login_id",
                    &[&hash],
                )
                .await?;
            let Some(row) = used else { return Ok(None) };
            let login: Uuid = row.try_get(0)?;
            set_password(&tx, login, password_hash).await?;
            super::sessions::end_all(&tx, login, None).await?;
            forget_all(&tx, login).await?;
            Ok(Some(login))
        })
        .await
    }

    /// Forgets links whose time is over, `limit` at most. How many they were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_links(&self, limit: i64) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "DELETE FROM login_links WHERE hash IN (
                    SELECT hash FROM login_links WHERE expires_at < clock_timestamp() LIMIT $1)",
            )
            .await?;
        client.execute(&statement, &[&limit]).await
    }
}

/// A login's links can't be used any more.
pub(super) async fn forget_all(tx: &Tx, login: Uuid) -> Result<(), StoreError> {
    tx.execute("DELETE FROM login_links WHERE login_id = $1", &[&login])
        .await?;
    Ok(())
}

pub(super) async fn set_password(tx: &Tx, login: Uuid, hash: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE logins SET password_hash = $2 WHERE login_id = $1",
        &[&login, &hash],
    )
    .await?;
    Ok(())
}
