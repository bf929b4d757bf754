//! `/purchases/{id}`: where an account holder comes back to from the gateway's page, and where every purchase can be looked
//! at later; and its receipt. What is told comes from the verified result alone, never from the coming back (P2).

use super::buy;
use super::catalogue::Key;
use super::onward::looks_again;
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::{self, Said, Tone};
use super::zone::Zone;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::message::DeclineClass;
use topup_rules::money::Money;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_store::{PurchaseView, Store};
use uuid::Uuid;

/// Purchases of a page of the history.
const PER_PAGE: i64 = 10;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route("/purchases/{id}", get(shown))
        .route("/purchases/{id}/receipt", get(receipt))
}

#[derive(Debug, Serialize)]
pub(super) struct PurchasePage {
    pub(super) said: Said,
    /// What to do next.
    pub(super) todo: Option<String>,
    /// What became of agreeing to 1-Click with it.
    pub(super) one_click: Option<String>,
    /// `500 SMS credits`.
    pub(super) what: String,
    pub(super) price: String,
    pub(super) tax: Option<String>,
    pub(super) way: String,
    pub(super) reference: String,
    pub(super) when: String,
    /// The gateway's page, which can still be paid on.
    pub(super) checkout_url: Option<String>,
    /// To try again, or to buy the same again.
    pub(super) again: Option<String>,
    pub(super) has_failed: bool,
    pub(super) receipt: Option<String>,
    /// It is looked at again by itself.
    pub(super) is_looking: bool,
    pub(super) here: String,
}

/// One of the account's own: another's is not there.
async fn found(zone: &Zone, who: &SignedIn, id: &str) -> Result<PurchaseView, Trouble> {
    let id: Uuid = id.parse().map_err(|_| Trouble::NotFound)?;
    let store = &zone.database()?.store;
    let found = store.purchase(who.account.account_id, id).await?;
    found.ok_or(Trouble::NotFound)
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    Path(id): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let purchase = found(&zone, &who, &id).await?;
    if purchase.state.is_open() {
        let store = &zone.database()?.store;
        store.hasten(who.account.account_id, &purchase.reference).await?;
    }
    let view = page(&who.voice, &purchase);
    let response = zone.page("purchase.html", &zone.inside(&who, &view.here), &view)?;
    Ok(match view.is_looking {
        true => looks_again(response, purchase.created_at, who.now),
        false => response,
    })
}

pub(super) fn page(voice: &Voice, purchase: &PurchaseView) -> PurchasePage {
    let has_failed = purchase.state == PaymentState::Failed;
    let here = format!("/purchases/{}", purchase.id);
    let todo = match purchase.state {
        PaymentState::Failed => Some(match purchase.decline {
            Some(DeclineClass::NeverAgain) => Key("bought-todo-other-card"),
            Some(DeclineClass::NeedsCustomer) => Key("bought-todo-ask-bank"),
            Some(DeclineClass::AnotherDay) => Key("bought-todo-another-day"),
            None => Key("bought-todo-again"),
        }),
        PaymentState::Pending if purchase.checkout_url.is_some() => Some(Key("bought-todo-pay")),
        PaymentState::Charging
        | PaymentState::Pending
        | PaymentState::Unknown
        | PaymentState::Parked
        | PaymentState::Succeeded
        | PaymentState::Reversed => None,
    };
    let one_click = match (purchase.one_click, purchase.state) {
        (Some(true), PaymentState::Succeeded) => Some(Key("bought-one-click")),
        (Some(false), PaymentState::Succeeded) => Some(Key("bought-no-one-click")),
        (Some(true | false) | None, _) => None,
    };
    PurchasePage {
        said: said(voice, purchase),
        todo: todo.map(|key| voice.text(key)),
        one_click: one_click.map(|key| voice.text(key)),
        what: what(voice, purchase),
        price: voice.money(purchase.amount),
        tax: tax(voice, purchase),
        way: way(voice, purchase),
        reference: purchase.reference.to_string(),
        when: voice.moment(purchase.created_at),
        checkout_url: purchase.checkout_url.clone(),
        again: (!purchase.state.is_open()).then(|| buy::link(voice, purchase.service, purchase.quantity)),
        has_failed,
        receipt: purchase.state.was_captured().then(|| format!("{here}/receipt")),
        is_looking: purchase.state.is_open() && purchase.state != PaymentState::Parked,
        here,
    }
}

/// How it stands, in a word and in a sentence.
pub(super) fn said(voice: &Voice, purchase: &PurchaseView) -> Said {
    let (tone, tag, text) = match purchase.state {
        PaymentState::Pending if purchase.checkout_url.is_some() => (
            Tone::Plain,
            Key("state-confirming"),
            voice.text(Key("bought-not-paid")),
        ),
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown => (
            Tone::Plain,
            Key("state-confirming"),
            voice.text(Key("bought-confirming")),
        ),
        PaymentState::Parked => (Tone::Warn, Key("state-parked"), voice.text(Key("topup-parked"))),
        PaymentState::Succeeded if purchase.reversed_minor > 0 => {
            let money = Money::new(purchase.reversed_minor, purchase.amount.currency);
            let money = voice.money(money);
            let text = voice.with(Key("bought-partly-reversed"), &[("money", &money)]);
            (Tone::Warn, Key("state-bought"), text)
        }
        PaymentState::Succeeded => (
            Tone::Good,
            Key("state-bought"),
            voice.with(Key("bought"), &[("what", &what(voice, purchase))]),
        ),
        PaymentState::Failed => {
            let reason = purchase.reason.as_deref().unwrap_or_default();
            let text = words::with_reason(voice, Key("bought-failed"), Key("bought-failed-reason"), reason);
            (Tone::Bad, Key("state-failed"), text)
        }
        PaymentState::Reversed => (
            Tone::Warn,
            Key("state-reversed"),
            voice.text(Key("topup-reversed")),
        ),
    };
    Said {
        tone,
        tag: voice.text(tag),
        text,
    }
}

/// `500 SMS credits`.
fn what(voice: &Voice, purchase: &PurchaseView) -> String {
    let credits = voice.credits(purchase.quantity);
    let service = Voice::service(purchase.service);
    voice.with(Key("topup-line"), &[("credits", &credits), ("service", service)])
}

fn tax(voice: &Voice, purchase: &PurchaseView) -> Option<String> {
    let tax = Money::new(purchase.tax_minor, purchase.amount.currency);
    (tax.amount_minor > 0).then(|| voice.money(tax))
}

/// `Visa •••• 4081, by 1-Click`.
fn way(voice: &Voice, purchase: &PurchaseView) -> String {
    let by = voice.text(match purchase.method {
        PurchaseMethod::OneClick => Key("way-one-click"),
        PurchaseMethod::Hosted => Key("way-page"),
    });
    match purchase.card_last4.as_deref() {
        Some(last4) => {
            let card = words::card_named(voice, purchase.card_brand.as_deref(), Some(last4));
            format!("{card}, {by}")
        }
        None => words::capitalised(&by),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ReceiptPage {
    /// The payment's key, which the gateway, the mail and the bank know, too.
    pub(super) number: String,
    pub(super) date: String,
    /// Name and address, line by line; the e-mail address, where no name was given.
    pub(super) billed_to: Vec<String>,
    pub(super) tax_number: Option<String>,
    pub(super) account: String,
    pub(super) what: String,
    pub(super) net: Option<String>,
    pub(super) tax: Option<String>,
    pub(super) price: String,
    pub(super) way: String,
    /// Given back since.
    pub(super) reversed: Option<String>,
    pub(super) back: String,
}

async fn receipt(
    State(zone): State<Arc<Zone>>,
    Path(id): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let purchase = found(&zone, &who, &id).await?;
    let paid_at = purchase.settled_at.filter(|_| purchase.state.was_captured());
    let paid_at = paid_at.ok_or(Trouble::NotFound)?;
    let voice = &who.voice;
    let currency = purchase.amount.currency;
    let tax = tax(voice, &purchase);
    let net_minor = purchase.amount.amount_minor.saturating_sub(purchase.tax_minor);
    let reversed = Money::new(purchase.reversed_minor, currency);
    let view = ReceiptPage {
        number: purchase.reference.to_string(),
        date: voice.moment(paid_at),
        billed_to: billed_to(&purchase),
        tax_number: purchase
            .billing
            .as_ref()
            .and_then(|billing| billing.tax_number.clone()),
        account: who.account.account_id.to_string(),
        what: what(voice, &purchase),
        net: tax
            .is_some()
            .then(|| voice.money(Money::new(net_minor, currency))),
        tax,
        price: voice.money(purchase.amount),
        way: way(voice, &purchase),
        reversed: (reversed.amount_minor > 0).then(|| voice.money(reversed)),
        back: format!("/purchases/{}", purchase.id),
    };
    let here = format!("{}/receipt", view.back);
    zone.page("receipt.html", &zone.inside(&who, &here), &view)
}

fn billed_to(purchase: &PurchaseView) -> Vec<String> {
    match &purchase.billing {
        None => vec![purchase.email.clone()],
        Some(billing) => {
            let address = billing.address.lines().map(str::to_owned);
            [billing.name.clone()].into_iter().chain(address).collect()
        }
    }
}

/// One of them in the history.
#[derive(Debug, Serialize)]
pub(super) struct Bought {
    pub(super) href: String,
    pub(super) what: String,
    pub(super) way: String,
    pub(super) said: Said,
    pub(super) when: String,
    pub(super) price: String,
    pub(super) receipt: Option<String>,
}

/// The account's purchases, latest first, and after which the next page begins.
pub(super) async fn list(
    store: &Store,
    who: &SignedIn,
    after: Option<Uuid>,
) -> Result<(Vec<Bought>, Option<Uuid>), Trouble> {
    let mut found = store
        .purchases(who.account.account_id, after, PER_PAGE + 1)
        .await?;
    let has_more = found.len() > usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    if has_more {
        found.pop();
    }
    let next = found.last().filter(|_| has_more).map(|last| last.id);
    let voice = &who.voice;
    let rows = found.iter().map(|purchase| {
        let view = page(voice, purchase);
        Bought {
            href: view.here,
            what: view.what,
            way: view.way,
            said: view.said,
            when: view.when,
            price: view.price,
            receipt: view.receipt,
        }
    });
    Ok((rows.collect(), next))
}
