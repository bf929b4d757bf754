//! Questions to the management interface, read only.

use super::Address;
use super::check::CheckError;
use crate::settings::{Amqp, SettingsError};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes: a list of some ten thousand queues.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;
/// How often its clock is looked at, at most.
const CLOCK_LOOKS: u32 = 3;
/// Where it listens unless it is told otherwise.
const PORT: u16 = 15_672;

/// The management interface of the fleet's broker.
pub(super) struct Management<'a> {
    client: reqwest::Client,
    url: &'a SecretString,
    address: &'a Address,
}

/// What a broker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `3.10.8`.
    pub version: String,
    /// How far its clock is ahead of ours, at least, where it said what time it is; behind where negative.
    pub clock_ahead: Option<SignedDuration>,
}

#[derive(Deserialize)]
struct Overview {
    rabbitmq_version: String,
}

impl<'a> Management<'a> {
    /// Nothing is asked yet.
    pub(super) fn of(amqp: &'a Amqp) -> Result<Self, CheckError> {
        let url = amqp.management_url.as_ref().ok_or(CheckError::NoAddress)?;
        let mut client = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if url.expose_secret().starts_with("http://") {
            // Plain HTTP needs no authorities, and a machine may have none.
            client = client.tls_certs_only([]);
        }
        if let Some(path) = &amqp.ca_file {
            let unusable = |problem: String| {
                CheckError::Settings(SettingsError::about(
                    "amqp.ca_file",
                    &format!("{}: {problem}", path.display()),
                ))
            };
            let pem = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
            let trusted = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| unusable(e.to_string()))?;
            client = client.tls_certs_merge(trusted);
        }
        Ok(Self {
            client: client.build()?,
            url,
            address: amqp.address()?,
        })
    }

    /// Everything of a kind in the fleet's virtual host.
    pub(super) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        what: &'static str,
    ) -> Result<Vec<T>, CheckError> {
        let (body, _) = self.ask(what, &[what, self.address.vhost()]).await?;
        read(what, &body)
    }

    /// Every connection to the fleet's virtual host.
    pub(super) async fn connections<T: for<'de> Deserialize<'de>>(&self) -> Result<Vec<T>, CheckError> {
        let what = "connections";
        let (body, _) = self.ask(what, &["vhosts", self.address.vhost(), what]).await?;
        read(what, &body)
    }

    async fn about(&self) -> Result<About, CheckError> {
        let (body, clock_ahead) = self.ask("overview", &["overview"]).await?;
        let Overview { rabbitmq_version } = read("overview", &body)?;
        Ok(About {
            version: rabbitmq_version,
            clock_ahead,
        })
    }

    /// The body of an answer, and how far the clock of who gave it is ahead of ours, at least.
    async fn ask(
        &self,
        what: &'static str,
        path: &[&str],
    ) -> Result<(Vec<u8>, Option<SignedDuration>), CheckError> {
        let base = self.url.expose_secret().trim_end_matches('/');
        let mut url = reqwest::Url::parse(base).map_err(|_| CheckError::NoAddress)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        let mut request = self.client.get(url.clone());
        if url.username().is_empty() {
            let (user, password) = self.address.credentials();
            request = request.basic_auth(user, Some(password));
        }
        let asked = Timestamp::now();
        let mut response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(reqwest::Error::without_url)?;
        if response.status().is_redirection() {
            let mut url = response.url().clone();
            // Refused only for addresses without a host.
            let _hidden = url.set_username("").and_then(|()| url.set_password(None));
            return Err(CheckError::Elsewhere { what, url });
        }
        let answered = Timestamp::now();
        let clock = response.headers().get(reqwest::header::DATE);
        let clock = clock
            .and_then(|date| date.to_str().ok())
            .and_then(|date| DateTimeParser::new().parse_timestamp(date).ok())
            .map(|told| ahead_at_least(asked, told, answered));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_MAX_BYTES {
                return Err(CheckError::TooLong {
                    what,
                    bytes_max: ANSWER_MAX_BYTES,
                });
            }
        }
        Ok((body, clock))
    }
}

/// How far a clock is ahead of ours, at least: it told its time, cut to the second, at some moment between `asked` and
/// `answered`. A slow answer proves nothing.
fn ahead_at_least(asked: Timestamp, told: Timestamp, answered: Timestamp) -> SignedDuration {
    let told_at_most = told.checked_add(SignedDuration::from_secs(1)).unwrap_or(told);
    if told > answered {
        told.duration_since(answered)
    } else if told_at_most < asked {
        told_at_most.duration_since(asked)
    } else {
        SignedDuration::ZERO
    }
}

fn read<T: for<'de> Deserialize<'de>>(what: &'static str, body: &[u8]) -> Result<T, CheckError> {
    serde_json::from_slice(body).map_err(|source| CheckError::Unreadable { what, source })
}

/// What the broker says of itself. Where its clock seems wrong, it is asked again: a busy one tells a time that it took a
/// while ago.
///
/// # Errors
/// See [`CheckError`].
pub async fn about(amqp: &Amqp) -> Result<About, CheckError> {
    let management = Management::of(amqp)?;
    let apart = |about: &About| about.clock_ahead.unwrap_or_default().abs();
    let mut best = management.about().await?;
    for _ in 1..CLOCK_LOOKS {
        if apart(&best).is_zero() {
            break;
        }
        let again = management.about().await?;
        if apart(&again) < apart(&best) {
            best = again;
        }
    }
    Ok(best)
}

/// The same settings with an address of the management interface: the one that is set, or the usual one of the
/// broker's first host.
///
/// # Errors
/// No broker address is set.
pub fn with_management(amqp: &Amqp) -> Result<Amqp, CheckError> {
    let mut amqp = amqp.clone();
    if amqp.management_url.is_none() {
        let host = amqp.address()?.first_host();
        amqp.management_url = Some(format!("http://{host}:{PORT}").into());
    }
    Ok(amqp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_interface_that_leads_elsewhere_is_not_followed_and_named_without_its_password() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let interface = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = interface.local_addr().unwrap().port();
        let url = format!("http://watcher:hardtoguess@127.0.0.1:{port}");
        let settings = Settings::of(&[
            ("TOPUP__AMQP__URL", "amqp://topup:hardtoguess@127.0.0.1/v"),
            ("TOPUP__AMQP__MANAGEMENT_URL", &url),
        ]);
        let answering = async {
            let mut asked = BufReader::new(interface.accept().await.unwrap().0);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                asked.read_line(&mut head).await.unwrap();
            }
            let answer = b"HTTP/1.1 301 Moved\r\nlocation: https://broker.example/api/overview\r\ncontent-length: 0\r\n\r\n";
            asked.write_all(answer).await.unwrap();
        };
        let (told, ()) = tokio::join!(about(&settings.amqp), answering);
        let said = told.unwrap_err().to_string();
        assert_eq!(
            said,
            format!(
                "management interface: overview: http://127.0.0.1:{port}/api/overview leads elsewhere; TOPUP__AMQP__MANAGEMENT_URL has to name where it answers itself"
            )
        );
    }

    #[test]
    fn a_clock_is_as_wrong_as_its_time_lies_outside_of_question_and_answer() {
        let at = |text: &str| -> Timestamp { format!("2026-11-22T08:15:{text}Z").parse().unwrap() };
        for (asked, told, answered, ahead_ms) in [
            ("10.2", "10", "10.3", 0),
            // Cut to the second.
            ("10.9", "10", "11.1", 0),
            ("10.2", "10", "29.0", 0),
            ("10.2", "29", "29.0", 0),
            ("10.2", "20", "10.3", 9_700),
            ("20.2", "10", "20.3", -9_200),
        ] {
            let ahead = ahead_at_least(at(asked), at(told), at(answered));
            assert_eq!(ahead.as_millis(), ahead_ms, "{asked} {told} {answered}");
        }
    }
}
