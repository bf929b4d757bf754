//! For the operator's command: one connection without supervision, to declare, to count, to look, to move.

mod holding;

pub use holding::{Held, Holding};

use super::connect::{BrokerError, Link, Purpose, Sign, connect, within};
use super::topology::Topology;
use super::{Address, Outgoing, headers};
use crate::settings::Amqp;
use jiff::Timestamp;
use lapin::message::Delivery;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use std::collections::BTreeMap;
use std::time::Duration;

/// One connection, for one command.
pub struct Admin {
    link: Link,
    amqp: Amqp,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// A message that was looked at, or taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// AMQP's `message_id`.
    pub message_id: Option<String>,
    /// AMQP's `type`.
    pub kind: Option<String>,
    /// What it was published with.
    pub routing_key: String,
    /// Who published it.
    pub app_id: Option<String>,
    /// AMQP's `content_type`.
    pub content_type: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// When, in seconds since 1970.
    pub timestamp_s: Option<u64>,
    /// As it was published.
    pub body: Vec<u8>,
    /// Its headers as text; nested ones in the notation of the client library.
    pub headers: BTreeMap<String, String>,
    /// Looked at or delivered before.
    pub redelivered: bool,
}

impl Seen {
    /// Why it was parked: in words, or what the broker itself says.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let given = self
            .headers
            .get(headers::REASON)
            .or_else(|| self.headers.get("x-first-death-reason"));
        given.map(String::as_str)
    }

    /// When it was parked.
    #[must_use]
    pub fn failed_at(&self) -> Option<Timestamp> {
        self.headers.get(headers::FAILED_AT)?.parse().ok()
    }

    /// What it is published with again, as type `kind`, at `now`: what its sender said of it, and nothing of what the
    /// broker, or whoever parked it, has added since. `publisher` stands in where no sender was named.
    #[must_use]
    pub fn properties_again(&self, kind: &str, publisher: &str, now: Timestamp) -> BasicProperties {
        let again = Outgoing {
            content_type: self.content_type.clone(),
            timestamp_s: self.timestamp_s,
            app_id: self.app_id.clone(),
            ..Outgoing::new(
                String::new(),
                self.message_id.clone(),
                Some(kind.to_owned()),
                Vec::new(),
            )
        };
        again
            .traced(self.traceparent.as_deref())
            .properties(publisher, now)
    }

    fn of(delivery: Delivery) -> Self {
        let properties = &delivery.properties;
        let owned = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
        let none = FieldTable::default();
        let table = properties.headers().as_ref().unwrap_or(&none);
        Self {
            message_id: owned(properties.message_id()),
            kind: owned(properties.kind()),
            routing_key: delivery.routing_key.to_string(),
            app_id: owned(properties.app_id()),
            content_type: owned(properties.content_type()),
            traceparent: headers::traceparent(table),
            timestamp_s: *properties.timestamp(),
            headers: table
                .inner()
                .iter()
                .map(|(name, value)| (name.to_string(), readable(value)))
                .collect(),
            redelivered: delivery.redelivered,
            body: delivery.data,
        }
    }
}

fn readable(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::Boolean(flag) => flag.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::Void => String::new(),
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::ByteArray(_) => format!("{value:?}"),
    }
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Messages that are ready to be delivered.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Admin {
    /// Connects to the first host that answers. `name` is what people read in the management page.
    ///
    /// # Errors
    /// No host answered, or each refused.
    pub async fn connect(amqp: &Amqp, address: &Address, name: &str) -> Result<Self, BrokerError> {
        let link = connect(amqp, address.uris(), Purpose::Consume, &Sign::by_hand(name), 0).await?;
        Ok(Self {
            link,
            amqp: amqp.clone(),
        })
    }

    /// Declares the whole topology. Idempotent.
    ///
    /// # Errors
    /// Something stands with other arguments, in words; or the broker refused.
    pub async fn apply_topology(&self) -> Result<(), BrokerError> {
        Topology::fleet()
            .declare(&self.link.channel, self.amqp.connect_timeout)
            .await
    }

    /// A channel of its own, for what needs the client library itself.
    ///
    /// # Errors
    /// The broker refused, or the connection broke.
    pub async fn channel(&self) -> Result<Channel, BrokerError> {
        let timeout = self.amqp.connect_timeout;
        within(timeout, "open a channel", self.link.connection.create_channel()).await
    }

    /// How long the broker may take for an answer.
    pub(super) const fn patience(&self) -> Duration {
        self.amqp.connect_timeout
    }

    /// What a queue holds; `None` where there is none of that name.
    ///
    /// # Errors
    /// The broker refused, or the connection broke.
    pub async fn count(&self, queue: &str) -> Result<Option<Count>, BrokerError> {
        let doing = format!("count {queue}");
        // A missing queue closes the channel: this one is for asking alone.
        let channel = within(
            self.amqp.connect_timeout,
            &doing,
            self.link.connection.create_channel(),
        )
        .await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let declare = channel.queue_declare(queue.into(), options, FieldTable::default());
        let count = match within(self.amqp.connect_timeout, &doing, declare).await {
            Ok(found) => Some(Count {
                messages: found.message_count(),
                consumers: found.consumer_count(),
            }),
            Err(BrokerError::Failed { source, .. }) if source.is_amqp_soft_error() => return Ok(None),
            Err(error) => return Err(error),
        };
        let _closed = within(
            self.amqp.connect_timeout,
            &doing,
            channel.close(200, "done".into()),
        )
        .await;
        Ok(count)
    }

    /// Begins to look through a queue; `None` where there is none of that name.
    ///
    /// # Errors
    /// The broker refused, or the connection broke.
    pub async fn hold(&self, queue: &str) -> Result<Option<Holding<'_>>, BrokerError> {
        match self.count(queue).await? {
            Some(count) => Holding::begin(self, queue, count.messages).await.map(Some),
            None => Ok(None),
        }
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.link.close().await;
    }
}
