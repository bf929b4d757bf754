//! `/one-click`: buying by one button (P3): how it stands, buying again, and withdrawing it, which asks first.

use super::once;
use super::quoting::{Offer, Summary, pay_saved};
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::prices::Wanted;
use topup_rules::topup::PaymentState;
use topup_store::{OneClickView, PurchaseView};

const HERE: &str = "/one-click";
/// The latest purchases that are looked at for what to buy again.
const LOOKED_AT: i64 = 50;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route(HERE, get(shown))
        .route("/one-click/disable", get(asked).post(ended))
}

#[derive(Debug, Serialize)]
pub(super) struct OneClickPage {
    /// None: it is not agreed.
    pub(super) stands: Option<Stands>,
    pub(super) again: Vec<Again>,
    pub(super) terms: String,
    pub(super) terms_url: Option<String>,
}

/// The consent that stands.
#[derive(Debug, Serialize)]
pub(super) struct Stands {
    pub(super) card: String,
    /// `12/2030`.
    pub(super) until: Option<String>,
    pub(super) agreed_at: String,
    pub(super) terms: String,
}

/// A service, bought again in the last quantity.
#[derive(Debug, Serialize)]
pub(super) struct Again {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    /// None: nothing was bought before, or there is no price for it now.
    pub(super) button: Option<Button>,
    /// Where another quantity is chosen.
    pub(super) href: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Button {
    /// As in a form.
    pub(super) credits: String,
    pub(super) summary: Summary,
    pub(super) text: String,
    pub(super) request: String,
}

async fn shown(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let account = who.account.account_id;
    let consent = store.one_click(account).await?;
    let again = match &consent {
        Some(consent) => {
            let bought = store.purchases(account, None, LOOKED_AT).await?;
            let mut again = Vec::with_capacity(who.account.wallets.len());
            for wallet in &who.account.wallets {
                let last = bought
                    .iter()
                    .find(|it| it.service == wallet.service && it.state == PaymentState::Succeeded);
                again.push(Again {
                    id: wallet.service.as_str(),
                    service: Voice::service(wallet.service),
                    button: match last {
                        Some(last) => button(&zone, &who, last, consent).await?,
                        None => None,
                    },
                    href: format!("/buy?service={}", wallet.service),
                });
            }
            again
        }
        None => Vec::new(),
    };
    let edge = &zone.edge.settings.edge;
    let view = OneClickPage {
        stands: consent.map(|consent| stands(&who.voice, &consent)),
        again,
        terms: edge.terms_version.clone(),
        terms_url: edge.terms_url.as_ref().map(|url| url.as_str().to_owned()),
    };
    let frame = zone.inside(&who, HERE).with_done(who.done());
    zone.page("one-click.html", &frame, &view)
}

fn stands(voice: &Voice, consent: &OneClickView) -> Stands {
    let until = consent.exp_month.zip(consent.exp_year);
    Stands {
        card: words::card_named(voice, consent.brand.as_deref(), consent.last4.as_deref()),
        until: until.map(|(month, year)| format!("{month:02}/{year}")),
        agreed_at: voice.moment(consent.agreed_at),
        terms: consent.terms_version.clone(),
    }
}

/// By the price list as it is now.
async fn button(
    zone: &Zone,
    who: &SignedIn,
    last: &PurchaseView,
    consent: &OneClickView,
) -> Result<Option<Button>, Trouble> {
    let prices = zone.database()?.store.prices().await?;
    let wanted = Wanted::Credits(last.quantity);
    let Ok(quote) = prices.quote(last.service, who.account.currency, wanted) else {
        return Ok(None);
    };
    let service = last.service;
    let offer = Offer {
        service,
        wanted,
        quote,
    };
    let summary = Summary::of(&who.voice, &offer);
    Ok(Some(Button {
        credits: quote.credits.to_string(),
        text: pay_saved(&who.voice, &summary.price, consent),
        request: once::fresh(),
        summary,
    }))
}

/// Before it is withdrawn.
#[derive(Debug, Serialize)]
pub(super) struct OneClickOff {
    /// None: it is not agreed.
    pub(super) card: Option<String>,
}

async fn asked(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let consent = store.one_click(who.account.account_id).await?;
    let card = consent.map(|it| words::card_named(&who.voice, it.brand.as_deref(), it.last4.as_deref()));
    let frame = zone.inside(&who, "/one-click/disable");
    zone.page("one-click-off.html", &frame, &OneClickOff { card })
}

async fn ended(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields: _ }: SignedPost,
) -> Result<Response, Trouble> {
    who.may(Act::OneClick)?;
    let store = &zone.database()?.store;
    store.withdraw_one_click(who.account.account_id).await?;
    Ok(on_to("/one-click?done=one-click-off"))
}
