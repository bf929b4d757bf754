//! What the database server is, and how it is set: for the operator's command, which judges it.

use crate::{Store, StoreError};
use jiff::Timestamp;

/// A server as one session of ours finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `150018` of 15.18.
    pub version_num: i32,
    /// `15.18`.
    pub version: String,
    /// What a transaction is that says nothing of it: `read committed`.
    pub isolation: String,
    /// `on` or `off`.
    pub fsync: String,
    /// `on` or `off`.
    pub full_page_writes: String,
    /// `on`, `off`, `local`, …
    pub synchronous_commit: String,
    /// Connections that it takes, but for those that are kept for its administrators.
    pub connections_max: i64,
    /// Connections that are open, to all of its databases.
    pub connections: i64,
    /// The role that asks.
    pub role: String,
    /// Tables of the fleet that the role may not read or write, partitions aside.
    pub closed_tables: Vec<String>,
    /// Its clock.
    pub now: Timestamp,
}

impl Store {
    /// Asks the server how it is set, for this role and this database.
    ///
    /// # Errors
    /// The database's.
    pub async fn server(&self) -> Result<Server, StoreError> {
        let client = self.client().await?;
        let row = client.query_one(include_str!("server/settings.sql"), &[]).await?;
        Ok(Server {
            version_num: row.try_get("version_num")?,
            version: row.try_get("version")?,
            isolation: row.try_get("isolation")?,
            fsync: row.try_get("fsync")?,
            full_page_writes: row.try_get("full_page_writes")?,
            synchronous_commit: row.try_get("synchronous_commit")?,
            connections_max: row.try_get("connections_max")?,
            connections: row.try_get("connections")?,
            role: row.try_get("role")?,
            closed_tables: row.try_get("closed_tables")?,
            now: row.try_get("now")?,
        })
    }
}
