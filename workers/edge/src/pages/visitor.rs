//! Who looks at a page: anybody, or somebody who is signed in; and what they sent.
//!
//! A form is read only if the browser says that a page of this site sent it, and if it bears the token that this
//! reader's forms bear.

use super::catalogue::Key;
use super::form::Fields;
use super::guard::{self, Cookie};
use super::trouble::Trouble;
use super::voice::Voice;
use super::zone::Zone;
use crate::serve::Peer;
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use topup_rules::access::{Act, Caller, Leave, Scope, may};
use topup_rules::account::{Account, AccountKind, Caps};
use topup_store::{AccountView, Session};

/// How an address says what was done just before.
const DONE: &str = "done=";

/// Anybody.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) voice: Voice,
    /// What the forms of this reader bear.
    pub(crate) form_token: String,
    /// The browser does not have it yet.
    is_new: bool,
    /// Who called.
    pub(crate) from: IpAddr,
    /// The session's secret, whoever's and in whatever state.
    pub(crate) secret: Option<String>,
    /// What is asked for.
    pub(crate) uri: String,
}

/// Somebody who is signed in, both steps done.
pub(crate) struct SignedIn {
    pub(crate) voice: Voice,
    pub(crate) session: Session,
    pub(crate) secret: String,
    /// Who called: where an agreement comes from.
    pub(crate) from: IpAddr,
    pub(crate) account: AccountView,
    /// Near enough for what people read.
    pub(crate) now: Timestamp,
    /// How far apart two card top-ups are.
    pub(crate) card_spacing: SignedDuration,
    /// What was done just before, as the address says it.
    pub(crate) done: Option<String>,
    /// What else the page was asked by its address.
    pub(crate) query: String,
}

/// A form of somebody who is not signed in.
pub(crate) struct VisitorPost {
    pub(crate) visitor: Visitor,
    pub(crate) fields: Fields,
}

/// A form that may bear either token: whoever takes it looks which.
pub(crate) struct AnyPost {
    pub(crate) visitor: Visitor,
    pub(crate) fields: Fields,
}

/// A form of somebody who is.
pub(crate) struct SignedPost {
    pub(crate) who: SignedIn,
    pub(crate) fields: Fields,
}

impl Visitor {
    fn new(zone: &Zone, headers: &HeaderMap, parts: &Parts) -> Self {
        let had = zone.cookies.read(headers, Cookie::Form);
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
        let from = zone.edge.senders.caller(peer, headers).unwrap_or(peer);
        let uri = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        Self {
            voice: zone.voice(headers, None),
            is_new: had.is_none(),
            form_token: had.unwrap_or_else(guard::form_token),
            from,
            secret: zone.cookies.read(headers, Cookie::Session),
            uri: uri.to_owned(),
        }
    }

    /// The answer, with the token for the forms on it, where the browser has none yet.
    pub(crate) fn keeping(&self, zone: &Zone, mut response: Response) -> Response {
        if self.is_new {
            let cookie = zone.cookies.set(Cookie::Form, Some(&self.form_token));
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl FromRequestParts<Arc<Zone>> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, zone: &Arc<Zone>) -> Result<Self, Trouble> {
        Ok(Self::new(zone, &parts.headers, parts))
    }
}

impl SignedIn {
    /// What this session's forms bear.
    pub(crate) fn csrf(&self) -> String {
        self.session.csrf.clone()
    }

    /// Whether an account holder may do this to the account: who signed in may do what the account may.
    pub(crate) fn may(&self, act: Act) -> Result<(), Trouble> {
        self.may_to(act, &self.account)
    }

    /// Whether the reader may do this to an account: one that is none of the reader's is not there.
    pub(crate) fn may_to(&self, act: Act, account: &AccountView) -> Result<(), Trouble> {
        let account = ruled(account);
        may(&self.leave(), act, &account).map(drop).map_err(|refusal| {
            tracing::debug!(%refusal, "a page was not for its reader");
            Trouble::NotFound
        })
    }

    /// All scopes, for one account.
    pub(crate) fn leave(&self) -> Leave {
        Leave {
            caller: Caller::Account(self.account.account_id),
            scopes: Scope::ALL.to_vec(),
        }
    }

    /// A text of what was just done, if the address says so.
    pub(crate) fn done(&self) -> Option<String> {
        let key = match self.done.as_deref()? {
            "contact" => Key("done-contact"),
            "low-credit" => Key("done-low-credit"),
            "password" => Key("done-password"),
            "moved" => Key("done-moved"),
            "moving" => Key("done-moving"),
            "billing" => Key("done-billing"),
            "one-click-off" => Key("done-one-click-off"),
            "auto-topup" => Key("done-auto-topup"),
            "auto-topup-off" => Key("done-auto-topup-off"),
            "second-step" => Key("done-second-step"),
            "second-step-off" => Key("done-second-step-off"),
            _ => return None,
        };
        Some(self.voice.text(key))
    }
}

/// As the rules look at it when they say who may.
fn ruled(account: &AccountView) -> Account {
    Account {
        id: account.account_id,
        kind: match account.parent_id {
            None => AccountKind::Main,
            Some(parent) => AccountKind::Sub { parent },
        },
        currency: account.currency,
        caps: Caps::default(),
    }
}

impl FromRequestParts<Arc<Zone>> for SignedIn {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, zone: &Arc<Zone>) -> Result<Self, Trouble> {
        let visitor = Visitor::new(zone, &parts.headers, parts);
        let is_asked = parts.method == Method::GET;
        // What was sent is not sent again.
        let next = match is_asked {
            true => visitor.uri.clone(),
            false => "/".to_owned(),
        };
        let sign_in = || Trouble::SignIn {
            next: next.clone(),
            is_form: !is_asked,
        };
        let secret = visitor.secret.clone().ok_or_else(sign_in)?;
        let store = &zone.database()?.store;
        let session = zone
            .signing_in
            .session(store, &secret)
            .await?
            .ok_or_else(sign_in)?;
        if !session.second {
            return Err(Trouble::Code { next });
        }
        let account = store.account_view(session.account).await?.ok_or_else(sign_in)?;
        let query = parts.uri.query().filter(|_| is_asked).unwrap_or_default();
        let (done, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with(DONE));
        let done = done.first().and_then(|pair| pair.strip_prefix(DONE));
        Ok(Self {
            voice: zone.voice(&parts.headers, Some(&account.language)),
            session,
            secret,
            from: visitor.from,
            account,
            now: zone.edge.clock.now(),
            card_spacing: zone.edge.settings.rules.card_spacing,
            done: done.map(str::to_owned),
            query: rest.join("&"),
        })
    }
}

/// The fields of a form that was sent from here.
async fn fields(request: Request, zone: &Arc<Zone>) -> Result<Fields, Trouble> {
    if !guard::is_from_here(request.headers()) {
        return Err(Trouble::Forged);
    }
    let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, zone)
        .await
        .map_err(|_| Trouble::Malformed)?;
    Ok(Fields::new(pairs))
}

impl FromRequest<Arc<Zone>> for AnyPost {
    type Rejection = Trouble;

    async fn from_request(request: Request, zone: &Arc<Zone>) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, zone).await?;
        let fields = fields(Request::from_parts(parts, body), zone).await?;
        Ok(Self { visitor, fields })
    }
}

impl FromRequest<Arc<Zone>> for VisitorPost {
    type Rejection = Trouble;

    async fn from_request(request: Request, zone: &Arc<Zone>) -> Result<Self, Trouble> {
        let AnyPost { visitor, fields } = AnyPost::from_request(request, zone).await?;
        match guard::is_same(&visitor.form_token, fields.raw("csrf")) {
            true => Ok(Self { visitor, fields }),
            false => Err(Trouble::Forged),
        }
    }
}

impl FromRequest<Arc<Zone>> for SignedPost {
    type Rejection = Trouble;

    async fn from_request(request: Request, zone: &Arc<Zone>) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let who = SignedIn::from_request_parts(&mut parts, zone).await?;
        let fields = fields(Request::from_parts(parts, body), zone).await?;
        match guard::is_same(&who.csrf(), fields.raw("csrf")) {
            true => Ok(Self { who, fields }),
            false => Err(Trouble::Forged),
        }
    }
}

/// On to a page of ours, by GET.
pub(crate) fn on_to(path: &str) -> Response {
    Redirect::to(path).into_response()
}
