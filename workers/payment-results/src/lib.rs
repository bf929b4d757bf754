//! The worker of the queue `payment-results`: settles every payment, whoever tells its result: the charge's own
//! answer, a webhook, a later question, the daily comparison, a person.
//!
//! It alone credits wallets for payments, disables auto top-up for their failures, and takes back the credits of what
//! was given back. The same result may come any number of times, and results in any order; one that has come before
//! what it builds on is tried again. Deliberately absent: calls to the gateway.

use topup_failpoints::{Point, reach};
use topup_rules::message::PaymentResult;
use topup_rules::money::Money;
use topup_rules::topup::PaymentState;
use topup_runtime::{Failure, Handler, Meta, Outbox, Outcome, ParkClass, Process, metrics, traces};
use topup_store::{OutboxMessage, Settled, SettlementPolicy, Store};

/// The worker's name, and its queue's.
pub const NAME: &str = "payment-results";

/// Settles payments.
#[derive(Debug)]
pub struct PaymentResultsHandler {
    store: Store,
    outbox: Outbox,
    policy: SettlementPolicy,
}

impl PaymentResultsHandler {
    /// With what the process has.
    #[must_use]
    pub fn new(process: &Process) -> Self {
        let rules = &process.settings.rules;
        Self {
            store: process.store.clone(),
            outbox: process.outbox.clone(),
            policy: SettlementPolicy {
                card_spacing: rules.card_spacing,
                failures_to_disable: rules.failures_to_disable,
                inquiries: process.settings.inquiry_policy(),
                refund_registration: rules.refund_registration,
            },
        }
    }

    fn done(&self, outbox: Vec<OutboxMessage>) -> Outcome {
        self.outbox.send(outbox);
        Outcome::Done
    }
}

impl Handler for PaymentResultsHandler {
    type Message = PaymentResult;

    async fn handle(&self, result: &PaymentResult, _meta: &Meta) -> Result<Outcome, Failure> {
        traces::about_payment(&result.reference);
        let settled = self.store.settle_payment(result, &self.policy).await?;
        reach(Point::ResultCommitted);
        count(&settled);
        let reference = result.reference.as_str();
        let source = result.source.as_str();
        match settled {
            Settled::Credited { late, outbox, .. } => {
                tracing::info!(
                    payment.reference = reference,
                    source,
                    late,
                    "payment succeeded, wallet credited"
                );
                Ok(self.done(outbox))
            }
            Settled::Registered { enabled, outbox, .. } => {
                tracing::info!(
                    payment.reference = reference,
                    source,
                    enabled,
                    "a card's registration was paid"
                );
                Ok(self.done(outbox))
            }
            Settled::Failed { disabled, outbox } => {
                tracing::warn!(payment.reference = reference, source, disabled, "payment failed");
                Ok(self.done(outbox))
            }
            Settled::StillOpen(state) => {
                tracing::warn!(
                    payment.reference = reference,
                    source,
                    state = state.as_str(),
                    "payment still open"
                );
                Ok(Outcome::Done)
            }
            Settled::Reversed { whole, outbox, .. } => {
                tracing::warn!(
                    payment.reference = reference,
                    source,
                    whole,
                    "payment given back, its credits taken back"
                );
                Ok(self.done(outbox))
            }
            Settled::Held { outbox } => {
                tracing::warn!(
                    payment.reference = reference,
                    source,
                    "payment disputed, its credits held"
                );
                Ok(self.done(outbox))
            }
            Settled::NotGivenBack { outbox } => {
                tracing::error!(
                    payment.reference = reference,
                    source,
                    "a refund was not made: a person has to see to it"
                );
                Ok(self.done(outbox))
            }
            Settled::Released => {
                tracing::info!(
                    payment.reference = reference,
                    source,
                    "dispute won, credits released"
                );
                Ok(Outcome::Done)
            }
            Settled::Already(already) => {
                tracing::debug!(payment.reference = reference, source, %already, "nothing new");
                Ok(Outcome::Done)
            }
            Settled::Later(reason) => Ok(Outcome::Retry { reason }),
            Settled::Misfit(misfit) => Ok(Outcome::park(ParkClass::Misfit, misfit)),
            Settled::Missing => Ok(Outcome::park(
                ParkClass::Missing,
                format!("there is no payment with the reference {reference}"),
            )),
        }
    }
}

fn count(settled: &Settled) {
    metrics::PAYMENTS_SETTLED.add([label(settled)], 1);
    match settled {
        Settled::Credited { amount, .. } | Settled::Registered { amount, .. } => {
            metrics::CAPTURED_MINOR.add([amount.currency.as_str()], minor(*amount))
        }
        Settled::Reversed { amount, .. } => {
            metrics::REVERSED_MINOR.add([amount.currency.as_str()], minor(*amount))
        }
        Settled::Failed { .. }
        | Settled::StillOpen(_)
        | Settled::Held { .. }
        | Settled::NotGivenBack { .. }
        | Settled::Released
        | Settled::Already(_)
        | Settled::Later(_)
        | Settled::Misfit(_)
        | Settled::Missing => {}
    }
}

/// Money is never negative here; if it were, a counter could not count it.
fn minor(amount: Money) -> u64 {
    u64::try_from(amount.amount_minor).unwrap_or_default()
}

/// What became of a result, as a metric's label.
fn label(settled: &Settled) -> &'static str {
    match settled {
        Settled::Credited { .. } => "credited",
        Settled::Registered { .. } => "registered",
        Settled::Failed { .. } => "failed",
        Settled::StillOpen(PaymentState::Pending) => "pending",
        Settled::StillOpen(_) => "unknown",
        Settled::Reversed { .. } => "reversed",
        Settled::Held { .. } => "held",
        Settled::NotGivenBack { .. } => "not-given-back",
        Settled::Released => "released",
        Settled::Already(_) => "repeat",
        Settled::Later(_) => "too-early",
        Settled::Misfit(_) => "misfit",
        Settled::Missing => "missing",
    }
}
