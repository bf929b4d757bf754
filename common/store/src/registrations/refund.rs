//! E3: a registration's charge is given back: asked for once, and looked up where the answer is not known.
//!
//! The gateway recognises no repeat of a refund. So that it is asked for is written down before the call, like every
//! intent; what was asked for and has no answer is never asked for again. That it was given back comes as a result like
//! any other (V1), and takes nothing with it.

use crate::outbox::{self, Draft, OutboxMessage};
use crate::sweep::microseconds;
use crate::topups::Asked;
use crate::transaction::Tx;
use crate::{GatewayCall, Store, StoreError, notices, rows};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use topup_rules::ids::{AccountId, Reference};
use topup_rules::message::{PaymentMode, PaymentResult};
use topup_rules::money::Money;
use topup_rules::notices::{Alarmed, refund_stuck};
use topup_rules::registration::{AfterRefund, RefundTold, after_refund};
use topup_rules::retry::RetryPolicy;
use uuid::Uuid;

/// A charge that is to be given back now, by whoever has this.
#[derive(Debug, Clone)]
pub struct RefundDue {
    /// Whose.
    pub account: AccountId,
    /// Of which registration.
    pub registration: Uuid,
    /// Its payment's key at the gateway.
    pub reference: Reference,
    /// Which gateway: `paystack`.
    pub gateway: String,
    /// With real money or not.
    pub mode: PaymentMode,
    /// How much.
    pub amount: Money,
    /// It was asked for, and its answer is not known: it is to be looked up.
    pub is_in_doubt: bool,
    /// Tries before this one.
    pub tries: u32,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
    /// From then on it is others' to see to.
    pub leased_until: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct RefundEnd {
    /// In the rules' words.
    pub told: RefundTold,
    /// The gateway's id of the refund, where it has taken it on.
    pub refund_id: Option<String>,
    /// The gateway's words, or what the trouble was, on one line.
    pub detail: Option<String>,
    /// What a look says about the money: to be settled.
    pub result: Option<PaymentResult>,
}

impl Store {
    /// At most `limit` registrations' charges that are to be given back now, each leased to the caller for `lease`, which
    /// is longer than that takes.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_refunds(&self, lease: SignedDuration, limit: i64) -> Result<Vec<RefundDue>, StoreError> {
        let lease_us = microseconds(lease);
        self.transact(|tx| async move {
            tx.query(include_str!("due_refunds.sql"), &[&lease_us, &limit])
                .await?
                .iter()
                .map(due)
                .collect()
        })
        .await
    }

    /// Writes down that the gateway is asked now, before it is. Whether it may be: somebody else may have seen to it.
    ///
    /// # Errors
    /// The database's; it must not be asked then.
    pub async fn ask_refund(&self, due: &RefundDue) -> Result<bool, StoreError> {
        self.transact(|tx| async move {
            let marked = tx
                .execute(
                    "UPDATE card_registrations SET refund_asked_at = clock_timestamp()
                      WHERE account_id = $1 AND registration_id = $2 AND refund_due_at = $3 AND refund_asked_at IS NULL",
                    &[&due.account.get(), &due.registration, &due.leased_until],
                )
                .await?;
            Ok(marked == 1)
        })
        .await
    }

    /// Writes down what came of asking or looking, and does what follows from it.
    ///
    /// # Errors
    /// The database's; it is seen to again when the lease is over.
    pub async fn record_refund(
        &self,
        due: &RefundDue,
        call: GatewayCall,
        end: &RefundEnd,
        pauses: &RetryPolicy,
    ) -> Result<(AfterRefund, Vec<OutboxMessage>), StoreError> {
        self.transact(|tx| async move { record(&tx, due, call, end, pauses).await })
            .await
    }
}

fn due(row: &Row) -> Result<RefundDue, StoreError> {
    Ok(RefundDue {
        account: rows::account_id(row, "account_id", "card_registrations")?,
        registration: row.try_get("registration_id")?,
        reference: rows::name(row, "reference", "payments")?,
        gateway: row.try_get("gateway")?,
        mode: rows::name(row, "mode", "payments")?,
        amount: Money::new(
            row.try_get("amount_minor")?,
            rows::name(row, "currency", "card_registrations")?,
        ),
        is_in_doubt: row.try_get("is_in_doubt")?,
        tries: rows::count(row, "refund_tries", "card_registrations")?,
        traceparent: row.try_get("traceparent")?,
        leased_until: row.try_get("refund_due_at")?,
    })
}

async fn record(
    tx: &Tx,
    due: &RefundDue,
    call: GatewayCall,
    end: &RefundEnd,
    pauses: &RetryPolicy,
) -> Result<(AfterRefund, Vec<OutboxMessage>), StoreError> {
    keep_call(tx, due, call, end).await?;
    let after = after_refund(end.told, due.tries.saturating_add(1), pauses);
    // Whether it may have been taken on, and when it is seen to again.
    let (in_doubt, delay_s) = match after {
        AfterRefund::Done | AfterRefund::GiveUp => (due.is_in_doubt, None),
        AfterRefund::AskAgain { delay_s } => (false, Some(delay_s)),
        AfterRefund::LookUp { delay_s } => (true, Some(delay_s)),
    };
    let due_at = match delay_s {
        Some(delay_s) => Some(
            tx.clock()
                .await?
                .saturating_add(SignedDuration::from_secs(i64::from(delay_s.max(1))))
                .unwrap_or(Timestamp::MAX),
        ),
        None => None,
    };
    let is_ours = tx
        .execute(
            "UPDATE card_registrations
                SET refund_due_at = $4, refund_tries = refund_tries + 1, refund_id = coalesce($5, refund_id),
                    refund_asked_at = CASE WHEN $6 THEN coalesce(refund_asked_at, clock_timestamp()) END
              WHERE account_id = $1 AND registration_id = $2 AND refund_due_at = $3",
            &[
                &due.account.get(),
                &due.registration,
                &due.leased_until,
                &due_at,
                &end.refund_id,
                &in_doubt,
            ],
        )
        .await?
        == 1;
    let mut messages = match &end.result {
        Some(result) => {
            let draft = Draft::new(due.account, result)?.traced(due.traceparent.as_deref());
            outbox::write(tx, vec![draft]).await?
        }
        None => Vec::new(),
    };
    if is_ours && after == AfterRefund::GiveUp {
        let alarmed = Alarmed {
            account: due.account,
            reference: &due.reference,
            topup: None,
        };
        let last_word = end.detail.as_deref().unwrap_or("nothing");
        let draft = refund_stuck(&alarmed, due.amount, last_word);
        messages.extend(notices::request(tx, &[draft], due.traceparent.as_deref()).await?);
    }
    Ok((after, messages))
}

/// For the story of the payment.
async fn keep_call(tx: &Tx, due: &RefundDue, call: GatewayCall, end: &RefundEnd) -> Result<(), StoreError> {
    let (name, outcome) = match end.told {
        RefundTold::Taken => ("refund", "taken"),
        RefundTold::Refused => ("refund", "refused"),
        RefundTold::NoVerdict => ("refund", "unknown"),
        RefundTold::OurTrouble { .. } => ("refund", "our-trouble"),
        RefundTold::FoundGivenBack => ("verify", "reversed"),
        RefundTold::NotFound => ("verify", "success"),
    };
    let asked = Asked {
        account: due.account,
        reference: &due.reference,
        traceparent: due.traceparent.as_deref(),
        call,
    };
    asked.record(tx, name, outcome, end.detail.as_deref()).await
}
