//! `/sign-in`, `/sign-in/code`, `/sign-out`.

use super::address::{UNSENT, safe_next, with_next};
use super::catalogue::Key;
use super::form::Form;
use super::guard::{self, Cookie};
use super::trouble::Trouble;
use super::visitor::{AnyPost, Visitor, VisitorPost, on_to};
use super::voice::Voice;
use super::zone::Zone;
use crate::signing_in::{SecondStep, SignIn};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Seconds of a minute.
const MINUTE_S: u64 = 60;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route("/sign-in", get(shown).post(sign_in))
        .route("/sign-in/code", get(code_shown).post(code))
        .route("/sign-out", post(sign_out))
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
    /// A form came here instead of a page.
    #[serde(default)]
    unsent: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SignInView {
    pub(super) form: Form,
    pub(super) next: String,
    /// What whoever was led here from there has to know first.
    pub(super) why: Option<String>,
}

impl SignInView {
    fn new(voice: &Voice, form: Form, next: String) -> Self {
        let why = coming_back(&next).map(|key| voice.text(key));
        Self { form, next, why }
    }
}

/// Who comes back from the payment gateway's page, and is not signed in any more. By the address alone: whether there is
/// something at it is nobody's business yet.
fn coming_back(next: &str) -> Option<Key> {
    if next.starts_with("/purchases/") {
        Some(Key("sign-in-purchase"))
    } else if next.starts_with("/auto-topup/registrations/") {
        Some(Key("sign-in-registration"))
    } else {
        None
    }
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let mut view = SignInView::new(&visitor.voice, Form::new(""), safe_next(&asked.next));
    let mut here = "/sign-in";
    if !asked.unsent.is_empty() {
        view.why = Some(visitor.voice.text(Key("sign-in-unsent")));
        here = UNSENT;
    }
    page(&zone, &visitor, "sign-in.html", here, &view)
}

fn page(
    zone: &Zone,
    visitor: &Visitor,
    template: &str,
    here: &str,
    view: &SignInView,
) -> Result<Response, Trouble> {
    let here = with_next(here, &view.next);
    let mut response = zone.page(template, &zone.outside(visitor, &here), view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(visitor.keeping(zone, response))
}

async fn sign_in(
    State(zone): State<Arc<Zone>>,
    VisitorPost { visitor, fields }: VisitorPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let (email, password) = (fields.get("email"), fields.raw("password"));
    let next = safe_next(fields.get("next"));
    let voice = &visitor.voice;
    let mut form = Form::new("").typed(&fields, &["email"]);
    if email.is_empty() {
        form.wrong("email", voice.text(Key("email-missing")));
    }
    if password.is_empty() {
        form.wrong("password", voice.text(Key("password-missing")));
    }
    if form.is_fine() {
        match zone
            .signing_in
            .sign_in(store, email, password, visitor.from)
            .await?
        {
            SignIn::Done(secret) => {
                return Ok(begin(&zone, secret.expose_secret(), &next));
            }
            SignIn::Second(secret) => {
                let there = with_next("/sign-in/code", &next);
                return Ok(begin(&zone, secret.expose_secret(), &there));
            }
            SignIn::Wrong => form.refuse(voice.text(Key("sign-in-wrong"))),
            SignIn::TooOften { retry_after } => form.refuse(too_often(&visitor.voice, retry_after)),
        }
    }
    let view = SignInView::new(&visitor.voice, form, next);
    page(&zone, &visitor, "sign-in.html", "/sign-in", &view)
}

pub(super) fn too_often(voice: &Voice, retry_after: Duration) -> String {
    let minutes = retry_after.as_secs().div_ceil(MINUTE_S).max(1);
    voice.count(Key("too-often"), i64::try_from(minutes).unwrap_or(i64::MAX))
}

/// Signed in, at least by the first step: another session than whatever was there before.
fn begin(zone: &Zone, secret: &str, there: &str) -> Response {
    let mut response = on_to(there);
    let cookie = zone.cookies.set(Cookie::Session, Some(secret));
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

async fn code_shown(
    State(zone): State<Arc<Zone>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let next = safe_next(&asked.next);
    if visitor.secret.is_none() {
        return Ok(on_to(&with_next("/sign-in", &next)));
    }
    let view = SignInView::new(&visitor.voice, Form::new(""), next);
    page(&zone, &visitor, "code.html", "/sign-in/code", &view)
}

async fn code(
    State(zone): State<Arc<Zone>>,
    VisitorPost { visitor, fields }: VisitorPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let next = safe_next(fields.get("next"));
    let Some(secret) = &visitor.secret else {
        return Ok(on_to(&with_next("/sign-in", &next)));
    };
    let mut form = Form::new("");
    let code = fields.get("code").replace(' ', "");
    if code.is_empty() {
        form.wrong("code", visitor.voice.text(Key("code-missing")));
    } else {
        match zone.signing_in.second_step(store, secret, &code).await? {
            SecondStep::Done(secret) => return Ok(begin(&zone, secret.expose_secret(), &next)),
            SecondStep::Over => return Ok(on_to(&with_next("/sign-in", &next))),
            SecondStep::Wrong => form.wrong("code", visitor.voice.text(Key("code-wrong"))),
            SecondStep::TooOften { retry_after } => form.refuse(too_often(&visitor.voice, retry_after)),
        }
    }
    let view = SignInView::new(&visitor.voice, form, next);
    page(&zone, &visitor, "code.html", "/sign-in/code", &view)
}

/// Also for somebody whose second step is missing: so the token may be either of both.
async fn sign_out(
    State(zone): State<Arc<Zone>>,
    AnyPost { visitor, fields }: AnyPost,
) -> Result<Response, Trouble> {
    if let Some(secret) = &visitor.secret {
        let store = &zone.database()?.store;
        let session = zone.signing_in.session(store, secret).await?;
        let token = fields.raw("csrf");
        let is_ours = guard::is_same(&visitor.form_token, token)
            || session.is_some_and(|session| guard::is_same(&session.csrf, token));
        if !is_ours {
            return Err(Trouble::Forged);
        }
        zone.signing_in.sign_out(store, secret).await?;
    }
    let mut response = on_to("/sign-in");
    let cookie = zone.cookies.set(Cookie::Session, None);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_from_paying_is_told_of_it_and_nobody_else() {
        for (next, said) in [
            ("/purchases/x?reference=y", Some("sign-in-purchase")),
            ("/purchases/x/receipt", Some("sign-in-purchase")),
            ("/auto-topup/registrations/x", Some("sign-in-registration")),
            ("/auto-topup/sms", None),
            ("/", None),
        ] {
            assert_eq!(coming_back(next), said.map(Key), "{next}");
        }
    }
}
