//! Credits bought by hand: begun here, charged or paid on the gateway's page, settled like every payment (P4).
//!
//! A purchase neither waits for the card spacing nor counts for it (C1). What became of it stands in its payment
//! alone. Left out: the conversation with the gateway, what a quantity costs and which card may be charged by one click
//! (the rules'), and what of 1-Click is no purchase (`one_click`).

mod begin;
mod view;

pub use view::PurchaseView;

use crate::billing::Billing;
use crate::one_click::OneClickAgreement;
use crate::outbox::OutboxMessage;
use crate::topups::{Asked, ChargeIntent, GatewayCall};
use crate::{Store, StoreError};
use std::fmt;
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::inquiries::{InquiryPolicy, first_question};
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::Money;
use topup_rules::one_click::OneClickRefusal;
use topup_rules::phrases;
use topup_rules::prices::{NoPrice, PriceChanged, Wanted};
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// What an account holder wants to buy.
#[derive(Clone)]
pub struct NewPurchase {
    /// Of this purchase, and of every repeat of asking for it.
    pub id: Uuid,
    /// Whose wallet.
    pub account: AccountId,
    /// Which wallet.
    pub service: Service,
    /// How many credits, or for how much of the account's currency.
    pub wanted: Wanted,
    /// P1: the price that whoever buys has seen, where that is known: nothing else is charged.
    pub shown: Option<Money>,
    /// By a saved card, or on the gateway's page.
    pub method: PurchaseMethod,
    /// P3: with a purchase on the gateway's page, that the card which it is paid with is kept for 1-Click.
    pub agreement: Option<OneClickAgreement>,
    /// What the gateway's page asks for; the account's own where it is missing. A saved card brings its own.
    pub email: Option<String>,
    /// What an invoice needs, kept for the next time; as it was kept before where it is missing.
    pub billing: Option<Billing>,
    /// The gateway that is to charge: `paystack`.
    pub gateway: &'static str,
    /// With real money or not.
    pub mode: PaymentMode,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
}

/// Without the address and what stands on the invoice.
impl fmt::Debug for NewPurchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPurchase")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("wanted", &self.wanted)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What became of asking for a purchase.
#[derive(Debug)]
pub enum Begun {
    /// The intent is committed (C5): the saved card is to be charged now, with nothing open.
    Charge(Box<ChargeIntent>),
    /// The intent is committed: the gateway is to be asked for its page.
    Page(PageIntent),
    /// It was begun before; nothing is to be done.
    AlreadyBegun {
        /// Where it stands.
        state: PaymentState,
        /// The gateway's page, if the customer has to go there.
        checkout_url: Option<String>,
    },
    /// Nothing was written.
    Refused(PurchaseRefusal),
}

/// A page of the gateway's that is to be asked for.
#[derive(Clone)]
pub struct PageIntent {
    /// The idempotency key, the same on every try.
    pub reference: Reference,
    /// Whose purchase, or registration.
    pub account: AccountId,
    /// Which.
    pub id: Uuid,
    /// Whose page: `paystack`.
    pub gateway: String,
    /// With real money or not.
    pub mode: PaymentMode,
    /// How much.
    pub amount: Money,
    /// The address that the page asks for.
    pub email: String,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
}

/// Why nobody can have paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// The gateway was asked for a page, and has none.
    NoPage,
    /// It was not asked for one: the line to it is closed.
    PageNotAsked,
    /// It was not asked to charge a saved card, for the same reason.
    CardNotAsked,
}

/// Without the address.
impl fmt::Debug for PageIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageIntent")
            .field("reference", &self.reference)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// Why nothing can be bought like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurchaseRefusal {
    /// There is no such account, or no such service of it.
    #[error("account {account} has no wallet for the service {service}", account = .0.account, service = .0.service)]
    NoWallet(WalletKey),
    /// It has no price, or buys nothing.
    #[error(transparent)]
    NoPrice(#[from] NoPrice),
    /// What was seen is not what it costs.
    #[error(transparent)]
    PriceChanged(#[from] PriceChanged),
    /// There is no consent to 1-Click that stands, or its card can't be charged any more.
    #[error(transparent)]
    OneClick(#[from] OneClickRefusal),
    /// The gateway wants an address.
    #[error("P2: an e-mail address is needed")]
    NoEmail,
    /// The same id was used for something else.
    #[error("purchase {0} is another one")]
    Conflicting(Uuid),
}

phrases! {
    PurchaseRefusal;
    words { "no-email": NoEmail, }
    figures {
        "no-wallet": Self::NoWallet(wallet) => [account = &wallet.account, service = &wallet.service],
            like Self::NoWallet(WalletKey::EXAMPLE);
        "another-purchase": Self::Conflicting(id) => [id = id], like Self::Conflicting(Uuid::nil());
    }
    passes { NoPrice(NoPrice), PriceChanged(PriceChanged), OneClick(OneClickRefusal), }
}

impl Store {
    /// P1, C5: prices a purchase and commits its intent, once for each id. What follows is done with nothing open:
    /// [`Store::record_answer`] takes a charge's answer, [`Store::record_page`] the page.
    ///
    /// # Errors
    /// The database's; asking again with the same id does it at most once.
    pub async fn begin_purchase(&self, new: &NewPurchase) -> Result<Begun, StoreError> {
        let once = || self.transact(|tx| async move { begin::begin(&tx, new).await });
        match once().await {
            // Asked for another of the account's wallets at the same moment, which was first.
            Err(error) if error.violates("purchases_pk") => once().await,
            begun => begun,
        }
    }

    /// P2: the gateway has a page for the customer to pay on. From now on it is asked about.
    ///
    /// # Errors
    /// The database's.
    pub async fn record_page(
        &self,
        intent: &PageIntent,
        call: GatewayCall,
        url: &str,
        inquiries: &InquiryPolicy,
    ) -> Result<(), StoreError> {
        self.transact(|tx| async move {
            let asked = intent.asked(call);
            asked.record(&tx, "initialize", "page", None).await?;
            let ask_at = first_question(tx.clock().await?, inquiries);
            // A result that was faster stays.
            tx.execute(
                "UPDATE payments SET state = 'pending', checkout_url = $3, ask_at = $4
                  WHERE account_id = $1 AND reference = $2 AND state = 'charging'",
                &[&intent.account.get(), &intent.reference.as_str(), &url, &ask_at],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// P2: there is no page, or nothing was asked for: nobody can have paid, so the purchase fails. `detail` is kept for
    /// the operators; `reason` is for the account holder.
    ///
    /// # Errors
    /// The database's; the gateway is asked about the purchase then.
    pub async fn record_not_opened(
        &self,
        intent: &PageIntent,
        call: GatewayCall,
        what: NotOpened,
        reason: &str,
        detail: &str,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.transact(|tx| async move {
            let asked = intent.asked(call);
            let (call, outcome) = match what {
                NotOpened::NoPage => ("initialize", "no-page"),
                NotOpened::PageNotAsked => ("initialize", "not-asked"),
                NotOpened::CardNotAsked => ("charge", "not-asked"),
            };
            asked.record(&tx, call, outcome, Some(detail)).await?;
            let failed = PaymentResult {
                reference: intent.reference.clone(),
                gateway: intent.gateway.clone(),
                status: PaymentStatus::Failed,
                amount_minor: None,
                currency: None,
                gateway_transaction_id: None,
                reason: Some(reason.to_owned()),
                decline: None,
                card: None,
                source: ResultSource::Charge,
                mode: intent.mode,
                reversal_id: None,
                occurred_at: tx.clock().await?,
            };
            asked.answer(&tx, &failed).await
        })
        .await
    }
}

impl PageIntent {
    fn asked(&self, call: GatewayCall) -> Asked<'_> {
        Asked {
            account: self.account,
            reference: &self.reference,
            traceparent: self.traceparent.as_deref(),
            call,
        }
    }
}
