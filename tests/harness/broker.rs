//! The broker as its users see it: a sender that publishes with confirms, a person who counts and looks.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use lapin::message::Delivery;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::events::Raw;
use super::patience::eventually;

/// Messages that are published before their confirms are waited for.
const IN_FLIGHT_MAX: usize = 500;
/// Messages of a queue that are looked at, at most.
const LOOK_MAX: u32 = 100_000;
/// AMQP's number for a persistent message.
const PERSISTENT: u8 = 2;

/// A connection of the test's own.
#[derive(Debug)]
pub struct Broker {
    connection: Connection,
    sender: Channel,
}

/// A message in a queue for people.
#[derive(Debug, Clone)]
pub struct Parked {
    /// As it was published.
    pub body: Vec<u8>,
    /// AMQP's `message_id`.
    pub message_id: Option<String>,
    /// AMQP's `type`.
    pub kind: Option<String>,
    /// AMQP's `expiration`, which a parked message must not have.
    pub expiration: Option<String>,
    /// Its headers, as text.
    pub headers: BTreeMap<String, String>,
}

impl Parked {
    /// Why it lies there.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.headers.get("x-topup-reason").map_or("", String::as_str)
    }

    fn of(delivery: Delivery) -> Self {
        let properties = delivery.properties;
        let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
        let none = FieldTable::default();
        let headers = properties.headers().as_ref().unwrap_or(&none);
        Self {
            body: delivery.data,
            message_id: text(properties.message_id()),
            kind: text(properties.kind()),
            expiration: text(properties.expiration()),
            headers: headers
                .inner()
                .iter()
                .map(|(name, value)| (name.to_string(), readable(value)))
                .collect(),
        }
    }
}

fn readable(value: &AMQPValue) -> String {
    if let Some(text) = value.as_long_string() {
        return text.to_string();
    }
    if let Some(number) = value.as_long_long_int() {
        return number.to_string();
    }
    if let Some(number) = value.as_long_int() {
        return number.to_string();
    }
    if let Some(number) = value.as_long_uint() {
        return number.to_string();
    }
    format!("{value:?}")
}

impl Broker {
    /// Connects, with confirms.
    ///
    /// # Errors
    /// The broker can't be reached or refused.
    pub async fn connect(amqp_url: &str) -> Result<Self> {
        let connection = Connection::connect(amqp_url, ConnectionProperties::default())
            .await
            .context("connecting to the broker")?;
        let sender = connection
            .create_channel()
            .await
            .context("opening the sender's channel")?;
        sender
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .context("asking for confirms")?;
        Ok(Self { connection, sender })
    }

    /// Publishes as an upstream sender does: to the exchange `topup`, and confirmed.
    ///
    /// # Errors
    /// The broker did not confirm all of them.
    pub async fn publish(&self, messages: impl IntoIterator<Item = Raw>) -> Result<()> {
        self.publish_by("topup", "sms-sent", messages).await
    }

    /// Publishes straight to a queue, as the fleet itself does.
    ///
    /// # Errors
    /// The broker did not confirm all of them, or there is no such queue.
    pub async fn publish_to(&self, queue: &str, messages: impl IntoIterator<Item = Raw>) -> Result<()> {
        self.publish_by("", queue, messages).await
    }

    /// Publishes by an exchange and a routing key.
    ///
    /// # Errors
    /// The broker did not confirm all of them, or gave one back.
    pub async fn publish_by(
        &self,
        exchange: &str,
        key: &str,
        messages: impl IntoIterator<Item = Raw>,
    ) -> Result<()> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let mut confirms = Vec::new();
        for message in messages {
            let confirm = self.sender.basic_publish(
                exchange.into(),
                key.into(),
                options,
                &message.body,
                properties(&message),
            );
            confirms.push(confirm.await.context("publishing")?);
            if confirms.len() == IN_FLIGHT_MAX {
                for confirm in confirms.drain(..) {
                    taken(confirm.await?)?;
                }
            }
        }
        for confirm in confirms {
            taken(confirm.await?)?;
        }
        Ok(())
    }

    /// Messages of `queue` that are ready to be delivered; `None`: there is no such queue.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn ready(&self, queue: &str) -> Result<Option<u32>> {
        // A missing queue closes the channel, so each question has its own.
        let channel = self.channel().await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let Ok(found) = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
        else {
            return Ok(None);
        };
        channel.close(200, "done".into()).await.context("closing")?;
        Ok(Some(found.message_count()))
    }

    /// Messages that wait in `delay.v1.*`, over all levels.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn delayed(&self) -> Result<u32> {
        let mut delayed = 0;
        for level in 0..12 {
            delayed += self.ready(&format!("delay.v1.{level:02}")).await?.unwrap_or(0);
        }
        Ok(delayed)
    }

    /// Waits until `<queue>.dead` holds so many messages, and looks at them without taking them.
    ///
    /// # Errors
    /// There were not so many in time, or more.
    pub async fn dead(&self, queue: &str, count: u32) -> Result<Vec<Parked>> {
        let queue = format!("{queue}.dead");
        let what = format!("{count} messages in {queue}");
        eventually(&what, async || {
            Ok(self.ready(&queue).await?.filter(|ready| *ready >= count))
        })
        .await?;
        let parked = self.look(&queue).await?;
        ensure!(
            parked.len() == count as usize,
            "{} instead of {count} messages in {queue}: {:?}",
            parked.len(),
            parked.iter().map(Parked::reason).collect::<Vec<_>>(),
        );
        Ok(parked)
    }

    /// Looks at every ready message of `queue`; they stay there.
    ///
    /// # Errors
    /// There is no such queue, or the connection is gone.
    pub async fn look(&self, queue: &str) -> Result<Vec<Parked>> {
        let channel = self.channel().await?;
        let mut seen = Vec::new();
        for _ in 0..LOOK_MAX {
            let got = channel
                .basic_get(queue.into(), BasicGetOptions { no_ack: false })
                .await
                .with_context(|| format!("looking into {queue}"))?;
            match got {
                Some(message) => seen.push(Parked::of(message.delivery)),
                None => break,
            }
        }
        // What was not acknowledged goes back.
        channel.close(200, "looked".into()).await.context("closing")?;
        Ok(seen)
    }

    /// Takes the oldest message of `queue` away.
    ///
    /// # Errors
    /// There is no such queue, or the connection is gone.
    pub async fn take(&self, queue: &str) -> Result<Option<Parked>> {
        let channel = self.channel().await?;
        let got = channel
            .basic_get(queue.into(), BasicGetOptions { no_ack: true })
            .await
            .with_context(|| format!("taking from {queue}"))?;
        channel.close(200, "took".into()).await.context("closing")?;
        Ok(got.map(|message| Parked::of(message.delivery)))
    }

    /// Empties `queue`, as a person or an accident may.
    ///
    /// # Errors
    /// There is no such queue.
    pub async fn purge(&self, queue: &str) -> Result<()> {
        let purged = self
            .channel()
            .await?
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await;
        purged.map(drop).with_context(|| format!("purging {queue}"))
    }

    /// Deletes `queue`, with everything in it.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn delete(&self, queue: &str) -> Result<()> {
        let deleted = self
            .channel()
            .await?
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await;
        deleted.map(drop).with_context(|| format!("deleting {queue}"))
    }

    /// A channel for whatever else a test does.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn channel(&self) -> Result<Channel> {
        self.connection
            .create_channel()
            .await
            .context("opening a channel")
    }
}

fn taken(confirmation: Confirmation) -> Result<()> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(back)) | Confirmation::Nack(Some(back)) => {
            bail!("the broker gave a message back: {}", back.reply_text)
        }
        Confirmation::Nack(None) => bail!("the broker refused a message"),
        Confirmation::NotRequested => bail!("the channel does not confirm"),
    }
}

fn properties(message: &Raw) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        headers.insert(name.as_str().into(), AMQPValue::LongString(value.as_str().into()));
    }
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_app_id("specification".into())
        .with_headers(headers);
    if let Some(id) = &message.message_id {
        properties = properties.with_message_id(id.as_str().into());
    }
    if let Some(kind) = &message.kind {
        properties = properties.with_type(kind.as_str().into());
    }
    if let Some(content_type) = &message.content_type {
        properties = properties.with_content_type(content_type.as_str().into());
    }
    if let Some(expiration_ms) = message.expiration_ms {
        properties = properties.with_expiration(expiration_ms.to_string().as_str().into());
    }
    properties
}
