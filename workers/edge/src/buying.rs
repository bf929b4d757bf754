//! Buying by hand: what the interface and the pages both call.
//!
//! The intent is committed, the gateway called with nothing open, and its answer written down (C5): also where whoever
//! asked has gone meanwhile. What the answer means for the wallet is decided by `payment-results` alone. A gateway that
//! takes no calls now is not called, and the purchase fails at once: nobody is charged long after having left (P4).
//! Left out: HTTP, and who may buy.

use crate::Edge;
use crate::paying::{Paying, see_through};
use std::sync::Arc;
use topup_gateways::payment::{ChargeRequest, PayChannel};
use topup_rules::message::PaymentStatus;
use topup_rules::topup::PaymentState;
use topup_runtime::{PublicDatabase, metrics};
use topup_store::{
    Answer, Begun, ChargeIntent, LineEnd, NewPurchase, PageIntent, PurchaseRefusal, StoreError,
};
use uuid::Uuid;

/// What became of wanting to buy.
#[derive(Debug)]
pub enum Bought {
    /// The customer is to be sent to the gateway's page.
    OnPage {
        /// Which purchase.
        id: Uuid,
        /// The page's address.
        url: String,
    },
    /// It is with the gateway, or its result on its way, or it is over: what comes of it is seen on the purchase.
    InHand {
        /// Which purchase.
        id: Uuid,
        /// Where it stood a moment ago.
        state: PaymentState,
        /// The gateway's page, where a challenged customer has to go.
        url: Option<String>,
    },
    /// The gateway was not to be had, or has no page: the purchase fails, and nothing was taken.
    NoPage {
        /// Which purchase.
        id: Uuid,
        /// Why, for the account holder.
        reason: String,
    },
    /// Nothing was written.
    Refused(PurchaseRefusal),
}

/// Begins a purchase, or finds it begun, and sees the conversation with the gateway through. `channels`: how the customer
/// may pay on the page, however the currency allows where there are none. `return_to`: where the customer comes back to.
///
/// # Errors
/// The database's; asking again with the same id does it at most once.
pub async fn buy(
    edge: &Arc<Edge>,
    db: &PublicDatabase,
    new: NewPurchase,
    channels: &[PayChannel],
    return_to: &str,
) -> Result<Bought, StoreError> {
    let id = new.id;
    match db.store.begin_purchase(&new).await? {
        Begun::Charge(intent) => {
            let paying = Paying::new(edge, db);
            see_through(async move { charge(&paying, id, &intent).await })
                .await
                .unwrap_or_else(|| Ok(in_hand(id)))
        }
        Begun::Page(intent) => {
            let (paying, channels) = (Paying::new(edge, db), channels.to_vec());
            let return_to = return_to.to_owned();
            see_through(async move { page(&paying, id, &intent, &channels, &return_to).await })
                .await
                .unwrap_or_else(|| Ok(in_hand(id)))
        }
        Begun::AlreadyBegun { state, checkout_url } => Ok(match (state, checkout_url) {
            (PaymentState::Pending, Some(url)) => Bought::OnPage { id, url },
            (state, url) => Bought::InHand { id, state, url },
        }),
        Begun::Refused(refusal) => Ok(Bought::Refused(refusal)),
    }
}

const fn in_hand(id: Uuid) -> Bought {
    Bought::InHand {
        id,
        state: PaymentState::Charging,
        url: None,
    }
}

/// P2: on the gateway's page.
async fn page(
    paying: &Paying,
    id: Uuid,
    intent: &PageIntent,
    channels: &[PayChannel],
    return_to: &str,
) -> Result<Bought, StoreError> {
    let paid_for = ("purchase", id.to_string());
    Ok(
        match paying.open_page(intent, channels, return_to, paid_for).await? {
            Ok(url) => Bought::OnPage { id, url },
            Err(reason) => Bought::NoPage { id, reason },
        },
    )
}

/// P3: the saved card, at once.
async fn charge(paying: &Paying, id: Uuid, intent: &ChargeIntent) -> Result<Bought, StoreError> {
    if !paying.has_leave().await? {
        let reason = paying.card_not_asked(&never_asked(paying, id, intent)).await?;
        return Ok(Bought::NoPage { id, reason });
    }
    let call = paying.call();
    let code = secrecy::SecretString::from(intent.authorization_code.clone());
    let asked = std::time::Instant::now();
    let charged = paying
        .edge
        .gateway
        .charge_authorization(&ChargeRequest {
            reference: &intent.reference,
            amount: intent.amount,
            authorization_code: &code,
            email: &intent.email,
            metadata: &[
                ("account", intent.account.to_string()),
                ("purchase", id.to_string()),
            ],
        })
        .await;
    metrics::CHARGE_SECONDS.took([], asked.elapsed());
    metrics::CHARGES.add([charged.as_str()], 1);
    let line = LineEnd {
        end: charged.call_end(),
        policy: paying.line.policy,
    };
    let answer = charged.into_answer(&paying.edge.gateway, &intent.reference, paying.edge.clock.now());
    if let Answer::Trouble { reason, .. } = &answer {
        tracing::error!(
            payment.reference = intent.reference.as_str(),
            reason,
            "the gateway could not be asked"
        );
    }
    let outbox = paying
        .written_down(|| {
            let pauses = &paying.edge.settings.topup_requested.retry;
            paying.db.store.record_answer(intent, call, &answer, pauses, line)
        })
        .await?;
    paying.db.outbox.send(outbox);
    let url = match answer {
        Answer::Result {
            result,
            challenge_url,
        } if result.status == PaymentStatus::ActionRequired => challenge_url,
        Answer::Result { .. } | Answer::Trouble { .. } => None,
    };
    Ok(Bought::InHand {
        id,
        state: PaymentState::Charging,
        url,
    })
}

/// As what the gateway was never asked for is written down.
fn never_asked(paying: &Paying, id: Uuid, intent: &ChargeIntent) -> PageIntent {
    PageIntent {
        reference: intent.reference.clone(),
        account: intent.account,
        id,
        gateway: intent.gateway.clone(),
        mode: paying.edge.gateway.mode(),
        amount: intent.amount,
        email: intent.email.clone(),
        traceparent: intent.traceparent.clone(),
    }
}
