//! The gateway's answer to a charge, written down before anything follows from it.

use super::{ChargeIntent, lock_topup};
use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{Store, StoreError, lines, rows};
use futures_util::try_join;
use jiff::{SignedDuration, Timestamp};
use topup_rules::charge::Answer;
use topup_rules::ids::{AccountId, Reference, TopupId};
use topup_rules::lines::{CallClass, CallEnd, LinePolicy};
use topup_rules::message::{PaymentResult, TopupRequested};
use topup_rules::retry::{NextTry, RetryPolicy};
use topup_rules::settle::PaidFor;

/// A call to the gateway, for the story of the payment.
#[derive(Debug, Clone, Copy)]
pub struct GatewayCall {
    /// When it was made.
    pub started_at: Timestamp,
}

/// How a call ended for the line to the gateway that all share.
#[derive(Debug, Clone, Copy)]
pub struct LineEnd {
    /// Answered, in trouble, or told to leave it alone.
    pub end: CallEnd,
    /// What the platform decided about the line.
    pub policy: LinePolicy,
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
        line: LineEnd,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.transact(|tx| async move {
            lock_paid_for(&tx, intent).await?;
            let messages = record(&tx, intent, call, answer, pauses).await?;
            // Last of all: every process shares that row.
            lines::end_call(&tx, &intent.gateway, CallClass::Charge, line.end, &line.policy).await?;
            Ok(messages)
        })
        .await
    }
}

/// The top-up before its payment, as everywhere: a payment's row that is changed twice, and a call that refers to it,
/// have the database look up what they refer to, under a lock that would otherwise come the wrong way round.
async fn lock_paid_for(tx: &Tx, intent: &ChargeIntent) -> Result<(), StoreError> {
    match intent.paid_for {
        PaidFor::Topup(topup) => lock_topup(tx, intent.account, topup).await.map(drop),
        PaidFor::Purchase { .. } | PaidFor::Registration(_) => Ok(()),
    }
}

async fn record(
    tx: &Tx,
    intent: &ChargeIntent,
    call: GatewayCall,
    answer: &Answer,
    pauses: &RetryPolicy,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let asked = Asked {
        account: intent.account,
        reference: &intent.reference,
        traceparent: intent.traceparent.as_deref(),
        call,
    };
    match answer {
        Answer::Result {
            result,
            challenge_url,
        } => {
            asked
                .record(tx, "charge", result.status.as_str(), result.reason.as_deref())
                .await?;
            match intent.paid_for {
                PaidFor::Purchase { .. } | PaidFor::Registration(_) => {
                    asked.lead_to(tx, challenge_url.as_deref()).await?;
                }
                // Nobody is there to go anywhere (C7).
                PaidFor::Topup(_) => {}
            }
            asked.answer(tx, result).await
        }
        Answer::Trouble { reason, at_least_s } => {
            asked.record(tx, "charge", "our-trouble", Some(reason)).await?;
            let due = due_again(tx, intent, at_least_s.unwrap_or(0), pauses).await?;
            match intent.paid_for {
                PaidFor::Topup(topup) => asked.try_again(tx, topup, reason, due).await,
                PaidFor::Purchase { .. } | PaidFor::Registration(_) => asked.ask_about(tx, due).await,
            }
        }
    }
}

/// What was asked of the gateway, and when.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) account: AccountId,
    pub(crate) reference: &'a Reference,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) call: GatewayCall,
}

impl Asked<'_> {
    /// For the story of the payment.
    pub(crate) async fn record(
        &self,
        tx: &Tx,
        call: &str,
        outcome: &str,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let (account, reference) = (self.account.get(), self.reference.as_str());
        let written = async {
            tx.execute(
                "INSERT INTO payment_calls (account_id, reference, call, outcome, detail, started_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                &[
                    &account,
                    &reference,
                    &call,
                    &outcome,
                    &detail,
                    &self.call.started_at,
                ],
            )
            .await
        };
        let answered = async {
            tx.execute(
                "UPDATE payments SET answered_at = clock_timestamp() WHERE account_id = $1 AND reference = $2",
                &[&account, &reference],
            )
            .await
        };
        try_join!(written, answered).map(drop)
    }

    /// Keeps the result itself, so that it can be published again where a broker lost its message, and publishes it.
    pub(crate) async fn answer(
        &self,
        tx: &Tx,
        result: &PaymentResult,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let (account, reference) = (self.account.get(), self.reference.as_str());
        let answer = serde_json::to_value(result)?;
        let draft = Draft::new(self.account, result)?.traced(self.traceparent);
        let kept = async {
            tx.execute(
                "UPDATE payments SET answer = $3 WHERE account_id = $1 AND reference = $2",
                &[&account, &reference, &answer],
            )
            .await
        };
        let (_, outbox) = try_join!(kept, outbox::write(tx, vec![draft]))?;
        Ok(outbox)
    }

    /// The page where a challenged customer has to go.
    async fn lead_to(&self, tx: &Tx, challenge_url: Option<&str>) -> Result<(), StoreError> {
        tx.execute(
            "UPDATE payments SET checkout_url = coalesce($3, checkout_url) WHERE account_id = $1 AND reference = $2",
            &[&self.account.get(), &self.reference.as_str(), &challenge_url],
        )
        .await?;
        Ok(())
    }

    /// C9: the top-up waits and is tried again, the claim on spacing kept, nobody disabled.
    async fn try_again(
        &self,
        tx: &Tx,
        topup: TopupId,
        reason: &str,
        due: Timestamp,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let row = tx
            .query_opt(
                "UPDATE topups SET state = 'scheduled', due_at = $3, reason = $4
                  WHERE account_id = $1 AND topup_id = $2 AND state = 'charging'
                 RETURNING service, requested_at",
                &[&self.account.get(), &topup, &due, &reason],
            )
            .await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        tx.execute(
            "UPDATE payments SET retry_at = $3 WHERE account_id = $1 AND reference = $2 AND state = 'charging'",
            &[&self.account.get(), &self.reference.as_str(), &due],
        )
        .await?;
        let message = TopupRequested {
            topup_id: topup,
            account_id: self.account,
            service: rows::name(&row, "service", "topups")?,
            requested_at: row.try_get("requested_at")?,
        };
        let draft = Draft::new(self.account, &message)?
            .traced(self.traceparent)
            .not_before(Some(due));
        outbox::write(tx, vec![draft]).await
    }

    /// C9: a purchase is not charged again behind its customer's back; the gateway will say that it has none of it.
    async fn ask_about(&self, tx: &Tx, due: Timestamp) -> Result<Vec<OutboxMessage>, StoreError> {
        tx.execute(
            "UPDATE payments SET ask_at = $3 WHERE account_id = $1 AND reference = $2 AND state = 'charging'",
            &[&self.account.get(), &self.reference.as_str(), &due],
        )
        .await?;
        Ok(Vec::new())
    }
}

/// When our own trouble may be over: pauses grow from call to call.
async fn due_again(
    tx: &Tx,
    intent: &ChargeIntent,
    at_least_s: u32,
    pauses: &RetryPolicy,
) -> Result<Timestamp, StoreError> {
    let calls = tx
        .query_one(
            "SELECT count(*)::int AS calls FROM payment_calls
              WHERE account_id = $1 AND reference = $2 AND call = 'charge' AND outcome = 'our-trouble'",
            &[&intent.account.get(), &intent.reference.as_str()],
        )
        .await?;
    let pause_s = match pauses.after(rows::count(&calls, "calls", "payment_calls")?) {
        NextTry::After { delay_s } => delay_s,
        // Our own trouble never ends in a failure: the queue waits until it is over.
        NextTry::GiveUp => pauses.max_s,
    };
    let pause = SignedDuration::from_secs(i64::from(pause_s.max(at_least_s)));
    Ok(tx.clock().await?.saturating_add(pause).unwrap_or(Timestamp::MAX))
}
