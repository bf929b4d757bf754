//! C8: payments whose outcome is not known are asked about, and what follows from the answers.
//!
//! Whoever asks takes a lease on the payment: nobody else asks meanwhile, and when the asker dies, somebody does
//! later. Nothing is open while the gateway is asked. What it says about the money is published as a result, which
//! `payment-results` alone settles; what the store does by itself moves no money: it asks again, lets the same
//! reference be submitted again, or hands the payment to a person. Left out: the calls.

use crate::outbox::{self, Draft, OutboxMessage};
use crate::sweep::microseconds;
use crate::topups::{self, apply};
use crate::transaction::Tx;
use crate::{GatewayCall, Store, StoreError, notices, rows};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use topup_rules::ids::{AccountId, Reference, ReferenceKind};
use topup_rules::inquiries::{AfterInquiry, Inquiry, InquiryPolicy, Told, after_inquiry, first_question};
use topup_rules::lifecycle::{self, Event, PaymentKind, Step};
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::notices::{self as texts, Alarmed};
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::{PaymentState, Topup};
use topup_rules::written::Written;

/// The pause where nothing new is to be learned from asking: its verdict was told, and does not settle it.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// Why a payment that the gateway does not know is submitted again.
const NOT_KNOWN: &str = "the gateway does not know the charge, so it is submitted again";
/// Why a purchase that the gateway does not know has failed.
const NEVER_CHARGED: &str = Written::NeverCharged.as_str();
/// Why a purchase on the gateway's page has failed.
const NOT_PAID_IN_TIME: &str = Written::NotPaidInTime.as_str();

/// A payment that is to be asked about now, by whoever has this.
#[derive(Debug, Clone)]
pub struct Inquired {
    /// Whose.
    pub account: AccountId,
    /// Its key at the gateway.
    pub reference: Reference,
    /// Whom to ask: `paystack`.
    pub gateway: String,
    /// With real money or not.
    pub mode: PaymentMode,
    /// What is known so far.
    pub inquiry: Inquiry,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
    /// From then on others ask about it.
    pub leased_until: Timestamp,
}

/// What came of asking.
#[derive(Debug, Clone)]
pub struct InquiryEnd {
    /// What the gateway said, in the rules' words.
    pub told: Told,
    /// Its words, or what the trouble was, on one line.
    pub detail: Option<String>,
    /// What it said about the money, if anything: to be settled.
    pub result: Option<PaymentResult>,
}

impl InquiryEnd {
    /// What was last heard of the payment.
    fn last_word(&self) -> &str {
        self.detail.as_deref().unwrap_or(match self.told {
            Told::Verdict(status) => status.as_str(),
            Told::NotKnown => "the payment gateway does not know it",
            Told::NoVerdict => "the payment gateway gives no answer that can be read",
            Told::OurTrouble { .. } => "the payment gateway could not be asked",
        })
    }
}

impl Store {
    /// At most `limit` payments that are to be asked about now, each leased to the caller for `lease`, which is longer
    /// than asking takes. A charge without an answer is one of them when it was called `charging_older_than` ago: longer
    /// than any call takes.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_inquiries(
        &self,
        lease: SignedDuration,
        charging_older_than: SignedDuration,
        limit: i64,
    ) -> Result<Vec<Inquired>, StoreError> {
        let (lease_us, age_us) = (microseconds(lease), microseconds(charging_older_than));
        self.transact(|tx| async move {
            tx.query(include_str!("inquiries/due.sql"), &[&lease_us, &age_us, &limit])
                .await?
                .iter()
                .map(inquired)
                .collect()
        })
        .await
    }

    /// Writes down what came of asking, and does what follows from it. `None` where the payment was settled meanwhile,
    /// or was asked about by another since: then only the call is kept, and what the gateway said about the money, as
    /// long as that may still matter.
    ///
    /// # Errors
    /// The database's; the payment is asked about again when the lease is over.
    pub async fn record_inquiry(
        &self,
        inquired: &Inquired,
        call: GatewayCall,
        end: &InquiryEnd,
        policy: &InquiryPolicy,
    ) -> Result<(Option<AfterInquiry>, Vec<OutboxMessage>), StoreError> {
        self.transact(|tx| async move { record(&tx, inquired, call, end, policy).await })
            .await
    }
}

fn inquired(row: &Row) -> Result<Inquired, StoreError> {
    let kind = match rows::name(row, "kind", "payments")? {
        ReferenceKind::Topup => PaymentKind::Topup,
        ReferenceKind::Purchase => match rows::name(row, "method", "purchases")? {
            PurchaseMethod::OneClick => PaymentKind::OneClick,
            PurchaseMethod::Hosted => PaymentKind::Hosted,
        },
        ReferenceKind::Registration => PaymentKind::Registration,
    };
    Ok(Inquired {
        account: rows::account_id(row, "account_id", "payments")?,
        reference: rows::name(row, "reference", "payments")?,
        gateway: row.try_get("gateway")?,
        mode: rows::name(row, "mode", "payments")?,
        inquiry: Inquiry {
            kind,
            state: rows::name(row, "state", "payments")?,
            intent_at: row.try_get("intent_at")?,
            asked: rows::count(row, "asked", "payments")?,
            not_known: rows::count(row, "not_known", "payments")?,
            on_page: row.try_get("on_page")?,
        },
        traceparent: row.try_get("traceparent")?,
        leased_until: row.try_get("ask_at")?,
    })
}

async fn record(
    tx: &Tx,
    inquired: &Inquired,
    call: GatewayCall,
    end: &InquiryEnd,
    policy: &InquiryPolicy,
) -> Result<(Option<AfterInquiry>, Vec<OutboxMessage>), StoreError> {
    let topup = lock_topup(tx, inquired).await?;
    let (state, ask_at) = lock_payment(tx, inquired).await?;
    keep_call(tx, inquired, call, end).await?;
    let is_ours = state == inquired.inquiry.state && ask_at == Some(inquired.leased_until);
    if !is_ours {
        // Settlement decides what it still means. A success that stands can only be repeated, or go back.
        let is_settled = matches!(state, PaymentState::Succeeded | PaymentState::Reversed);
        let told = end
            .result
            .as_ref()
            .filter(|result| !is_settled || result.status == PaymentStatus::Reversed);
        return Ok((None, publish(tx, inquired, told).await?));
    }
    let now = tx.clock().await?;
    let after = after_inquiry(&inquired.inquiry, &end.told, now, policy);
    let messages = match &after {
        AfterInquiry::Settle { ask_again_at } => {
            // A broker that forgets the result must not leave the payment open for ever.
            let at = ask_again_at.unwrap_or_else(|| now.saturating_add(A_DAY).unwrap_or(Timestamp::MAX));
            ask_again(tx, inquired, end, at).await?;
            publish(tx, inquired, end.result.as_ref()).await?
        }
        AfterInquiry::AskAgain { at } => {
            ask_again(tx, inquired, end, *at).await?;
            Vec::new()
        }
        AfterInquiry::NeverCharged => {
            fail(tx, inquired, end, NEVER_CHARGED, first_question(now, policy)).await?
        }
        AfterInquiry::NotPaidInTime => {
            fail(tx, inquired, end, NOT_PAID_IN_TIME, first_question(now, policy)).await?
        }
        AfterInquiry::SubmitAgain => submit_again(tx, inquired, topup.as_ref(), now).await?,
        AfterInquiry::Park => park(tx, inquired, topup.as_ref(), end).await?,
    };
    Ok((Some(after), messages))
}

/// The top-up that a payment is for, locked before the payment.
async fn lock_topup(tx: &Tx, inquired: &Inquired) -> Result<Option<Topup>, StoreError> {
    match inquired.inquiry.kind {
        PaymentKind::Topup => {}
        PaymentKind::OneClick | PaymentKind::Hosted | PaymentKind::Registration => return Ok(None),
    }
    let Some((_, _, id)) = inquired.reference.parts() else {
        return Ok(None);
    };
    Ok(topups::lock_topup(tx, inquired.account, id)
        .await?
        .map(|locked| locked.topup))
}

async fn lock_payment(tx: &Tx, inquired: &Inquired) -> Result<(PaymentState, Option<Timestamp>), StoreError> {
    let row = tx
        .query_one(
            "SELECT state, ask_at FROM payments WHERE account_id = $1 AND reference = $2 FOR UPDATE",
            &[&inquired.account.get(), &inquired.reference.as_str()],
        )
        .await?;
    Ok((rows::name(&row, "state", "payments")?, row.try_get("ask_at")?))
}

/// For the story of the payment.
async fn keep_call(
    tx: &Tx,
    inquired: &Inquired,
    call: GatewayCall,
    end: &InquiryEnd,
) -> Result<(), StoreError> {
    let outcome = match &end.told {
        Told::Verdict(status) => status.as_str(),
        Told::NotKnown => "not-known",
        Told::NoVerdict => "unknown",
        Told::OurTrouble { .. } => "our-trouble",
    };
    let asked = topups::Asked {
        account: inquired.account,
        reference: &inquired.reference,
        traceparent: inquired.traceparent.as_deref(),
        call,
    };
    asked.record(tx, "verify", outcome, end.detail.as_deref()).await
}

async fn publish(
    tx: &Tx,
    inquired: &Inquired,
    result: Option<&PaymentResult>,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let drafts = result
        .map(|result| {
            Ok::<_, StoreError>(Draft::new(inquired.account, result)?.traced(inquired.traceparent.as_deref()))
        })
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    outbox::write(tx, drafts).await
}

/// Counts the answer and sets the next question's moment. Our own trouble is no answer.
async fn ask_again(tx: &Tx, inquired: &Inquired, end: &InquiryEnd, at: Timestamp) -> Result<(), StoreError> {
    let (is_answer, is_not_known) = match end.told {
        Told::Verdict(_) | Told::NoVerdict => (true, false),
        Told::NotKnown => (true, true),
        Told::OurTrouble { .. } => (false, false),
    };
    tx.execute(
        "UPDATE payments
            SET ask_at = $3,
                asked = asked + CASE WHEN $4 THEN 1 ELSE 0 END,
                not_known = CASE WHEN $5 THEN not_known + 1 WHEN $4 THEN 0 ELSE not_known END
          WHERE account_id = $1 AND reference = $2",
        &[
            &inquired.account.get(),
            &inquired.reference.as_str(),
            &at,
            &is_answer,
            &is_not_known,
        ],
    )
    .await?;
    Ok(())
}

/// A purchase that is over is settled by a result like every other.
async fn fail(
    tx: &Tx,
    inquired: &Inquired,
    end: &InquiryEnd,
    reason: &str,
    ask_again_at: Timestamp,
) -> Result<Vec<OutboxMessage>, StoreError> {
    ask_again(tx, inquired, end, ask_again_at).await?;
    let failed = PaymentResult {
        reference: inquired.reference.clone(),
        gateway: inquired.gateway.clone(),
        status: PaymentStatus::Failed,
        amount_minor: None,
        currency: None,
        gateway_transaction_id: None,
        reason: Some(reason.to_owned()),
        decline: None,
        card: None,
        source: ResultSource::Verify,
        mode: inquired.mode,
        reversal_id: None,
        occurred_at: tx.clock().await?,
    };
    publish(tx, inquired, Some(&failed)).await
}

/// C8: the payment waits for its top-up, which wakes now and decides on what is true now: it is submitted again under
/// the same reference, or skipped.
async fn submit_again(
    tx: &Tx,
    inquired: &Inquired,
    topup: Option<&Topup>,
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let Some(topup) = topup else { return Ok(Vec::new()) };
    if !move_on(tx, inquired, Some(topup), Event::NotKnown, NOT_KNOWN, Some(now)).await? {
        return Ok(Vec::new());
    }
    let draft = apply::wake_up(topup, None, inquired.traceparent.as_deref())?;
    outbox::write(tx, vec![draft]).await
}

/// C8: a person has to find out; the operators are alerted. Nothing is disabled and the claim on spacing is kept.
async fn park(
    tx: &Tx,
    inquired: &Inquired,
    topup: Option<&Topup>,
    end: &InquiryEnd,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let reason = end.last_word();
    if !move_on(tx, inquired, topup, Event::OutOfTime, reason, None).await? {
        return Ok(Vec::new());
    }
    let alarmed = Alarmed {
        account: inquired.account,
        reference: &inquired.reference,
        topup: topup.map(|topup| topup.id),
    };
    let draft = texts::payment_parked(&alarmed, reason);
    notices::request(tx, &[draft], inquired.traceparent.as_deref()).await
}

/// Moves the payment, and the top-up that it is for, to where `event` leads. Whether it leads anywhere.
async fn move_on(
    tx: &Tx,
    inquired: &Inquired,
    topup: Option<&Topup>,
    event: Event,
    reason: &str,
    submit_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let Inquiry { kind, state, .. } = inquired.inquiry;
    let Some(payment_to) = destination(lifecycle::payment(kind, state, event)) else {
        return Ok(false);
    };
    if let Some(topup) = topup {
        let Some(topup_to) = destination(lifecycle::topup(topup.state, event)) else {
            return Ok(false);
        };
        tx.execute(
            "UPDATE topups SET state = $3, reason = $4, due_at = $5, waits_for = NULL
              WHERE account_id = $1 AND topup_id = $2",
            &[
                &inquired.account.get(),
                &topup.id,
                &topup_to.as_str(),
                &reason,
                &submit_at,
            ],
        )
        .await?;
    }
    // What is submitted again gets another answer.
    tx.execute(
        "UPDATE payments
            SET state = $3, reason = $4, retry_at = $5, ask_at = NULL, asked = asked + 1, not_known = 0,
                answer = CASE WHEN $5::timestamptz IS NULL THEN answer END
          WHERE account_id = $1 AND reference = $2",
        &[
            &inquired.account.get(),
            &inquired.reference.as_str(),
            &payment_to.as_str(),
            &reason,
            &submit_at,
        ],
    )
    .await?;
    Ok(true)
}

fn destination<S>(step: Step<S>) -> Option<S> {
    match step {
        Step::Go { to, .. } => Some(to),
        Step::Nothing(_) | Step::Later(_) | Step::Never => None,
    }
}
