//! What credits cost, either way (P1), and what the buttons say that pay it: on the page, and as one types.

use super::catalogue::Key;
use super::form::{Fields, Form};
use super::shown::Shown;
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use topup_gateways::payment::PayChannel;
use topup_rules::access::Act;
use topup_rules::ids::Service;
use topup_rules::money::Money;
use topup_rules::prices::{NoPrice, Quote, Wanted};
use topup_rules::settle::PurchaseMethod;
use topup_store::OneClickView;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route("/buy/quote", get(follows))
}

/// What will be charged for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// `500 SMS credits`.
    pub(super) what: String,
    /// Of one credit.
    pub(super) unit_price: String,
    pub(super) tax: Option<String>,
    pub(super) price: String,
    /// What of it a form bears, to be compared with what is charged.
    pub(super) shown: String,
}

/// What somebody typed, and what it comes to by the list as it is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) service: Service,
    pub(super) wanted: Wanted,
    pub(super) quote: Quote,
}

impl Summary {
    pub(super) fn of(voice: &Voice, offer: &Offer) -> Self {
        let Offer {
            service,
            wanted,
            ref quote,
        } = *offer;
        let credits = voice.credits(quote.credits);
        let values = [
            ("credits", credits.as_str()),
            ("service", Voice::service(service)),
        ];
        Self {
            what: voice.with(Key("topup-line"), &values),
            unit_price: voice.unit_price(quote.unit_price, quote.price.currency),
            tax: (quote.tax.amount_minor > 0).then(|| voice.money(quote.tax)),
            price: voice.money(quote.price),
            shown: Shown::of(service, wanted, quote).to_string(),
        }
    }
}

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// With the card that was saved for it, at once.
    OneClick,
    /// On the gateway's page, by card.
    Card,
    /// On the gateway's page, from the phone.
    Phone,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::OneClick, Self::Card, Self::Phone];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OneClick => "one-click",
            Self::Card => "card",
            Self::Phone => "phone",
        }
    }

    pub(super) const fn method(self) -> PurchaseMethod {
        match self {
            Self::OneClick => PurchaseMethod::OneClick,
            Self::Card | Self::Phone => PurchaseMethod::Hosted,
        }
    }

    pub(super) const fn channels(self) -> &'static [PayChannel] {
        match self {
            Self::OneClick => &[],
            Self::Card => &[PayChannel::Card],
            Self::Phone => &[PayChannel::MobileMoney],
        }
    }
}

/// A button that pays.
#[derive(Debug, Serialize)]
pub(super) struct WayButton {
    pub(super) id: &'static str,
    pub(super) text: String,
}

/// What is asked for: all of it may be missing, or be anything.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    service: String,
    #[serde(default)]
    credits: String,
    #[serde(default)]
    amount: String,
}

impl Asked {
    pub(super) fn into_fields(self) -> Fields {
        Fields::new(vec![
            ("service".to_owned(), self.service),
            ("credits".to_owned(), self.credits),
            ("amount".to_owned(), self.amount),
        ])
    }
}

/// What was typed: a quantity or an amount. What is neither is told beside its field.
pub(super) fn wanted(who: &SignedIn, fields: &Fields, form: &mut Form) -> Option<Wanted> {
    let (currency, language) = (who.account.currency, who.voice.language());
    let is_credits = match (fields.get("credits").is_empty(), fields.get("amount").is_empty()) {
        (false, true) => true,
        (true, false) => false,
        (true, true) | (false, false) => {
            form.wrong("credits", who.voice.text(Key("buy-one-of-both")));
            return None;
        }
    };
    let wanted = if is_credits {
        fields.credits("credits", language).map(Wanted::Credits)
    } else {
        let amount = fields.number("amount", language);
        let money = amount.and_then(|amount| Money::of_text(&amount, currency).ok());
        money.map(|money| Wanted::Amount(money.amount_minor))
    };
    if wanted.is_none() {
        match is_credits {
            true => form.wrong("credits", who.voice.text(Key("buy-credits-wrong"))),
            false => form.wrong("amount", who.voice.text(Key("buy-amount-wrong"))),
        }
    }
    wanted
}

/// What that comes to, by the list as it is now; what has no price is told beside its field.
pub(super) async fn offer(
    zone: &Zone,
    who: &SignedIn,
    service: Service,
    wanted: Option<Wanted>,
    form: &mut Form,
) -> Result<Option<Offer>, Trouble> {
    who.may(Act::Quote)?;
    let Some(wanted) = wanted else { return Ok(None) };
    let prices = zone.database()?.store.prices().await?;
    match prices.quote(service, who.account.currency, wanted) {
        Ok(quote) => Ok(Some(Offer {
            service,
            wanted,
            quote,
        })),
        Err(none) => {
            no_price(form, &who.voice, &none);
            Ok(None)
        }
    }
}

/// The rules' words, beside the field that they are about.
pub(super) fn no_price(form: &mut Form, voice: &Voice, none: &NoPrice) {
    let text = words::refusal(voice, none);
    match none {
        NoPrice::OfCredits { .. } => form.wrong("credits", text),
        NoPrice::OfAmount { .. } => form.wrong("amount", text),
    }
}

/// What the buttons say: those that there are.
pub(super) fn ways(
    zone: &Zone,
    who: &SignedIn,
    one_click: Option<&OneClickView>,
    offer: Option<&Offer>,
) -> Vec<WayButton> {
    let wallets = zone.edge.gateway.phone_wallets(who.account.currency);
    let there = Way::ALL.into_iter().filter(|way| match way {
        Way::OneClick => one_click.is_some(),
        Way::Card => true,
        Way::Phone => !wallets.is_empty(),
    });
    let price = offer.map(|offer| who.voice.money(offer.quote.price));
    there
        .map(|way| WayButton {
            id: way.name(),
            text: match &price {
                None => String::new(),
                Some(price) => match way {
                    Way::OneClick => one_click
                        .map(|consent| pay_saved(&who.voice, price, consent))
                        .unwrap_or_default(),
                    Way::Card => who.voice.with(Key("pay-card"), &[("price", price)]),
                    Way::Phone => {
                        let or = format!(" {} ", who.voice.text(Key("or")));
                        let wallets = wallets.join(&or);
                        who.voice
                            .with(Key("pay-phone"), &[("price", price), ("wallets", &wallets)])
                    }
                },
            },
        })
        .collect()
}

/// What the button says that charges the saved card.
pub(super) fn pay_saved(voice: &Voice, price: &str, consent: &OneClickView) -> String {
    match &consent.last4 {
        Some(last4) => voice.with(Key("pay-one-click"), &[("price", price), ("last4", last4)]),
        None => voice.with(Key("pay-saved"), &[("price", price)]),
    }
}

/// The summary, for the page's script: as one types.
#[derive(Debug, Serialize)]
struct Following {
    summary: Option<Summary>,
    /// What each button says.
    ways: BTreeMap<&'static str, String>,
    /// By field.
    wrong: BTreeMap<&'static str, String>,
}

async fn follows(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Json<Following>, Trouble> {
    let fields = asked.into_fields();
    let service = who.wallet(fields.get("service"))?.service;
    let mut form = Form::new("");
    let wanted = wanted(&who, &fields, &mut form);
    let offer = offer(&zone, &who, service, wanted, &mut form).await?;
    let one_click = zone.database()?.store.one_click(who.account.account_id).await?;
    let ways = ways(&zone, &who, one_click.as_ref(), offer.as_ref());
    Ok(Json(Following {
        summary: offer.as_ref().map(|offer| Summary::of(&who.voice, offer)),
        ways: ways.into_iter().map(|way| (way.id, way.text)).collect(),
        wrong: form.into_wrong(),
    }))
}
