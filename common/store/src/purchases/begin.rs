//! A purchase's intent: priced, with a card or an address, and committed once (C5, P1).

use super::{Begun, NewPurchase, PageIntent, PurchaseRefusal};
use crate::topups::ChargeIntent;
use crate::transaction::Tx;
use crate::{StoreError, locks, prices, rows};
use topup_rules::ids::{AccountId, Reference, Service, WalletKey};
use topup_rules::money::Currency;
use topup_rules::prices::Quote;
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
    let Some(quote) = prices.price_of(new.service, buyer.currency, new.quantity) else {
        return Ok(Begun::Refused(PurchaseRefusal::NotPriced {
            quantity: new.quantity,
            service: new.service,
            currency: buyer.currency,
        }));
    };
    match new.method {
        PurchaseMethod::OneClick => match card(tx, new).await? {
            None => Ok(Begun::Refused(PurchaseRefusal::NoCard)),
            Some(card) => {
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

/// The same purchase as it was begun before, or another that bears its id.
async fn before(tx: &Tx, new: &NewPurchase) -> Result<Option<Begun>, StoreError> {
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
        return Ok(Some(Begun::Refused(PurchaseRefusal::Conflicting(new.id))));
    }
    Ok(Some(Begun::AlreadyBegun {
        state: rows::name(&row, "state", "payments")?,
        checkout_url: row.try_get("checkout_url")?,
    }))
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
        triggered: None,
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
