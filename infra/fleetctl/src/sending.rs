//! Messages that this command publishes: what each one bears, and what the broker says of it.
//!
//! Left out: publishing many at once, bounded, which is `publish`'s.

use crate::fleet::Fleet;
use anyhow::Context as _;
use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use std::time::Duration;
use topup_rules::message::Message;
use topup_runtime::broker::admin::Admin;
use topup_runtime::broker::headers;
use topup_store::{OutboxMessage, Store};
use uuid::Uuid;

/// AMQP's mark of a message that survives a restart.
const PERSISTENT: u8 = 2;
/// Who publishes.
const APP_ID: &str = "fleetctl";
/// AMQP's nameless exchange: straight to the queue that the routing key names.
const DEFAULT_EXCHANGE: &str = "";

/// A message that no queue takes comes back instead of vanishing.
pub(crate) fn mandatory() -> BasicPublishOptions {
    BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    }
}

/// What goes with a message of type `kind` at `now_s`, seconds since 1970. One that follows from nothing begins a trace
/// of its own. An id that does not fit is left out: the body says it too.
pub(crate) fn properties(
    kind: &str,
    message_id: Option<&str>,
    trace: Option<&str>,
    now_s: u64,
) -> BasicProperties {
    let mut table = FieldTable::default();
    let trace = trace.map_or_else(new_trace, str::to_owned);
    table.insert(
        headers::TRACEPARENT.into(),
        AMQPValue::LongString(LongString::from(trace)),
    );
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_type(kind.into())
        .with_content_type("application/json".into())
        .with_app_id(APP_ID.into())
        .with_timestamp(now_s)
        .with_headers(table);
    match message_id.and_then(|id| ShortString::try_new(id).ok()) {
        Some(id) => properties.with_message_id(id),
        None => properties,
    }
}

/// Now, in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}

/// Waits until the broker has a message that was published to `queue`; otherwise says why not.
pub(crate) async fn confirmed(
    confirm: PublisherConfirm,
    queue: &str,
    timeout: Duration,
) -> Result<(), String> {
    match tokio::time::timeout(timeout, confirm).await {
        Ok(Ok(Confirmation::Ack(None))) => Ok(()),
        Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => {
            Err("the broker has no queue for it: run `fleetctl topology apply`".to_owned())
        }
        Ok(Ok(Confirmation::Nack(None))) => Err(format!(
            "the broker refused it: the queue {queue} is full, or has lost its majority"
        )),
        Ok(Ok(Confirmation::NotRequested)) => Err("the broker does not confirm".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_late) => Err(format!(
            "the broker did not confirm it within {} s; it may be out of memory or disk",
            timeout.as_secs()
        )),
    }
}

/// A channel with confirms, for a few messages one after the other.
pub(crate) struct Sender {
    broker: Admin,
    channel: Channel,
    confirm_timeout: Duration,
}

impl Sender {
    /// Connects.
    ///
    /// # Errors
    /// Settings; a broker that can't be reached.
    pub(crate) async fn connect(fleet: &Fleet) -> anyhow::Result<Self> {
        let broker = fleet.broker().await?;
        let channel = broker.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            broker,
            channel,
            confirm_timeout: fleet.settings().amqp.confirm_timeout,
        })
    }

    /// Publishes one message to its own queue, and returns when the broker has it.
    ///
    /// # Errors
    /// The broker does not take it, or does not say so. It may have taken it all the same.
    pub(crate) async fn send<M: Message>(&self, message: &M) -> anyhow::Result<()> {
        let body = serde_json::to_vec(message).context("the message can't be written as JSON")?;
        let properties = properties(M::TYPE, Some(&message.id()), None, now_s());
        self.publish(M::QUEUE, &body, properties).await
    }

    /// Publishes what a change wants published, and takes it out of the outbox. What does not get there stays for the
    /// sweeper.
    ///
    /// # Errors
    /// The broker's, the database's.
    pub(crate) async fn send_rows(&self, store: &Store, rows: &[OutboxMessage]) -> anyhow::Result<()> {
        for row in rows {
            let trace = row.traceparent.as_deref();
            let properties = properties(&row.kind, Some(&row.message_id), trace, now_s());
            self.publish(&row.queue, &row.body, properties).await?;
            store.outbox_remove(&[row.id]).await?;
        }
        Ok(())
    }

    async fn publish(&self, queue: &str, body: &[u8], properties: BasicProperties) -> anyhow::Result<()> {
        let confirm = self.write(queue, body, properties).await?;
        self.confirmed(confirm, queue).await
    }

    /// Writes a message to the broker without waiting for its confirm.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn write(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> anyhow::Result<PublisherConfirm> {
        let written = self.channel.basic_publish(
            DEFAULT_EXCHANGE.into(),
            queue.into(),
            mandatory(),
            body,
            properties,
        );
        // Only a blocked connection lets one wait here.
        tokio::time::timeout(self.confirm_timeout, written)
            .await
            .context("the broker takes nothing; it may be out of memory or disk")?
            .with_context(|| format!("publishing to {queue}"))
    }

    /// Waits until the broker has a message that was written.
    ///
    /// # Errors
    /// The broker does not take it, or does not say so. It may have taken it all the same.
    pub(crate) async fn confirmed(&self, confirm: PublisherConfirm, queue: &str) -> anyhow::Result<()> {
        confirmed(confirm, queue, self.confirm_timeout)
            .await
            .map_err(anyhow::Error::msg)
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        self.broker.close().await;
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

    #[test]
    fn a_trace_is_new_each_time_and_of_the_one_shape() {
        let (one, other) = (new_trace(), new_trace());
        assert_ne!(one, other);
        let parts: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [2, 32, 16, 2]);
        assert!(one.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
    }

    #[test]
    fn a_message_bears_what_every_message_of_the_fleet_does() {
        let properties = properties(
            "payment-results.v1",
            Some("topup-1-a:failed"),
            None,
            1_700_000_000,
        );
        assert_eq!(properties.kind().clone().unwrap().as_str(), "payment-results.v1");
        assert_eq!(
            properties.message_id().clone().unwrap().as_str(),
            "topup-1-a:failed"
        );
        assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
        assert_eq!(*properties.timestamp(), Some(1_700_000_000));
        let too_long = "x".repeat(256);
        assert_eq!(
            *super::properties("x", Some(&too_long), None, 0).message_id(),
            None
        );
    }
}
