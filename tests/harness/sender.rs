//! A sender as the contract asks for one: what was not confirmed is published again, by whichever node takes it.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, timeout};
use topup_stack::Space;

use super::broker::Broker;
use super::events::Event;
use super::patience::PATIENCE;

/// Longest wait for the confirms of one lot; then it is somebody else's turn.
const CONFIRMS_TIMEOUT: Duration = Duration::from_secs(5);

/// It connects anew, to the next node, whenever something goes wrong.
#[derive(Debug)]
pub struct Sender {
    urls: Vec<String>,
    tries: usize,
    broker: Option<Broker>,
}

impl Sender {
    /// A sender to a space's broker, whose nodes need not be there yet.
    #[must_use]
    pub fn to(space: &Space) -> Self {
        Self {
            urls: space.amqp_node_urls(),
            tries: 0,
            broker: None,
        }
    }

    /// Publishes a lot of events until the broker has confirmed them all; some may lie in the queue several times.
    ///
    /// # Errors
    /// It did not for a long time.
    pub async fn send(&mut self, events: &[Event]) -> Result<()> {
        let until = Instant::now() + PATIENCE * 2;
        loop {
            let Err(error) = self.try_once(events).await else {
                return Ok(());
            };
            self.broker = None;
            self.tries += 1;
            if Instant::now() > until {
                bail!(
                    "the broker took nothing for {} s: {error:#}",
                    PATIENCE.as_secs() * 2
                );
            }
            // A refusal comes at once.
            tokio::task::yield_now().await;
        }
    }

    async fn try_once(&mut self, events: &[Event]) -> Result<()> {
        let url = &self.urls[self.tries % self.urls.len()];
        timeout(CONFIRMS_TIMEOUT, async {
            let broker = match self.broker.take() {
                Some(broker) => broker,
                None => Broker::connect(url).await?,
            };
            broker.publish(events.iter().map(Event::message)).await?;
            self.broker = Some(broker);
            Ok(())
        })
        .await?
    }
}
