//! What all pages share, and what is around each: head, menu, languages; and what is said where a page can't be shown.

use super::assets::Assets;
use super::catalogue::{Catalogue, Key};
use super::guard::{self, Cookie, Cookies};
use super::language::{self, Language};
use super::templates;
use super::visitor::{SignedIn, Visitor};
use super::voice::Voice;
use crate::Edge;
use crate::http::limits;
use crate::signing_in::SigningIn;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::Environment;
use serde::Serialize;
use std::sync::Arc;
use topup_runtime::PublicDatabase;
use topup_store::StoreError;

/// When to come again, in seconds, while the database is away.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Where somebody is led whose form was not taken, since nobody was signed in any more.
pub(super) const UNSENT: &str = "/sign-in?unsent=yes";

/// What every page has at hand.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) edge: Arc<Edge>,
    pub(crate) signing_in: SigningIn,
    pub(crate) cookies: Cookies,
    catalogue: Arc<Catalogue>,
    templates: Environment<'static>,
    assets: Assets,
    brand: String,
}

/// Why a page can't be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody is signed in. Where to go after that; and whether it was a form, which was not taken.
    SignIn { next: String, is_form: bool },
    /// The second step of signing in is missing. Where to go after that.
    Code { next: String },
    /// There is no such thing, as far as the reader may know.
    NotFound,
    /// A form that did not come from a page of ours, or from one that is too old.
    Forged,
    /// Nothing that a page of ours sends.
    Malformed,
    /// The database is away, or there is no room for one more.
    Away,
    /// Our own mistake.
    Broken,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_outage() {
            tracing::warn!(%error, "a page needs the database, which is away");
            Self::Away
        } else {
            tracing::error!(%error, "a page could not be made");
            Self::Broken
        }
    }
}

impl IntoResponse for Trouble {
    /// Without words: [`around`] finds these.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What is around a page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Frame {
    pub(super) brand: String,
    pub(super) style: String,
    pub(super) icon: String,
    pub(super) language: &'static str,
    pub(super) languages: Vec<LanguageLink>,
    pub(super) csrf: String,
    /// None: nobody is signed in.
    pub(super) account: Option<String>,
    pub(super) nav: Vec<NavItem>,
    pub(super) here: String,
    pub(super) narrow: bool,
    /// What was just done.
    pub(super) done: Option<String>,
    /// `http-equiv="refresh"`.
    pub(super) refresh: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct LanguageLink {
    tag: &'static str,
    name: &'static str,
    href: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct NavItem {
    href: &'static str,
    text: String,
}

impl Frame {
    /// For a look at templates alone.
    #[cfg(test)]
    pub(super) fn sample(voice: &Voice, assets: &Assets, account: Option<String>) -> Self {
        let languages = Language::ALL.map(|language| LanguageLink {
            tag: language.tag(),
            name: language.own_name(),
            href: format!("/?lang={}", language.tag()),
        });
        Self {
            brand: "Messaging".to_owned(),
            style: assets.style.clone(),
            icon: assets.icon.clone(),
            language: voice.language().tag(),
            languages: languages.to_vec(),
            csrf: "token".to_owned(),
            nav: account
                .iter()
                .map(|_| NavItem {
                    href: "/",
                    text: "x".to_owned(),
                })
                .collect(),
            account,
            here: "/".to_owned(),
            narrow: true,
            done: Some("x".to_owned()),
            refresh: None,
        }
    }

    /// What was just done, above the page.
    pub(crate) fn with_done(mut self, done: Option<String>) -> Self {
        self.done = done;
        self
    }

    /// Leads on by itself: `0; url=…`.
    pub(crate) fn with_refresh(mut self, refresh: String) -> Self {
        self.refresh = Some(refresh);
        self
    }
}

impl Zone {
    pub(super) fn new(edge: Arc<Edge>) -> Result<Self, String> {
        let catalogue = Arc::new(Catalogue::new().map_err(|e| e.to_string())?);
        Ok(Self {
            signing_in: SigningIn::new(&edge.settings),
            cookies: Cookies::new(&edge.settings),
            templates: templates::environment(&catalogue).map_err(|e| e.to_string())?,
            assets: Assets::new(),
            brand: edge.settings.platform.name.clone(),
            catalogue,
            edge,
        })
    }

    pub(super) const fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The database.
    pub(crate) fn database(&self) -> Result<&PublicDatabase, Trouble> {
        self.edge.database.as_ref().ok_or(Trouble::Away)
    }

    /// In the language that the reader chose, or has an account in, or whose browser wants it.
    pub(crate) fn voice(&self, headers: &HeaderMap, account: Option<&str>) -> Voice {
        let chosen = self.cookies.read(headers, Cookie::Language);
        let language = chosen
            .and_then(|tag| Language::of_tag(&tag))
            .or_else(|| account.and_then(Language::of_tag))
            .or_else(|| language::accepted(headers))
            .unwrap_or(Language::English);
        let zone = self.edge.settings.rules.time_zone.clone();
        Voice::new(Arc::clone(&self.catalogue), language, zone)
    }

    /// `here`: the page's address, and what it was asked, which another language is asked, too.
    fn frame(&self, voice: &Voice, here: &str) -> Frame {
        let joint = if here.contains('?') { '&' } else { '?' };
        let languages = Language::ALL.map(|language| LanguageLink {
            tag: language.tag(),
            name: language.own_name(),
            href: format!("{here}{joint}lang={}", language.tag()),
        });
        Frame {
            brand: self.brand.clone(),
            style: self.assets.style.clone(),
            icon: self.assets.icon.clone(),
            language: voice.language().tag(),
            languages: languages.to_vec(),
            csrf: String::new(),
            account: None,
            nav: Vec::new(),
            here: here.to_owned(),
            narrow: true,
            done: None,
            refresh: None,
        }
    }

    /// What is around a page for somebody who is not signed in. `here` is its address, for a change of language.
    pub(crate) fn outside(&self, visitor: &Visitor, here: &str) -> Frame {
        Frame {
            csrf: visitor.form_token.clone(),
            ..self.frame(&visitor.voice, here)
        }
    }

    /// What is around a page of an account.
    pub(crate) fn inside(&self, who: &SignedIn, here: &str) -> Frame {
        let item = |href, key| NavItem {
            href,
            text: who.voice.text(key),
        };
        let mut nav = vec![
            item("/", Key("nav-overview")),
            item("/buy", Key("nav-buy")),
            item("/auto-topup", Key("nav-auto-topup")),
        ];
        nav.extend(who.account.has_subs.then(|| item("/subs", Key("nav-subs"))));
        nav.extend([
            item("/history", Key("nav-history")),
            item("/settings", Key("nav-settings")),
        ]);
        Frame {
            csrf: who.csrf(),
            account: Some(who.account.account_id.to_string()),
            nav,
            narrow: false,
            here: here.to_owned(),
            ..self.frame(&who.voice, &asking(here, &who.query))
        }
    }

    /// A page.
    pub(crate) fn page<V: Serialize>(
        &self,
        template: &str,
        frame: &Frame,
        view: &V,
    ) -> Result<Response, Trouble> {
        match templates::render(&self.templates, template, frame, view) {
            Ok(html) => Ok(Html(html).into_response()),
            Err(error) => {
                tracing::error!(template, %error, "a page could not be made");
                Err(Trouble::Broken)
            }
        }
    }

    /// What is said instead of a page. `here`: as in [`Zone::frame`].
    fn sorry(&self, voice: &Voice, here: &str, trouble: &Trouble) -> Response {
        let (status, title, text) = match trouble {
            Trouble::SignIn { is_form: true, .. } => return Redirect::to(UNSENT).into_response(),
            Trouble::SignIn { next, .. } => {
                return Redirect::to(&with_next("/sign-in", next)).into_response();
            }
            Trouble::Code { next } => {
                return Redirect::to(&with_next("/sign-in/code", next)).into_response();
            }
            Trouble::NotFound => (StatusCode::NOT_FOUND, Key("not-found-title"), Key("not-found")),
            Trouble::Forged => (StatusCode::FORBIDDEN, Key("forged-title"), Key("forged")),
            Trouble::Malformed => (StatusCode::BAD_REQUEST, Key("malformed-title"), Key("malformed")),
            Trouble::Away => (StatusCode::SERVICE_UNAVAILABLE, Key("away-title"), Key("away")),
            Trouble::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Key("broken-title"),
                Key("broken"),
            ),
        };
        let message = Message {
            title: voice.text(title),
            text: voice.text(text),
            href: Some("/"),
            link: Some(voice.text(Key("to-overview"))),
        };
        let page = self.page("message.html", &self.frame(voice, here), &message);
        let mut response = page.unwrap_or_else(|_| status.into_response());
        *response.status_mut() = status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// A page that says one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) href: Option<&'static str>,
    pub(crate) link: Option<String>,
}

/// Around every page: a language that is chosen is kept; trouble gets its words; headers.
pub(super) async fn around(State(zone): State<Arc<Zone>>, request: Request, next: Next) -> Response {
    let mut response = match chosen(request.method(), request.uri()) {
        Some((language, there)) => {
            let mut response = Redirect::to(&there).into_response();
            let cookie = zone.cookies.set(Cookie::Language, Some(language.tag()));
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        None => {
            let voice = zone.voice(request.headers(), None);
            let here = address(request.method(), request.uri());
            let mut response = match zone.edge.limits.place() {
                // Without a database, a form would lead nowhere.
                Some(place) if zone.edge.database.is_some() => limits::held(next.run(request).await, place),
                Some(_) | None => Trouble::Away.into_response(),
            };
            match response.extensions_mut().remove::<Trouble>() {
                Some(trouble) => zone.sorry(&voice, &here, &trouble),
                None => response,
            }
        }
    };
    let headers = response.headers_mut();
    for (name, value) in guard::HEADERS {
        headers.insert(name, value);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `?lang=af` on any page: the language, and the same address without it.
fn chosen(method: &Method, uri: &Uri) -> Option<(Language, String)> {
    if method != Method::GET {
        return None;
    }
    let query = uri.query()?;
    let language = query.split('&').find_map(|pair| pair.strip_prefix("lang="))?;
    let language = Language::of_tag(language)?;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("lang="))
        .collect();
    let there = match rest.is_empty() {
        true => path(uri).to_owned(),
        false => format!("{}?{}", path(uri), rest.join("&")),
    };
    Some((language, there))
}

/// Where the same can be asked for again: what was sent is not sent again.
fn address(method: &Method, uri: &Uri) -> String {
    match *method {
        Method::GET => asking(path(uri), uri.query().unwrap_or_default()),
        _ => "/".to_owned(),
    }
}

/// A path of ours; never one that a browser takes for another host.
fn path(uri: &Uri) -> &str {
    match uri.path() {
        path if path.starts_with("//") => "/",
        path => path,
    }
}

/// An address with what it is asked.
fn asking(path: &str, query: &str) -> String {
    match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// A page of signing in, by which one comes to another page.
pub(crate) fn with_next(path: &str, next: &str) -> String {
    match next {
        "" | "/" => path.to_owned(),
        next => format!("{path}?next={}", escaped(next)),
    }
}

/// A path, or a word, inside a query.
pub(crate) fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                escaped.push(char::from(byte))
            }
            _ => {
                // Writing to a string does not fail.
                let _ = std::fmt::Write::write_fmt(&mut escaped, format_args!("%{byte:02X}"));
            }
        }
    }
    escaped
}

/// Where to go after signing in: a page of ours, or the first one.
pub(crate) fn safe_next(next: &str) -> String {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/sign-")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_led_away_from_this_site() {
        for (asked, led) in [
            ("/history", "/history"),
            ("/history?service=sms", "/history?service=sms"),
            ("", "/"),
            ("https://evil.example/", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("/a b", "/"),
            ("/sign-in", "/"),
        ] {
            assert_eq!(safe_next(asked), led, "{asked}");
        }
        assert_eq!(escaped("/history?a=b&c"), "/history%3Fa%3Db%26c");
    }

    #[test]
    fn a_chosen_language_leads_back_to_the_same_page() {
        let of = |uri: &str| chosen(&Method::GET, &uri.parse().expect("an address"));
        assert_eq!(of("/"), None);
        assert_eq!(of("/?lang=zu"), None);
        assert_eq!(of("/?lang=af"), Some((Language::Afrikaans, "/".to_owned())));
        assert_eq!(
            of("/history?a=1&lang=en&b=2"),
            Some((Language::English, "/history?a=1&b=2".to_owned()))
        );
        assert_eq!(
            of("//evil.example?lang=en"),
            Some((Language::English, "/".to_owned()))
        );
        assert_eq!(
            chosen(&Method::POST, &"/?lang=af".parse().expect("an address")),
            None
        );
    }
}
