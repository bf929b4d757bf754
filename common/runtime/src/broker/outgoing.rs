//! A message on its way to the broker: where it goes, and what it bears.

use super::delay::{self, Route};
use super::headers;
use super::topology::DEAD_EXCHANGE;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::FieldTable;
use topup_rules::message::Message;
use topup_store::OutboxMessage;

/// AMQP's mark of a message that survives a restart.
const PERSISTENT: u8 = 2;
/// The one content type there is.
const JSON: &str = "application/json";
/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Empty: to the queue itself, now or later. Named: by this exchange, under `queue` as routing key, to whoever
    /// listens.
    pub(crate) exchange: String,
    pub(crate) queue: String,
    pub(crate) message_id: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) traceparent: Option<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) attempts: u32,
    /// It was delivered, and is put back for later: always through the delays, should its moment come meanwhile. So
    /// who puts back needs no leave for the default exchange, from which every queue is reached.
    pub(crate) is_put_back: bool,
    pub(crate) parked: Option<Parked>,
    pub(crate) content_type: Option<String>,
    pub(crate) timestamp_s: Option<u64>,
    pub(crate) app_id: Option<String>,
}

/// What a parked message gains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

impl Outgoing {
    /// A message of the fleet, to its own queue.
    ///
    /// # Errors
    /// The body can't be written as JSON.
    pub fn of<M: Message>(message: &M) -> Result<Self, serde_json::Error> {
        Ok(Self::new(
            M::QUEUE.to_owned(),
            Some(message.id()),
            Some(M::TYPE.to_owned()),
            serde_json::to_vec(message)?,
        ))
    }

    pub(crate) fn new(
        queue: String,
        message_id: Option<String>,
        kind: Option<String>,
        body: Vec<u8>,
    ) -> Self {
        Self {
            exchange: String::new(),
            queue,
            message_id,
            kind,
            body,
            traceparent: None,
            not_before: None,
            attempts: 0,
            is_put_back: false,
            parked: None,
            content_type: Some(JSON.to_owned()),
            timestamp_s: None,
            app_id: None,
        }
    }

    /// Under another id than its body's, where the sender knows better what is a repeat.
    #[must_use]
    pub fn identified(mut self, message_id: String) -> Self {
        self.message_id = Some(message_id);
        self
    }

    /// The trace that it belongs to.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<&str>) -> Self {
        self.traceparent = traceparent.map(str::to_owned);
        self
    }

    /// Not to be delivered before this moment of the database's clock.
    #[must_use]
    pub fn not_before(mut self, at: Option<Timestamp>) -> Self {
        self.not_before = at;
        self
    }

    /// For whoever listens: maybe nobody, and that is no trouble.
    pub(crate) const fn is_event(&self) -> bool {
        !self.exchange.is_empty()
    }

    pub(super) fn route(&self, now: Timestamp) -> Route {
        if self.parked.is_some() {
            return Route {
                exchange: DEAD_EXCHANGE.to_owned(),
                routing_key: self.queue.clone(),
            };
        }
        if self.is_event() {
            return Route {
                exchange: self.exchange.clone(),
                routing_key: self.queue.clone(),
            };
        }
        let delay_s = self.not_before.map_or(0, |at| delay::delay_s(now, at));
        delay::route(&self.queue, delay_s.max(u32::from(self.is_put_back)))
    }

    /// Everything but the body. What does not fit the protocol's short strings is left out: the body says it too.
    pub(super) fn properties(&self, worker: &str, now: Timestamp) -> BasicProperties {
        let mut table = FieldTable::default();
        if let Some(traceparent) = &self.traceparent {
            headers::put(&mut table, headers::TRACEPARENT, traceparent);
        }
        if self.attempts > 0 || self.parked.is_some() {
            headers::put_count(&mut table, headers::ATTEMPTS, self.attempts);
        }
        match &self.parked {
            Some(parked) => {
                headers::put(&mut table, headers::REASON, &headers::reason_line(&parked.reason));
                headers::put(&mut table, headers::QUEUE, &self.queue);
                headers::put(&mut table, headers::WORKER, worker);
                headers::put(&mut table, headers::FAILED_AT, &parked.at.to_string());
            }
            None => {
                if let Some(at) = self.not_before {
                    headers::put(&mut table, headers::NOT_BEFORE, &at.to_string());
                }
            }
        }
        let sent_s = self
            .timestamp_s
            .or_else(|| u64::try_from(now.as_second()).ok())
            .unwrap_or_default();
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_headers(table)
            .with_timestamp(sent_s);
        let short = |text: &Option<String>| text.as_deref().and_then(headers::short);
        if let Some(id) = short(&self.message_id) {
            properties = properties.with_message_id(id);
        }
        if let Some(kind) = short(&self.kind) {
            properties = properties.with_type(kind);
        }
        if let Some(content_type) = short(&self.content_type) {
            properties = properties.with_content_type(content_type);
        }
        if let Some(app_id) = short(&self.app_id).or_else(|| headers::short(worker)) {
            properties = properties.with_app_id(app_id);
        }
        properties
    }
}

impl From<OutboxMessage> for Outgoing {
    fn from(row: OutboxMessage) -> Self {
        let outgoing = Self::new(row.queue, Some(row.message_id), Some(row.kind), row.body)
            .traced(row.traceparent.as_deref())
            .not_before(row.not_before);
        Self {
            exchange: row.exchange,
            ..outgoing
        }
    }
}

#[cfg(test)]
mod tests;
