//! `/auto-topup`: how each service is topped up, what mends what is disabled, and what became of the newest attempt;
//! and ending it, which asks first.

use super::catalogue::Key;
use super::form::Form;
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words::{self, Said};
use super::zone::Zone;
use crate::auto_topup::disable;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::mending::{Failed, Mend, mend};
use topup_rules::money::Currency;
use topup_rules::prices::{PriceList, Wanted};
use topup_rules::settings::Actor;
use topup_rules::topup::TopupState;
use topup_store::{AutoTopupView, SettingsChange, Store, TopupView, WalletView};

pub(super) const HERE: &str = "/auto-topup";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route(HERE, get(shown))
        .route("/auto-topup/{service}/disable", get(asked).post(ended))
}

#[derive(Debug, Serialize)]
pub(super) struct AutoTopupPage {
    pub(super) wallets: Vec<WalletCard>,
}

/// How one service is topped up.
#[derive(Debug, Serialize)]
pub(super) struct WalletCard {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) credits: String,
    pub(super) said: Said,
    /// What can be done about it.
    pub(super) mend: Option<String>,
    /// The newest attempt: what became of it.
    pub(super) newest: Option<Newest>,
    pub(super) can: Can,
}

/// What whoever looks may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Can {
    /// Set it up, by card.
    SetUp,
    /// Change it, or end it.
    Change,
    /// Nothing: it is the main's.
    Look,
}

/// An attempt.
#[derive(Debug, Serialize)]
pub(super) struct Newest {
    pub(super) is_open: bool,
    pub(super) said: Said,
    /// `500 SMS credits for R 352.47`.
    pub(super) what: String,
    pub(super) when: String,
    /// Where all attempts stand.
    pub(super) href: String,
}

async fn shown(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let prices = store.prices().await?;
    let mut wallets = Vec::with_capacity(who.account.wallets.len());
    for wallet in &who.account.wallets {
        let newest = newest(store, who.account.account_id, wallet.service).await?;
        wallets.push(card(&who, wallet, newest.as_ref(), &prices));
    }
    let frame = zone.inside(&who, HERE).with_done(who.done());
    zone.page("auto-topup.html", &frame, &AutoTopupPage { wallets })
}

/// The wallet's newest top-up: the open one, if one is.
pub(super) async fn newest(
    store: &Store,
    account: AccountId,
    service: Service,
) -> Result<Option<TopupView>, Trouble> {
    let mut page = store.topups_page(account, Some(service), None, 1).await?;
    Ok(page.pop())
}

fn card(who: &SignedIn, wallet: &WalletView, newest: Option<&TopupView>, prices: &PriceList) -> WalletCard {
    let voice = &who.voice;
    let settings = wallet.auto_topup.as_ref();
    let currency = who.account.currency;
    let can = match settings {
        None => Can::SetUp,
        Some(settings) => match (settings.enabled, settings.method) {
            (true, Method::Card) => Can::Change,
            (true, Method::Transfer) => Can::Look,
            (false, Method::Card | Method::Transfer) => Can::SetUp,
        },
    };
    WalletCard {
        id: wallet.service.as_str(),
        service: Voice::service(wallet.service),
        credits: voice.credits(wallet.credits),
        said: state(voice, settings, |quantity| {
            price(voice, prices, wallet.service, currency, quantity)
        }),
        mend: mending(voice, settings, newest, Actor::Itself, wallet.credits),
        newest: newest.map(|topup| attempt(who, topup, settings.is_some_and(|it| it.enabled))),
        can,
    }
}

/// What so many credits cost now.
pub(super) fn price(
    voice: &Voice,
    prices: &PriceList,
    service: Service,
    currency: Currency,
    quantity: Credits,
) -> Option<String> {
    let quote = prices.quote(service, currency, Wanted::Credits(quantity)).ok()?;
    Some(voice.money(quote.price))
}

/// How a wallet is topped up, with what that costs now, or since when and why it is not.
pub(super) fn state(
    voice: &Voice,
    settings: Option<&AutoTopupView>,
    price: impl Fn(Credits) -> Option<String>,
) -> Said {
    let plain = words::auto_topup(voice, settings);
    let Some(settings) = settings else { return plain };
    let (threshold, quantity) = (
        voice.credits(settings.threshold),
        voice.credits(settings.quantity),
    );
    let figures = [("threshold", threshold.as_str()), ("quantity", quantity.as_str())];
    let text = match (settings.enabled, settings.method) {
        (true, Method::Transfer) => voice.with(Key("auto-when-transfer"), &figures),
        (true, Method::Card) => {
            let named = settings.card.as_ref().map(|saved| words::card(voice, saved));
            let named = named.unwrap_or_else(|| voice.text(Key("your-card")));
            let [first, second] = figures;
            match price(settings.quantity) {
                Some(price) => voice.with(
                    Key("auto-when-card"),
                    &[first, second, ("card", &named), ("price", &price)],
                ),
                None => voice.with(Key("auto-when-card-no-price"), &[first, second, ("card", &named)]),
            }
        }
        (false, Method::Card | Method::Transfer) => match settings.disabled_at {
            Some(at) => {
                let (at, reason) = (voice.moment(at), words::why(voice, settings));
                let reason = reason.trim().trim_end_matches('.');
                voice.with(Key("auto-stopped-on"), &[("when", &at), ("reason", reason)])
            }
            None => plain.text,
        },
    };
    Said { text, ..plain }
}

/// What can be done about what is disabled, in words; that the credits have to be above the threshold, where they are not.
pub(super) fn mending(
    voice: &Voice,
    settings: Option<&AutoTopupView>,
    newest: Option<&TopupView>,
    who: Actor,
    credits: Credits,
) -> Option<String> {
    let settings = settings.filter(|settings| !settings.enabled)?;
    let failed = newest
        .filter(|topup| topup.state == TopupState::Failed)
        .and_then(|topup| {
            Some(Failed {
                at: topup.settled_at?,
                decline: topup.payment.as_ref().and_then(|payment| payment.decline),
            })
        });
    let what = match mend(settings.method, who, settings.disabled_at, failed) {
        Mend::SetUpAgain => Key("mend-set-up-again"),
        Mend::AnotherCard => Key("mend-another-card"),
        Mend::AskBank => Key("mend-ask-bank"),
        Mend::SeeToFunds => Key("mend-see-to-funds"),
        Mend::CheckCard => Key("mend-check-card"),
        Mend::ItsHolderDoes => Key("mend-its-holder-does"),
        Mend::AskMain => Key("mend-ask-main"),
        Mend::BuyAndEnable => Key("mend-buy-and-enable"),
        Mend::EnableAgain => Key("mend-enable-again"),
    };
    let mut text = voice.text(what);
    if credits <= settings.threshold {
        let (has, threshold) = (voice.credits(credits), voice.credits(settings.threshold));
        text.push(' ');
        text += &voice.with(
            Key("mend-credits-first"),
            &[("credits", &has), ("threshold", &threshold)],
        );
    }
    Some(text)
}

/// An attempt in plain words. `enabled`: whether auto top-up is, now.
pub(super) fn attempt(who: &SignedIn, topup: &TopupView, enabled: bool) -> Newest {
    let voice = &who.voice;
    let credits = voice.credits(topup.quantity);
    let service = Voice::service(topup.service);
    Newest {
        is_open: topup.state.is_open(),
        said: words::outcome_beside(voice, topup, enabled, who.card_spacing, who.now),
        what: match words::price(voice, topup.amount_minor, topup.currency) {
            Some(price) => voice.with(
                Key("topup-line-price"),
                &[("credits", &credits), ("service", service), ("price", &price)],
            ),
            None => voice.with(Key("topup-line"), &[("credits", &credits), ("service", service)]),
        },
        when: voice.moment(topup.requested_at),
        href: format!("/history#topup-{}", topup.topup_id),
    }
}

/// Before it is ended.
#[derive(Debug, Serialize)]
pub(super) struct OffView {
    pub(super) form: Form,
    pub(super) title: String,
    pub(super) text: String,
    /// Where the form goes.
    pub(super) action: String,
    /// Where one comes from.
    pub(super) back: String,
}

async fn asked(
    State(zone): State<Arc<Zone>>,
    Path(service): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let wallet = who.wallet(&service)?;
    off_page(&zone, &who, wallet, Form::new(""))
}

fn off_page(zone: &Zone, who: &SignedIn, wallet: WalletKey, form: Form) -> Result<Response, Trouble> {
    let service = Voice::service(wallet.service);
    let view = OffView {
        title: who.voice.with(Key("off-title"), &[("service", service)]),
        text: who.voice.text(Key("off-by-itself")),
        action: format!("{HERE}/{}/disable", wallet.service),
        back: HERE.to_owned(),
        form,
    };
    off(zone, who, &view)
}

/// The page that asks, of whosever auto top-up.
pub(super) fn off(zone: &Zone, who: &SignedIn, view: &OffView) -> Result<Response, Trouble> {
    let mut response = zone.page("auto-topup-off.html", &zone.inside(who, &view.action), view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

async fn ended(
    State(zone): State<Arc<Zone>>,
    Path(service): Path<String>,
    SignedPost { who, fields: _ }: SignedPost,
) -> Result<Response, Trouble> {
    who.may(Act::DisableAutoTopup)?;
    let wallet = who.wallet(&service)?;
    let store = &zone.database()?.store;
    match disable(store, wallet, who.account.account_id).await? {
        SettingsChange::Done(_) => Ok(on_to("/auto-topup?done=auto-topup-off")),
        SettingsChange::Refused(refusal) => {
            let mut form = Form::new("");
            form.refuse(words::refusal(&who.voice, &refusal));
            off_page(&zone, &who, wallet, form)
        }
        SettingsChange::NoWallet => Err(Trouble::NotFound),
    }
}
