//! Ten thousand messages that are not quite right, among good ones, on all four queues: each is parked with what is
//! wrong with it, the good ones are dealt with, and nobody grows fat on them.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString};
use serde_json::{Value, json};
use topup_rules::message::{Message, Notification, PaymentResult, SmsSent, TopupRequested, parse};
use topup_runtime::broker::headers::reason_line;
use topup_tests::rough::{RoughSender, flags, long, short};
use topup_tests::{App, AppOptions, Event, Raw, event, eventually, main_account};
use uuid::Uuid;

/// The queues, and how many mutated messages each gets in one wave.
const QUEUES: [(&str, usize); 4] = [
    ("sms-sent", 2_000),
    ("topup-requested", 1_000),
    ("payment-results", 1_000),
    ("notifications", 1_000),
];
/// Waves: after the second, nothing has grown since the first.
const WAVES: u64 = 2;
/// What decides on the mutations.
const SEED: u64 = 20_261_122;
/// Good sends of a wave, each of which leads to a top-up, a result and two notices.
const TOPUPS: i64 = 10;
/// Good sends of a wave that lead to nothing else.
const SENDS: i64 = 1_000;
/// Messages on their way to the broker at once.
const IN_FLIGHT_MAX: usize = 200;
/// One in so many bodies is a megabyte.
const MEGABYTE_EVERY: usize = 200;
/// Bodies of a megabyte that wait for a worker, who would be sent all of them at once.
const MEGABYTES: u32 = 200;
const MEGABYTES_AT_ONCE: u8 = 50;
/// What a worker may hold at most, and how much more after the second wave than after the first, in KiB.
const MEMORY_MAX_KIB: u64 = 256 * 1024;
const GROWTH_MAX_KIB: u64 = 24 * 1024;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("below a usize")
    }
}

/// A message that nobody can use, and what is wrong with it.
struct Bad {
    body: Vec<u8>,
    kind: Option<String>,
    message_id: Option<String>,
    headers: FieldTable,
    reason: String,
}

/// A body that its worker could use.
fn good(queue: &str) -> Value {
    let (id, now) = (Uuid::now_v7(), Timestamp::now().to_string());
    match queue {
        "sms-sent" => event(1).body,
        "topup-requested" => json!({"topup_id": id, "account_id": 1, "service": "sms", "requested_at": now}),
        "payment-results" => json!({
            "reference": format!("topup-1-{id}"), "gateway": "paystack", "status": "success", "amount_minor": 100,
            "currency": "ZAR", "reason": "Approved", "source": "webhook", "mode": "test", "occurred_at": now,
        }),
        _ => json!({
            "notification_id": id, "account_id": 1, "channel": "sms", "template": "low-credit",
            "params": {"credits": "5"},
        }),
    }
}

/// What stands against a message at its worker; `None`: it can be read.
fn refusal(queue: &str, body: &[u8], message_id: Option<&str>, kind: Option<&str>) -> Option<String> {
    fn of<M: Message>(body: &[u8], message_id: Option<&str>, kind: Option<&str>) -> Option<String> {
        let read = parse::<M>(body, message_id, kind, Some("application/json"));
        read.err().map(|unreadable| reason_line(&unreadable.to_string()))
    }
    match queue {
        "sms-sent" => of::<SmsSent>(body, message_id, kind),
        "topup-requested" => of::<TopupRequested>(body, message_id, kind),
        "payment-results" => of::<PaymentResult>(body, message_id, kind),
        _ => of::<Notification>(body, message_id, kind),
    }
}

/// The next message that can't be read.
fn mutated(queue: &str, dice: &mut Dice) -> Bad {
    loop {
        let good = good(queue);
        let (body, message_id, kind) = mutation(queue, &good, dice);
        if let Some(reason) = refusal(queue, &body, message_id.as_deref(), kind.as_deref()) {
            let headers = odd_headers(dice);
            return Bad {
                body,
                kind,
                message_id,
                headers,
                reason,
            };
        }
    }
}

type Mutation = (Vec<u8>, Option<String>, Option<String>);

/// Something is different from how it should be; now and then it can still be read.
fn mutation(queue: &str, good: &Value, dice: &mut Dice) -> Mutation {
    let mut body = good.to_string().into_bytes();
    let (mut message_id, mut kind) = (None, Some(format!("{queue}.v1")));
    match dice.below(14) {
        0 => {
            for _ in 0..=dice.below(4) {
                let place = dice.below(body.len());
                body[place] ^= 1 << dice.below(8);
            }
        }
        1 => body.truncate(dice.below(body.len())),
        2 => body = with(good, dice, &format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))),
        3 => {
            let value = ["1e400", "99999999999999999999999", "-1", "0.0000001"][dice.below(4)];
            body = with(good, dice, value);
        }
        4 => {
            let value = ["null", "true", "[]", "{}", "\"no such\"", "7.5"][dice.below(6)];
            body = with(good, dice, value);
        }
        5 => kind = Some(["sms-sent.v9", "nonsense", "payment-results.v2"][dice.below(3)].to_owned()),
        6 => message_id = Some(Uuid::now_v7().to_string()),
        7 => pad(&mut body, 64 * 1024 + 1),
        8 if dice.below(MEGABYTE_EVERY / 14) == 0 => pad(&mut body, 1024 * 1024),
        8 | 9 => {
            let place = dice.below(body.len());
            body.splice(place..place, [0xC3, 0x28, 0xFF]);
        }
        10 => body = without(good, dice),
        11 => {
            let field = a_field(good, dice);
            let text = format!("{{\"{field}\": null, {}", &good.to_string()[1..]);
            body = text.into_bytes();
        }
        12 => {
            body = (0..dice.below(300))
                .map(|_| u8::try_from(dice.below(256)).expect("a byte"))
                .collect()
        }
        _ => body = [b"[", body.as_slice(), b"]"].concat(),
    }
    (body, message_id, kind)
}

fn pad(body: &mut Vec<u8>, bytes: usize) {
    body.resize(bytes, b' ');
}

fn a_field(good: &Value, dice: &mut Dice) -> String {
    let fields: Vec<&String> = good.as_object().expect("an object").keys().collect();
    fields[dice.below(fields.len())].clone()
}

/// With another value in one of its fields.
fn with(good: &Value, dice: &mut Dice, value: &str) -> Vec<u8> {
    let field = a_field(good, dice);
    let mut bent = good.clone();
    bent[&field] = json!("HERE");
    bent.to_string().replace("\"HERE\"", value).into_bytes()
}

fn without(good: &Value, dice: &mut Dice) -> Vec<u8> {
    let field = a_field(good, dice);
    let mut bent = good.clone();
    bent.as_object_mut().expect("an object").remove(&field);
    bent.to_string().into_bytes()
}

/// Headers of wrong types, huge ones, or none.
fn odd_headers(dice: &mut Dice) -> FieldTable {
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value| {
        headers.insert(name.into(), value);
    };
    match dice.below(8) {
        0 => put("x-topup-attempts", AMQPValue::LongString("many".into())),
        1 => put("traceparent", AMQPValue::LongLongInt(-1)),
        2 => put("x-topup-not-before", AMQPValue::FieldArray(FieldArray::default())),
        3 => put("x-huge", AMQPValue::LongString("h".repeat(20_000).into())),
        4 => put(
            "x-death",
            AMQPValue::LongString(LongString::from(vec![0xFF, 0x00])),
        ),
        _ => {}
    }
    headers
}

/// Publishes as fast as the broker confirms.
async fn publish(app: &App, queue: &str, bad: &[Bad]) -> Result<()> {
    let channel = app.broker.channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    for some in bad.chunks(IN_FLIGHT_MAX) {
        let mut confirms = Vec::new();
        for message in some {
            let mut properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type("application/json".into())
                .with_headers(message.headers.clone());
            if let Some(id) = &message.message_id {
                properties = properties.with_message_id(id.as_str().into());
            }
            if let Some(kind) = &message.kind {
                properties = properties.with_type(kind.as_str().into());
            }
            let options = BasicPublishOptions::default();
            let sent =
                channel.basic_publish("topup".into(), queue.into(), options, &message.body, properties);
            confirms.push(sent.await?);
        }
        for confirm in confirms {
            ensure!(confirm.await?.is_ack(), "not taken");
        }
    }
    channel.close(200, "done".into()).await?;
    Ok(())
}

/// Good sends, some of which call for a top-up.
async fn send_good(app: &App, wave: u64) -> Result<()> {
    let first = 1_000 * i64::try_from(wave)?;
    let topups = (0..TOPUPS).map(|n| event(first + n).credits(60).message());
    let sends = (0..SENDS).map(|_| event(1).message());
    let all: Vec<Raw> = sends.chain(topups).collect();
    for some in all.chunks(50) {
        app.broker.publish(some.iter().cloned()).await?;
    }
    Ok(())
}

/// Takes so many parked messages: the reasons of each body.
async fn parked(app: &App, queue: &str, count: usize) -> Result<HashMap<Vec<u8>, Vec<String>>> {
    let dead = format!("{queue}.dead");
    let count = u32::try_from(count)?;
    eventually(&format!("{count} messages in {dead}"), async || {
        Ok(app.broker.ready(&dead).await?.filter(|ready| *ready >= count))
    })
    .await?;
    let channel = app.broker.channel().await?;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let deliveries = channel
        .basic_consume(
            dead.as_str().into(),
            "reader".into(),
            options,
            FieldTable::default(),
        )
        .await?;
    let mut deliveries = deliveries.take(count as usize);
    let mut reasons: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let headers = delivery.properties.headers().as_ref().context("no headers")?;
        let reason = headers.inner().get("x-topup-reason").context("no reason")?;
        let reason = reason.as_long_string().context("no text")?.to_string();
        reasons.entry(delivery.data).or_default().push(reason);
    }
    channel.close(200, "done".into()).await?;
    ensure!(
        app.broker.ready(&dead).await? == Some(0),
        "more is parked in {dead} than was wrong"
    );
    Ok(reasons)
}

/// Every message that was wrong is there, with what is wrong with it.
fn all_are_there(bad: &[Bad], mut parked: HashMap<Vec<u8>, Vec<String>>) -> Result<()> {
    for message in bad {
        let reasons = parked.get_mut(&message.body).context("a message is not parked")?;
        let place = reasons.iter().position(|reason| *reason == message.reason);
        let place = place.with_context(|| format!("{reasons:?} instead of {:?}", message.reason))?;
        reasons.swap_remove(place);
    }
    Ok(())
}

/// A process's memory in KiB: now, and at most so far.
fn memory_kib(pid: i32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()
    };
    line("VmRSS:").zip(line("VmHWM:")).context("no memory")
}

fn memory_of_all(app: &mut App) -> Result<Vec<(u64, u64)>> {
    let pids = QUEUES.map(|(queue, _)| app.fleet.worker(queue).map(|worker| worker.pid()));
    pids.into_iter().map(|pid| memory_kib(pid?)).collect()
}

#[tokio::test]
async fn ten_thousand_mutated_messages_are_parked_with_reasons_among_good_ones_and_memory_stays_flat()
-> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    let mut accounts = vec![main_account(1).credits(10_000)];
    for wave in 1..=i64::try_from(WAVES)? {
        let low = (0..TOPUPS).map(|n| main_account(1_000 * wave + n).credits(150).card("AUTH_ok"));
        accounts.extend(low.map(|account| account.threshold(100).quantity(500)));
    }
    app.import(&accounts).await?;
    let mut after_waves = Vec::new();
    for wave in 1..=WAVES {
        let mut dice = Dice(SEED + wave);
        let bad = QUEUES.map(|(queue, count)| {
            let bad: Vec<Bad> = (0..count).map(|_| mutated(queue, &mut dice)).collect();
            (queue, bad)
        });
        let publishing = bad.iter().map(|(queue, bad)| publish(&app, queue, bad));
        let (_bad, ()) = try_join(try_join_all(publishing), send_good(&app, wave)).await?;
        for (queue, bad) in &bad {
            let parked = parked(&app, queue, bad.len()).await?;
            all_are_there(bad, parked).with_context(|| format!("{queue}, seed {SEED}"))?;
        }
        let waves = i64::try_from(wave)?;
        app.sends_recorded((SENDS + TOPUPS) * waves).await?;
        for n in 0..TOPUPS {
            app.balance_becomes(1_000 * waves + n, "sms", "590").await?;
        }
        app.wait_until_idle().await?;
        after_waves.push(memory_of_all(&mut app)?);
    }
    for (place, (queue, _)) in QUEUES.iter().enumerate() {
        let [first, second] = [after_waves[0][place], after_waves[1][place]];
        let told = format!("{queue}: {first:?}, then {second:?} KiB (now, at most)");
        ensure!(
            second.0 <= first.0 + GROWTH_MAX_KIB && second.1 <= MEMORY_MAX_KIB,
            "{told}"
        );
    }
    app.finish().await
}

#[tokio::test]
async fn properties_that_are_no_text_and_headers_without_end_cost_their_message_alone() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent"])).await?;
    let pid = app.fleet.worker("sms-sent")?.pid();
    app.import(&[main_account(1).credits(100)]).await?;
    let mut sender = RoughSender::connect(app.space().amqp_url()).await?;
    let to = ("topup", "sms-sent");
    let body = |event: &Event| event.body.to_string().into_bytes();
    // So many lists, each in the next: whoever reads them by calling himself runs out of stack. The broker does not, but
    // takes time by the square of their number.
    let mut deep = Vec::new();
    for _ in 0..6_000 {
        deep = [b"A".to_vec(), long(&deep)].concat();
    }
    let deep = long(&[short(b"deep"), deep].concat());
    let binary_id = short(&[0xFF; 16]);
    for _ in 0..3 {
        sender
            .publish(to, flags::TYPE, &short(b"sms-sent.v1\xFF"), &body(&event(1)))
            .await?;
        sender
            .publish(to, flags::MESSAGE_ID, &binary_id, &body(&event(1)))
            .await?;
        sender.publish(to, flags::HEADERS, &deep, b"hello").await?;
        app.send(&[event(1)]).await?;
    }
    // What does not stand against an event does not park it.
    sender
        .publish(to, flags::HEADERS, &deep, &body(&event(1)))
        .await?;
    let parked = app.broker.dead("sms-sent", 9).await?;
    for (words, count) in [
        ("the type `sms-sent.v1?`", 3),
        ("message_id `????", 3),
        ("not JSON", 3),
    ] {
        let found = parked.iter().filter(|it| it.reason().contains(words)).count();
        ensure!(found == count, "{found} say {words:?}: {parked:?}");
    }
    app.sends_recorded(4).await?;
    ensure!(app.balance(1).await? == "96");
    ensure!(
        app.fleet.worker("sms-sent")?.pid() == pid && app.fleet.worker("sms-sent")?.try_wait()?.is_none()
    );
    app.finish().await
}

#[tokio::test]
async fn megabytes_that_the_broker_sends_ahead_are_not_all_held_at_once() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent"])).await?;
    app.import(&[main_account(1).credits(100)]).await?;
    app.fleet.worker("sms-sent")?.kill9()?;
    let mut megabytes: Vec<Bad> = Vec::new();
    for n in 0..MEGABYTES_AT_ONCE {
        megabytes.push(Bad {
            body: vec![n; 1024 * 1024],
            kind: None,
            message_id: None,
            headers: FieldTable::default(),
            reason: String::new(),
        });
    }
    for _ in 0..MEGABYTES / u32::from(MEGABYTES_AT_ONCE) {
        publish(&app, "sms-sent", &megabytes).await?;
    }
    app.send(&[event(1)]).await?;
    let started = app.fleet.add("sms-sent").await?.pid();
    app.sends_recorded(1).await?;
    eventually("parked megabytes", async || {
        Ok(app
            .broker
            .ready("sms-sent.dead")
            .await?
            .filter(|ready| *ready == MEGABYTES))
    })
    .await?;
    let (_, most_kib) = memory_kib(started)?;
    ensure!(most_kib <= MEMORY_MAX_KIB, "{most_kib} KiB");
    app.finish().await
}
