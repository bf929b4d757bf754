//! One connection of the pool, on which nothing is waited for without end.
//!
//! The server ends statements that take too long, and the kernel connections whose peer no longer acknowledges. Neither
//! helps where something in between (a proxy, a firewall, a server that was frozen) takes what is sent and gives
//! nothing back. So every statement has a time of its own here, a little longer than the server gives it.

use crate::StoreError;
use deadpool_postgres::Object;
use futures_util::SinkExt as _;
use std::io::Cursor;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement, ToStatement};

/// A connection, given back to the pool when it is dropped, unless it was silent.
pub(crate) struct Client {
    /// `None` only while it is being dropped.
    object: Option<Object>,
    /// How long an answer may take; `None`: for ever.
    patience: Option<Duration>,
    is_spoilt: AtomicBool,
}

impl Client {
    pub(crate) const fn new(object: Object, patience: Option<Duration>) -> Self {
        Self {
            object: Some(object),
            patience,
            is_spoilt: AtomicBool::new(false),
        }
    }

    /// It is closed when it is dropped, and with it whatever the session holds: locks, an open transaction.
    pub(crate) fn close_after_use(&self) {
        self.is_spoilt.store(true, Ordering::Relaxed);
    }

    /// What is open in it is over, and others may use it.
    pub(crate) fn keep_after_use(&self) {
        self.is_spoilt.store(false, Ordering::Relaxed);
    }

    /// The library's own connection, for what is given one; nothing bounds the time there.
    pub(crate) fn raw(&mut self) -> &mut tokio_postgres::Client {
        self.object
            .as_mut()
            .expect("a connection is here until it is dropped")
    }

    fn object(&self) -> &Object {
        self.object
            .as_ref()
            .expect("a connection is here until it is dropped")
    }

    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        let Some(patience) = self.patience else {
            return Ok(asked.await?);
        };
        match tokio::time::timeout(patience, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => {
                self.close_after_use();
                Err(StoreError::Silent {
                    after_s: patience.as_secs(),
                })
            }
        }
    }

    /// Prepared once a connection.
    pub(crate) async fn prepare_cached(&self, sql: &str) -> Result<Statement, StoreError> {
        self.answer(self.object().prepare_cached(sql)).await
    }

    pub(crate) async fn query<S>(
        &self,
        statement: &S,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError>
    where
        S: ?Sized + ToStatement + Sync,
    {
        self.answer(self.object().query(statement, params)).await
    }

    pub(crate) async fn query_opt<S>(
        &self,
        statement: &S,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError>
    where
        S: ?Sized + ToStatement + Sync,
    {
        self.answer(self.object().query_opt(statement, params)).await
    }

    pub(crate) async fn query_one<S>(
        &self,
        statement: &S,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, StoreError>
    where
        S: ?Sized + ToStatement + Sync,
    {
        self.answer(self.object().query_one(statement, params)).await
    }

    /// Rows changed.
    pub(crate) async fn execute<S>(
        &self,
        statement: &S,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError>
    where
        S: ?Sized + ToStatement + Sync,
    {
        self.answer(self.object().execute(statement, params)).await
    }

    pub(crate) async fn batch_execute(&self, sql: &str) -> Result<(), StoreError> {
        self.answer(self.object().batch_execute(sql)).await
    }

    /// A COPY into a table, its data in one piece.
    pub(crate) async fn copy(&self, statement: &Statement, data: Vec<u8>) -> Result<(), StoreError> {
        self.answer(async {
            let mut sink = std::pin::pin!(self.object().copy_in(statement).await?);
            sink.send(Cursor::new(data)).await?;
            sink.finish().await.map(drop)
        })
        .await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && self.is_spoilt.load(Ordering::Relaxed)
        {
            drop(Object::take(object));
        }
    }
}
