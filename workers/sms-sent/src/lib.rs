//! The worker of the queue `sms-sent`: debits wallets for what upstream senders handed to the network, and
//! requests a top-up where a debit reaches a wallet's threshold.
//!
//! A batch of deliveries is one transaction of the store; this crate only translates. Deliberately absent: any
//! look at balances or settings (the rules, on locked rows), and waiting for what a batch caused to be
//! published (the outbox has it safe).

use std::time::SystemTime;
use topup_failpoints::{Point, reach};
use topup_rules::message::SmsSent;
use topup_rules::sends::{OpenWindow, SendRefusal};
use topup_runtime::traces::{self, Cause};
use topup_runtime::{BatchHandler, Failure, Meta, Outbox, Outcome, ParkClass, Process, metrics};
use topup_store::{Send, SendOutcome, SendsRecorded, Store};

/// The worker's name, and its queue's.
pub const NAME: &str = "sms-sent";

/// Debits batches of sends.
#[derive(Debug)]
pub struct SmsSentHandler {
    store: Store,
    outbox: Outbox,
    window: OpenWindow,
}

impl SmsSentHandler {
    /// With what the process has.
    #[must_use]
    pub fn new(process: &Process) -> Self {
        let rules = &process.settings.rules;
        Self {
            store: process.store.clone(),
            outbox: process.outbox.clone(),
            window: OpenWindow {
                back: rules.window_back,
                ahead: rules.window_ahead,
            },
        }
    }
}

impl BatchHandler for SmsSentHandler {
    type Message = SmsSent;

    async fn handle(&self, batch: Vec<(SmsSent, &Meta)>) -> Result<Vec<Outcome>, Failure> {
        let since = SystemTime::now();
        let (sends, metas): (Vec<Send>, Vec<&Meta>) = batch
            .into_iter()
            .map(|(event, meta)| {
                let traceparent = traces::cause(meta);
                (Send { event, traceparent }, meta)
            })
            .unzip();
        let recorded = self.store.record_sends(&sends, &self.window).await?;
        reach(Point::ResultCommitted);
        count(&recorded);
        let causes = sends.iter().zip(metas).map(|(send, meta)| Cause {
            meta,
            account: send.event.account_id,
            traceparent: send.traceparent.as_deref(),
        });
        traces::caused(NAME, since, causes, &recorded.outbox);
        self.outbox.send(recorded.outbox);
        Ok(recorded.outcomes.into_iter().map(outcome).collect())
    }
}

fn outcome(of: SendOutcome) -> Outcome {
    match of {
        SendOutcome::Debited | SendOutcome::AlreadyDone => Outcome::Done,
        SendOutcome::Refused(refusal) => Outcome::park(class(&refusal), refusal),
    }
}

const fn class(refusal: &SendRefusal) -> ParkClass {
    match refusal {
        SendRefusal::NotPositive { .. } | SendRefusal::TooLarge { .. } => ParkClass::Refused,
        SendRefusal::TooOld { .. } | SendRefusal::TooNew { .. } => ParkClass::OutsideWindow,
        SendRefusal::UnknownAccount(_) | SendRefusal::NoWallet(_) => ParkClass::NoWallet,
        SendRefusal::Conflicting { .. } => ParkClass::Conflicting,
    }
}

fn count(recorded: &SendsRecorded) {
    let of = |wanted: fn(&SendOutcome) -> bool| recorded.outcomes.iter().filter(|o| wanted(o)).count() as u64;
    metrics::SENDS_DEBITED.add([], of(|o| matches!(o, SendOutcome::Debited)));
    metrics::SENDS_REPEATED.add([], of(|o| matches!(o, SendOutcome::AlreadyDone)));
    metrics::TOPUPS_REQUESTED.add([], recorded.triggered as u64);
    metrics::LOW_CREDIT_CROSSINGS.add([], recorded.low_credit as u64);
    if recorded.below_zero > 0 {
        metrics::WALLETS_BELOW_ZERO.add([], recorded.below_zero as u64);
        tracing::warn!(wallets = recorded.below_zero, "sends took wallets below zero");
    }
}
