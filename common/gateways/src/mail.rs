//! Mail relays: the closed set, and the first of them.
//!
//! A mail has a text and an HTML part, says that a machine wrote it (so that no machine answers), and bears a
//! message id that is the same on every try, by which a repeat can be recognised (N1).
//!
//! Not in here: the words (see [`crate::texts`]), and delivery. A relay that takes a mail may still fail to
//! deliver it; what comes back goes to the sender's mailbox and to people.

use crate::SetupError;
use crate::http::without_credentials;
use crate::sent::Sent;
use crate::trace::Call;
use crate::words;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;
use std::path::Path;
use std::time::Duration;

/// What this party is called in errors.
const PARTY: &str = "mail relay";

/// Connections kept to the relay.
const CONNECTIONS_MAX: u32 = 4;

/// How long an unused connection is kept, in seconds.
const IDLE_MAX_S: u64 = 30;

/// Longest answer of the relay's that is kept as its id, in characters.
const ID_MAX_CHARS: usize = 100;

/// The mail relays there are.
#[derive(Debug)]
pub enum MailRelay {
    /// A relay that speaks SMTP.
    Smtp(SmtpRelay),
}

impl MailRelay {
    /// Hands one mail to the relay. Never fails: whatever happens is one of the three ends in [`Sent`].
    pub async fn send(&self, mail: &Mail<'_>) -> Sent {
        match self {
            Self::Smtp(relay) => relay.send(mail).await,
        }
    }
}

/// A mail to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// One address, without a name.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// The plain part.
    pub text: &'a str,
    /// The HTML part, saying the same.
    pub html: &'a str,
    /// The notice's id: the same on every try. The sender's domain is put behind it.
    pub message_id: &'a str,
}

/// What is needed to speak to an SMTP relay.
#[derive(Debug, Clone, Copy)]
pub struct SmtpSettings<'a> {
    /// `smtp://user:password@relay.example:587?tls=required` (STARTTLS) or `smtps://…` (TLS from the start).
    /// Without `tls=` the connection is plain, and user name and password are refused.
    pub url: &'a str,
    /// `Name <address@example.com>`, or the address alone.
    pub from: &'a str,
    /// PEM certificates to trust besides the machine's own.
    pub ca_file: Option<&'a Path>,
    /// Bounds handing over one mail, from connecting to the relay's last answer.
    pub timeout: Duration,
}

/// A client of an SMTP relay, with a few connections kept open between mails.
#[derive(Debug)]
pub struct SmtpRelay {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
    url: Url,
}

impl SmtpRelay {
    /// Must be called inside a tokio runtime (the connections have a keeper). Needs no network, and touches
    /// none.
    ///
    /// # Errors
    /// An address that is no SMTP URL or would carry a password in the clear, a sender that is no mailbox, or
    /// an unreadable certificate file.
    pub fn new(settings: SmtpSettings<'_>) -> Result<Self, SetupError> {
        let wrong = |problem: String| SetupError::Address {
            party: PARTY,
            address: without_credentials(settings.url),
            problem,
        };
        let from: Mailbox = settings.from.parse().map_err(|e| SetupError::Sender {
            address: settings.from.to_owned(),
            problem: words::chain(&e),
        })?;
        let url = Url::parse(settings.url).map_err(|e| wrong(format!("is no URL: {e}")))?;
        let security = Security::of(&url).map_err(|problem| wrong(problem.to_owned()))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url)
            .map_err(|e| wrong(format!("can't be used: {}", words::chain(&e))))?
            .timeout(Some(settings.timeout))
            .pool_config(
                PoolConfig::new()
                    .min_idle(0)
                    .max_size(CONNECTIONS_MAX)
                    .idle_timeout(Duration::from_secs(IDLE_MAX_S)),
            );
        if let Some(path) = settings.ca_file {
            let parameters = tls_parameters(&url, path)?;
            builder = match security {
                Security::Plain => builder,
                Security::Opportunistic => builder.tls(Tls::Opportunistic(parameters)),
                Security::StartTls => builder.tls(Tls::Required(parameters)),
                Security::FromTheStart => builder.tls(Tls::Wrapper(parameters)),
            };
        }
        Ok(Self {
            transport: builder.build(),
            from,
            timeout: settings.timeout,
            url: without_secrets(url),
        })
    }

    async fn send(&self, mail: &Mail<'_>) -> Sent {
        let message = match self.message(mail) {
            Ok(message) => message,
            Err(reason) => return Sent::Refused { reason },
        };
        let call = Call::mail(&self.url);
        let handing_over = self.transport.send(message);
        let sent = match tokio::time::timeout(self.timeout, handing_over).await {
            Ok(Ok(response)) => Sent::Accepted {
                provider_id: response
                    .message()
                    .next()
                    .map(|line| words::one_line(line, ID_MAX_CHARS)),
            },
            Ok(Err(error)) => refusal(&error),
            Err(_) => Sent::Trouble {
                reason: "the mail relay: no answer in time".to_owned(),
                retry_after_s: None,
            },
        };
        match &sent {
            Sent::Accepted { .. } => {}
            Sent::Refused { .. } => call.failed("refused"),
            Sent::Trouble { .. } => call.failed("trouble"),
        }
        sent
    }

    /// The mail as it goes over the wire; the reason, where its recipient is no address.
    fn message(&self, mail: &Mail<'_>) -> Result<Message, String> {
        let to: Address = mail
            .to
            .trim()
            .parse()
            .map_err(|e| format!("the recipient's e-mail address can't be used: {e}"))?;
        let message_id = format!("<{}@{}>", mail.message_id, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .message_id(Some(message_id))
            .date_now()
            .multipart(MultiPart::alternative_plain_html(
                mail.text.to_owned(),
                mail.html.to_owned(),
            ))
            .map_err(|e| format!("the mail can't be put together: {e}"))?;
        for (name, value) in [
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
        ] {
            let name = HeaderName::new_from_ascii_str(name);
            message
                .headers_mut()
                .insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(message)
    }
}

/// Where the relay is, and nothing else.
fn without_secrets(mut url: Url) -> Url {
    // Neither fails where there is a host, and without one nothing is said of it.
    let _same = url.set_username("");
    let _same = url.set_password(None);
    url
}

/// How a connection is protected, as the URL says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Plain,
    Opportunistic,
    StartTls,
    FromTheStart,
}

impl Security {
    fn of(url: &Url) -> Result<Self, &'static str> {
        let tls = url.query_pairs().find(|(name, _)| name == "tls");
        let security = match (url.scheme(), tls.as_ref().map(|(_, value)| value.as_ref())) {
            ("smtp", None) => Self::Plain,
            ("smtp", Some("opportunistic")) => Self::Opportunistic,
            ("smtp", Some("required")) => Self::StartTls,
            ("smtps", _) => Self::FromTheStart,
            _ => return Err("is none of smtp://…, smtp://…?tls=required and smtps://…"),
        };
        match security {
            Self::Plain | Self::Opportunistic if url.password().is_some() => {
                Err("has a password that could travel in the clear; add ?tls=required")
            }
            Self::Plain | Self::Opportunistic | Self::StartTls | Self::FromTheStart => Ok(security),
        }
    }
}

fn tls_parameters(url: &Url, ca_file: &Path) -> Result<TlsParameters, SetupError> {
    let unusable = |problem: String| SetupError::Certificates {
        path: ca_file.to_owned(),
        problem,
    };
    let pem = std::fs::read(ca_file).map_err(|e| unusable(e.to_string()))?;
    let certificate = Certificate::from_pem(&pem).map_err(|e| unusable(words::chain(&e)))?;
    TlsParameters::builder(url.host_str().unwrap_or_default().to_owned())
        .add_root_certificate(certificate)
        .build_rustls()
        .map_err(|e| unusable(words::chain(&e)))
}

/// Only what is definitely about this recipient or this mail is a refusal. Other 5xx (a wrong password, a relay
/// that is not for us) are as permanent, and yet no fault of the recipient's: they are told and tried again.
fn refusal(error: &SmtpError) -> Sent {
    let said = words::foreign(&words::chain(error), words::REASON_MAX_CHARS);
    let advice = certificate_advice(&said);
    let reason = format!("the mail relay: {said}{advice}");
    match error.status().map(u16::from) {
        // No such mailbox, not local, too large, bad mailbox name, address syntax, domain takes no mail.
        Some(550..=553 | 555 | 556) => Sent::Refused { reason },
        Some(_) | None => Sent::Trouble {
            reason,
            retry_after_s: None,
        },
    }
}

/// What to do where the relay's certificate is not accepted.
fn certificate_advice(said: &str) -> &'static str {
    // The latter is an authority of the same name with another key.
    if said.contains("UnknownIssuer") || said.contains("BadSignature") {
        " (an authority that is not trusted signed its certificate: TOPUP__SMTP__CA_FILE names the file of the one that did)"
    } else if said.contains("not valid for name") {
        " (its certificate is for another name: write one that it has into TOPUP__SMTP__URL)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(url: &str) -> Result<Security, &'static str> {
        Security::of(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn the_url_says_how_the_connection_is_protected() {
        for (url, wanted) in [
            ("smtp://relay.example", Security::Plain),
            ("smtp://relay.example?tls=opportunistic", Security::Opportunistic),
            ("smtp://relay.example:587?tls=required", Security::StartTls),
            ("smtp://u:p@relay.example:587?tls=required", Security::StartTls),
            ("smtps://u:p@relay.example", Security::FromTheStart),
        ] {
            assert_eq!(security(url), Ok(wanted), "{url}");
        }
        assert!(security("https://relay.example").is_err());
        assert!(security("smtp://relay.example?tls=maybe").is_err());
    }

    #[test]
    fn a_password_never_travels_in_the_clear() {
        for url in [
            "smtp://u:p@relay.example",
            "smtp://u:p@relay.example?tls=opportunistic",
        ] {
            let told = security(url).expect_err(url);
            assert!(told.contains("tls=required"), "{told}");
        }
    }

    fn relay(from: &str) -> Result<SmtpRelay, String> {
        let settings = SmtpSettings {
            url: "smtp://127.0.0.1:9",
            from,
            ca_file: None,
            timeout: Duration::from_secs(1),
        };
        SmtpRelay::new(settings).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn a_mail_says_that_a_machine_wrote_it_and_keeps_its_id() {
        let relay = relay("Top-ups <noreply@example.org>").expect("good settings");
        let mail = Mail {
            to: "holder@example.com",
            subject: "Café\r\nBcc: x@example.com",
            text: "plain",
            html: "<p>html</p>",
            message_id: "0193-n1",
        };
        let first = String::from_utf8(relay.message(&mail).expect("a mail").formatted()).expect("ASCII");
        for wanted in [
            "Message-ID: <0193-n1@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Auto-Response-Suppress: All\r\n",
            "From: Top-ups <noreply@example.org>\r\n",
            "To: holder@example.com\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: text/html; charset=utf-8",
            "Date: ",
        ] {
            assert!(first.contains(wanted), "{wanted} in {first}");
        }
        assert!(
            !first.contains("\r\nBcc:"),
            "a header came in through the subject: {first}"
        );
    }

    #[tokio::test]
    async fn a_recipient_that_is_no_address_is_refused_without_a_call() {
        let relay = relay("noreply@example.org").expect("good settings");
        for to in ["", "nobody", "a@b@c", "x <a@example.com>, b@example.com"] {
            let mail = Mail {
                to,
                subject: "s",
                text: "t",
                html: "h",
                message_id: "1",
            };
            let sent = relay.send(&mail).await;
            assert!(matches!(sent, Sent::Refused { .. }), "{to:?}: {sent:?}");
        }
    }

    #[tokio::test]
    async fn settings_that_cannot_work_are_told_at_start() {
        assert!(
            relay("no address")
                .expect_err("refused")
                .contains("the sender's e-mail address")
        );
        let settings = SmtpSettings {
            url: "smtp://u:hunter2@relay.example?tls=required",
            from: "noreply@example.org",
            ca_file: Some(Path::new("/nowhere/ca.pem")),
            timeout: Duration::from_secs(1),
        };
        let told = SmtpRelay::new(settings).expect_err("refused").to_string();
        assert!(
            told.contains("/nowhere/ca.pem") && !told.contains("hunter2"),
            "{told}"
        );
        let settings = SmtpSettings {
            url: "ftp://u:hunter2@relay.example",
            ca_file: None,
            ..settings
        };
        let told = SmtpRelay::new(settings).expect_err("refused").to_string();
        assert!(
            told.contains("is none of smtp://") && !told.contains("hunter2"),
            "{told}"
        );
    }
}
