//! How late delayed messages come: so many at once wait in the fleet's own delay queues, each for a time of its own,
//! and come to a queue of ours that is bound like a worker's.
//!
//! A message is late by what lies between the moment that it was asked for (the moment of publishing and whole
//! seconds) and its arrival here.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel};
use serde_json::json;
use tokio::time::timeout;
use topup_runtime::broker::delay;

use crate::bench::Ground;
use crate::plan::Sizes;
use crate::progress;
use crate::samples::Samples;
use crate::sender::Sender;

const QUEUE: &str = "load.delayed";
const PREFETCH: u16 = 2_000;
/// How late the next message may be before it counts as lost.
const WAIT: Duration = Duration::from_secs(60);
/// Scatters the delays.
const STRIDE: u64 = 2_654_435_761;
/// What each of [`Sizes::delayed`] is called.
const KEYS: [&str; 3] = ["delay_1k_late", "delay_late", "delay_100k_late"];

/// `delay_late_…_ms` and its like, and `delay_early`.
pub(crate) async fn measure(ground: &Ground, sizes: &Sizes, samples: &mut Samples) -> Result<()> {
    let mut early = 0_u32;
    for (key, count) in KEYS.into_iter().zip(sizes.delayed) {
        let late = one(ground, count, sizes.delay_max_s).await?;
        early += u32::try_from(late.iter().filter(|late| late.is_negative()).count())?;
        samples.add_spans(key, late);
    }
    samples.add("delay_early", f64::from(early));
    Ok(())
}

async fn one(ground: &Ground, count: u32, max_s: u32) -> Result<Vec<SignedDuration>> {
    let consumer = Sender::connect(&ground.amqp_url).await?;
    let channel = consumer.another_channel().await?;
    declare(&channel).await?;
    let bar = progress::bar(
        &format!("delaying {count} messages by 1 to {max_s} s"),
        count.into(),
    );
    // Taken while others are still being published: the shortest delays are over first.
    let arriving = tokio::spawn(arrivals(channel, count, bar.clone()));
    let mut sender = Sender::connect(&ground.amqp_url).await?;
    let mut due = Vec::with_capacity(count as usize);
    for number in 0..count {
        let delay_s = delay_s(number, max_s);
        let route = delay::route(QUEUE, delay_s);
        let id = format!("load-{number}");
        let body = json!({"number": number, "topup_id": id}).to_string();
        let properties = BasicProperties::default()
            .with_message_id(id.into())
            .with_type("load.v1".into());
        let at = sender
            .publish_to(&route.exchange, &route.routing_key, body, properties)
            .await?;
        due.push(at + SignedDuration::from_secs(i64::from(delay_s)));
    }
    sender.settle().await?;
    let arrived = arriving.await.context("taking delayed messages")??;
    bar.finish_and_clear();
    due.into_iter()
        .zip(arrived)
        .enumerate()
        .map(|(number, (due, arrived))| {
            let arrived = arrived.with_context(|| format!("message {number} never came"))?;
            Ok(arrived.duration_since(due))
        })
        .collect()
}

/// From 1 to `max_s` seconds, each as often, in no order.
fn delay_s(number: u32, max_s: u32) -> u32 {
    let scattered = (u64::from(number).wrapping_mul(STRIDE) >> 8) % u64::from(max_s);
    1 + u32::try_from(scattered).unwrap_or_default()
}

async fn declare(channel: &Channel) -> Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString(LongString::from("quorum")),
    );
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(QUEUE.into(), options, arguments)
        .await
        .context("declaring a queue")?;
    channel
        .queue_bind(
            QUEUE.into(),
            delay::DELIVER.into(),
            format!("#.{QUEUE}").into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .context("binding a queue")?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await
        .context("setting the prefetch")
}

/// When each message came.
async fn arrivals(channel: Channel, count: u32, bar: ProgressBar) -> Result<Vec<Option<Timestamp>>> {
    let mut arrived: Vec<Option<Timestamp>> = vec![None; count as usize];
    let options = BasicConsumeOptions::default();
    let mut deliveries = channel
        .basic_consume(QUEUE.into(), "load".into(), options, FieldTable::default())
        .await
        .context("consuming")?;
    let mut left = count;
    while left > 0 {
        let delivery = timeout(WAIT, deliveries.next())
            .await
            .with_context(|| format!("{left} delayed messages did not come"))?;
        let delivery = delivery
            .context("the broker ended the consumer")?
            .context("taking a message")?;
        let now = Timestamp::now();
        let body: serde_json::Value = serde_json::from_slice(&delivery.data).context("reading a message")?;
        let number = body["number"]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        let place = number
            .and_then(|number| arrived.get_mut(number))
            .context("a foreign message")?;
        ensure!(place.is_none(), "message {body} came twice");
        *place = Some(now);
        delivery
            .acker
            .ack(BasicAckOptions { multiple: true })
            .await
            .context("acknowledging")?;
        left -= 1;
        bar.inc(1);
    }
    Ok(arrived)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_over_all_seconds() {
        let mut seen = [0_u32; 61];
        for number in 0..60_000 {
            seen[delay_s(number, 60) as usize] += 1;
        }
        assert_eq!(seen[0], 0);
        assert!(
            seen[1..].iter().all(|times| (900..1_100).contains(times)),
            "{seen:?}"
        );
    }
}
