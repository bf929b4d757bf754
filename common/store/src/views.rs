//! Top-ups as people look at them: where each stands, and what was paid for it.

use crate::{Store, StoreError, rows, trace};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service, TopupId};
use topup_rules::message::{DeclineClass, PaymentMode, ResultSource};
use topup_rules::money::Currency;
use topup_rules::topup::{PaymentState, TopupState};
use uuid::Uuid;

/// What all the statements here select.
pub(crate) const TOPUPS: &str = include_str!("views/topups.sql");

/// A top-up, and its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopupView {
    /// Which.
    pub topup_id: TopupId,
    /// Whose.
    pub account_id: AccountId,
    /// Of which wallet.
    pub service: Service,
    /// By card or transfer.
    pub method: Method,
    /// Credits that it brings.
    pub quantity: Credits,
    /// The price when it was requested, in the currency's minor unit (C4).
    pub amount_minor: Option<i64>,
    /// The account's, when it was requested.
    pub currency: Currency,
    /// Where it stands.
    pub state: TopupState,
    /// Why there.
    pub reason: Option<String>,
    /// The ledger key of the send that reached the threshold.
    pub trigger_event_id: Uuid,
    /// The balance that was left then.
    pub trigger_balance: Credits,
    /// When.
    pub requested_at: Timestamp,
    /// The moment that it waits for.
    pub due_at: Option<Timestamp>,
    /// The top-up that it waits for.
    pub waits_for: Option<TopupId>,
    /// When it ended.
    pub settled_at: Option<Timestamp>,
    /// The trace of what triggered it: 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// What was asked of the gateway.
    pub payment: Option<PaymentView>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentView {
    /// The idempotency key.
    pub reference: Reference,
    /// Who was asked.
    pub gateway: String,
    /// With real money or not.
    pub mode: PaymentMode,
    /// What was asked for, in the currency's minor unit.
    pub amount_minor: i64,
    /// Of this currency.
    pub currency: Currency,
    /// The card's last four digits, while the card is known.
    pub card_last4: Option<String>,
    /// Where it stands.
    pub state: PaymentState,
    /// Why there: the gateway's words.
    pub reason: Option<String>,
    /// What kind of refusal it was, if it was one.
    pub decline: Option<DeclineClass>,
    /// The gateway's own id of it.
    pub gateway_transaction_id: Option<String>,
    /// When the intent was committed (C5).
    pub intent_at: Timestamp,
    /// When it is tried again after trouble of our own (C9).
    pub retry_at: Option<Timestamp>,
    /// When the gateway last answered.
    pub answered_at: Option<Timestamp>,
    /// When it is asked about it next (C8).
    pub ask_at: Option<Timestamp>,
    /// How often it has answered such a question.
    pub asked: u32,
    /// Whose result settled it.
    pub settled_by: Option<ResultSource>,
    /// When.
    pub settled_at: Option<Timestamp>,
    /// Given back of it so far (V1), in the currency's minor unit.
    pub reversed_minor: i64,
    /// The credits that went with it.
    pub taken_back: Credits,
}

/// Which top-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopupFilter {
    /// Of this account alone.
    pub account: Option<AccountId>,
    /// In this state alone.
    pub state: Option<TopupState>,
}

impl Store {
    /// At most `limit` top-ups, the newest first: their ids carry their time.
    ///
    /// # Errors
    /// The database's.
    pub async fn topups(&self, filter: TopupFilter, limit: i64) -> Result<Vec<TopupView>, StoreError> {
        let account = filter.account.map(AccountId::get);
        let state = filter.state.map(TopupState::as_str);
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&limit];
        let mut conditions = String::new();
        // What is not asked for stands in no condition, so that the rest finds its index.
        if let Some(account) = &account {
            params.push(account);
            conditions += &format!(" AND t.account_id = ${}", params.len());
        }
        if let Some(state) = &state {
            params.push(state);
            conditions += &format!(" AND t.state = ${}", params.len());
        }
        let sql = format!("{TOPUPS} WHERE true{conditions} ORDER BY t.topup_id DESC LIMIT $1");
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &params).await?;
        rows.iter().map(view).collect()
    }

    /// One top-up, whoever's it is. `None` where there is no such top-up.
    ///
    /// # Errors
    /// The database's.
    pub async fn topup(&self, id: TopupId) -> Result<Option<TopupView>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(&format!("{TOPUPS} WHERE t.topup_id = $1"))
            .await?;
        client
            .query(&statement, &[&id])
            .await?
            .first()
            .map(view)
            .transpose()
    }
}

impl Store {
    /// One payment, of whatever kind. `None` where there is no such payment.
    ///
    /// # Errors
    /// The database's.
    pub async fn payment(&self, reference: &Reference) -> Result<Option<PaymentView>, StoreError> {
        let Some((_, account, _)) = reference.parts() else {
            return Ok(None);
        };
        let client = self.client().await?;
        let statement = client.prepare_cached(include_str!("views/payment.sql")).await?;
        let row = client
            .query_opt(&statement, &[&account.get(), &reference.as_str()])
            .await?;
        Ok(row.as_ref().map(payment).transpose()?.flatten())
    }
}

pub(crate) fn view(row: &Row) -> Result<TopupView, StoreError> {
    Ok(TopupView {
        topup_id: row.try_get("topup_id")?,
        account_id: rows::account_id(row, "account_id", "topups")?,
        service: rows::name(row, "service", "topups")?,
        method: rows::name(row, "method", "topups")?,
        quantity: rows::credits(row, "quantity_milli")?,
        amount_minor: row.try_get("amount_minor")?,
        currency: rows::name(row, "currency", "topups")?,
        state: rows::name(row, "state", "topups")?,
        reason: row.try_get("reason")?,
        trigger_event_id: row.try_get("trigger_event_id")?,
        trigger_balance: rows::credits(row, "trigger_milli")?,
        requested_at: row.try_get("requested_at")?,
        due_at: row.try_get("due_at")?,
        waits_for: row.try_get("waits_for")?,
        settled_at: row.try_get("settled_at")?,
        trace_id: row
            .try_get::<_, Option<&str>>("traceparent")?
            .and_then(trace::read)
            .map(|context| context.trace_id().to_string()),
        payment: payment(row)?,
    })
}

fn payment(row: &Row) -> Result<Option<PaymentView>, StoreError> {
    let reference: Option<&str> = row.try_get("reference")?;
    if reference.is_none() {
        return Ok(None);
    }
    let settled_by: Option<&str> = row.try_get("settled_by")?;
    let decline: Option<&str> = row.try_get("decline")?;
    Ok(Some(PaymentView {
        reference: rows::name(row, "reference", "payments")?,
        gateway: row.try_get("gateway")?,
        mode: rows::name(row, "mode", "payments")?,
        amount_minor: row.try_get("paid_minor")?,
        currency: rows::name(row, "paid_currency", "payments")?,
        card_last4: row.try_get("last4")?,
        state: rows::name(row, "payment_state", "payments")?,
        reason: row.try_get("payment_reason")?,
        decline: decline
            .map(|_| rows::name(row, "decline", "payments"))
            .transpose()?,
        gateway_transaction_id: row.try_get("gateway_transaction_id")?,
        intent_at: row.try_get("intent_at")?,
        retry_at: row.try_get("retry_at")?,
        answered_at: row.try_get("answered_at")?,
        ask_at: row.try_get("ask_at")?,
        asked: rows::count(row, "asked", "payments")?,
        settled_by: settled_by
            .map(|_| rows::name(row, "settled_by", "payments"))
            .transpose()?,
        settled_at: row.try_get("payment_settled_at")?,
        reversed_minor: row.try_get("reversed_minor")?,
        taken_back: rows::credits(row, "taken_back_milli")?,
    }))
}
