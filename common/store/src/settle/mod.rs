//! Settlement: the one transaction that a payment's result goes through, whatever its source and whatever it pays
//! for: an automatic top-up, a purchase by hand, or a card's registration.
//!
//! Everything is locked, the rules decide, and what they say is done here: `ending` credits or fails, with what a
//! top-up (`topup`) and a purchase (`purchase`) do differently; `registration` enables; `reversal` takes back, holds and
//! releases (V1).
//! Left out: asking the gateway again (`inquiries`), and everything that decides.

mod ending;
mod purchase;
mod registration;
mod reversal;
mod snapshot;
mod topup;

use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError};
use ending::Ending;
use jiff::SignedDuration;
use snapshot::{Bought, Snapshot};
use topup_rules::inquiries::InquiryPolicy;
use topup_rules::message::PaymentResult;
use topup_rules::money::Money;
use topup_rules::settle::{Already, FailureCount, Misfit, Settlement, settle};
use topup_rules::topup::PaymentState;

/// What the platform decided about settling.
#[derive(Debug, Clone, Copy)]
pub struct SettlementPolicy {
    /// Least time between two card top-ups of an account (C1): the next one's moment counts from here.
    pub card_spacing: SignedDuration,
    /// Definite failures in a row that disable (C7).
    pub failures_to_disable: u32,
    /// When the gateway is asked about what stays open (C8).
    pub inquiries: InquiryPolicy,
    /// A registration's charge is given back (E3).
    pub refund_registration: bool,
}

/// What became of a payment's result.
#[derive(Debug)]
pub enum Settled {
    /// The wallet was credited.
    Credited {
        /// After a failure or a verdict of unknown (C10).
        late: bool,
        /// What was captured.
        amount: Money,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// E3: a card's registration was paid.
    Registered {
        /// Auto top-up is enabled with it.
        enabled: bool,
        /// What was captured.
        amount: Money,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// A definite failure.
    Failed {
        /// It disabled auto top-up.
        disabled: bool,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// Not known yet, and in this state from now on.
    StillOpen(PaymentState),
    /// V1: money was given back, and its credits were taken.
    Reversed {
        /// Nothing of the payment is left.
        whole: bool,
        /// What was given back by this one.
        amount: Money,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// V1: the payment is disputed, and its credits are held.
    Held {
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// V1: the dispute was won, and the credits are free again.
    Released,
    /// V1: a refund was not made; nothing changed, and the operators are told.
    NotGivenBack {
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// A repeat.
    Already(Already),
    /// It can't be decided before something else has come; why.
    Later(String),
    /// C11: a person has to look at the message.
    Misfit(Misfit),
    /// No payment bears the reference.
    Missing,
}

impl Store {
    /// Settles one result: locked, matched, guarded, and the same however often it comes.
    ///
    /// # Errors
    /// The database's; nothing is changed then.
    pub async fn settle_payment(
        &self,
        result: &PaymentResult,
        policy: &SettlementPolicy,
    ) -> Result<Settled, StoreError> {
        self.transact(|tx| async move { settle_in(&tx, result, policy).await })
            .await
    }
}

/// A result on its way into the locked rows.
struct Change<'a> {
    tx: &'a Tx,
    snapshot: &'a Snapshot,
    result: &'a PaymentResult,
    policy: &'a SettlementPolicy,
}

async fn settle_in(
    tx: &Tx,
    result: &PaymentResult,
    policy: &SettlementPolicy,
) -> Result<Settled, StoreError> {
    let Some(snapshot) = Snapshot::lock(tx, result).await? else {
        return Ok(Settled::Missing);
    };
    let failures = FailureCount {
        consecutive: snapshot.wallet.consecutive_failures,
        to_disable: policy.failures_to_disable,
    };
    let change = Change {
        tx,
        snapshot: &snapshot,
        result,
        policy,
    };
    match settle(&snapshot.intent, result, failures) {
        Settlement::Credit { quantity, late } => {
            let outbox = ending::end(&change, &Ending::Credited { quantity, late }).await?;
            Ok(Settled::Credited {
                late,
                amount: snapshot.intent.amount,
                outbox,
            })
        }
        Settlement::Register { enable } => {
            let (enabled, outbox) = match &snapshot.bought {
                Bought::Registration(it) => registration::succeed(&change, it, enable).await?,
                // What the rules register is a registration.
                Bought::Topup(_) | Bought::Purchase(_) => (false, Vec::new()),
            };
            Ok(Settled::Registered {
                enabled,
                amount: snapshot.intent.amount,
                outbox,
            })
        }
        Settlement::Fail {
            disable,
            reason,
            decline,
        } => {
            let failed = Ending::Failed {
                disable,
                reason,
                decline,
            };
            let outbox = ending::end(&change, &failed).await?;
            Ok(Settled::Failed {
                disabled: disable,
                outbox,
            })
        }
        Settlement::StillOpen {
            state,
            lead_to_page: _,
        } => {
            ending::stay_open(&change, state).await?;
            Ok(Settled::StillOpen(state))
        }
        Settlement::TakeBack(take) => {
            let outbox = reversal::take_back(&change, &take).await?;
            Ok(Settled::Reversed {
                whole: take.whole,
                amount: Money::new(take.amount_minor, snapshot.intent.amount.currency),
                outbox,
            })
        }
        Settlement::CameAndWent { quantity, take } => {
            let came = Ending::Credited { quantity, late: true };
            let mut outbox = match &snapshot.bought {
                Bought::Registration(it) => registration::came_and_went(&change, it).await?,
                Bought::Topup(_) | Bought::Purchase(_) => ending::end(&change, &came).await?,
            };
            outbox.extend(reversal::take_back(&change, &take).await?);
            Ok(Settled::Reversed {
                whole: take.whole,
                amount: Money::new(take.amount_minor, snapshot.intent.amount.currency),
                outbox,
            })
        }
        Settlement::Hold {
            amount_minor,
            credits,
            reversal_id,
        } => {
            let outbox = reversal::hold(&change, &reversal_id, amount_minor, credits).await?;
            Ok(Settled::Held { outbox })
        }
        Settlement::Release {
            amount_minor,
            credits,
            reversal_id,
        } => {
            reversal::release(&change, &reversal_id, amount_minor, credits).await?;
            Ok(Settled::Released)
        }
        Settlement::NotGivenBack {
            amount_minor,
            reversal_id,
            reason,
        } => {
            let outbox = reversal::not_given_back(&change, &reversal_id, amount_minor, &reason).await?;
            Ok(Settled::NotGivenBack { outbox })
        }
        Settlement::Nothing(already) => Ok(Settled::Already(already)),
        Settlement::Later(reason) => Ok(Settled::Later(reason)),
        Settlement::Park(misfit) => Ok(Settled::Misfit(misfit)),
    }
}
