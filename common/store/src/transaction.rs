//! One transaction, tried again whole where others were changing the same rows.

use crate::client::Client;
use crate::{Store, StoreError};
use futures_util::future::{join_all, try_join_all};
use futures_util::join;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use topup_failpoints::{Point, reach};

/// How often a transaction is tried where deadlocks or serialization failures end it.
const ATTEMPTS_MAX: u32 = 8;
/// The pause after the first such failure; doubled after each.
const PAUSE_MS: u64 = 2;

/// An open transaction, with its connection. An error anywhere inside ends it: nothing is ever swallowed
/// between BEGIN and COMMIT, because the COMMIT of an aborted transaction reports success and is a ROLLBACK.
///
/// Statements of one transaction that do not need each other's answers may be sent together (`try_join!`): the
/// server still takes them one by one, and a round trip is saved. Statements that lock are not: which of two that are
/// sent together comes first depends on which was prepared before.
///
/// Dropped in the middle, it closes its connection rather than give it back with a transaction open.
pub(crate) struct Tx(Client);

impl Tx {
    async fn begin(client: Client, how: &str) -> Result<Self, StoreError> {
        client.close_after_use();
        client.batch_execute(how).await?;
        Ok(Self(client))
    }

    /// Ends it with `how`, and gives the connection back.
    async fn end(self, how: &str) -> Result<(), StoreError> {
        self.0.batch_execute(how).await?;
        self.0.keep_after_use();
        Ok(())
    }

    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        self.0.prepare_cached(sql).await
    }

    pub(crate) async fn query(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare(sql).await?;
        self.0.query(&statement, params).await
    }

    pub(crate) async fn query_opt(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        let statement = self.prepare(sql).await?;
        self.0.query_opt(&statement, params).await
    }

    pub(crate) async fn query_one(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, StoreError> {
        let statement = self.prepare(sql).await?;
        self.0.query_one(&statement, params).await
    }

    /// Rows changed.
    pub(crate) async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql).await?;
        self.0.execute(&statement, params).await
    }

    /// A COPY into a table, its data in one piece.
    pub(crate) async fn copy(&self, sql: &str, data: Vec<u8>) -> Result<(), StoreError> {
        let statement = self.prepare(sql).await?;
        self.0.copy(&statement, data).await
    }

    /// The database's clock, now: `now()` would be the transaction's start and lag behind a wait for a lock.
    pub(crate) async fn clock(&self) -> Result<Timestamp, StoreError> {
        Ok(self.query_one("SELECT clock_timestamp()", &[]).await?.get(0))
    }
}

impl Store {
    /// Runs `work` in a transaction and commits; on a deadlock or serialization failure all of it again.
    ///
    /// `work` is `|tx| async move { … }`, and borrows what it needs through references that it copies in:
    /// its future must not depend on a borrow of the closure's argument, or it could not move between threads.
    pub(crate) async fn transact<T, F>(&self, work: impl Fn(Arc<Tx>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.transact_as("BEGIN", work).await
    }

    /// As [`Store::transact`], begun with a statement of its own: an isolation level, read only.
    pub(crate) async fn transact_as<T, F>(
        &self,
        begin: &str,
        work: impl Fn(Arc<Tx>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        for attempt in 0..ATTEMPTS_MAX {
            let tx = Arc::new(Tx::begin(self.client().await?, begin).await?);
            let outcome = work(Arc::clone(&tx)).await;
            let Some(tx) = Arc::into_inner(tx) else {
                unreachable!("the work is over, and it kept no handle of its transaction")
            };
            let outcome = match outcome {
                Ok(value) => {
                    reach(Point::RowWritten);
                    tx.end("COMMIT").await.map(|()| value)
                }
                // Nobody listens there; the connection is closed, which rolls back.
                Err(error @ StoreError::Silent { .. }) => Err(error),
                Err(error) => {
                    // Where not even this goes through, the connection is closed, which rolls back as well.
                    let _closed_otherwise = tx.end("ROLLBACK").await;
                    Err(error)
                }
            };
            match outcome {
                Err(error) if error.is_contention() => {
                    tracing::debug!(attempt, error = %error, "a transaction is tried again");
                    tokio::time::sleep(Duration::from_millis(PAUSE_MS << attempt)).await;
                }
                Ok(value) => return Ok(value),
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended {
            attempts: ATTEMPTS_MAX,
        })
    }
}

/// A transaction whose statements need nothing of each other's answers, begun and committed in one message with them:
/// what they lock is locked for as long as the server takes, and not while an answer travels, or while this process
/// waits for its turn on a busy machine.
///
/// It is tried once. The rows come back in the order of the statements.
pub(crate) async fn transact_at_once<const N: usize>(
    client: &Client,
    begin: &str,
    statements: [(&str, &[&(dyn ToSql + Sync)]); N],
) -> Result<[Vec<Row>; N], StoreError> {
    let prepared = try_join_all(statements.iter().map(|(sql, _)| client.prepare_cached(sql))).await?;
    client.close_after_use();
    // Sent in this order. Where a statement fails, the server makes a rollback of the commit.
    let (begun, rows, committed) = join!(
        client.batch_execute(begin),
        join_all(
            prepared
                .iter()
                .zip(&statements)
                .map(|(statement, (_, params))| client.query(statement, params))
        ),
        client.batch_execute("COMMIT"),
    );
    begun?;
    let rows: Result<Vec<Vec<Row>>, StoreError> = rows.into_iter().collect();
    let rows = rows.and_then(|rows| committed.map(|()| rows));
    if !matches!(rows, Err(StoreError::Silent { .. })) {
        client.keep_after_use();
    }
    let Ok(rows) = <[Vec<Row>; N]>::try_from(rows?) else {
        unreachable!("as many answers as statements")
    };
    Ok(rows)
}
