//! One HTTP exchange, and what is known after it: answered, never sent, or lost on the way.
//!
//! The difference between the last two is the difference between "nothing happened" and "nobody knows", which
//! is why nothing here tries again and nothing follows a redirect.

use crate::SetupError;
use crate::trace::Call;
use crate::words;
use reqwest::{Client, RequestBuilder, StatusCode, Url, header::HeaderMap};
use std::net::IpAddr;
use std::time::Duration;
use topup_failpoints::{Point, reach};

/// Largest answer that is read, in bytes. Real ones are a few thousand.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// How long connecting may take, in seconds, TLS included. Never longer than the whole exchange.
const CONNECT_MAX_S: u64 = 10;

/// How long an unused connection is kept, in seconds. Servers close theirs after a minute or more; a request
/// sent on a connection that the server is just closing would be lost, so ours goes first.
const IDLE_MAX_S: u64 = 20;

/// Unused connections kept per host.
const IDLE_MAX_CONNECTIONS: usize = 32;

/// The longest wait that another party's "come back later" is believed, in seconds.
const RETRY_AFTER_MAX_S: u64 = 3_600;

/// What is known after an exchange.
pub(crate) enum Exchange {
    /// The whole answer came.
    Answered(Answer),
    /// No byte of the request left this machine: the server has not seen it.
    NotSent(String),
    /// The request may have been seen; the answer did not come, or not whole.
    Lost(String),
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// How long the server asks to be left alone, in seconds.
    pub(crate) retry_after_s: Option<u32>,
    /// The body, complete.
    pub(crate) body: Vec<u8>,
}

/// Parses a party's base address.
pub(crate) fn base_url(party: &'static str, address: &str) -> Result<Url, SetupError> {
    let wrong = |problem: &str| SetupError::Address {
        party,
        address: without_credentials(address),
        problem: problem.to_owned(),
    };
    let url = Url::parse(address).map_err(|e| wrong(&format!("is no URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http:// nor https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or fragment, which a base address can't have"));
    }
    Ok(url)
}

/// `base` with `path` behind whatever path it has.
pub(crate) fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// On this machine?
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// An address as it may be shown: what stands before an `@` is left out.
pub(crate) fn without_credentials(address: &str) -> String {
    let shown = match address.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => host.to_owned(),
        },
        None => address.to_owned(),
    };
    words::one_line(&shown, words::REASON_MAX_CHARS)
}

/// A client for one party. `timeout` bounds a whole exchange, from connecting to the answer's last byte.
pub(crate) fn client(party: &'static str, base: &Url, timeout: Duration) -> Result<Client, SetupError> {
    // Says no where the process has installed it already, as it should have.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("topup/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(CONNECT_MAX_S)))
        .pool_idle_timeout(Duration::from_secs(IDLE_MAX_S))
        .pool_max_idle_per_host(IDLE_MAX_CONNECTIONS)
        // A charge that is sent twice by a library is still sent twice.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    if base.scheme() == "http" {
        // Plain HTTP needs no root certificates, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        // A proxy for the world outside can't reach this machine's own loopback.
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| SetupError::Client {
        party,
        problem: words::chain(&e),
    })
}

/// Sends `request` once and reads the whole answer, up to [`ANSWER_MAX_BYTES`]. `route` is its path for a trace, with
/// a name in braces for what differs from call to call.
pub(crate) async fn exchange(request: RequestBuilder, route: &'static str) -> Exchange {
    exchange_up_to(request, route, ANSWER_MAX_BYTES).await
}

/// The same for a charge, which a test can have its process killed in the middle of.
pub(crate) async fn exchange_charge(request: RequestBuilder, route: &'static str) -> Exchange {
    traced(request, route, ANSWER_MAX_BYTES, || reach(Point::ChargeSent)).await
}

/// Sends `request` once and reads the whole answer, up to `max_bytes`.
pub(crate) async fn exchange_up_to(
    request: RequestBuilder,
    route: &'static str,
    max_bytes: usize,
) -> Exchange {
    traced(request, route, max_bytes, || {}).await
}

async fn traced(
    request: RequestBuilder,
    route: &'static str,
    max_bytes: usize,
    when_sent: impl FnOnce(),
) -> Exchange {
    let (client, request) = request.build_split();
    let request = match request {
        Ok(request) => request,
        Err(e) => return Exchange::NotSent(words::chain(&e.without_url())),
    };
    let call = Call::http(request.method(), route, request.url());
    let sent = client.execute(request).await;
    when_sent();
    let exchange = read(sent, max_bytes).await;
    match &exchange {
        Exchange::Answered(answer) => call.answered(answer.status.as_u16()),
        Exchange::NotSent(_) => call.failed("not-sent"),
        Exchange::Lost(_) => call.failed("lost"),
    }
    exchange
}

async fn read(sent: reqwest::Result<reqwest::Response>, max_bytes: usize) -> Exchange {
    let mut response = match sent {
        Ok(response) => response,
        Err(e) if e.is_connect() || e.is_builder() => {
            return Exchange::NotSent(words::chain(&e.without_url()));
        }
        Err(e) => return Exchange::Lost(lost(e)),
    };
    let status = response.status();
    let retry_after_s = retry_after_s(response.headers());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) if body.len() + bytes.len() > max_bytes => {
                return Exchange::Lost(format!("the answer is larger than {max_bytes} bytes"));
            }
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(e) => return Exchange::Lost(lost(e)),
        }
    }
    Exchange::Answered(Answer {
        status,
        retry_after_s,
        body,
    })
}

fn lost(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    format!("the connection broke: {}", words::chain(&error.without_url()))
}

/// `Retry-After` or `x-ratelimit-reset`, in seconds from now. The latter's meaning differs between servers
/// (seconds to wait, or a moment in Unix time); a number that can only be a moment is taken for one.
fn retry_after_s(headers: &HeaderMap) -> Option<u32> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let stated = number("retry-after").or_else(|| number("x-ratelimit-reset"))?;
    let now_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    wait_s(stated, now_s)
}

fn wait_s(stated: u64, now_s: u64) -> Option<u32> {
    /// Numbers from here on are moments: a wait of thirty years is not meant.
    const MOMENT_FROM: u64 = 1_000_000_000;
    /// Numbers from here on are moments in milliseconds.
    const MILLISECONDS_FROM: u64 = 100_000_000_000;
    let wait = match stated {
        0..MOMENT_FROM => stated,
        MOMENT_FROM..MILLISECONDS_FROM => stated.saturating_sub(now_s),
        MILLISECONDS_FROM.. => (stated / 1_000).saturating_sub(now_s),
    };
    u32::try_from(wait.min(RETRY_AFTER_MAX_S)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_is_http_with_a_host() {
        for good in [
            "https://api.example.com",
            "http://127.0.0.1:8080/",
            "https://x.example/api/rest/v1/",
        ] {
            assert!(base_url("SMS provider", good).is_ok(), "{good}");
        }
        for (bad, told) in [
            ("api.example.com", "is no URL"),
            ("ftp://example.com", "is neither http:// nor https://"),
            ("https://", "is no URL"),
            ("https://example.com/?a=b", "has a query"),
        ] {
            let error = base_url("SMS provider", bad).expect_err(bad).to_string();
            assert!(error.contains(told), "{bad}: {error}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(
            without_credentials("smtp://user:p@ss@relay.example:587"),
            "smtp://relay.example:587"
        );
        assert_eq!(
            without_credentials("https://api.example.com"),
            "https://api.example.com"
        );
        assert_eq!(without_credentials("user:secret@host"), "host");
    }

    #[test]
    fn a_path_is_joined_behind_the_bases_own() {
        let joined = |base: &str| {
            join(
                &base_url("SMS provider", base).expect("good"),
                "sms/outgoing/send",
            )
            .to_string()
        };
        assert_eq!(joined("https://x.example"), "https://x.example/sms/outgoing/send");
        assert_eq!(
            joined("https://x.example/api/"),
            "https://x.example/api/sms/outgoing/send"
        );
    }

    #[test]
    fn loopback_is_known() {
        let on_this_machine = |url: &str| is_loopback(&Url::parse(url).expect("good"));
        for yes in [
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://localhost",
            "http://a.localhost",
        ] {
            assert!(on_this_machine(yes), "{yes}");
        }
        for no in [
            "http://10.0.0.1",
            "https://api.example.com",
            "http://localhost.example.com",
        ] {
            assert!(!on_this_machine(no), "{no}");
        }
    }

    #[test]
    fn come_back_later_is_seconds_or_a_moment_and_is_believed_for_an_hour() {
        let now_s = 1_790_000_000;
        assert_eq!(wait_s(17, now_s), Some(17));
        assert_eq!(wait_s(now_s + 42, now_s), Some(42));
        assert_eq!(wait_s((now_s + 42) * 1_000, now_s), Some(42));
        assert_eq!(wait_s(now_s - 5, now_s), Some(0));
        assert_eq!(wait_s(999_999, now_s), Some(3_600));
    }
}
