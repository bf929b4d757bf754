//! What an upstream sender publishes: proper events, and bytes that are none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// A `sms-sent` event; cloning it makes the same event again.
#[derive(Debug, Clone)]
pub struct Event {
    /// The body, for a test to bend.
    pub body: Value,
}

/// An event of `account` that cost 1 credit, sent just now, with a fresh version-7 id.
#[must_use]
pub fn event(account: i64) -> Event {
    Event {
        body: json!({
            "event_id": Uuid::now_v7(), "account_id": account, "service": "sms", "credits": 1, "messages": 1,
            "batch_id": null, "sent_at": Timestamp::now().to_string(),
        }),
    }
}

impl Event {
    /// What it cost.
    #[must_use]
    pub fn credits(self, credits: impl Into<Value>) -> Self {
        self.with("credits", credits)
    }

    /// `sms` or `whatsapp`.
    #[must_use]
    pub fn service(self, service: &str) -> Self {
        self.with("service", service)
    }

    /// Another id.
    #[must_use]
    pub fn id(self, id: Uuid) -> Self {
        self.with("event_id", id.to_string())
    }

    /// When the messages went.
    #[must_use]
    pub fn sent_at(self, at: Timestamp) -> Self {
        self.with("sent_at", at.to_string())
    }

    /// Any field of the body.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// The body without a field.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        if let Some(fields) = self.body.as_object_mut() {
            fields.remove(field);
        }
        self
    }

    /// The body's id.
    #[must_use]
    pub fn event_id(&self) -> String {
        self.body["event_id"].as_str().unwrap_or_default().to_owned()
    }

    /// As a proper sender publishes it.
    #[must_use]
    pub fn message(&self) -> Raw {
        let id = self.event_id();
        let raw = raw(self.body.to_string());
        if id.is_empty() { raw } else { raw.message_id(&id) }
    }
}

/// A message as it goes over the wire, right or wrong.
#[derive(Debug, Clone)]
pub struct Raw {
    pub(crate) body: Vec<u8>,
    pub(crate) message_id: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expiration_ms: Option<u32>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// A message with this body, of type `sms-sent.v1`, in JSON, without a message id.
#[must_use]
pub fn raw(body: impl Into<Vec<u8>>) -> Raw {
    Raw {
        body: body.into(),
        message_id: None,
        kind: Some("sms-sent.v1".to_owned()),
        content_type: Some("application/json".to_owned()),
        expiration_ms: None,
        headers: BTreeMap::new(),
    }
}

impl Raw {
    /// With this AMQP message id.
    #[must_use]
    pub fn message_id(mut self, id: &str) -> Self {
        self.message_id = Some(id.to_owned());
        self
    }

    /// Without an AMQP message id.
    #[must_use]
    pub fn no_message_id(mut self) -> Self {
        self.message_id = None;
        self
    }

    /// Of this AMQP type, or none.
    #[must_use]
    pub fn kind(mut self, kind: Option<&str>) -> Self {
        self.kind = kind.map(str::to_owned);
        self
    }

    /// In this content type, or none.
    #[must_use]
    pub fn content_type(mut self, content_type: Option<&str>) -> Self {
        self.content_type = content_type.map(str::to_owned);
        self
    }

    /// Vanishing from a queue after so many milliseconds.
    #[must_use]
    pub fn expiration_ms(mut self, expiration_ms: u32) -> Self {
        self.expiration_ms = Some(expiration_ms);
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The AMQP message id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// The AMQP type.
    #[must_use]
    pub fn amqp_type(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}
