//! What all pages share, and what is around each: head, menu, languages.

use super::address::{again, asking, chosen};
use super::assets::Assets;
use super::catalogue::{Catalogue, Key};
use super::guard::{self, Cookie, Cookies};
use super::language::{self, Language};
use super::templates;
use super::trouble::Trouble;
use super::visitor::{SignedIn, Visitor};
use super::voice::Voice;
use crate::Edge;
use crate::http::limits;
use crate::signing_in::SigningIn;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::Environment;
use serde::Serialize;
use std::sync::Arc;
use topup_runtime::PublicDatabase;

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
    pub(super) fn frame(&self, voice: &Voice, here: &str) -> Frame {
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
            let here = again(request.method(), request.uri());
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
