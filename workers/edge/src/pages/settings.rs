//! `/settings`: notices, password; what an account holder may change alone.

use super::billing;
use super::catalogue::Key;
use super::form::{Fields, Form};
use super::guard::Cookie;
use super::language::Language;
use super::password::refused_password;
use super::sign_in::too_often;
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use crate::signing_in::PasswordSet;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::ids::Service;
use topup_store::{NewContact, SettingsChange};

const HERE: &str = "/settings";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route(HERE, get(shown))
        .route("/settings/contact", post(contact))
        .route("/settings/low-credit/{service}", post(low_credit))
        .route("/settings/password", post(password))
}

#[derive(Debug, Serialize)]
pub(super) struct SettingsView {
    /// What was wrong, of whichever form.
    pub(super) form: Form,
    pub(super) contact: Form,
    pub(super) billing: Form,
    /// The card of 1-Click, where that is agreed.
    pub(super) one_click: Option<String>,
    pub(super) languages: Vec<LanguageChoice>,
    pub(super) wallets: Vec<LowCredit>,
    pub(super) password: Form,
    pub(super) email: String,
    pub(super) has_second_step: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct LowCredit {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct LanguageChoice {
    pub(super) tag: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

/// The forms, as they stand when nothing was sent; then the one that was.
pub(super) struct Forms {
    contact: Option<Form>,
    billing: Option<Form>,
    password: Form,
    low_credit: Option<(Service, Form)>,
    wrong: Form,
}

impl Forms {
    fn new() -> Self {
        Self {
            contact: None,
            billing: None,
            password: Form::new("password-"),
            low_credit: None,
            wrong: Form::new(""),
        }
    }

    /// What was wrong with the billing details.
    pub(super) fn of_billing(form: Form) -> Self {
        Self {
            wrong: form.clone(),
            billing: Some(form),
            ..Self::new()
        }
    }
}

/// In front of the fields of a service's own form.
pub(super) const fn prefix(service: Service) -> &'static str {
    match service {
        Service::Sms => "sms-",
        Service::Whatsapp => "whatsapp-",
    }
}

async fn shown(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    page(&zone, &who, Forms::new()).await
}

pub(super) async fn page(zone: &Zone, who: &SignedIn, forms: Forms) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let wallets = who.account.wallets.iter().map(|wallet| {
        let sent = forms
            .low_credit
            .as_ref()
            .filter(|(service, _)| *service == wallet.service);
        let stands = || {
            Form::new(prefix(wallet.service)).value("threshold", who.voice.field(wallet.low_credit_threshold))
        };
        LowCredit {
            id: wallet.service.as_str(),
            service: Voice::service(wallet.service),
            form: sent.map_or_else(stands, |(_, form)| form.clone()),
        }
    });
    let account = &who.account;
    let kept = || {
        let (mobile, email) = (account.mobile.clone(), account.email.clone());
        Form::new("contact-")
            .value("mobile", mobile.unwrap_or_default())
            .value("email", email.unwrap_or_default())
    };
    let language = Language::of_tag(&account.language).unwrap_or(Language::English);
    let languages = Language::ALL.map(|it| LanguageChoice {
        tag: it.tag(),
        name: it.own_name(),
        is_here: it == language,
    });
    let billing = match forms.billing {
        Some(billing) => billing,
        None => billing::kept(
            Form::new(billing::PREFIX),
            store.billing(account.account_id).await?.as_ref(),
        ),
    };
    let one_click = store.one_click(account.account_id).await?;
    let view = SettingsView {
        billing,
        one_click: one_click
            .map(|it| words::card_named(&who.voice, it.brand.as_deref(), it.last4.as_deref())),
        contact: forms.contact.unwrap_or_else(kept),
        languages: languages.to_vec(),
        wallets: wallets.collect(),
        email: who.session.email.clone(),
        has_second_step: zone.signing_in.has_codes(store, who.session.login).await?,
        password: forms.password,
        form: forms.wrong,
    };
    let frame = zone.inside(who, HERE).with_done(who.done());
    let mut response = zone.page("settings.html", &frame, &view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// The language of notices is that of the pages from now on: whatever was chosen in this browser is forgotten.
async fn contact(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    who.may(Act::SetContact)?;
    let language = Language::of_tag(fields.get("language")).unwrap_or(who.voice.language());
    let given = |name: &str| Some(fields.get(name).to_owned()).filter(|text| !text.is_empty());
    let new = NewContact {
        mobile: given("mobile").map(|number| number.replace([' ', '-'], "")),
        email: given("email"),
        language: language.tag().to_owned(),
    };
    let store = &zone.database()?.store;
    match store.set_contact(who.account.account_id, &new).await? {
        Ok(_) => {
            let mut response = on_to("/settings?done=contact");
            let cookie = zone.cookies.set(Cookie::Language, None);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(refusal) => {
            let mut form = Form::new("contact-").typed(&fields, &["mobile", "email"]);
            form.wrong(refusal.field(), words::refusal(&who.voice, &refusal));
            let forms = Forms {
                wrong: form.clone(),
                contact: Some(form),
                ..Forms::new()
            };
            page(&zone, &who, forms).await
        }
    }
}

async fn low_credit(
    State(zone): State<Arc<Zone>>,
    Path(service): Path<String>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    who.may(Act::SetLowCredit)?;
    let wallet = who.wallet(&service)?;
    let mut form = Form::new(prefix(wallet.service)).typed(&fields, &["threshold"]);
    match fields.credits("threshold", who.voice.language()) {
        None => form.wrong("threshold", who.voice.text(Key("low-credit-wrong"))),
        Some(threshold) => match store.set_low_credit_threshold(wallet, threshold).await? {
            SettingsChange::Done(_) => return Ok(on_to("/settings?done=low-credit")),
            SettingsChange::Refused(refusal) => {
                form.wrong("threshold", words::refusal(&who.voice, &refusal));
            }
            SettingsChange::NoWallet => return Err(Trouble::NotFound),
        },
    }
    let forms = Forms {
        wrong: form.clone(),
        low_credit: Some((wallet.service, form)),
        ..Forms::new()
    };
    page(&zone, &who, forms).await
}

async fn password(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    match changed(&zone, &who, &fields).await? {
        None => Ok(on_to("/settings?done=password")),
        Some(form) => {
            let forms = Forms {
                wrong: form.clone(),
                password: form,
                ..Forms::new()
            };
            page(&zone, &who, forms).await
        }
    }
}

/// None: it is changed.
async fn changed(zone: &Zone, who: &SignedIn, fields: &Fields) -> Result<Option<Form>, Trouble> {
    let store = &zone.database()?.store;
    let voice = &who.voice;
    let (now, wanted) = (fields.raw("now"), fields.raw("password"));
    let mut form = Form::new("password-");
    if wanted != fields.raw("again") {
        form.wrong("again", voice.text(Key("password-differs")));
        return Ok(Some(form));
    }
    match zone
        .signing_in
        .change_password(store, &who.secret, now, wanted)
        .await?
    {
        PasswordSet::Done(_) => return Ok(None),
        PasswordSet::Wrong | PasswordSet::LinkOver => {
            form.wrong("now", voice.text(Key("password-now-wrong")));
        }
        PasswordSet::Refused(refusal) => form.wrong("password", refused_password(voice, refusal)),
        PasswordSet::TooOften { retry_after } => form.refuse(too_often(voice, retry_after)),
    }
    Ok(Some(form))
}
