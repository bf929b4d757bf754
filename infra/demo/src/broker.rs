//! What lies in the delay queues at this very moment.
//!
//! The management page shows the same, some seconds late: it collects its numbers at intervals.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

/// Levels of the delay topology, each a queue.
const LEVELS: u32 = 12;
/// Longest wait for the broker's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection for looking.
#[derive(Debug)]
pub(crate) struct Broker {
    _connection: Connection,
    channel: Channel,
}

/// A delay queue that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// `delay.v1.02`.
    pub(crate) queue: String,
    /// How long a message stays in it.
    pub(crate) stay_s: u32,
}

impl Broker {
    pub(crate) async fn connect(amqp_url: &str) -> Result<Self> {
        let connecting = async {
            let properties = ConnectionProperties::default().with_connection_name("demo".into());
            let connection = Connection::connect(amqp_url, properties).await?;
            let channel = connection.create_channel().await?;
            Ok(Self {
                _connection: connection,
                channel,
            })
        };
        let connected: Result<Self, lapin::Error> = timeout(ANSWER_TIMEOUT, connecting)
            .await
            .context("the broker did not answer")?;
        connected.context("connecting to the broker")
    }

    /// The delay queue that holds something, the longest stay first; `None` where none does.
    pub(crate) async fn waiting(&self) -> Result<Option<Waiting>> {
        for level in (0..LEVELS).rev() {
            let queue = format!("delay.v1.{level:02}");
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::durable()
            };
            let declared = self
                .channel
                .queue_declare(queue.as_str().into(), options, FieldTable::default());
            let found = timeout(ANSWER_TIMEOUT, declared)
                .await
                .context("the broker did not answer")?;
            if found
                .with_context(|| format!("looking at {queue}"))?
                .message_count()
                > 0
            {
                return Ok(Some(Waiting {
                    queue,
                    stay_s: 1 << level,
                }));
            }
        }
        Ok(None)
    }
}
