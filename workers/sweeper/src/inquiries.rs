//! C8: asks the gateway what became of payments whose outcome nobody knows, in a loop of its own, so that neither a
//! slow sweep delays a question nor a slow gateway a sweep.
//!
//! Nothing is open during a call. Taking a payment up puts its next question off for longer than a call takes, so no
//! other process asks at the same time, and a process that dies in the middle is asked again for. What an answer means
//! is decided by the rules; where it is a verdict, it goes to `payment-results` like any other. Left out: charging.

use crate::ending::{LAST_WORDS_MAX, unless_ended};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use topup_failpoints::{Point, reach};
use topup_gateways::payment::{PaymentGateway, Verified};
use topup_rules::ids::Reference;
use topup_rules::inquiries::{AfterInquiry, InquiryPolicy, Told};
use topup_rules::lines::CallClass;
use topup_runtime::traces::{self, Work};
use topup_runtime::{Line, Process, metrics};
use topup_store::{GatewayCall, Inquired, InquiryEnd, StoreError};
use tracing::{debug, error, info, warn};

/// How often it is looked for payments that are due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a question's span is called.
const QUESTION: &str = "ask about payment";
/// How long leave for one call is waited for; then the payment's turn comes again later.
const LEAVE_MAX: Duration = Duration::from_secs(30);
/// How much longer than leave and call a payment is nobody else's to ask about.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// How much longer than the longest call a charge without an answer may be left alone.
const CHARGE_MARGIN: Duration = Duration::from_secs(60);

/// Asks until the process is to stop.
pub(crate) async fn run(process: &Process, gateway: &Arc<PaymentGateway>) {
    let asker = Arc::new(Asker::new(process, gateway));
    let part = process.health.part("inquiries");
    // Tasks of their own: they have to go on while the next ones are looked for, or the look would wait for the
    // connections that they hold.
    let mut asking = JoinSet::new();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Whether the last look found as many as there was room for.
    let mut are_more = false;
    loop {
        let is_time = tokio::select! {
            // First: a look that failed slowly leaves the next one due at once.
            biased;
            () = process.shutdown.requested() => break,
            Some(ended) = asking.join_next() => {
                if let Err(panicked) = ended {
                    error!(error = %panicked, "a question broke off; it is asked again");
                }
                are_more && asking.len() <= asker.at_once / 2
            }
            _ = looks.tick() => true,
        };
        let room = asker.at_once.saturating_sub(asking.len());
        if !is_time || room == 0 {
            continue;
        }
        let Some(found) = unless_ended(process, asker.due(room)).await else {
            break;
        };
        match found {
            Ok(due) => {
                part.ready();
                are_more = due.len() == room;
                for inquired in due {
                    let asker = Arc::clone(&asker);
                    let work = Work::asking(QUESTION, inquired.traceparent.as_deref());
                    asking.spawn(async move { work.run(asker.ask(inquired)).await });
                }
            }
            Err(failed) => {
                are_more = false;
                part.not_ready(failed.to_string());
                error!(error = %failed, "no payment could be asked about; the next look tries again");
            }
        }
    }
    // A question that is dropped is asked again.
    let _dropped = timeout(LAST_WORDS_MAX, async {
        while asking.join_next().await.is_some() {}
    })
    .await;
}

/// What asking needs.
struct Asker {
    process: Process,
    gateway: Arc<PaymentGateway>,
    line: Line,
    policy: InquiryPolicy,
    call_max: Duration,
    at_once: usize,
}

impl Asker {
    fn new(process: &Process, gateway: &Arc<PaymentGateway>) -> Self {
        let settings = &process.settings;
        Self {
            process: process.clone(),
            gateway: Arc::clone(gateway),
            line: Line {
                store: process.store.clone(),
                gateway: gateway.name(),
                class: CallClass::Verify,
                policy: settings.line_policy(CallClass::Verify),
            },
            policy: settings.inquiry_policy(),
            call_max: settings.paystack.timeout,
            at_once: usize::from(settings.inquiries.at_once),
        }
    }

    /// Payments that are due, each this process's alone until its lease is over.
    async fn due(&self, room: usize) -> Result<Vec<Inquired>, StoreError> {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let lease = self
            .call_max
            .saturating_add(LEAVE_MAX)
            .saturating_add(LEASE_MARGIN);
        let charging = self.call_max.saturating_add(CHARGE_MARGIN);
        let limit = i64::try_from(room).unwrap_or(i64::MAX);
        self.process
            .store
            .due_inquiries(signed(lease), signed(charging), limit)
            .await
    }

    /// One question, from leave to what follows from the answer. What fails on the way is asked again.
    async fn ask(&self, inquired: Inquired) {
        traces::about_account(inquired.account);
        traces::about_payment(&inquired.reference);
        match self.line.leave(LEAVE_MAX).await {
            Ok(true) => {}
            Ok(false) => return count("put-off"),
            Err(failed) => return put_off(&inquired, &failed),
        }
        let call = GatewayCall {
            started_at: self.process.clock.now(),
        };
        let end = self.question(&inquired).await;
        let recorded = self
            .process
            .store
            .record_inquiry(&inquired, call, &end, &self.policy)
            .await;
        match recorded {
            Ok((after, outbox)) => {
                reach(Point::ResultCommitted);
                self.process.outbox.send(outbox);
                tell(&inquired, &end, after.as_ref());
            }
            Err(failed) => put_off(&inquired, &failed),
        }
    }

    /// Asks, with nothing open.
    async fn question(&self, inquired: &Inquired) -> InquiryEnd {
        if inquired.gateway != self.gateway.name() || inquired.mode != self.gateway.mode() {
            // Another gateway, or this one with a key of the other mode, knows none of it; that must not have it
            // submitted again.
            return InquiryEnd {
                told: Told::NoVerdict,
                detail: Some(format!(
                    "it was asked for at {} in {} mode, which the settings don't name any more",
                    inquired.gateway, inquired.mode
                )),
                result: None,
            };
        }
        let verified = self.gateway.verify(&inquired.reference).await;
        if let Err(failed) = self.line.ended(verified.call_end()).await {
            warn!(error = %failed, "the line to the gateway did not learn how a call ended");
        }
        end(verified, &self.gateway, &inquired.reference)
    }
}

fn end(verified: Verified, gateway: &PaymentGateway, reference: &Reference) -> InquiryEnd {
    let detail = match &verified {
        Verified::Answered(answer) => answer.reason.clone(),
        Verified::NotKnown => None,
        Verified::Unknown { reason, end: _ } => Some(reason.clone()),
        Verified::OurTrouble(trouble) => Some(trouble.reason.clone()),
    };
    InquiryEnd {
        told: verified.told(),
        detail,
        result: verified.into_result(gateway, reference),
    }
}

/// What could not be asked, or written down, is asked again when the lease is over.
fn put_off(inquired: &Inquired, failed: &StoreError) {
    count("put-off");
    warn!(
        payment.reference = inquired.reference.as_str(),
        error = %failed,
        "a question to the gateway came to nothing; it is asked again"
    );
}

fn count(outcome: &'static str) {
    metrics::INQUIRIES.add([outcome], 1);
}

fn tell(inquired: &Inquired, end: &InquiryEnd, after: Option<&AfterInquiry>) {
    count(match end.told {
        Told::Verdict(status) => status.as_str(),
        Told::NotKnown => "not-known",
        Told::NoVerdict => "unknown",
        Told::OurTrouble { .. } => "our-trouble",
    });
    let reference = inquired.reference.as_str();
    let detail = end.detail.as_deref();
    match after {
        None => debug!(payment.reference = reference, "settled while it was asked about"),
        Some(AfterInquiry::Settle { .. }) => {
            info!(
                payment.reference = reference,
                detail, "the gateway knows how a payment stands"
            );
        }
        Some(AfterInquiry::AskAgain { at }) => {
            debug!(payment.reference = reference, detail, ask_at = %at, "asked again later");
        }
        Some(AfterInquiry::SubmitAgain) => {
            warn!(
                payment.reference = reference,
                "the gateway does not know a payment: its top-up decides again"
            );
        }
        Some(AfterInquiry::NeverCharged | AfterInquiry::NotPaidInTime) => {
            info!(payment.reference = reference, "a purchase was not paid");
        }
        Some(AfterInquiry::Park) => {
            metrics::PAYMENTS_PARKED.add([], 1);
            error!(
                payment.reference = reference,
                detail, "nobody can say how a payment ended: a person has to find out"
            );
        }
    }
}
