//! For the operator's command: one connection without supervision, to declare, to count, to look, to move.

use super::connect::{BrokerError, Link, Purpose, connect, connection_name, within};
use super::topology::Topology;
use super::{Address, headers};
use crate::settings::Amqp;
use jiff::Timestamp;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;

/// Messages looked at in one go, at most: they are all held until the look is over.
pub const PEEK_MAX: usize = 1_000;

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

    fn of(delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        let owned = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
        let none = FieldTable::default();
        let table = properties.headers().as_ref().unwrap_or(&none);
        Self {
            message_id: owned(properties.message_id()),
            kind: owned(properties.kind()),
            routing_key: delivery.routing_key.to_string(),
            app_id: owned(properties.app_id()),
            timestamp_s: *properties.timestamp(),
            body: delivery.data.clone(),
            headers: table
                .inner()
                .iter()
                .map(|(name, value)| (name.to_string(), readable(value)))
                .collect(),
            redelivered: delivery.redelivered,
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
        let link = connect(amqp, address.uris(), Purpose::Consume, &connection_name(name), 0).await?;
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

    /// Looks at up to `max` messages at the head of a queue (never more than [`PEEK_MAX`]) and puts them back.
    ///
    /// # Errors
    /// There is no such queue, or the connection broke.
    pub async fn peek(&self, queue: &str, max: usize) -> Result<Vec<Seen>, BrokerError> {
        let doing = format!("look into {queue}");
        let channel = within(
            self.amqp.connect_timeout,
            &doing,
            self.link.connection.create_channel(),
        )
        .await?;
        let mut seen = Vec::new();
        while seen.len() < max.min(PEEK_MAX) {
            let get = channel.basic_get(queue.into(), BasicGetOptions::default());
            match within(self.amqp.connect_timeout, &doing, get).await? {
                Some(message) => seen.push(Seen::of(&message.delivery)),
                None => break,
            }
        }
        if !seen.is_empty() {
            // Tag 0 with `multiple`: everything that was taken.
            let options = BasicNackOptions {
                multiple: true,
                requeue: true,
            };
            within(
                self.amqp.connect_timeout,
                "put messages back",
                channel.basic_nack(0, options),
            )
            .await?;
        }
        within(
            self.amqp.connect_timeout,
            &doing,
            channel.close(200, "done".into()),
        )
        .await?;
        Ok(seen)
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.link.close().await;
    }
}
