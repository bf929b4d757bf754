//! What is left to do at the payment gateway when nobody waits for it: charges of card registrations are given back (E3),
//! and tokens that no consent uses any more are forgotten there, too (E8, P3).
//!
//! In a loop of its own, one call at a time, with leave from the line. Nothing is open during a call. A refund is written
//! down as asked for before it is: one whose answer is not known is looked up, and never asked for again. Forgetting a
//! token twice does no harm.

use crate::ending::unless_ended;
use jiff::SignedDuration;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use topup_gateways::payment::{Deactivated, PaymentGateway, RefundRequest, Refunded, Verified};
use topup_rules::lines::CallClass;
use topup_rules::message::PaymentStatus;
use topup_rules::registration::{AfterRefund, RefundTold};
use topup_rules::retry::RetryPolicy;
use topup_runtime::traces::{self, Work};
use topup_runtime::{Line, Process, metrics};
use topup_store::{GatewayCall, RefundDue, RefundEnd, StoreError, TokenDue, TokenEnd};
use tracing::{error, info, warn};

/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// As much of each kind is taken up by one look.
const AT_A_LOOK: i64 = 10;
/// How long leave for one call is waited for; then its turn comes again later.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// How much longer than all calls of a look what was taken up is nobody else's.
const LEASE_MARGIN: Duration = Duration::from_secs(60);
/// Tries before a person has to see to it.
const TRIES_MAX: u32 = 12;
/// Shown to people who look at the gateway's pages.
const NOTE: &str = "card registration";
/// What a refund's span is called.
const GIVING_BACK: &str = "give back a registration's charge";

/// Goes on until the process is to stop.
pub(crate) async fn run(process: &Process, gateway: &Arc<PaymentGateway>) {
    let hands = Hands::new(process, gateway);
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // First: a look that failed slowly leaves the next one due at once.
            biased;
            () = process.shutdown.requested() => break,
            _ = looks.tick() => {}
        }
        let Some(looked) = unless_ended(process, hands.look()).await else {
            return warn!(
                "what was to be given back or forgotten is left to the next sweeper: the process is to stop"
            );
        };
        if let Err(failed) = looked {
            error!(error = %failed, "nothing could be given back or forgotten; the next look tries again");
        }
    }
}

/// What is needed for it.
struct Hands<'a> {
    process: &'a Process,
    gateway: &'a PaymentGateway,
    line: Line,
    pauses: RetryPolicy,
    lease: SignedDuration,
}

impl<'a> Hands<'a> {
    fn new(process: &'a Process, gateway: &'a PaymentGateway) -> Self {
        let settings = &process.settings;
        let inquiries = settings.inquiry_policy();
        let class = CallClass::Other;
        let calls_max = u32::try_from(AT_A_LOOK).unwrap_or(u32::MAX);
        let one = settings.paystack.timeout.saturating_add(LEAVE_MAX);
        let lease = one.saturating_mul(calls_max).saturating_add(LEASE_MARGIN);
        Self {
            process,
            gateway,
            line: Line {
                store: process.store.clone(),
                gateway: gateway.name(),
                class,
                policy: settings.line_policy(class),
            },
            // As payments are asked about.
            pauses: RetryPolicy {
                attempts_max: TRIES_MAX,
                first_s: inquiries.first_s,
                max_s: inquiries.max_s,
            },
            lease: SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX),
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let store = &self.process.store;
        for due in store.due_refunds(self.lease, AT_A_LOOK).await? {
            if self.process.shutdown.is_requested() {
                return Ok(());
            }
            let work = Work::asking(GIVING_BACK, due.traceparent.as_deref());
            work.run(self.give_back(&due)).await?;
        }
        for due in store.due_tokens(self.lease, AT_A_LOOK).await? {
            if self.process.shutdown.is_requested() {
                return Ok(());
            }
            self.forget(&due).await?;
        }
        Ok(())
    }

    async fn give_back(&self, due: &RefundDue) -> Result<(), StoreError> {
        traces::about_account(due.account);
        traces::about_payment(&due.reference);
        let is_ours = due.gateway == self.gateway.name() && due.mode == self.gateway.mode();
        if !is_ours || !self.line.leave(LEAVE_MAX).await? {
            metrics::REFUNDS.add(["put-off"], 1);
            return Ok(());
        }
        let store = &self.process.store;
        if !due.is_in_doubt && !store.ask_refund(due).await? {
            metrics::REFUNDS.add(["put-off"], 1);
            return Ok(());
        }
        let call = GatewayCall {
            started_at: self.process.clock.now(),
        };
        let end = if due.is_in_doubt {
            self.look_up(due).await?
        } else {
            self.ask(due).await?
        };
        let (after, outbox) = store.record_refund(due, call, &end, &self.pauses).await?;
        self.process.outbox.send(outbox);
        let given_up = after == AfterRefund::GiveUp;
        metrics::REFUNDS.add([if given_up { "given-up" } else { label(end.told) }], 1);
        let (reference, detail) = (due.reference.as_str(), end.detail.as_deref());
        if given_up {
            error!(
                payment.reference = reference,
                detail, "a registration's charge is not given back: a person has to see to it"
            );
        } else {
            info!(
                payment.reference = reference,
                outcome = label(end.told),
                detail,
                "a registration's charge"
            );
        }
        Ok(())
    }

    async fn ask(&self, due: &RefundDue) -> Result<RefundEnd, StoreError> {
        let refunded = self
            .gateway
            .refund(&RefundRequest {
                reference: &due.reference,
                amount_minor: Some(due.amount.amount_minor),
                merchant_note: Some(NOTE),
            })
            .await;
        self.line.ended(refunded.call_end()).await?;
        let (told, refund_id, detail) = match refunded {
            Refunded::Taken { id, status, .. } => (RefundTold::Taken, Some(id), Some(status)),
            Refunded::Refused { reason } => (RefundTold::Refused, None, Some(reason)),
            Refunded::Unknown { reason, .. } => (RefundTold::NoVerdict, None, Some(reason)),
            Refunded::OurTrouble(trouble) => {
                let at_least_s = trouble.retry_after_s;
                (RefundTold::OurTrouble { at_least_s }, None, Some(trouble.reason))
            }
        };
        Ok(RefundEnd {
            told,
            refund_id,
            detail,
            result: None,
        })
    }

    async fn look_up(&self, due: &RefundDue) -> Result<RefundEnd, StoreError> {
        let verified = self.gateway.verify(&due.reference).await;
        self.line.ended(verified.call_end()).await?;
        let is_back =
            matches!(&verified, Verified::Answered(answer) if answer.status == PaymentStatus::Reversed);
        let detail = match &verified {
            Verified::Answered(answer) => answer.reason.clone(),
            Verified::NotKnown => None,
            Verified::Unknown { reason, .. } => Some(reason.clone()),
            Verified::OurTrouble(trouble) => Some(trouble.reason.clone()),
        };
        let result = verified
            .into_result(self.gateway, &due.reference)
            .filter(|_| is_back);
        Ok(RefundEnd {
            told: if is_back {
                RefundTold::FoundGivenBack
            } else {
                RefundTold::NotFound
            },
            refund_id: None,
            detail,
            result,
        })
    }

    async fn forget(&self, due: &TokenDue) -> Result<(), StoreError> {
        traces::about_account(due.account);
        if due.gateway != self.gateway.name() || !self.line.leave(LEAVE_MAX).await? {
            metrics::TOKENS.add(["put-off"], 1);
            return Ok(());
        }
        let code = SecretString::from(due.authorization_code.clone());
        let deactivated = self.gateway.deactivate(&code).await;
        self.line.ended(deactivated.call_end()).await?;
        let kept = |reason, at_least_s, is_ours| TokenEnd::Kept {
            reason,
            at_least_s,
            is_ours,
        };
        let (end, label) = match deactivated {
            Deactivated::Done => (TokenEnd::Forgotten, "forgotten"),
            Deactivated::Refused { reason } | Deactivated::Unknown { reason, end: _ } => {
                (kept(reason, None, false), "kept")
            }
            Deactivated::OurTrouble(trouble) => {
                (kept(trouble.reason, trouble.retry_after_s, true), "our-trouble")
            }
        };
        let given_up = self.process.store.record_token(due, &end, &self.pauses).await?;
        metrics::TOKENS.add([if given_up { "given-up" } else { label }], 1);
        let account = due.account.get();
        match end {
            TokenEnd::Forgotten => info!(account.id = account, "a card's token is forgotten at the gateway"),
            TokenEnd::Kept { reason, .. } if given_up => {
                error!(
                    account.id = account,
                    reason, "the gateway does not forget a card's token; nobody asks any more"
                );
            }
            TokenEnd::Kept { reason, .. } => {
                warn!(
                    account.id = account,
                    reason, "the gateway has not forgotten a card's token yet"
                );
            }
        }
        Ok(())
    }
}

/// What came of a refund, as a metric's label.
const fn label(told: RefundTold) -> &'static str {
    match told {
        RefundTold::Taken => "taken",
        RefundTold::Refused => "refused",
        RefundTold::NoVerdict => "unknown",
        RefundTold::OurTrouble { .. } => "our-trouble",
        RefundTold::FoundGivenBack => "given-back",
        RefundTold::NotFound => "not-yet",
    }
}
