//! What time alone brings about, and what a broker that lost everything left behind.
//!
//! Everything here only calls again: a message that says 'look'. The database decides when it comes (C3), so one
//! call too many changes nothing. Rows that another sweeper is at are skipped.

use crate::outbox::{self, Draft, OutboxMessage};

use crate::{Store, StoreError, rows};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use topup_rules::ids::{Reference, TopupId, WalletKey};
use topup_rules::message::{
    Notification, PaymentMode, PaymentResult, PaymentStatus, ResultSource, TopupRequested,
};
use topup_rules::topup::TopupState;

/// Why a payment without an answer counts as unknown.
const NO_ANSWER: &str = "the gateway's answer was never seen";

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
    /// not woken; waiting for an earlier one that is settled. What was called is left alone for another `grace`.
    ///
    /// # Errors
    /// The database's.
    pub async fn overdue_topups(
        &self,
        grace: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let grace_us = microseconds(grace);
        self.transact(|tx| async move {
            let rows = tx
                .query(include_str!("sweep/overdue_topups.sql"), &[&grace_us, &limit])
                .await?;
            let drafts = rows.iter().map(wake_up).collect::<Result<Vec<_>, StoreError>>()?;
            outbox::write(&tx, drafts).await
        })
        .await
    }

    /// At most `limit` charges that are older than `older_than` and not settled, nor known to be pending or unknown: a
    /// worker died on the way, or its message was lost with the broker. The answer that was written down is published
    /// again; where there is none, nobody knows, and the result is `unknown` (C8). `older_than` is longer than any
    /// call to the gateway takes.
    ///
    /// # Errors
    /// The database's.
    pub async fn overdue_charges(
        &self,
        older_than: SignedDuration,
        limit: i64,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let age_us = microseconds(older_than);
        self.transact(|tx| async move {
            let rows = tx
                .query(include_str!("sweep/overdue_charges.sql"), &[&age_us, &limit])
                .await?;
            let now = tx.clock().await?;
            let drafts = rows
                .iter()
                .map(|row| result(row, now))
                .collect::<Result<Vec<_>, StoreError>>()?;
            outbox::write(&tx, drafts).await
        })
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
        let age_us = microseconds(older_than);
        self.transact(|tx| async move {
            let rows = tx
                .query(include_str!("sweep/overdue_notices.sql"), &[&age_us, &limit])
                .await?;
            let drafts = rows
                .iter()
                .map(notification)
                .collect::<Result<Vec<_>, StoreError>>()?;
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

fn microseconds(duration: SignedDuration) -> i64 {
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

/// The result that was written down, or the one of a charge that nobody saw answered.
fn result(row: &Row, now: Timestamp) -> Result<Draft, StoreError> {
    let account = rows::account_id(row, "account_id", "payments")?;
    let answer: Option<serde_json::Value> = row.try_get("answer")?;
    let message = match answer {
        Some(answer) => serde_json::from_value(answer)?,
        None => unknown(row, now)?,
    };
    let traceparent: Option<String> = row.try_get("traceparent")?;
    Ok(Draft::new::<PaymentResult>(account, &message)?.traced(traceparent.as_deref()))
}

fn unknown(row: &Row, now: Timestamp) -> Result<PaymentResult, StoreError> {
    Ok(PaymentResult {
        reference: rows::name::<Reference>(row, "reference", "payments")?,
        gateway: row.try_get("gateway")?,
        status: PaymentStatus::Unknown,
        amount_minor: None,
        currency: None,
        gateway_transaction_id: None,
        reason: Some(NO_ANSWER.to_owned()),
        card: None,
        source: ResultSource::Reconcile,
        mode: rows::name::<PaymentMode>(row, "mode", "payments")?,
        reversal_id: None,
        occurred_at: now,
    })
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
