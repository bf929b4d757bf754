//! The worker of the queue `topup-requested`: wakes a top-up, which then moves credits from its main account,
//! charges its card, waits for its moment, or is not wanted any more.
//!
//! The message is a wake-up; the database decides (C3). A charge is made between two transactions, with nothing
//! open: the intent is committed before, the answer after (C5). What the answer means for the wallet is decided
//! by `payment-results` alone. A gateway that is down, or takes no more calls this minute, is not called: the top-up
//! waits, as it does for its moment (C9). Deliberately absent: trying a charge again in here (a delayed message does
//! it), and asking the gateway about charges whose answer was lost (the sweeper's).

mod policy;

use jiff::Timestamp;
use secrecy::SecretString;
use std::time::{Duration, Instant};
use topup_failpoints::{Point, reach};
use topup_gateways::payment::{ChargeRequest, PaymentGateway};
use topup_rules::ids::WalletKey;
use topup_rules::message::TopupRequested;
use topup_rules::retry::RetryPolicy;
use topup_rules::settle::PaidFor;
use topup_rules::topup::TopupState;
use topup_runtime::{
    Clock, Failure, Handler, Meta, Outbox, Outcome, ParkClass, Process, SettingsError, Shutdown, metrics,
    traces,
};
use topup_store::{Answer, ChargeIntent, GatewayCall, LineEnd, OutboxMessage, Store, TopupPolicy, Woken};

/// The worker's name, and its queue's.
pub const NAME: &str = "topup-requested";

/// Between two tries to write down an answer while the database is away.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// How long the tries go on once the process is told to stop. What is not written down by then is asked about by the
/// sweeper, as if this process had been killed.
const STOPPING_PATIENCE: Duration = Duration::from_secs(5);

/// Wakes top-ups.
#[derive(Debug)]
pub struct TopupRequestedHandler {
    store: Store,
    outbox: Outbox,
    gateway: PaymentGateway,
    clock: Clock,
    policy: TopupPolicy,
    /// Pauses after our own trouble with the gateway (C9).
    pauses: RetryPolicy,
    shutdown: Shutdown,
}

impl TopupRequestedHandler {
    /// With what the process has.
    ///
    /// # Errors
    /// Names the setting that is missing or unusable.
    pub fn new(process: &Process) -> Result<Self, SettingsError> {
        let gateway = process.settings.paystack.client(PaymentGateway::paystack)?;
        Ok(Self {
            store: process.store.clone(),
            outbox: process.outbox.clone(),
            clock: process.clock.clone(),
            policy: policy::topup_policy(&process.settings, &gateway),
            gateway,
            pauses: process.settings.topup_requested.retry,
            shutdown: process.shutdown.clone(),
        })
    }

    /// C5: the intent is committed; nothing is open. Whatever comes of the call is written down, then published.
    async fn charge(&self, intent: &ChargeIntent) -> Result<Outcome, Failure> {
        reach(Point::IntentCommitted);
        traces::about_payment(&intent.reference);
        let call = GatewayCall {
            started_at: self.clock.now(),
        };
        if let Some(triggered) = &intent.triggered {
            let waited = if triggered.waited { "yes" } else { "no" };
            let age_s = call.started_at.duration_since(triggered.at).as_secs_f64();
            metrics::EVENT_TO_CHARGE_SECONDS.record([waited], age_s.max(0.0));
        }
        let asked = Instant::now();
        let code = SecretString::from(intent.authorization_code.clone());
        let charged = self
            .gateway
            .charge_authorization(&ChargeRequest {
                reference: &intent.reference,
                amount: intent.amount,
                authorization_code: &code,
                email: &intent.email,
                metadata: &[
                    ("account", intent.account.to_string()),
                    paid_for(&intent.paid_for),
                ],
            })
            .await;
        reach(Point::ChargeAnswered);
        metrics::CHARGE_SECONDS.took([], asked.elapsed());
        metrics::CHARGES.add([charged.as_str()], 1);
        let line = LineEnd {
            end: charged.call_end(),
            policy: self.policy.line,
        };
        let answer = charged.into_answer(&self.gateway, &intent.reference, self.clock.now());
        if let Answer::Trouble { reason, .. } = &answer {
            tracing::error!(
                payment.reference = intent.reference.as_str(),
                reason,
                "the gateway could not be asked; the top-up waits"
            );
        }
        let outbox = tokio::select! {
            rows = self.record(intent, call, &answer, line) => rows?,
            () = self.patience_ends() => {
                let reason = "told to stop, and the gateway's answer can't be written down";
                return Err(Failure::Outage(reason.to_owned()));
            }
        };
        reach(Point::ResultCommitted);
        self.outbox.send(outbox);
        Ok(Outcome::Done)
    }

    /// Writes an answer down, however long the database is away: it is known here alone, and a repeat of the
    /// message would find the intent and rightly not charge again. Only a process that stops leaves it at that.
    async fn record(
        &self,
        intent: &ChargeIntent,
        call: GatewayCall,
        answer: &Answer,
        line: LineEnd,
    ) -> Result<Vec<OutboxMessage>, Failure> {
        loop {
            let recorded = self
                .store
                .record_answer(intent, call, answer, &self.pauses, line)
                .await;
            match recorded {
                Err(error) if error.is_outage() || error.is_too_slow() => {
                    tracing::error!(
                        payment.reference = intent.reference.as_str(),
                        %error,
                        "the gateway's answer can't be written down yet"
                    );
                    tokio::time::sleep(DATABASE_PAUSE).await;
                }
                rows => return Ok(rows?),
            }
        }
    }
    /// A while after the process is told to stop.
    async fn patience_ends(&self) {
        self.shutdown.requested().await;
        tokio::time::sleep(STOPPING_PATIENCE).await;
    }
}

impl Handler for TopupRequestedHandler {
    type Message = TopupRequested;

    async fn handle(&self, message: &TopupRequested, _meta: &Meta) -> Result<Outcome, Failure> {
        traces::about_account(message.account_id);
        traces::about_topup(message.topup_id);
        let wallet = WalletKey {
            account: message.account_id,
            service: message.service,
        };
        match self
            .store
            .wake_topup(wallet, message.topup_id, &self.policy)
            .await?
        {
            Woken::Charge(intent) => self.charge(&intent).await,
            Woken::Moved {
                state,
                due_at,
                reason,
                outbox,
            } => {
                reach(Point::ResultCommitted);
                tell(message, state, due_at, reason.as_deref());
                self.outbox.send(outbox);
                Ok(Outcome::Done)
            }
            Woken::Stale(state) => {
                tracing::debug!(topup.id = %message.topup_id, state = state.as_str(), "nothing to do");
                Ok(Outcome::Done)
            }
            Woken::Missing => Ok(Outcome::park(
                ParkClass::Missing,
                format!(
                    "there is no top-up {} of account {} for {}",
                    message.topup_id, message.account_id, message.service
                ),
            )),
        }
    }
}

fn tell(message: &TopupRequested, state: TopupState, due_at: Option<Timestamp>, reason: Option<&str>) {
    metrics::TOPUPS_WOKEN.add([state.as_str()], 1);
    tracing::info!(
        account.id = message.account_id.get(),
        topup.id = %message.topup_id,
        state = state.as_str(),
        due_at = due_at.map(tracing::field::display),
        reason,
        "top-up woken"
    );
}

/// For people who look at the gateway's pages.
fn paid_for(what: &PaidFor) -> (&'static str, String) {
    match what {
        PaidFor::Topup(id) => ("topup", id.to_string()),
        PaidFor::Purchase { id, method: _ } => ("purchase", id.to_string()),
        PaidFor::Registration(id) => ("registration", id.to_string()),
    }
}
