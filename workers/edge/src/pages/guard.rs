//! What stands between the pages and other sites: headers, cookies, and whether a form was sent from a page of ours.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write as _;
use topup_runtime::Settings;
use uuid::Uuid;

/// Nothing but our own style, pictures and scripts, and what these ask us; forms to ourselves alone; in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// How long the choice of a language is kept, in seconds: a year.
const LANGUAGE_KEPT_S: u32 = 31_536_000;

/// On every answer of the pages.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    // With less, browsers say of a form that it came from nowhere.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// What forms bear before anybody is.
    Form,
    /// The language that somebody chose.
    Language,
}

/// How cookies are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cookies {
    /// The pages are called by https.
    is_secure: bool,
}

impl Cookies {
    /// Secure, unless a developer's edge is called without TLS.
    pub(crate) fn new(settings: &Settings) -> Self {
        let by_https = settings
            .edge
            .public_url
            .as_ref()
            .is_some_and(|url| url.as_str().starts_with("https://"));
        Self {
            is_secure: by_https || settings.mode == topup_runtime::Mode::Production,
        }
    }

    const fn name(self, cookie: Cookie) -> &'static str {
        match (self.is_secure, cookie) {
            (true, Cookie::Session) => "__Host-topup-session",
            (true, Cookie::Form) => "__Host-topup-form",
            (true, Cookie::Language) => "__Host-topup-language",
            (false, Cookie::Session) => "topup-session",
            (false, Cookie::Form) => "topup-form",
            (false, Cookie::Language) => "topup-language",
        }
    }

    /// What the browser has of it.
    pub(crate) fn read(self, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
        let lines = headers.get_all(header::COOKIE).iter();
        let mut pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        pairs.find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.name(cookie) && !value.is_empty()).then(|| value.to_owned())
        })
    }

    /// The line that sets it; `None` makes the browser forget it.
    pub(crate) fn set(self, cookie: Cookie, value: Option<&str>) -> HeaderValue {
        let mut line = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Lax",
            self.name(cookie),
            value.unwrap_or("")
        );
        if self.is_secure {
            line.push_str("; Secure");
        }
        let seconds = match (value, cookie) {
            (None, Cookie::Session | Cookie::Form | Cookie::Language) => Some(0),
            (Some(_), Cookie::Language) => Some(LANGUAGE_KEPT_S),
            // Until the browser is closed; the session ends on its own.
            (Some(_), Cookie::Session | Cookie::Form) => None,
        };
        if let Some(seconds) = seconds {
            // Writing to a string does not fail.
            let _ = write!(line, "; Max-Age={seconds}");
        }
        HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static(""))
    }
}

/// What forms bear before anybody is signed in: random, and the same in a cookie.
pub(crate) fn form_token() -> String {
    // Two of version 7 would share their time; 74 random bits each are plenty.
    format!("{}{}", Uuid::now_v7().simple(), Uuid::now_v7().simple())
}

/// Whether it is the same token, in the time that the longer of a guess takes.
pub(crate) fn is_same(ours: &str, theirs: &str) -> bool {
    ours.len() == theirs.len()
        && !ours.is_empty()
        && ours
            .bytes()
            .zip(theirs.bytes())
            .fold(0, |differs, (a, b)| differs | (a ^ b))
            == 0
}

/// Whether the browser says that a page of this very site sent this. One that says nothing is not believed: every
/// browser says it of a form.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = said("sec-fetch-site") {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (said("origin"), said("host")) else {
        return false;
    };
    origin.split_once("://").is_some_and(|(_, from)| from == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn a_form_is_taken_from_this_site_alone() {
        let from = |lines| is_from_here(&headers(lines));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        assert!(!from(&[("sec-fetch-site", "same-site")]));
        assert!(!from(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://a.example"),
            ("host", "a.example")
        ]));
        assert!(from(&[("origin", "https://a.example"), ("host", "a.example")]));
        assert!(from(&[
            ("origin", "http://127.0.0.1:8080"),
            ("host", "127.0.0.1:8080")
        ]));
        assert!(!from(&[("origin", "https://b.example"), ("host", "a.example")]));
        assert!(!from(&[("origin", "null"), ("host", "a.example")]));
        assert!(!from(&[("host", "a.example")]));
        assert!(!from(&[]));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_bound_to_the_host_where_there_is_tls() {
        let (safe, plain) = (Cookies { is_secure: true }, Cookies { is_secure: false });
        let sent = headers(&[("cookie", "a=b; topup-session=1; __Host-topup-session=2")]);
        assert_eq!(safe.read(&sent, Cookie::Session).as_deref(), Some("2"));
        assert_eq!(plain.read(&sent, Cookie::Session).as_deref(), Some("1"));
        assert_eq!(safe.read(&sent, Cookie::Form), None);
        let line = safe.set(Cookie::Session, Some("x"));
        assert_eq!(
            line.to_str().expect("a line"),
            "__Host-topup-session=x; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let line = plain.set(Cookie::Form, None);
        assert_eq!(
            line.to_str().expect("a line"),
            "topup-form=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn a_token_is_itself_and_nothing_else() {
        let token = form_token();
        assert!(is_same(&token, &token.clone()));
        assert!(!is_same(&token, &form_token()));
        assert!(!is_same(&token, ""));
        assert!(!is_same("", ""));
    }
}
