//! A sender, as the contract has it: exchange `topup`, key `sms-sent`, persistent, confirmed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use jiff::Timestamp;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

/// Persistent.
const DELIVERY_MODE: u8 = 2;
/// Messages published and not yet confirmed, at most.
const IN_FLIGHT_MAX: usize = 2_000;
/// Longest wait for the broker's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A steady stream is published in so many portions a second.
const PORTIONS_PER_S: u32 = 100;

/// One connection of a sender's.
#[derive(Debug)]
pub(crate) struct Sender {
    connection: Connection,
    channel: Channel,
    unconfirmed: VecDeque<PublisherConfirm>,
}

/// Events that go on being published beside what is measured.
#[derive(Debug)]
pub(crate) struct Stream {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<u32>>,
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
            connection,
            channel,
            unconfirmed: VecDeque::new(),
        })
    }

    /// Another channel of the connection, to consume on.
    pub(crate) async fn another_channel(&self) -> Result<Channel> {
        self.connection
            .create_channel()
            .await
            .context("opening a channel")
    }

    /// Publishes one send of one credit, and returns the moment just before; [`Self::settle`] waits for its confirm.
    pub(crate) async fn publish(&mut self, account: u32) -> Result<Timestamp> {
        let id = Uuid::now_v7();
        let now = Timestamp::now();
        let body = format!(r#"{{"event_id":"{id}","account_id":{account},"credits":1,"sent_at":"{now}"}}"#);
        let properties = BasicProperties::default()
            .with_message_id(id.to_string().into())
            .with_type("sms-sent.v1".into());
        self.publish_to("topup", "sms-sent", body, properties).await
    }

    /// Publishes any message, as [`Self::publish`] does.
    pub(crate) async fn publish_to(
        &mut self,
        exchange: &str,
        routing_key: &str,
        body: String,
        properties: BasicProperties,
    ) -> Result<Timestamp> {
        while self.unconfirmed.len() >= IN_FLIGHT_MAX {
            self.confirm_oldest().await?;
        }
        let start = Timestamp::now();
        let properties = properties
            .with_content_type("application/json".into())
            .with_delivery_mode(DELIVERY_MODE)
            .with_timestamp(start.as_second().unsigned_abs())
            .with_app_id("load".into());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirm = self.channel.basic_publish(
            exchange.into(),
            routing_key.into(),
            options,
            body.as_bytes(),
            properties,
        );
        self.unconfirmed.push_back(confirm.await.context("publishing")?);
        Ok(start)
    }

    /// Publishes many sends, for the account of each number, and waits until the broker has them all.
    pub(crate) async fn publish_all(
        &mut self,
        count: u32,
        account: impl Fn(u32) -> u32,
        bar: &ProgressBar,
    ) -> Result<()> {
        for number in 0..count {
            self.publish(account(number)).await?;
            bar.inc(1);
        }
        self.settle().await
    }

    /// Goes on publishing so many sends a second until it is told to stop.
    pub(crate) fn stream(mut self, per_s: u32, account: impl Fn(u32) -> u32 + Send + 'static) -> Stream {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / PORTIONS_PER_S);
            // What could not be published in time is not made up for all at once.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut published = 0;
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                for _ in 0..per_s / PORTIONS_PER_S {
                    self.publish(account(published)).await?;
                    published += 1;
                }
            }
            self.settle().await?;
            Ok(published)
        });
        Stream { stop, task }
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

impl Stream {
    /// How many were published, once all are confirmed.
    pub(crate) async fn stop(self) -> Result<u32> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.context("publishing beside")?
    }
}
