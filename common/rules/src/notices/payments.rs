//! What an account holder is told of purchases, reversals and cards.

use super::{NoticeDraft, put, put_some};
use crate::credits::Credits;
use crate::events;
use crate::ids::{AccountId, Reference, WalletKey};
use crate::message::{DeclineClass, Template};
use crate::money::Money;
use jiff::civil::Date;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Credits bought by hand, as their notices tell of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bought<'a> {
    /// Which purchase.
    pub id: Uuid,
    /// Of which wallet.
    pub wallet: WalletKey,
    /// How many credits.
    pub quantity: Credits,
    /// What they cost, tax included.
    pub amount: Money,
    /// The tax in it, in the currency's minor unit.
    pub tax_minor: i64,
    /// The payment's reference.
    pub reference: &'a Reference,
    /// Of the card, where one is known.
    pub card_last4: Option<&'a str>,
    /// Whom the receipt is made out to.
    pub billing_name: Option<&'a str>,
}

/// P4: the receipt. `balance` is the new one.
#[must_use]
pub fn purchase_succeeded(bought: &Bought<'_>, balance: Credits) -> NoticeDraft {
    let mut params = bought_params(bought);
    put(&mut params, "balance", balance);
    if bought.tax_minor > 0 {
        put(
            &mut params,
            "tax",
            Money::new(bought.tax_minor, bought.amount.currency),
        );
    }
    put_some(&mut params, "billing_name", bought.billing_name);
    NoticeDraft {
        account: bought.wallet.account,
        template: Template::PurchaseSucceeded,
        cause: format!("purchase:{}:succeeded", bought.id),
        params,
        event: Some(events::purchase_succeeded(bought, balance)),
    }
}

/// P4: nothing was bought, `reason` says why, and `decline` what kind of refusal it was.
#[must_use]
pub fn purchase_failed(bought: &Bought<'_>, reason: &str, decline: Option<DeclineClass>) -> NoticeDraft {
    let mut params = bought_params(bought);
    put(&mut params, "reason", reason);
    put_some(&mut params, "decline", decline);
    NoticeDraft {
        account: bought.wallet.account,
        template: Template::PurchaseFailed,
        cause: format!("purchase:{}:failed", bought.id),
        params,
        event: Some(events::purchase_failed(bought, reason, decline)),
    }
}

/// What one refund or lost dispute took back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack<'a> {
    /// Off which wallet.
    pub wallet: WalletKey,
    /// Of which payment.
    pub reference: &'a Reference,
    /// The refund or dispute.
    pub reversal_id: &'a str,
    /// Given back by it.
    pub amount: Money,
    /// Credits that went with it.
    pub credits: Credits,
}

/// V1: money went back, and credits with it. `balance` is the new one.
#[must_use]
pub fn payment_reversed(taken: &TakenBack<'_>, balance: Credits) -> NoticeDraft {
    let mut params = Map::new();
    put(&mut params, "service", taken.wallet.service);
    put(&mut params, "amount", taken.amount);
    put(&mut params, "credits", taken.credits);
    put(&mut params, "balance", balance);
    put(&mut params, "reference", taken.reference);
    NoticeDraft {
        account: taken.wallet.account,
        template: Template::PaymentReversed,
        cause: format!("reversal:{}:{}", taken.reference, taken.reversal_id),
        params,
        event: Some(events::payment_reversed(taken, balance)),
    }
}

/// A card that runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiringCard<'a> {
    /// Whose.
    pub account: AccountId,
    /// The store's id of it.
    pub id: Uuid,
    /// Its last four digits, where they are known.
    pub last4: Option<&'a str>,
    /// The last day on which it works.
    pub expires_on: Date,
}

/// The card that pays for auto top-up runs out. The cause bears the month, so that it is told once.
#[must_use]
pub fn card_expiring(card: &ExpiringCard<'_>) -> NoticeDraft {
    let mut params = Map::new();
    put_some(&mut params, "card_last4", card.last4);
    put(&mut params, "expires", card.expires_on.strftime("%m/%Y"));
    NoticeDraft {
        account: card.account,
        template: Template::CardExpiring,
        cause: format!("card:{}:expiring:{}", card.id, card.expires_on.strftime("%Y-%m")),
        params,
        event: Some(events::card_expiring(card)),
    }
}

fn bought_params(bought: &Bought<'_>) -> Map<String, Value> {
    let mut params = Map::new();
    put(&mut params, "service", bought.wallet.service);
    put(&mut params, "credits", bought.quantity);
    put(&mut params, "amount", bought.amount);
    put(&mut params, "reference", bought.reference);
    put_some(&mut params, "card_last4", bought.card_last4);
    params
}
