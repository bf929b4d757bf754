//! What time alone brings about, and what a broker that lost everything left behind.
//!
//! Everything here only calls again: a message that says 'look'. The database decides when it comes (C3), so one
//! call too many changes nothing. Rows that another sweeper is at are skipped.

use crate::outbox::{self, Draft, OutboxMessage};
use crate::{Store, StoreError, rows};
use jiff::SignedDuration;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use topup_rules::ids::{ReferenceKind, TopupId, WalletKey};
use topup_rules::message::{Notification, PaymentResult, TopupRequested};
use topup_rules::topup::{PaymentState, TopupState};

/// Top-ups of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenTopups {
    /// Which state.
    pub state: TopupState,
    /// How many.
    pub count: i64,
    /// How long ago the oldest was requested.
    pub oldest_age_s: i64,
}

/// Payments of one kind and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPayments {
    /// What they are for.
    pub kind: ReferenceKind,
    /// Which state.
    pub state: PaymentState,
    /// How many.
    pub count: i64,
    /// How long ago the oldest was intended.
    pub oldest_age_s: i64,
}

/// A wallet whose row and whose top-ups say different things. There should be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfStep {
    /// Which.
    pub wallet: WalletKey,
    /// What its row says is open.
    pub named: Option<TopupId>,
    /// What is open.
    pub open: Option<TopupId>,
}

impl Store {
    /// Calls at most `limit` top-ups again that should have moved `grace` ago: asked for and never taken up; due and
    /// not woken; waiting for an earlier one that is settled.
    ///
    /// # Errors
    /// The database's.
    pub async fn overdue_topups(
        &self,
        grace: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.call_again(include_str!("sweep/overdue_topups.sql"), grace, limit, wake_up)
            .await
    }

    /// Publishes the answers of at most `limit` charges again that were written down `older_than` ago and have not
    /// settled anything: their messages were lost with the broker. Once each: after that, and where no answer was
    /// written down, the gateway is asked (C8).
    ///
    /// # Errors
    /// The database's.
    pub async fn overdue_charges(
        &self,
        older_than: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.call_again(
            include_str!("sweep/overdue_charges.sql"),
            older_than,
            limit,
            answer,
        )
        .await
    }

    /// N1: publishes at most `limit` notices again that are older than `older_than` and neither sent nor given up:
    /// their messages were lost with the broker. `older_than` is longer than a notice is tried for.
    ///
    /// # Errors
    /// The database's.
    pub async fn overdue_notices(
        &self,
        older_than: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.call_again(
            include_str!("sweep/overdue_notices.sql"),
            older_than,
            limit,
            notification,
        )
        .await
    }

    /// What the statement finds overdue by `age`, at most `limit`, as the messages that call it again. The statement
    /// marks what it finds, so that the next sweep leaves it alone for as long again.
    async fn call_again(
        &self,
        sql: &'static str,
        age: SignedDuration,
        limit: i64,
        message: fn(&Row) -> Result<Draft, StoreError>,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let age_us = microseconds(age);
        self.transact(|tx| async move {
            let rows = tx.query(sql, &[&age_us, &limit]).await?;
            let drafts = rows.iter().map(message).collect::<Result<Vec<_>, StoreError>>()?;
            outbox::write(&tx, drafts).await
        })
        .await
    }

    /// How many top-ups are open, by state, and how old the oldest is. States without any are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_topups_by_state(&self) -> Result<Vec<OpenTopups>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(include_str!("sweep/open_topups.sql"))
            .await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(OpenTopups {
                    state: rows::name(row, "state", "topups")?,
                    count: row.try_get("topups")?,
                    oldest_age_s: row.try_get("oldest_age_s")?,
                })
            })
            .collect()
    }

    /// How many payments are neither settled nor refused, by what they are for and by state, and how old the oldest is.
    /// What has none is left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_payments_by_state(&self) -> Result<Vec<OpenPayments>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(include_str!("sweep/open_payments.sql"))
            .await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(OpenPayments {
                    kind: rows::name(row, "kind", "payments")?,
                    state: rows::name(row, "state", "payments")?,
                    count: row.try_get("payments")?,
                    oldest_age_s: row.try_get("oldest_age_s")?,
                })
            })
            .collect()
    }

    /// At most `limit` wallets whose open top-up is out of step with the top-ups.
    ///
    /// # Errors
    /// The database's.
    pub async fn wallets_out_of_step(&self, limit: i64) -> Result<Vec<OutOfStep>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(include_str!("sweep/out_of_step.sql"))
            .await?;
        let rows = client.query(&statement, &[&limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(OutOfStep {
                    wallet: rows::wallet_key(row, "wallets")?,
                    named: row.try_get("named")?,
                    open: row.try_get("open")?,
                })
            })
            .collect()
    }
}

/// As statements take it: `$1::bigint * interval '1 microsecond'`.
pub(crate) fn microseconds(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn wake_up(row: &Row) -> Result<Draft, StoreError> {
    let wallet = rows::wallet_key(row, "topups")?;
    let message = TopupRequested {
        topup_id: row.try_get("topup_id")?,
        account_id: wallet.account,
        service: wallet.service,
        requested_at: row.try_get("requested_at")?,
    };
    let traceparent: Option<String> = row.try_get("traceparent")?;
    Ok(Draft::new(wallet.account, &message)?.traced(traceparent.as_deref()))
}

/// The result that was written down.
fn answer(row: &Row) -> Result<Draft, StoreError> {
    let account = rows::account_id(row, "account_id", "payments")?;
    let answer: Json<PaymentResult> = row.try_get("answer")?;
    let traceparent: Option<String> = row.try_get("traceparent")?;
    Ok(Draft::new(account, &answer.0)?.traced(traceparent.as_deref()))
}

fn notification(row: &Row) -> Result<Draft, StoreError> {
    let account_id = rows::account_id(row, "account_id", "notices")?;
    let params: Json<_> = row.try_get("params")?;
    let message = Notification {
        notification_id: row.try_get("notification_id")?,
        account_id,
        channel: rows::name(row, "channel", "notices")?,
        template: rows::name(row, "template", "notices")?,
        params: params.0,
    };
    Draft::new(account_id, &message)
}
