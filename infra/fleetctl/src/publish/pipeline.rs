//! Messages on their way to the broker: many at once, bounded, confirmed in the order of their lines.

use super::message::Event;
use crate::fleet::Fleet;
use crate::sending;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, PublisherConfirm};
use std::collections::VecDeque;
use std::time::Duration;
use topup_rules::message::{Message as _, SmsSent};
use topup_runtime::broker::admin::Admin;
use topup_runtime::broker::topology::EXCHANGE;

/// The first line that is not known to be with the broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unconfirmed {
    /// Counted from 1.
    pub(super) line: u64,
    /// What is known.
    pub(super) why: String,
}

/// One channel with confirms.
pub(super) struct Pipeline {
    broker: Admin,
    channel: Channel,
    on_their_way: VecDeque<(u64, PublisherConfirm)>,
    in_flight_max: usize,
    confirm_timeout: Duration,
    confirmed: u64,
}

impl Pipeline {
    /// Connects, and sees to it that there is a queue to publish to.
    ///
    /// # Errors
    /// Settings; a broker that can't be reached; no queue.
    pub(super) async fn connect(fleet: &Fleet, in_flight_max: usize) -> anyhow::Result<Self> {
        let broker = fleet.broker().await?;
        // The exchange's alternate would take the messages otherwise, and confirm them.
        if broker.count(SmsSent::QUEUE).await?.is_none() {
            anyhow::bail!(
                "the broker has no queue {}: run `fleetctl topology apply`",
                SmsSent::QUEUE
            );
        }
        let channel = broker.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            broker,
            channel,
            on_their_way: VecDeque::with_capacity(in_flight_max),
            in_flight_max,
            confirm_timeout: fleet.settings().amqp.confirm_timeout,
            confirmed: 0,
        })
    }

    /// How many messages the broker has confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Sends line `line`, once there is room for it.
    pub(super) async fn publish(&mut self, line: u64, event: &Event) -> Result<(), Unconfirmed> {
        while self.on_their_way.len() >= self.in_flight_max {
            self.confirm_oldest().await?;
        }
        let properties = event.properties(sending::now_s());
        let sent = self
            .channel
            .basic_publish(
                EXCHANGE.into(),
                SmsSent::QUEUE.into(),
                sending::mandatory(),
                &event.body,
                properties,
            )
            .await;
        match sent {
            Ok(confirm) => {
                self.on_their_way.push_back((line, confirm));
                Ok(())
            }
            // Lines before this one may be unconfirmed as well: the first of them is where to resume.
            Err(error) => {
                self.drain().await?;
                Err(Unconfirmed {
                    line,
                    why: error.to_string(),
                })
            }
        }
    }

    /// Waits until all that was sent is confirmed.
    pub(super) async fn drain(&mut self) -> Result<(), Unconfirmed> {
        while !self.on_their_way.is_empty() {
            self.confirm_oldest().await?;
        }
        Ok(())
    }

    async fn confirm_oldest(&mut self) -> Result<(), Unconfirmed> {
        let Some((line, confirm)) = self.on_their_way.pop_front() else {
            return Ok(());
        };
        match sending::confirmed(confirm, SmsSent::QUEUE, self.confirm_timeout).await {
            Ok(()) => {
                self.confirmed += 1;
                Ok(())
            }
            Err(why) => Err(Unconfirmed { line, why }),
        }
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        self.broker.close().await;
    }
}
