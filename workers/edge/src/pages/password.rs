//! `/link`, `/password`: a password is set by whoever reads the account's mail.

use super::address::escaped;
use super::catalogue::Key;
use super::form::Form;
use super::sign_in::too_often;
use super::trouble::Trouble;
use super::visitor::{Visitor, VisitorPost};
use super::voice::Voice;
use super::zone::{Message, Zone};
use crate::signing_in::{LinkAsked, PasswordSet};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::passwords::PasswordRefusal;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route("/link", get(asking).post(asked))
        .route("/password", get(setting).post(set))
}

#[derive(Debug, Serialize)]
pub(super) struct LinkView {
    pub(super) form: Form,
}

async fn asking(State(zone): State<Arc<Zone>>, visitor: Visitor) -> Result<Response, Trouble> {
    let view = LinkView { form: Form::new("") };
    let page = zone.page("link.html", &zone.outside(&visitor, "/link"), &view)?;
    Ok(visitor.keeping(&zone, page))
}

/// Whatever the address, the answer is the same: who has a login is nobody else's business.
async fn asked(
    State(zone): State<Arc<Zone>>,
    VisitorPost { visitor, fields }: VisitorPost,
) -> Result<Response, Trouble> {
    let database = zone.database()?;
    let email = fields.get("email");
    let mut form = Form::new("").typed(&fields, &["email"]);
    if !email.contains('@') {
        form.wrong("email", visitor.voice.text(Key("email-missing")));
        let frame = zone.outside(&visitor, "/link");
        return refused(zone.page("link.html", &frame, &LinkView { form })?);
    }
    let pages = &zone.edge.public_url;
    let asked = zone
        .signing_in
        .ask_link(database, email, visitor.from, pages)
        .await?;
    if let LinkAsked::TooOften { retry_after } = asked {
        form.refuse(too_often(&visitor.voice, retry_after));
        let frame = zone.outside(&visitor, "/link");
        return refused(zone.page("link.html", &frame, &LinkView { form })?);
    }
    let frame = zone.outside(&visitor, "/link");
    zone.page("link-sent.html", &frame, &LinkView { form: Form::new("") })
}

fn refused(mut response: Response) -> Result<Response, Trouble> {
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    link: String,
}

#[derive(Debug, Serialize)]
pub(super) struct PasswordView {
    pub(super) form: Form,
    pub(super) link: String,
}

async fn setting(
    State(zone): State<Arc<Zone>>,
    visitor: Visitor,
    Query(Link { link }): Query<Link>,
) -> Result<Response, Trouble> {
    if !zone
        .signing_in
        .link_is_good(&zone.database()?.store, &link)
        .await?
    {
        return useless(&zone, &visitor);
    }
    let form = Form::new("");
    let frame = zone.outside(&visitor, &here(&link));
    let page = zone.page("password.html", &frame, &PasswordView { form, link })?;
    Ok(visitor.keeping(&zone, page))
}

async fn set(
    State(zone): State<Arc<Zone>>,
    VisitorPost { visitor, fields }: VisitorPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let voice = &visitor.voice;
    let (link, password) = (fields.get("link"), fields.raw("password"));
    let mut form = Form::new("");
    if password == fields.raw("again") {
        match zone.signing_in.set_password(store, link, password).await? {
            PasswordSet::Done(_) => {
                let message = Message {
                    title: voice.text(Key("password-done-title")),
                    text: voice.text(Key("password-done")),
                    href: Some("/sign-in"),
                    link: Some(voice.text(Key("sign-in"))),
                };
                return zone.page("message.html", &zone.outside(&visitor, "/sign-in"), &message);
            }
            PasswordSet::Refused(refusal) => form.wrong("password", refused_password(voice, refusal)),
            // A link asks for no present password, and is tried by nobody.
            PasswordSet::LinkOver | PasswordSet::Wrong | PasswordSet::TooOften { .. } => {
                return useless(&zone, &visitor);
            }
        }
    } else {
        form.wrong("again", voice.text(Key("password-differs")));
    }
    let view = PasswordView {
        form,
        link: link.to_owned(),
    };
    let frame = zone.outside(&visitor, &here(link));
    refused(zone.page("password.html", &frame, &view)?)
}

/// The page that the link opens, in another language, too.
fn here(link: &str) -> String {
    format!("/password?link={}", escaped(link))
}

/// Why a password is not taken.
pub(super) fn refused_password(voice: &Voice, refusal: PasswordRefusal) -> String {
    voice.text(match refusal {
        PasswordRefusal::TooShort => Key("password-too-short"),
        PasswordRefusal::TooLong => Key("password-too-long"),
        PasswordRefusal::TooPlain => Key("password-too-plain"),
        PasswordRefusal::OfTheAddress => Key("password-of-address"),
    })
}

/// The link was used before, or is too old, or never was one.
fn useless(zone: &Zone, visitor: &Visitor) -> Result<Response, Trouble> {
    let message = Message {
        title: visitor.voice.text(Key("link-useless-title")),
        text: visitor.voice.text(Key("link-useless")),
        href: Some("/link"),
        link: Some(visitor.voice.text(Key("link-send"))),
    };
    let page = zone.page("message.html", &zone.outside(visitor, "/link"), &message)?;
    refused(page)
}
