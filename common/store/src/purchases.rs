//! Credits bought by hand: begun here, charged or paid on the gateway's page, settled like every payment (P4).
//!
//! A purchase neither waits for the card spacing nor counts for it (C1). What became of it stands in its payment
//! alone. Left out: the conversation with the gateway, whether the account agreed to 1-Click (P3), which whoever
//! asks has looked at, and what a quantity costs (the rules').

use crate::outbox::OutboxMessage;
use crate::topups::{Asked, ChargeIntent, GatewayCall};
use crate::transaction::Tx;
use crate::{Store, StoreError, locks, prices, rows};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::inquiries::{InquiryPolicy, first_question};
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::{Currency, Money};
use topup_rules::prices::Quote;
use topup_rules::settle::{PaidFor, PurchaseMethod};
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// What an account holder wants to buy.
#[derive(Debug, Clone)]
pub struct NewPurchase {
    /// Of this purchase, and of every repeat of asking for it.
    pub id: Uuid,
    /// Whose wallet.
    pub account: AccountId,
    /// Which wallet.
    pub service: Service,
    /// How many credits.
    pub quantity: Credits,
    /// By a saved card, or on the gateway's page.
    pub method: PurchaseMethod,
    /// The saved card; one-click alone has one.
    pub card_id: Option<Uuid>,
    /// What the gateway's page asks for; the account's own where it is missing. A saved card brings its own.
    pub email: Option<String>,
    /// What an invoice needs: name, address, tax number.
    pub billing: Option<serde_json::Value>,
    /// The gateway that is to charge: `paystack`.
    pub gateway: &'static str,
    /// With real money or not.
    pub mode: PaymentMode,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
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
#[derive(Debug, Clone)]
pub struct PageIntent {
    /// The idempotency key, the same on every try.
    pub reference: Reference,
    /// Whose purchase.
    pub account: AccountId,
    /// Which.
    pub purchase: Uuid,
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

/// Why nothing can be bought like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurchaseRefusal {
    /// There is no such account, or no such service of it.
    #[error("account {account} has no wallet for the service {service}", account = .0.account, service = .0.service)]
    NoWallet(WalletKey),
    /// Nothing, less than nothing, more than a wallet holds, or nothing that has a price.
    #[error("P1: {quantity} {service} credits have no price in {currency}")]
    NotPriced {
        /// How many.
        quantity: Credits,
        /// Of what.
        service: Service,
        /// In the account's currency.
        currency: Currency,
    },
    /// The card was forgotten, or is not the account's, or another gateway's.
    #[error("P3: there is no such saved card to charge")]
    NoCard,
    /// The gateway wants an address.
    #[error("P2: an e-mail address is needed")]
    NoEmail,
    /// The same id was used for something else.
    #[error("purchase {0} is another one")]
    Conflicting(Uuid),
}

impl Store {
    /// P1, C5: prices a purchase and commits its intent, once for each id. What follows is done with nothing open:
    /// [`Store::record_answer`] takes a charge's answer, [`Store::record_page`] the page.
    ///
    /// # Errors
    /// The database's; asking again with the same id does it at most once.
    pub async fn begin_purchase(&self, new: &NewPurchase) -> Result<Begun, StoreError> {
        let once = || self.transact(|tx| async move { begin(&tx, new).await });
        let begun = match once().await {
            // Asked for another of the account's wallets at the same moment, which was first.
            Err(error) if error.violates("purchases_pk") => once().await,
            outcome => outcome,
        }?;
        Ok(begun.unwrap_or_else(Begun::Refused))
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

    /// P2: there is no page, for whatever reason: nobody can have paid, so the purchase fails. `detail` is kept for the
    /// operators; `reason` is for the account holder.
    ///
    /// # Errors
    /// The database's; the gateway is asked about the purchase then.
    pub async fn record_no_page(
        &self,
        intent: &PageIntent,
        call: GatewayCall,
        reason: &str,
        detail: &str,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.transact(|tx| async move {
            let asked = intent.asked(call);
            asked.record(&tx, "initialize", "no-page", Some(detail)).await?;
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

async fn begin(tx: &Tx, new: &NewPurchase) -> Result<Result<Begun, PurchaseRefusal>, StoreError> {
    let wallet = WalletKey {
        account: new.account,
        service: new.service,
    };
    // Who asks twice at once waits here for the first.
    if locks::wallet(tx, wallet).await?.is_none() {
        return Ok(Err(PurchaseRefusal::NoWallet(wallet)));
    }
    if let Some(before) = before(tx, new).await? {
        return Ok(before);
    }
    let Some(account) = account(tx, new.account).await? else {
        return Ok(Err(PurchaseRefusal::NoWallet(wallet)));
    };
    let prices = prices::prices_in(tx).await?;
    let Some(quote) = prices.price_of(new.service, account.currency, new.quantity) else {
        return Ok(Err(PurchaseRefusal::NotPriced {
            quantity: new.quantity,
            service: new.service,
            currency: account.currency,
        }));
    };
    match new.method {
        PurchaseMethod::OneClick => match card(tx, new).await? {
            None => Ok(Err(PurchaseRefusal::NoCard)),
            Some(card) => {
                let reference = insert(tx, new, &quote, &card.email, Some(card.id)).await?;
                Ok(Ok(Begun::Charge(Box::new(charge_intent(
                    new, reference, &quote, card,
                )))))
            }
        },
        PurchaseMethod::Hosted => match new.email.clone().or(account.email) {
            None => Ok(Err(PurchaseRefusal::NoEmail)),
            Some(email) => {
                let reference = insert(tx, new, &quote, &email, None).await?;
                Ok(Ok(Begun::Page(page_intent(new, reference, &quote, email))))
            }
        },
    }
}

/// The same purchase as it was begun before, or another that bears its id.
async fn before(tx: &Tx, new: &NewPurchase) -> Result<Option<Result<Begun, PurchaseRefusal>>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT b.service, b.method, b.quantity_milli, p.state, p.checkout_url
               FROM purchases b JOIN payments p USING (account_id, purchase_id)
              WHERE b.account_id = $1 AND b.purchase_id = $2",
            &[&new.account.get(), &new.id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let service: Service = rows::name(&row, "service", "purchases")?;
    let method: PurchaseMethod = rows::name(&row, "method", "purchases")?;
    let quantity = rows::credits(&row, "quantity_milli")?;
    if (service, method, quantity) != (new.service, new.method, new.quantity) {
        return Ok(Some(Err(PurchaseRefusal::Conflicting(new.id))));
    }
    Ok(Some(Ok(Begun::AlreadyBegun {
        state: rows::name(&row, "state", "payments")?,
        checkout_url: row.try_get("checkout_url")?,
    })))
}

struct Buyer {
    currency: Currency,
    email: Option<String>,
}

async fn account(tx: &Tx, id: AccountId) -> Result<Option<Buyer>, StoreError> {
    tx.query_opt(
        "SELECT currency, email FROM accounts WHERE account_id = $1",
        &[&id.get()],
    )
    .await?
    .map(|row| {
        Ok(Buyer {
            currency: rows::name(&row, "currency", "accounts")?,
            email: row.try_get("email")?,
        })
    })
    .transpose()
}

struct Card {
    id: Uuid,
    authorization_code: String,
    email: String,
}

/// A card of the account's that is not forgotten, and known to the gateway that is to charge it.
async fn card(tx: &Tx, new: &NewPurchase) -> Result<Option<Card>, StoreError> {
    tx.query_opt(
        "SELECT card_id, authorization_code, email FROM cards
          WHERE account_id = $1 AND card_id = $2 AND gateway = $3 AND authorization_code <> ''",
        &[&new.account.get(), &new.card_id, &new.gateway],
    )
    .await?
    .map(|row| {
        Ok(Card {
            id: row.try_get("card_id")?,
            authorization_code: row.try_get("authorization_code")?,
            email: row.try_get("email")?,
        })
    })
    .transpose()
}

/// C5: the purchase and its intent.
async fn insert(
    tx: &Tx,
    new: &NewPurchase,
    quote: &Quote,
    email: &str,
    card: Option<Uuid>,
) -> Result<Reference, StoreError> {
    let reference = Reference::of_purchase(new.account, new.id);
    let now = tx.clock().await?;
    tx.execute(
        "INSERT INTO purchases (account_id, purchase_id, service, method, quantity_milli, amount_minor, tax_minor,
                                currency, email, billing, traceparent, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &[
            &new.account.get(),
            &new.id,
            &new.service.as_str(),
            &new.method.as_str(),
            &new.quantity.milli(),
            &quote.price.amount_minor,
            &quote.tax.amount_minor,
            &quote.price.currency.as_str(),
            &email,
            &new.billing,
            &new.traceparent,
            &now,
        ],
    )
    .await?;
    tx.execute(
        "INSERT INTO payments (account_id, reference, kind, purchase_id, gateway, mode, amount_minor, currency, card_id,
                               state, intent_at)
         VALUES ($1, $2, 'purchase', $3, $4, $5, $6, $7, $8, 'charging', $9)",
        &[
            &new.account.get(),
            &reference.as_str(),
            &new.id,
            &new.gateway,
            &new.mode.as_str(),
            &quote.price.amount_minor,
            &quote.price.currency.as_str(),
            &card,
            &now,
        ],
    )
    .await?;
    Ok(reference)
}

fn charge_intent(new: &NewPurchase, reference: Reference, quote: &Quote, card: Card) -> ChargeIntent {
    ChargeIntent {
        reference,
        account: new.account,
        paid_for: PaidFor::Purchase {
            id: new.id,
            method: new.method,
        },
        gateway: new.gateway.to_owned(),
        amount: quote.price,
        authorization_code: card.authorization_code,
        email: card.email,
        traceparent: new.traceparent.clone(),
    }
}

fn page_intent(new: &NewPurchase, reference: Reference, quote: &Quote, email: String) -> PageIntent {
    PageIntent {
        reference,
        account: new.account,
        purchase: new.id,
        gateway: new.gateway.to_owned(),
        mode: new.mode,
        amount: quote.price,
        email,
        traceparent: new.traceparent.clone(),
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
