//! The gateway's answer to a charge, written down before anything follows from it.

use super::ChargeIntent;
use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{Store, StoreError, rows};
use jiff::{SignedDuration, Timestamp};
use topup_rules::message::{PaymentResult, TopupRequested};
use topup_rules::retry::{NextTry, RetryPolicy};

/// A call to the gateway, for the story of the payment.
#[derive(Debug, Clone, Copy)]
pub struct GatewayCall {
    /// When it was made.
    pub started_at: Timestamp,
}

/// What came of a charge call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A verdict, be it `unknown`: it goes to `payment-results`, which alone settles.
    Result(Box<PaymentResult>),
    /// Our own trouble (C9): the gateway certainly has no charge of it, so the same reference is tried again.
    Trouble {
        /// What it was.
        reason: String,
        /// The gateway asked for at least this pause, in seconds.
        at_least_s: Option<u32>,
    },
}

impl Store {
    /// Writes down the answer to a charge, with the message that follows from it.
    ///
    /// # Errors
    /// The database's; the intent stays without an answer then, and is asked about later.
    pub async fn record_answer(
        &self,
        intent: &ChargeIntent,
        call: GatewayCall,
        answer: &Answer,
        pauses: &RetryPolicy,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.transact(|tx| async move { record(&tx, intent, call, answer, pauses).await })
            .await
    }
}

async fn record(
    tx: &Tx,
    intent: &ChargeIntent,
    call: GatewayCall,
    answer: &Answer,
    pauses: &RetryPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    match answer {
        Answer::Result(result) => {
            record_call(tx, intent, call, result.status.as_str(), result.reason.as_deref()).await?;
            keep_answer(tx, intent, result).await?;
            let draft = Draft::new(intent.account, &**result)?.traced(intent.traceparent.as_deref());
            outbox::write(tx, vec![draft]).await
        }
        Answer::Trouble { reason, at_least_s } => {
            record_call(tx, intent, call, "our-trouble", Some(reason)).await?;
            try_again(tx, intent, reason, at_least_s.unwrap_or(0), pauses).await
        }
    }
}

async fn record_call(
    tx: &Tx,
    intent: &ChargeIntent,
    call: GatewayCall,
    outcome: &str,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO payment_calls (account_id, reference, call, outcome, detail, started_at)
         VALUES ($1, $2, 'charge', $3, $4, $5)",
        &[
            &intent.account.get(),
            &intent.reference.as_str(),
            &outcome,
            &detail,
            &call.started_at,
        ],
    )
    .await?;
    tx.execute(
        "UPDATE payments SET answered_at = clock_timestamp() WHERE account_id = $1 AND reference = $2",
        &[&intent.account.get(), &intent.reference.as_str()],
    )
    .await?;
    Ok(())
}

/// The result itself, so that it can be published again where a broker lost its message.
async fn keep_answer(tx: &Tx, intent: &ChargeIntent, result: &PaymentResult) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE payments SET answer = $3 WHERE account_id = $1 AND reference = $2",
        &[
            &intent.account.get(),
            &intent.reference.as_str(),
            &serde_json::to_value(result)?,
        ],
    )
    .await?;
    Ok(())
}

/// C9: the top-up waits and is tried again, the claim on spacing kept, nobody disabled.
async fn try_again(
    tx: &Tx,
    intent: &ChargeIntent,
    reason: &str,
    at_least_s: u32,
    pauses: &RetryPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let calls = tx
        .query_one(
            "SELECT count(*)::int AS calls FROM payment_calls
              WHERE account_id = $1 AND reference = $2 AND outcome = 'our-trouble'",
            &[&intent.account.get(), &intent.reference.as_str()],
        )
        .await?;
    let pause_s = match pauses.after(rows::count(&calls, "calls", "payment_calls")?) {
        NextTry::After { delay_s } => delay_s,
        // Our own trouble never ends in a failure: the queue waits until it is over.
        NextTry::GiveUp => pauses.max_s,
    };
    let now = tx.clock().await?;
    let pause = SignedDuration::from_secs(i64::from(pause_s.max(at_least_s)));
    let due = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
    let row = tx
        .query_opt(
            "UPDATE topups SET state = 'scheduled', due_at = $3, reason = $4
              WHERE account_id = $1 AND topup_id = $2 AND state = 'charging'
             RETURNING service, requested_at",
            &[&intent.account.get(), &intent.topup, &due, &reason],
        )
        .await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    tx.execute(
        "UPDATE payments SET retry_at = $3 WHERE account_id = $1 AND reference = $2 AND state = 'charging'",
        &[&intent.account.get(), &intent.reference.as_str(), &due],
    )
    .await?;
    let message = TopupRequested {
        topup_id: intent.topup,
        account_id: intent.account,
        service: rows::name(&row, "service", "topups")?,
        requested_at: row.try_get("requested_at")?,
    };
    let draft = Draft::new(intent.account, &message)?
        .traced(intent.traceparent.as_deref())
        .not_before(Some(due));
    outbox::write(tx, vec![draft]).await
}
