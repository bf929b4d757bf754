//! `/auto-topup/{service}`: by card. Figures, what one top-up then costs, agreement to the terms, and on to the gateway's
//! page, where the card is registered; another card the same way, and other figures without.

use super::auto_topup::HERE;
use super::catalogue::Key;
use super::form::{Fields, Form};
use super::once;
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use crate::auto_topup::set_figures;
use crate::registering::{Registering, charge, register};
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
use topup_rules::ids::WalletKey;
use topup_rules::prices::Wanted;
use topup_rules::settings::SettingsRefusal;
use topup_store::{AutoTopupView, NewRegistration, SettingsChange};

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route("/auto-topup/{service}", get(shown).post(sent))
}

#[derive(Debug, Serialize)]
pub(super) struct CardPage {
    pub(super) form: Form,
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) credits: String,
    /// The card in use, if it is enabled by one.
    pub(super) card: Option<String>,
    /// The main tops it up: there is nothing to set up here.
    pub(super) by_main: bool,
    pub(super) price: Option<Price>,
    /// What registering a card is charged.
    pub(super) charge: String,
    pub(super) is_given_back: bool,
    pub(super) terms: String,
    pub(super) terms_url: Option<String>,
    pub(super) request: String,
}

/// What one top-up costs.
#[derive(Debug, Serialize)]
pub(super) struct Price {
    pub(super) credits: String,
    pub(super) threshold: String,
    pub(super) price: String,
    pub(super) tax: String,
}

/// Both figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) threshold: Credits,
    pub(super) quantity: Credits,
}

impl Figures {
    /// As they were typed; what is none is told beside its field.
    pub(super) fn read(form: &mut Form, fields: &Fields, voice: &Voice) -> Option<Self> {
        let mut read = |name: &'static str| {
            let read = fields.credits(name, voice.language());
            if read.is_none() {
                form.wrong(name, voice.text(Key("figure-wrong")));
            }
            read
        };
        let (threshold, quantity) = (read("threshold"), read("quantity"));
        Some(Self {
            threshold: threshold?,
            quantity: quantity?,
        })
    }

    pub(super) fn into_form(self, form: Form, voice: &Voice) -> Form {
        form.value("threshold", voice.field(self.threshold))
            .value("quantity", voice.field(self.quantity))
    }

    const fn of(settings: &AutoTopupView) -> Self {
        Self {
            threshold: settings.threshold,
            quantity: settings.quantity,
        }
    }
}

/// The rules' words, beside the field that they are about.
pub(super) fn refuse(form: &mut Form, voice: &Voice, refusal: &SettingsRefusal) {
    let text = words::refusal(voice, refusal);
    match refusal {
        SettingsRefusal::NegativeThreshold | SettingsRefusal::CreditsNotAboveThreshold { .. } => {
            form.wrong("threshold", text);
        }
        SettingsRefusal::NoQuantity | SettingsRefusal::QuantityBelowThreshold | SettingsRefusal::TooLarge => {
            form.wrong("quantity", text)
        }
        SettingsRefusal::NotAgreed => form.wrong("agree", text),
        SettingsRefusal::MainByTransfer
        | SettingsRefusal::OtherMethodEnabled { .. }
        | SettingsRefusal::CardEnabledByItself
        | SettingsRefusal::TransferEnabledByMain
        | SettingsRefusal::CardChangedByItself
        | SettingsRefusal::TransferChangedByMain
        | SettingsRefusal::NothingToChange
        | SettingsRefusal::CardDisabledByItselfOrMain
        | SettingsRefusal::TransferDisabledByMain
        | SettingsRefusal::NothingToDisable
        | SettingsRefusal::NoticeThreshold(_) => form.refuse(text),
    }
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    Path(service): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let wallet = who.wallet(&service)?;
    let figures = settings(&who, wallet).map(Figures::of);
    let form = match figures {
        Some(figures) => figures.into_form(Form::new(""), &who.voice),
        None => Form::new(""),
    };
    page(&zone, &who, wallet, form, figures).await
}

fn settings(who: &SignedIn, key: WalletKey) -> Option<&AutoTopupView> {
    let mut wallets = who.account.wallets.iter();
    wallets
        .find(|wallet| wallet.service == key.service)
        .and_then(|wallet| wallet.auto_topup.as_ref())
}

async fn page(
    zone: &Zone,
    who: &SignedIn,
    wallet: WalletKey,
    mut form: Form,
    figures: Option<Figures>,
) -> Result<Response, Trouble> {
    let price = match figures {
        Some(figures) => price(zone, who, wallet, &mut form, figures).await?,
        None => None,
    };
    let set_up = settings(who, wallet).filter(|settings| settings.enabled);
    let card = set_up
        .filter(|settings| settings.method == Method::Card)
        .map(|settings| {
            let named = settings.card.as_ref().map(|saved| words::card(&who.voice, saved));
            named.unwrap_or_else(|| who.voice.text(Key("your-card")))
        });
    let stands = who.account.wallets.iter().find(|it| it.service == wallet.service);
    let rules = &zone.edge.settings;
    let view = CardPage {
        id: wallet.service.as_str(),
        service: Voice::service(wallet.service),
        credits: who
            .voice
            .credits(stands.map_or(Credits::ZERO, |stands| stands.credits)),
        by_main: set_up.is_some() && card.is_none(),
        card,
        price,
        charge: who.voice.money(charge(&zone.edge, who.account.currency)),
        is_given_back: rules.rules.refund_registration,
        terms: rules.edge.terms_version.clone(),
        terms_url: rules.edge.terms_url.as_ref().map(|url| url.as_str().to_owned()),
        request: once::fresh(),
        form,
    };
    let here = format!("{HERE}/{}", wallet.service);
    let mut response = zone.page("auto-topup-card.html", &zone.inside(who, &here), &view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// By the list as it is now; a quantity that has no price is told beside its field.
async fn price(
    zone: &Zone,
    who: &SignedIn,
    wallet: WalletKey,
    form: &mut Form,
    figures: Figures,
) -> Result<Option<Price>, Trouble> {
    let prices = zone.database()?.store.prices().await?;
    let wanted = Wanted::Credits(figures.quantity);
    Ok(match prices.quote(wallet.service, who.account.currency, wanted) {
        Ok(quote) => Some(Price {
            credits: who.voice.credits(quote.credits),
            threshold: who.voice.credits(figures.threshold),
            price: who.voice.money(quote.price),
            tax: who.voice.money(quote.tax),
        }),
        Err(none) => {
            form.wrong("quantity", words::refusal(&who.voice, &none));
            None
        }
    })
}

async fn sent(
    State(zone): State<Arc<Zone>>,
    Path(service): Path<String>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    who.may(Act::SetAutoTopup)?;
    let wallet = who.wallet(&service)?;
    let mut form = Form::new("").typed(&fields, &["threshold", "quantity", "agree"]);
    let figures = Figures::read(&mut form, &fields, &who.voice);
    if let Some(figures) = figures {
        let done = match fields.get("do") {
            "quote" => None,
            "change" => change(&zone, &who, wallet, figures, &mut form).await?,
            "register" => begin(&zone, &who, wallet, figures, &fields, &mut form).await?,
            _ => return Err(Trouble::Malformed),
        };
        if let Some(done) = done {
            return Ok(done);
        }
    }
    page(&zone, &who, wallet, form, figures).await
}

/// None: it is refused, as the form says.
async fn change(
    zone: &Zone,
    who: &SignedIn,
    wallet: WalletKey,
    figures: Figures,
    form: &mut Form,
) -> Result<Option<Response>, Trouble> {
    let Figures { threshold, quantity } = figures;
    let store = &zone.database()?.store;
    let by = who.account.account_id;
    match set_figures(store, wallet, by, Method::Card, threshold, quantity).await? {
        SettingsChange::Done(_) => Ok(Some(on_to("/auto-topup?done=auto-topup"))),
        SettingsChange::Refused(refusal) => {
            refuse(form, &who.voice, &refusal);
            Ok(None)
        }
        SettingsChange::NoWallet => Err(Trouble::NotFound),
    }
}

/// On to the gateway's page. None: it is refused, as the form says.
async fn begin(
    zone: &Zone,
    who: &SignedIn,
    wallet: WalletKey,
    figures: Figures,
    fields: &Fields,
    form: &mut Form,
) -> Result<Option<Response>, Trouble> {
    let edge = &zone.edge;
    if fields.get("agree") != "yes" {
        refuse(form, &who.voice, &SettingsRefusal::NotAgreed);
        return Ok(None);
    }
    let terms_version = match edge.terms(fields.get("terms")) {
        Ok(in_force) => in_force,
        Err(other) => {
            form.wrong("agree", words::refusal(&who.voice, &other));
            return Ok(None);
        }
    };
    let Figures { threshold, quantity } = figures;
    let content = [
        wallet.service.as_str(),
        &threshold.to_string(),
        &quantity.to_string(),
    ];
    let id = once::id(who, fields, &content)?;
    let new = NewRegistration {
        id,
        account: wallet.account,
        service: wallet.service,
        who: who.account.account_id,
        threshold,
        quantity,
        terms_version,
        address: who.from.to_string(),
        // The account's own; without one, that of who signed in.
        email: match who.account.email {
            Some(_) => None,
            None => Some(who.session.email.clone()),
        },
        gateway: edge.gateway.name(),
        least_minor: edge.gateway.least_charge_minor(),
        mode: edge.gateway.mode(),
        traceparent: None,
    };
    // Maybe another one's, which was begun before for the same.
    let at = |id| format!("{HERE}/registrations/{id}");
    let return_to = format!("{}{}", edge.public_url, at(id));
    match register(edge, zone.database()?, new, &return_to).await? {
        Registering::OnPage { id, url } => zone.to_payment(who, &at(id), url).map(Some),
        // What became of it stands there.
        Registering::NoPage { id, reason: _ } => Ok(Some(on_to(&at(id)))),
        Registering::Refused(refusal) => {
            refuse(form, &who.voice, &refusal);
            Ok(None)
        }
        Registering::NoWallet => Err(Trouble::NotFound),
        Registering::NoEmail | Registering::Conflicting => Err(Trouble::Malformed),
    }
}
