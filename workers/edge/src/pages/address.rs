//! Addresses of pages: with what they are asked, in another language, and as the place to go on to after signing in.

use super::language::Language;
use axum::http::{Method, Uri};

/// Where somebody is led whose form was not taken, since nobody was signed in any more.
pub(super) const UNSENT: &str = "/sign-in?unsent=yes";

/// `?lang=af` on any page: the language, and the same address without it.
pub(super) fn chosen(method: &Method, uri: &Uri) -> Option<(Language, String)> {
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
    Some((language, asking(path(uri), &rest.join("&"))))
}

/// Where the same can be asked for again: what was sent is not sent again.
pub(super) fn again(method: &Method, uri: &Uri) -> String {
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
pub(super) fn asking(path: &str, query: &str) -> String {
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
