//! A sender, as the contract has it: exchange `topup`, key `sms-sent`, persistent, confirmed.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

/// Persistent.
const DELIVERY_MODE: u8 = 2;
/// Messages published and not yet confirmed, at most.
const IN_FLIGHT_MAX: usize = 2_000;
/// Longest wait for the broker's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// One connection of a sender's.
#[derive(Debug)]
pub(crate) struct Sender {
    _connection: Connection,
    channel: Channel,
    unconfirmed: VecDeque<PublisherConfirm>,
}

impl Sender {
    pub(crate) async fn connect(amqp_url: &str) -> Result<Self> {
        let properties = ConnectionProperties::default().with_connection_name("load".into());
        let connection = Connection::connect(amqp_url, properties)
            .await
            .context("connecting to the broker")?;
        let channel = connection.create_channel().await.context("opening a channel")?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .context("asking for confirms")?;
        Ok(Self {
            _connection: connection,
            channel,
            unconfirmed: VecDeque::new(),
        })
    }

    /// Publishes one send of one credit, and returns the moment just before; [`Self::settle`] waits for its confirm.
    pub(crate) async fn publish(&mut self, account: u32) -> Result<Timestamp> {
        while self.unconfirmed.len() >= IN_FLIGHT_MAX {
            self.confirm_oldest().await?;
        }
        let id = Uuid::now_v7().to_string();
        let now = Timestamp::now();
        let body = json!({"event_id": id, "account_id": account, "credits": 1, "sent_at": now}).to_string();
        let properties = BasicProperties::default()
            .with_message_id(id.into())
            .with_type("sms-sent.v1".into())
            .with_content_type("application/json".into())
            .with_delivery_mode(DELIVERY_MODE)
            .with_timestamp(now.as_second().unsigned_abs())
            .with_app_id("load".into());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let start = Timestamp::now();
        let confirm = self.channel.basic_publish(
            "topup".into(),
            "sms-sent".into(),
            options,
            body.as_bytes(),
            properties,
        );
        self.unconfirmed.push_back(confirm.await.context("publishing")?);
        Ok(start)
    }

    /// Waits until the broker has everything that was published.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        while !self.unconfirmed.is_empty() {
            self.confirm_oldest().await?;
        }
        Ok(())
    }

    async fn confirm_oldest(&mut self) -> Result<()> {
        let Some(confirm) = self.unconfirmed.pop_front() else {
            return Ok(());
        };
        let confirmation = timeout(ANSWER_TIMEOUT, confirm)
            .await
            .context("the broker did not confirm")?;
        let confirmation = confirmation.context("the broker did not confirm")?;
        ensure!(
            matches!(confirmation, Confirmation::Ack(None)),
            "the broker refused an event: {confirmation:?}"
        );
        Ok(())
    }
}
