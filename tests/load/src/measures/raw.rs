//! The limit: how many messages a second one consumer takes out of the very same queue and acknowledges, with the
//! same client and the same number sent ahead, doing nothing with them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::time::{Instant, timeout};
use topup_runtime::settings::Settings;

use crate::bench::{Ground, WORKER};
use crate::samples::Samples;
use crate::sender::Sender;

/// Longest wait for the next message.
const WAIT: Duration = Duration::from_secs(30);
/// What the fleet's worker would have.
const PREFETCH: &str = "TOPUP__SMS_SENT__PREFETCH";
const BATCH_MAX: &str = "TOPUP__SMS_SENT__BATCH_MAX";

/// `raw_drain_per_s`.
pub(crate) async fn measure(ground: &mut Ground, count: u32, samples: &mut Samples) -> Result<()> {
    let (prefetch, batch) = (default_of::<u16>(PREFETCH)?, default_of::<u32>(BATCH_MAX)?);
    ground.fill_queue(count, ground.spending()).await?;
    // A connection of its own, as the worker has.
    let consumer = Sender::connect(&ground.amqp_url).await?;
    let channel = consumer.another_channel().await?;
    let took = drain(&channel, count, prefetch, batch).await?;
    samples.add("raw_drain_per_s", f64::from(count) / took.as_secs_f64());
    Ok(())
}

/// From the first message to the broker having every acknowledgement.
async fn drain(channel: &Channel, count: u32, prefetch: u16, batch: u32) -> Result<Duration> {
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await
        .context("setting the prefetch")?;
    let options = BasicConsumeOptions::default();
    let mut deliveries = channel
        .basic_consume(WORKER.into(), "load".into(), options, FieldTable::default())
        .await
        .context("consuming")?;
    let mut start = None;
    for number in 1..=count {
        let delivery = timeout(WAIT, deliveries.next())
            .await
            .context("waiting for a message")?;
        let delivery = delivery.context("the broker ended the consumer")?;
        let delivery = delivery.context("taking a message")?;
        start.get_or_insert_with(Instant::now);
        if number % batch == 0 || number == count {
            delivery
                .acker
                .ack(BasicAckOptions { multiple: true })
                .await
                .context("acknowledging")?;
        }
    }
    // Answered after all that was said before it.
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(WORKER.into(), options, FieldTable::default())
        .await
        .context("looking at the queue")?;
    let took = start.context("there was nothing to drain")?.elapsed();
    ensure!(
        queue.message_count() == 0,
        "{} messages are left over",
        queue.message_count()
    );
    Ok(took)
}

/// The default of one of the fleet's settings.
pub(crate) fn default_of<T: std::str::FromStr>(variable: &str) -> Result<T> {
    let settings = Settings::reference();
    let setting = settings.iter().find(|setting| setting.variable == variable);
    setting
        .and_then(|setting| setting.default?.parse().ok())
        .with_context(|| format!("{variable} has no default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_s_own_settings_are_taken() {
        assert!(default_of::<u16>(PREFETCH).unwrap() > 0);
        assert!(default_of::<u32>(BATCH_MAX).unwrap() > 0);
        assert!(default_of::<u32>("TOPUP__NO_SUCH").is_err());
    }
}
