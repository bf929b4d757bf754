//! `/buy`: a quantity or an amount, the summary that follows, and a button for each way to pay it (P1–P3).
//!
//! What is paid is what was shown: a form whose summary is not that of its quantity, or not of the prices that there are
//! when it would be charged, shows the right one instead of charging anything.

use super::billing;
use super::catalogue::Key;
use super::form::{Fields, Form};
use super::once;
use super::quoting::{Asked, Summary, Way, WayButton, no_price, offer, wanted, ways};
use super::shown::Shown;
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use crate::buying::{Bought, buy};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::prices::Wanted;
use topup_store::{NewPurchase, OneClickAgreement, PurchaseRefusal};

const HERE: &str = "/buy";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route(HERE, get(shown).post(sent))
}

#[derive(Debug, Serialize)]
pub(super) struct BuyPage {
    pub(super) form: Form,
    pub(super) services: Vec<ServiceChoice>,
    /// `R`.
    pub(super) currency: String,
    pub(super) summary: Option<Summary>,
    /// What each button says, by way; without words before there is a price.
    pub(super) ways: Vec<WayButton>,
    /// The card of 1-Click, where that is agreed.
    pub(super) one_click: Option<String>,
    /// Whom the receipt is made out to, as it was kept.
    pub(super) billed_to: Option<String>,
    pub(super) billing_is_open: bool,
    pub(super) email: String,
    pub(super) terms: String,
    pub(super) terms_url: Option<String>,
    pub(super) request: String,
    pub(super) script: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceChoice {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let fields = asked.into_fields();
    let service = match fields.get("service") {
        "" => who.account.wallets.first().map(|wallet| wallet.service),
        _ => Some(who.wallet(fields.get("service"))?.service),
    };
    let service = service.ok_or(Trouble::NotFound)?;
    let mut form = Form::new("").typed(&fields, &["credits", "amount"]);
    let is_empty = fields.get("credits").is_empty() && fields.get("amount").is_empty();
    let wanted = match is_empty {
        true => None,
        false => wanted(&who, &fields, &mut form),
    };
    page(&zone, &who, service, wanted, form).await
}

async fn page(
    zone: &Zone,
    who: &SignedIn,
    service: Service,
    wanted: Option<Wanted>,
    mut form: Form,
) -> Result<Response, Trouble> {
    let offer = offer(zone, who, service, wanted, &mut form).await?;
    let store = &zone.database()?.store;
    let account = who.account.account_id;
    let one_click = store.one_click(account).await?;
    let billing = store.billing(account).await?;
    let edge = &zone.edge.settings.edge;
    let services = who.account.wallets.iter().map(|wallet| ServiceChoice {
        id: wallet.service.as_str(),
        name: Voice::service(wallet.service),
        is_here: wallet.service == service,
    });
    let view = BuyPage {
        services: services.collect(),
        currency: Voice::currency(who.account.currency),
        summary: offer.as_ref().map(|offer| Summary::of(&who.voice, offer)),
        ways: ways(zone, who, one_click.as_ref(), offer.as_ref()),
        one_click: one_click
            .map(|it| words::card_named(&who.voice, it.brand.as_deref(), it.last4.as_deref())),
        billed_to: billing.as_ref().map(|billing| billing.name.clone()),
        billing_is_open: billing::NAMES.iter().any(|name| form.is_wrong(name)),
        form: billing::kept(form, billing.as_ref()),
        email: who
            .account
            .email
            .clone()
            .unwrap_or_else(|| who.session.email.clone()),
        terms: edge.terms_version.clone(),
        terms_url: edge.terms_url.as_ref().map(|url| url.as_str().to_owned()),
        request: once::fresh(),
        script: zone.assets().buy.clone(),
    };
    let mut response = zone.page("buy.html", &zone.inside(who, HERE), &view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

async fn sent(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let service = who.wallet(fields.get("service"))?.service;
    let typed = ["credits", "amount", "agree", "name", "address", "tax_number"];
    let mut form = Form::new("").typed(&fields, &typed);
    let way = match fields.get("way") {
        "" => None,
        name => Some(Way::ALL.into_iter().find(|way| way.name() == name)),
    };
    let wanted = wanted(&who, &fields, &mut form);
    if let (Some(way), Some(wanted)) = (way, wanted) {
        let way = way.ok_or(Trouble::Malformed)?;
        match Shown::read(fields.get("shown"), service, wanted) {
            None => form.refuse(who.voice.text(Key("buy-not-shown"))),
            Some(shown) => {
                if let Some(done) = pay(&zone, &who, service, way, shown, &fields, &mut form).await? {
                    return Ok(done);
                }
            }
        }
    }
    page(&zone, &who, service, wanted, form).await
}

/// None: nothing was charged, as the form says.
async fn pay(
    zone: &Zone,
    who: &SignedIn,
    service: Service,
    way: Way,
    shown: Shown,
    fields: &Fields,
    form: &mut Form,
) -> Result<Option<Response>, Trouble> {
    let agreement = agreement(zone, who, way, fields, form);
    let billing = billing::read(form, fields, &who.voice);
    let (Ok(agreement), Ok(billing)) = (agreement, billing) else {
        return Ok(None);
    };
    who.may(match (way, &agreement) {
        (Way::OneClick, _) | (_, Some(_)) => Act::OneClick,
        (Way::Card | Way::Phone, None) => Act::BuyHosted,
    })?;
    let edge = &zone.edge;
    let id = once::id(who, fields, &[way.name(), &shown.to_string()])?;
    let new = NewPurchase {
        id,
        account: who.account.account_id,
        service,
        wanted: Wanted::Credits(shown.credits),
        shown: Some(shown.price),
        method: way.method(),
        agreement,
        // The account's own; without one, that of who signed in.
        email: match who.account.email {
            Some(_) => None,
            None => Some(who.session.email.clone()),
        },
        billing,
        gateway: edge.gateway.name(),
        mode: edge.gateway.mode(),
        traceparent: None,
    };
    let here = format!("/purchases/{id}");
    let return_to = format!("{}{here}", edge.public_url);
    match buy(edge, zone.database()?, new, way.channels(), &return_to).await? {
        Bought::OnPage { id: _, url } | Bought::InHand { url: Some(url), .. } => {
            zone.to_payment(who, &here, url).map(Some)
        }
        // What became of it stands there.
        Bought::InHand { url: None, .. } | Bought::NoPage { .. } => Ok(Some(on_to(&here))),
        Bought::Refused(refusal) => refused(who, form, &refusal).map(|()| None),
    }
}

/// P3: with a card on the gateway's page alone.
fn agreement(
    zone: &Zone,
    who: &SignedIn,
    way: Way,
    fields: &Fields,
    form: &mut Form,
) -> Result<Option<OneClickAgreement>, ()> {
    if way != Way::Card || fields.get("agree") != "yes" {
        return Ok(None);
    }
    match zone.edge.terms(fields.get("terms")) {
        Ok(terms_version) => Ok(Some(OneClickAgreement {
            terms_version,
            address: who.from.to_string(),
        })),
        Err(other) => {
            form.wrong("agree", words::refusal(&who.voice, &other));
            Err(())
        }
    }
}

/// The rules' words, beside the field that they are about.
fn refused(who: &SignedIn, form: &mut Form, refusal: &PurchaseRefusal) -> Result<(), Trouble> {
    let text = words::refusal(&who.voice, refusal);
    match refusal {
        PurchaseRefusal::NoPrice(none) => no_price(form, &who.voice, none),
        // The page shows what it costs now.
        PurchaseRefusal::PriceChanged(_) => {
            form.refuse(text);
            form.refuse(who.voice.text(Key("buy-not-shown")));
        }
        PurchaseRefusal::OneClick(_) | PurchaseRefusal::NoEmail => form.refuse(text),
        PurchaseRefusal::NoWallet(_) => return Err(Trouble::NotFound),
        PurchaseRefusal::Conflicting(_) => return Err(Trouble::Malformed),
    }
    Ok(())
}

/// The address of this page with a quantity filled in, as it would be typed.
pub(super) fn link(voice: &Voice, service: Service, credits: Credits) -> String {
    format!("{HERE}?service={service}&credits={}", voice.field(credits))
}
