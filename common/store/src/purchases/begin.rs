//! A purchase's intent: priced, with a card or an address, and committed once (C5, P1).

use super::{Begun, NewPurchase, PageIntent, PurchaseRefusal};
use crate::topups::ChargeIntent;
use crate::transaction::Tx;
use crate::{StoreError, billing, locks, one_click, prices, rows};
use jiff::Timestamp;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::money::{Currency, Money};
use topup_rules::one_click::{Consent, OneClickRefusal, may_charge};
use topup_rules::prices::{PriceList, Quote, Wanted};
use topup_rules::settle::{PaidFor, PurchaseMethod};
use uuid::Uuid;

/// Begins it, finds it begun before, or says why it can't be.
pub(super) async fn begin(tx: &Tx, new: &NewPurchase) -> Result<Begun, StoreError> {
    let wallet = WalletKey {
        account: new.account,
        service: new.service,
    };
    // Who asks twice at once waits here for the first.
    if locks::wallet(tx, wallet).await?.is_none() {
        return Ok(Begun::Refused(PurchaseRefusal::NoWallet(wallet)));
    }
    if let Some(before) = before(tx, new).await? {
        return Ok(before);
    }
    let Some(buyer) = buyer(tx, new.account).await? else {
        return Ok(Begun::Refused(PurchaseRefusal::NoWallet(wallet)));
    };
    let prices = prices::prices_in(tx).await?;
    let quote = match priced(&prices, new, buyer.currency) {
        Ok(quote) => quote,
        Err(refusal) => return Ok(Begun::Refused(refusal)),
    };
    match new.method {
        PurchaseMethod::OneClick => match card(tx, new).await? {
            Err(refusal) => Ok(Begun::Refused(refusal.into())),
            Ok(card) => {
                let reference = insert(tx, new, &quote, &card.email, Some(card.id)).await?;
                let intent = charge_intent(new, reference, &quote, card);
                Ok(Begun::Charge(Box::new(intent)))
            }
        },
        PurchaseMethod::Hosted => match new.email.clone().or(buyer.email) {
            None => Ok(Begun::Refused(PurchaseRefusal::NoEmail)),
            Some(email) => {
                let reference = insert(tx, new, &quote, &email, None).await?;
                Ok(Begun::Page(page_intent(new, reference, &quote, email)))
            }
        },
    }
}

/// P1: what it costs by the list as it is now, if that is what was shown.
fn priced(prices: &PriceList, new: &NewPurchase, currency: Currency) -> Result<Quote, PurchaseRefusal> {
    let quote = prices.quote(new.service, currency, new.wanted)?;
    Ok(quote.as_shown(new.shown)?)
}

/// The same purchase as it was begun before, or another that bears its id.
async fn before(tx: &Tx, new: &NewPurchase) -> Result<Option<Begun>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT b.service, b.method, b.quantity_milli, p.amount_minor, p.currency, p.state, p.checkout_url
               FROM purchases b JOIN payments p USING (account_id, purchase_id)
              WHERE b.account_id = $1 AND b.purchase_id = $2",
            &[&new.account.get(), &new.id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let service: Service = rows::name(&row, "service", "purchases")?;
    let method: PurchaseMethod = rows::name(&row, "method", "purchases")?;
    let bought = Bought {
        quantity: rows::credits(&row, "quantity_milli")?,
        price: Money::new(
            row.try_get("amount_minor")?,
            rows::name(&row, "currency", "payments")?,
        ),
    };
    if (service, method) != (new.service, new.method) || !bought.is_what(new) {
        return Ok(Some(Begun::Refused(PurchaseRefusal::Conflicting(new.id))));
    }
    Ok(Some(Begun::AlreadyBegun {
        state: rows::name(&row, "state", "payments")?,
        checkout_url: row.try_get("checkout_url")?,
    }))
}

/// What an id stands for already.
struct Bought {
    quantity: Credits,
    price: Money,
}

impl Bought {
    /// Whether that is asked for again: by the prices of then, whatever they are now.
    fn is_what(&self, new: &NewPurchase) -> bool {
        let is_wanted = match new.wanted {
            Wanted::Credits(quantity) => quantity == self.quantity,
            Wanted::Amount(amount_minor) => self.price.amount_minor <= amount_minor,
        };
        is_wanted && new.shown.is_none_or(|shown| shown == self.price)
    }
}

struct Buyer {
    currency: Currency,
    email: Option<String>,
}

async fn buyer(tx: &Tx, id: AccountId) -> Result<Option<Buyer>, StoreError> {
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

/// P3: the card of the consent that stands. Whoever withdraws it locks the account's wallets, one of which is locked here.
async fn card(tx: &Tx, new: &NewPurchase) -> Result<Result<Card, OneClickRefusal>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT o.card_id, c.authorization_code, c.email, c.gateway
               FROM one_click_consents o JOIN cards c USING (account_id, card_id)
              WHERE o.account_id = $1 AND o.withdrawn_at IS NULL",
            &[&new.account.get()],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Err(OneClickRefusal::NotAgreed));
    };
    let authorization_code: String = row.try_get("authorization_code")?;
    let consent = Consent {
        card_id: row.try_get("card_id")?,
        is_withdrawn: false,
        has_token: !authorization_code.is_empty(),
        gateway: row.try_get("gateway")?,
    };
    let email = row.try_get("email")?;
    Ok(may_charge(Some(&consent), new.gateway).map(|id| Card {
        id,
        authorization_code,
        email,
    }))
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
    let billing = match &new.billing {
        Some(billing) => {
            billing::write(tx, new.account, billing).await?;
            Some(billing.clone())
        }
        None => billing::read(tx, new.account).await?,
    };
    let billing = billing.map(serde_json::to_value).transpose()?;
    let consent = agreement(tx, new, now).await?;
    tx.execute(
        "INSERT INTO purchases (account_id, purchase_id, service, method, quantity_milli, amount_minor, tax_minor,
                                currency, email, billing, traceparent, created_at, consent_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        &[
            &new.account.get(),
            &new.id,
            &new.service.as_str(),
            &new.method.as_str(),
            &quote.credits.milli(),
            &quote.price.amount_minor,
            &quote.tax.amount_minor,
            &quote.price.currency.as_str(),
            &email,
            &billing,
            &new.traceparent,
            &now,
            &consent,
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

/// P3: what was agreed with a purchase on the gateway's page, to stand once that is paid.
async fn agreement(tx: &Tx, new: &NewPurchase, now: Timestamp) -> Result<Option<Uuid>, StoreError> {
    match (new.method, &new.agreement) {
        (PurchaseMethod::Hosted, Some(agreed)) => {
            one_click::agree(tx, new.account, agreed, now).await.map(Some)
        }
        (PurchaseMethod::Hosted, None) | (PurchaseMethod::OneClick, _) => Ok(None),
    }
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
        triggered: None,
    }
}

fn page_intent(new: &NewPurchase, reference: Reference, quote: &Quote, email: String) -> PageIntent {
    PageIntent {
        reference,
        account: new.account,
        id: new.id,
        gateway: new.gateway.to_owned(),
        mode: new.mode,
        amount: quote.price,
        email,
        traceparent: new.traceparent.clone(),
    }
}
