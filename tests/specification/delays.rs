//! `delay.v1`: a message waits as long as it should in plain queues, never shorter, and none gets lost.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::{Instant, timeout};
use topup_runtime::broker::delay::{self, Route};
use topup_tests::{App, AppOptions, PATIENCE, Parked, event, eventually, main_account, metric, raw};

/// A queue of the test's own that delayed messages can be sent to.
async fn target(app: &App, name: &str) -> Result<()> {
    let channel = app.broker.channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel
        .queue_declare(name.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    let key = format!("#.{name}");
    let options = QueueBindOptions::default();
    channel
        .queue_bind(
            name.into(),
            delay::DELIVER.into(),
            key.as_str().into(),
            options,
            FieldTable::default(),
        )
        .await?;
    Ok(channel.close(200, "done".into()).await?)
}

async fn publish(app: &App, queue: &str, delay_s: u32, body: &str) -> Result<()> {
    let Route {
        exchange,
        routing_key,
    } = delay::route(queue, delay_s);
    app.broker.publish_by(&exchange, &routing_key, [raw(body)]).await
}

#[tokio::test]
async fn of_two_hundred_messages_with_mixed_delays_none_comes_early_and_none_is_lost() -> Result<()> {
    const MESSAGES: u32 = 200;
    let app = App::start(AppOptions::only(&[])).await?;
    target(&app, "probe").await?;
    let channel = app.broker.channel().await?;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut arriving = channel
        .basic_consume("probe".into(), "probe".into(), options, FieldTable::default())
        .await?;
    // Long ones before short ones and in between: neither holds up the other.
    let delays: BTreeMap<u32, u32> = (0..MESSAGES)
        .map(|number| (number, 8 - (number * 5) % 8))
        .collect();
    let mut published = BTreeMap::new();
    for (number, delay_s) in &delays {
        published.insert(*number, Instant::now());
        publish(&app, "probe", *delay_s, &number.to_string()).await?;
    }
    let mut waited = BTreeMap::new();
    while waited.len() < delays.len() {
        let arrived = timeout(PATIENCE, arriving.next()).await;
        let arrived = arrived.with_context(|| format!("only {} of {MESSAGES} arrived", waited.len()))?;
        let body = arrived.context("the consumer ended")??.data;
        let number: u32 = String::from_utf8(body)?.parse()?;
        let before = waited.insert(number, published[&number].elapsed());
        assert!(before.is_none(), "message {number} came twice");
    }
    for (number, delay_s) in &delays {
        let waited_s = waited[number].as_secs_f64();
        assert!(
            waited_s >= f64::from(*delay_s),
            "after {waited_s} s instead of {delay_s} s"
        );
    }
    assert_eq!(app.broker.delayed().await?, 0);
    app.stop().await
}

#[tokio::test]
async fn a_message_for_a_queue_that_is_gone_is_kept_apart_and_holds_up_nobody() -> Result<()> {
    let app = App::start(AppOptions::only(&[])).await?;
    target(&app, "gone").await?;
    target(&app, "probe").await?;
    publish(&app, "gone", 1, "for nobody").await?;
    publish(&app, "probe", 1, "for somebody").await?;
    app.broker.delete("gone").await?;

    let arrived: Parked =
        eventually("the message behind it", async || app.broker.take("probe").await).await?;
    assert_eq!(arrived.body, b"for somebody");
    let kept = eventually("the message for the queue that is gone", async || {
        Ok(app.broker.look(delay::UNROUTABLE).await?.pop())
    })
    .await?;
    assert_eq!(kept.body, b"for nobody");
    // The operator finds it where all such messages are found.
    let listed = app
        .fleetctl(&["dead", "list", "--queue", delay::UNROUTABLE])
        .await?;
    assert!(listed.to_string().contains(delay::UNROUTABLE), "{listed}");
    app.stop().await
}

#[tokio::test]
async fn a_message_that_comes_before_its_moment_goes_round_again_and_no_attempt_is_counted() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent"])).await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let at = Timestamp::now() + SignedDuration::from_secs(8);
    let early = event(1001)
        .message()
        .header("x-topup-not-before", &at.to_string());
    app.broker.publish_to("sms-sent", [early]).await?;
    let url = app.fleet.worker("sms-sent")?.http_url();
    eventually("a message that is delayed again", async || {
        let delayed = metric(&url, "topup_messages_total{outcome=\"delayed\"}").await?;
        Ok((delayed > 0.0).then_some(()))
    })
    .await?;
    app.sends_recorded(1).await?;
    let recorded = app
        .rows
        .client()
        .query_one("SELECT recorded_at FROM ledger WHERE kind = 'send'", &[]);
    let recorded: Timestamp = recorded.await?.get(0);
    assert!(recorded >= at, "debited {:#} early", at.duration_since(recorded));
    app.finish().await
}

#[tokio::test]
async fn a_delay_beyond_the_longest_waits_the_longest_and_bears_its_true_moment() -> Result<()> {
    let app = App::start(AppOptions::only(&["sweeper"]).setting("SWEEPER__INTERVAL", "1s")).await?;
    let at = Timestamp::now() + SignedDuration::from_secs(2 * 4_095);
    app.rows
        .client()
        .execute(
            "INSERT INTO outbox (account_id, queue, message_id, type, body, not_before, created_at)
             VALUES (1, 'topup-requested', 'far', 'topup-requested.v1', 'far', $1, now() - interval '1 hour')",
            &[&at],
        )
        .await?;
    let waiting = eventually("a message in the longest queue", async || {
        Ok(app.broker.look("delay.v1.11").await?.pop())
    })
    .await?;
    assert_eq!(waiting.message_id.as_deref(), Some("far"));
    let moment = waiting
        .headers
        .get("x-topup-not-before")
        .context("without its moment")?;
    let off = moment.parse::<Timestamp>()?.duration_since(at).abs();
    assert!(off < SignedDuration::from_millis(1), "{moment} instead of {at}");
    eventually("an empty outbox", async || {
        Ok((app.rows.count("SELECT count(*) FROM outbox").await? == 0).then_some(()))
    })
    .await?;
    app.stop().await
}
