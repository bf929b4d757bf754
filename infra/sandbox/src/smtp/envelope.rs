//! One client's mails: what is taken, refused or dropped, and how a mail is listed.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mail_parser::{MessageParser, PartType};
use mailin::{Handler, Response, response};
use serde::Serialize;

use crate::trouble::SmtpTrouble;
use crate::world::World;

/// Largest mail that is taken.
const MAIL_BYTES_MAX: usize = 1024 * 1024;
/// Recipients of one mail, at most.
const RECIPIENTS_MAX: usize = 100;

/// Decides over a client's commands.
pub(super) struct Envelope {
    world: Arc<World>,
    /// Whether mail may be sent as the connection stands.
    may_send: bool,
    ending: Ending,
    from: String,
    to: Vec<String>,
    raw: Vec<u8>,
    trouble: Option<SmtpTrouble>,
}

/// Whether the connection is to be dropped without a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    pub(super) fn dropped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One entry of `/sandbox/mail`.
#[derive(Serialize)]
struct Seen<'a> {
    /// Address in the From header.
    from: Option<String>,
    /// Recipients of the envelope, in the order given.
    to: &'a [String],
    envelope_from: &'a str,
    subject: Option<String>,
    /// Without the angle brackets.
    message_id: Option<String>,
    /// Values as sent, unfolded; several of one name are separated by line ends.
    headers: BTreeMap<String, String>,
    /// The plain text part.
    text: Option<String>,
    /// The HTML part.
    html: Option<String>,
    raw: String,
}

impl Envelope {
    pub(super) fn new(world: Arc<World>, may_send: bool) -> (Self, Ending) {
        let ending = Ending::default();
        let envelope = Self {
            world,
            may_send,
            ending: ending.clone(),
            from: String::new(),
            to: Vec::new(),
            raw: Vec::new(),
            trouble: None,
        };
        (envelope, ending)
    }
}

impl Handler for Envelope {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        if !self.may_send {
            return Response::custom(530, "5.7.0 Must issue a STARTTLS command first".to_owned());
        }
        self.trouble = self.world.trouble.smtp();
        match self.trouble {
            Some(SmtpTrouble::Reject) => Response::custom(451, "4.3.0 Try again later".to_owned()),
            Some(SmtpTrouble::Refuse) => Response::custom(550, "5.7.1 Refused".to_owned()),
            Some(SmtpTrouble::Drop) | None => {
                from.clone_into(&mut self.from);
                self.to.clear();
                response::OK
            }
        }
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if self.to.len() >= RECIPIENTS_MAX {
            return Response::custom(452, "4.5.3 Too many recipients".to_owned());
        }
        self.to.push(to.to_owned());
        response::OK
    }

    fn data_start(&mut self, _domain: &str, _from: &str, _is8bit: bool, to: &[String]) -> Response {
        // The state machine's own list leaves out what a reset of the mail forgot.
        to.clone_into(&mut self.to);
        self.raw.clear();
        response::OK
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        // The rest of a mail that is too long is read past and refused at its end.
        if self.raw.len() <= MAIL_BYTES_MAX {
            self.raw.extend_from_slice(line);
        }
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if self.raw.len() > MAIL_BYTES_MAX {
            // Closes: the state machine would take what follows for more of the same mail.
            return Response::custom(421, "4.3.4 Message too big".to_owned());
        }
        self.world.mail.push(&seen(&self.raw, &self.from, &self.to));
        if self.trouble.take() == Some(SmtpTrouble::Drop) {
            self.ending.0.store(true, Ordering::Relaxed);
        }
        response::OK
    }
}

fn seen<'a>(raw: &[u8], envelope_from: &'a str, to: &'a [String]) -> Seen<'a> {
    let mut seen = Seen {
        from: None,
        to,
        envelope_from,
        subject: None,
        message_id: None,
        headers: BTreeMap::new(),
        text: None,
        html: None,
        raw: String::from_utf8_lossy(raw).into_owned(),
    };
    let Some(mail) = MessageParser::default().parse(raw) else {
        return seen;
    };
    seen.from = mail
        .from()
        .and_then(|it| it.first())
        .and_then(|it| it.address())
        .map(str::to_owned);
    seen.subject = mail.subject().map(str::to_owned);
    seen.message_id = mail.message_id().map(str::to_owned);
    for (name, value) in mail.headers_raw() {
        let value = value.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let values = seen.headers.entry(name.to_owned()).or_default();
        if !values.is_empty() {
            values.push('\n');
        }
        values.push_str(value.trim());
    }
    for part in &mail.parts {
        match &part.body {
            PartType::Text(text) if seen.text.is_none() => seen.text = Some(text.to_string()),
            PartType::Html(html) if seen.html.is_none() => seen.html = Some(html.to_string()),
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_listed_by_its_parts() {
        let raw = b"From: Top-ups <topup@example.com>\r\nTo: ops@example.com\r\nMessage-ID: <1@x>\r\n\
            Subject: =?utf-8?q?Caf=C3=A9?=\r\nAuto-Submitted:\r\n auto-generated\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
            --b\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--b--\r\n";
        let to = ["ops@example.com".to_owned()];
        let seen = seen(raw, "bounce@example.com", &to);
        assert_eq!(seen.from.as_deref(), Some("topup@example.com"));
        assert_eq!(seen.subject.as_deref(), Some("Café"));
        assert_eq!(seen.message_id.as_deref(), Some("1@x"));
        assert_eq!(seen.headers["Auto-Submitted"], "auto-generated");
        assert_eq!(seen.text.as_deref(), Some("plain"));
        assert_eq!(seen.html.as_deref(), Some("<p>rich</p>"));
    }
}
