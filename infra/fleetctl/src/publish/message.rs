//! One line as a message: its body as it stands in the file, and the properties that a sender gives it.

use crate::sending;
use lapin::BasicProperties;
use serde::Deserialize;
use std::borrow::Cow;
use topup_rules::message::{self, Message as _, SmsSent, Unreadable};

/// Longest text of AMQP's short strings, in bytes.
const SHORT_MAX_BYTES: usize = 255;

/// A body and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The line.
    pub(super) body: Vec<u8>,
    /// The body's `event_id`, where it has one.
    message_id: Option<String>,
}

/// As much of a line as its message's id needs.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    event_id: Cow<'a, str>,
}

impl Event {
    /// A line that the fleet can read.
    pub(super) fn checked(body: Vec<u8>) -> Result<Self, Unreadable> {
        let event: SmsSent = message::parse(&body, None, None, None)?;
        Ok(Self {
            message_id: Some(event.id()),
            body,
        })
    }

    /// Any line.
    pub(super) fn unchecked(body: Vec<u8>) -> Self {
        let named: Option<Named<'_>> = serde_json::from_slice(&body).ok();
        let message_id = named
            .map(|n| n.event_id.into_owned())
            .filter(|id| id.len() <= SHORT_MAX_BYTES);
        Self { body, message_id }
    }

    /// What goes with it at `now_s`, seconds since 1970.
    pub(super) fn properties(&self, now_s: u64) -> BasicProperties {
        sending::properties(SmsSent::TYPE, self.message_id.as_deref(), None, now_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"event_id":"0193A5D0-7C1E-7B3A-9D2F-0C4B8E5F1A2B","account_id":1001,"credits":"1.5","sent_at":"2026-11-22T08:15:00Z","extra":1}"#;

    #[test]
    fn a_message_bears_what_a_sender_gives_it() {
        let event = Event::checked(GOOD.into()).unwrap();
        assert_eq!(event.body, GOOD.as_bytes());
        let properties = event.properties(1_700_000_000);
        let id = properties.message_id().clone().unwrap();
        assert_eq!(id.as_str(), "0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b");
        assert_eq!(properties.kind().clone().unwrap().as_str(), "sms-sent.v1");
        assert_eq!(properties.app_id().clone().unwrap().as_str(), "fleetctl");
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(*properties.timestamp(), Some(1_700_000_000));
        assert!(
            properties
                .headers()
                .clone()
                .unwrap()
                .inner()
                .contains_key("traceparent")
        );
    }

    #[test]
    fn broken_lines_are_refused_unless_unchecked() {
        let no_credits = GOOD.replace("\"credits\"", "\"credit\"");
        assert_eq!(
            Event::checked(no_credits.clone().into()).unwrap_err().to_string(),
            "the field `credits` is missing"
        );
        assert!(Event::unchecked(no_credits.into()).message_id.is_some());
        for nameless in [&b"no json"[..], b"{}", b"\xFF", b"{\"event_id\": 7}"] {
            let event = Event::unchecked(nameless.into());
            assert_eq!((event.body.as_slice(), &event.message_id), (nameless, &None));
            assert_eq!(*event.properties(0).message_id(), None);
        }
        let long = format!(r#"{{"event_id": "{}"}}"#, "x".repeat(256));
        assert_eq!(Event::unchecked(long.into()).message_id, None);
    }
}
