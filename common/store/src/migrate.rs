//! The schema, brought up to date by whoever comes first.

use crate::{Store, StoreError};

mod embedded {
    refinery::embed_migrations!("../../infra/migrations");
}

/// The advisory lock under which migrations run, so that two of them never meet.
const MIGRATION_LOCK: i64 = 0x746f_7075_7000_0001;

impl Store {
    /// Applies what is missing of the schema; safe to run at any time, by any number at once.
    /// Returns the names of what was applied.
    ///
    /// # Errors
    /// [`StoreError::Migration`] where a migration fails or an applied one was changed since.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let mut client = self.client().await?;
        client
            .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
            .await?;
        let outcome = embedded::migrations::runner()
            .run_async(client.raw())
            .await;
        client
            .execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
            .await?;
        Ok(outcome?
            .applied_migrations()
            .iter()
            .map(ToString::to_string)
            .collect())
    }
}
