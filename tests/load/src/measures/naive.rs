//! The naive design, as most would write it first: one consumer, one connection, and for each message a transaction
//! that notes the event's id, debits the wallet and commits; then the acknowledgement.
//!
//! As safe as the fleet's way, and with nothing of the rules, so that it is rather too fast than too slow.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::bench::{Bench, WORKER};
use crate::progress;
use crate::samples::Samples;
use crate::sender::Sender;

/// Sent ahead: enough that the broker is never waited for.
const PREFETCH: u16 = 200;
/// Longest wait for the next message.
const WAIT: Duration = Duration::from_secs(30);
const MILLI: f64 = 1_000.0;

#[derive(Deserialize)]
struct Event {
    event_id: Uuid,
    account_id: i64,
    credits: f64,
    sent_at: Timestamp,
}

struct Statements {
    insert: Statement,
    debit: Statement,
}

/// `naive_per_s`.
pub(crate) async fn measure(bench: &mut Bench, count: u32, samples: &mut Samples) -> Result<()> {
    let plain = bench.plain.as_mut().context("there is no plain database")?;
    plain.fill_queue(count).await?;
    let before = plain.database.plain_rows().await?;
    let bar = progress::bar("one transaction a message", u64::from(count));
    let consumer = Sender::connect(&plain.amqp_url).await?;
    let channel = consumer.another_channel().await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await
        .context("setting the prefetch")?;
    let options = BasicConsumeOptions::default();
    let mut deliveries = channel
        .basic_consume(WORKER.into(), "load".into(), options, FieldTable::default())
        .await
        .context("consuming")?;
    let client = plain.database.client();
    let statements = Statements::prepare(client).await?;
    let mut start = None;
    for _ in 0..count {
        let delivery = timeout(WAIT, deliveries.next())
            .await
            .context("waiting for a message")?;
        let delivery = delivery.context("the broker ended the consumer")?;
        let delivery = delivery.context("taking a message")?;
        start.get_or_insert_with(Instant::now);
        let event: Event = serde_json::from_slice(&delivery.data).context("reading a message")?;
        debit(client, &statements, &event).await.context("debiting")?;
        delivery
            .acker
            .ack(BasicAckOptions { multiple: false })
            .await
            .context("acknowledging")?;
        bar.inc(1);
    }
    let took = start.context("there was nothing to debit")?.elapsed();
    bar.finish_and_clear();
    plain.check(before, count).await?;
    samples.add("naive_per_s", f64::from(count) / took.as_secs_f64());
    Ok(())
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self> {
        let insert = "INSERT INTO ledger (event_id, account_id, service, credits_milli, messages, sent_at)
                      VALUES ($1, $2, 'sms', $3, 1, $4) ON CONFLICT (event_id) DO NOTHING";
        let debit =
            "UPDATE wallets SET balance_milli = balance_milli + $2 WHERE account_id = $1 AND service = 'sms'";
        Ok(Self {
            insert: client.prepare(insert).await.context("preparing")?,
            debit: client.prepare(debit).await.context("preparing")?,
        })
    }
}

async fn debit(
    client: &mut Client,
    statements: &Statements,
    event: &Event,
) -> Result<(), tokio_postgres::Error> {
    let milli = -to_i64(event.credits * MILLI);
    let transaction = client.transaction().await?;
    let inserted = transaction
        .execute(
            &statements.insert,
            &[&event.event_id, &event.account_id, &milli, &event.sent_at],
        )
        .await?;
    if inserted == 1 {
        transaction
            .execute(&statements.debit, &[&event.account_id, &milli])
            .await?;
    }
    transaction.commit().await
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "this program's own events, of one credit each"
)]
fn to_i64(number: f64) -> i64 {
    number.round() as i64
}
