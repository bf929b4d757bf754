//! The worker of the queue `payment-results`: settles every payment, whoever tells its result: the charge's own
//! answer, a webhook, a later question, a person.
//!
//! It alone credits wallets for payments and disables auto top-up for their failures. The same result may come
//! any number of times, and results in any order. Deliberately absent: calls to the gateway.

use topup_rules::message::PaymentResult;
use topup_rules::topup::PaymentState;
use topup_runtime::{Failure, Handler, Meta, Outbox, Outcome, Process};
use topup_store::{Settled, SettlementPolicy, Store};

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
            },
        }
    }
}

impl Handler for PaymentResultsHandler {
    type Message = PaymentResult;

    async fn handle(&self, result: &PaymentResult, _meta: &Meta) -> Result<Outcome, Failure> {
        let settled = self.store.settle_payment(result, &self.policy).await?;
        metrics::counter!("topup_payments_settled_total", "outcome" => label(&settled)).increment(1);
        let reference = result.reference.as_str();
        let source = result.source.as_str();
        let outcome = match settled {
            Settled::Credited { late, outbox } => {
                tracing::info!(
                    payment.reference = reference,
                    source,
                    late,
                    "payment succeeded, wallet credited"
                );
                self.outbox.send(outbox);
                Outcome::Done
            }
            Settled::Failed { disabled, outbox } => {
                tracing::warn!(payment.reference = reference, source, disabled, "payment failed");
                self.outbox.send(outbox);
                Outcome::Done
            }
            Settled::StillOpen(state) => {
                tracing::warn!(
                    payment.reference = reference,
                    source,
                    state = state.as_str(),
                    "payment still open"
                );
                Outcome::Done
            }
            Settled::Already(already) => {
                tracing::debug!(payment.reference = reference, source, %already, "nothing new");
                Outcome::Done
            }
            Settled::Misfit(misfit) => Outcome::park(misfit),
            Settled::Missing => Outcome::park(format!("there is no payment with the reference {reference}")),
        };
        Ok(outcome)
    }
}

/// What became of a result, as a metric's label.
fn label(settled: &Settled) -> &'static str {
    match settled {
        Settled::Credited { .. } => "credited",
        Settled::Failed { .. } => "failed",
        Settled::StillOpen(PaymentState::Pending) => "pending",
        Settled::StillOpen(_) => "unknown",
        Settled::Already(_) => "repeat",
        Settled::Misfit(_) => "misfit",
        Settled::Missing => "missing",
    }
}
