//! One line as a message: its body as it stands in the file, and the properties that a sender gives it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use serde::Deserialize;
use std::borrow::Cow;
use topup_rules::message::{self, Message as _, SmsSent, Unreadable};
use topup_runtime::broker::headers;
use uuid::Uuid;

/// AMQP's mark of a message that survives a restart.
const PERSISTENT: u8 = 2;
/// Longest text of AMQP's short strings, in bytes.
const SHORT_MAX_BYTES: usize = 255;
/// Who publishes.
const APP_ID: &str = "fleetctl";

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

    /// What goes with it at `now_s`, seconds since 1970. Each message begins a trace of its own.
    pub(super) fn properties(&self, now_s: u64) -> BasicProperties {
        let mut table = FieldTable::default();
        table.insert(
            headers::TRACEPARENT.into(),
            AMQPValue::LongString(LongString::from(new_trace())),
        );
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_type(SmsSent::TYPE.into())
            .with_content_type("application/json".into())
            .with_app_id(APP_ID.into())
            .with_timestamp(now_s)
            .with_headers(table);
        match self
            .message_id
            .as_deref()
            .and_then(|id| ShortString::try_new(id).ok())
        {
            Some(id) => properties.with_message_id(id),
            None => properties,
        }
    }
}

/// A trace that begins here, sampled, as the W3C writes it: `00-<32 hex>-<16 hex>-01`.
fn new_trace() -> String {
    let (trace, span) = (Uuid::now_v7().as_u128(), Uuid::now_v7().as_u64_pair().1);
    format!("00-{trace:032x}-{span:016x}-01")
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
    fn a_trace_is_new_each_time_and_of_the_one_shape() {
        let (one, other) = (new_trace(), new_trace());
        assert_ne!(one, other);
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [2, 32, 16, 2]);
        assert!(one.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
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
