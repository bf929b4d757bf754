//! Whatever comes in the place of a send is parked with a reason that a person understands, and stops nobody.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, Event, Parked, Raw, event, main_account, raw};
use uuid::Uuid;

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How far a worker may be wrong about the database's clock on a busy machine.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(2);

fn only_sends() -> AppOptions {
    AppOptions::only(&["sms-sent"])
}

/// An event whose body was bent, under its own id.
fn bent(field: &str, value: impl Into<Value>) -> Raw {
    event(1001).with(field, value).message()
}

fn missing(field: &str) -> Raw {
    event(1001).without(field).message()
}

/// An event with a piece of its text replaced by what JSON values can't hold.
fn respelled(from: &str, to: &str) -> Raw {
    let event = event(1001);
    let text = event.body.to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    raw(text.replacen(from, to, 1)).message_id(&event.event_id())
}

/// A body of exactly so many bytes, in a field that nobody knows.
fn of_bytes(bytes: usize) -> Raw {
    let event = event(1001).with("note", "");
    let rest = bytes - event.body.to_string().len();
    event.with("note", "x".repeat(rest)).message()
}

/// Every malformed kind, with words that its reason must hold.
fn every_kind() -> Vec<(Raw, &'static str)> {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut kinds = vec![
        (raw("hello").content_type(Some("text/plain")), "not JSON"),
        (raw(""), "empty"),
        (raw("   "), "empty"),
        (raw("{\"event_id\": \"0193"), "not JSON"),
        (raw("[]"), "not an object"),
        (raw("null"), "not an object"),
        (raw("42"), "not an object"),
        (raw("\"event\""), "not an object"),
        (raw("{}"), "event_id"),
        (raw(vec![b'{', 0xff, 0xfe, b'}']), "not UTF-8"),
        (raw(vec![0_u8; 64]), "not JSON"),
        (raw(vec![b'{'; 2_000_000]), "2,000,000 bytes"),
        (of_bytes(BODY_BYTES_MAX + 1), "65,537 bytes"),
        (of_bytes(1024 * 1024), "1,048,576 bytes"),
        (respelled("\"sms\"", &deep), "nested"),
        (respelled("\"credits\":1,", "\"credits\":1e400,"), "credits"),
        (respelled("\"credits\":1,", "\"credits\":NaN,"), "not JSON"),
        (
            respelled("\"credits\":1,", "\"credits\":1,\"credits\":2,"),
            "credits",
        ),
        (
            respelled("\"credits\":1,", "\"credits\":99999999999999999999999,"),
            "credits",
        ),
        (respelled("1001", "9223372036854775808"), "account_id"),
        (respelled("1001", "1001.5"), "account_id"),
        (event(1001).message().kind(Some("sms-sent.v9")), "sms-sent.v9"),
        (
            event(1001).message().kind(Some("topup-requested.v1")),
            "topup-requested.v1",
        ),
        (
            event(1001).message().message_id(&Uuid::now_v7().to_string()),
            "message_id",
        ),
        (event(1001).message().message_id("not-an-id"), "message_id"),
    ];
    for field in ["event_id", "account_id", "credits", "sent_at"] {
        kinds.push((missing(field).message_id(&format!("without-{field}")), field));
        kinds.push((
            bent(field, Value::Null).message_id(&format!("null-{field}")),
            field,
        ));
        kinds.push((bent(field, true).message_id(&format!("true-{field}")), field));
        kinds.push((
            bent(field, json!({"a": 1})).message_id(&format!("object-{field}")),
            field,
        ));
    }
    for (field, value) in [
        ("event_id", json!("no-uuid")),
        ("account_id", json!(0)),
        ("account_id", json!(-1)),
        ("account_id", json!("one thousand")),
        ("service", json!("fax")),
        ("service", json!(5)),
        ("credits", json!("1.0001")),
        ("credits", json!("many")),
        ("credits", json!("1e3 ")),
        ("messages", json!(0)),
        ("messages", json!(-1)),
        ("messages", json!(1_u64 << 40)),
        ("messages", json!("two")),
        ("batch_id", json!("no-uuid")),
        ("sent_at", json!("yesterday")),
        ("sent_at", json!("2026-13-45T00:00:00Z")),
        ("sent_at", json!(1_700_000_000)),
    ] {
        let number = kinds.len();
        kinds.push((bent(field, value).message_id(&format!("bent-{number}")), field));
    }
    kinds
}

#[tokio::test]
async fn every_malformed_message_is_parked_whole_with_its_reason_and_the_worker_works_on() -> Result<()> {
    let mut app = App::start(only_sends()).await?;
    let pid = app.fleet.worker("sms-sent")?.pid();
    app.import(&[main_account(1001).credits(100)]).await?;
    let kinds = every_kind();
    let began = Timestamp::now();
    app.broker
        .publish(kinds.iter().map(|(message, _)| message.clone()))
        .await?;
    app.send(&[event(1001)]).await?;
    let parked = app.broker.dead("sms-sent", u32::try_from(kinds.len())?).await?;
    for (sent, words) in &kinds {
        let found = parked.iter().find(|it| it.body == sent.body());
        let found = found.with_context(|| format!("no parked message with the body of {words:?}"))?;
        is_whole(found, sent, words, began)?;
    }
    app.sends_recorded(1).await?;
    assert_eq!(app.balance(1001).await?, "99");
    assert_eq!(app.fleet.worker("sms-sent")?.pid(), pid);
    assert!(
        app.fleet.worker("sms-sent")?.try_wait()?.is_none(),
        "the worker has ended"
    );
    app.finish().await
}

/// A parked message is as it was, and says why and since when.
fn is_whole(parked: &Parked, sent: &Raw, words: &str, began: Timestamp) -> Result<()> {
    let reason = parked.reason();
    assert!(reason.contains(words), "{reason:?} does not speak of {words:?}");
    assert!(
        !reason.contains('\n') && reason.len() <= 1_000,
        "no line for a person: {reason:?}"
    );
    assert_eq!(parked.message_id.as_deref(), sent.id(), "{reason}");
    assert_eq!(parked.kind.as_deref(), sent.amqp_type(), "{reason}");
    let header = |name: &str| {
        let value = parked.headers.get(name).map(String::as_str);
        value.with_context(|| format!("no header {name}: {:?}", parked.headers))
    };
    assert_eq!(header("x-topup-queue")?, "sms-sent");
    assert!(
        header("x-topup-worker")?.contains("sms-sent"),
        "{:?}",
        parked.headers
    );
    assert!(header("x-topup-attempts")?.parse::<u32>()? <= 1);
    // By the database's clock, as far as the worker knows it.
    let failed_at: Timestamp = header("x-topup-failed-at")?.parse()?;
    let (since, until) = (began - CLOCKS_APART, Timestamp::now() + CLOCKS_APART);
    assert!((since..=until).contains(&failed_at), "{failed_at}");
    Ok(())
}

#[tokio::test]
async fn what_a_sender_may_leave_out_or_add_parks_nothing() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(100)]).await?;
    let plain = event(1001)
        .without("service")
        .without("messages")
        .without("batch_id");
    app.broker
        .publish([
            plain.message(),
            event(1001).message().no_message_id(),
            event(1001).message().kind(None),
            event(1001).message().content_type(None),
            event(1001).message().content_type(Some("text/plain")),
            event(1001)
                .with("campaign", json!({"name": "spring", "tags": [1, 2]}))
                .message(),
            event(1001).with("account_id", "1001").message(),
            event(1001).credits("1.000").message(),
            upper_case(&event(1001)),
            of_bytes(BODY_BYTES_MAX),
        ])
        .await?;
    app.sends_recorded(10).await?;
    assert_eq!(app.balance(1001).await?, "90");
    assert_eq!(app.broker.ready("sms-sent.dead").await?, Some(0));
    app.finish().await
}

/// A message id is the body's own in whichever case.
fn upper_case(event: &Event) -> Raw {
    event.message().message_id(&event.event_id().to_uppercase())
}

#[tokio::test]
async fn a_thousand_good_and_bad_messages_mixed_are_debited_and_parked_each_to_the_last() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(1000)]).await?;
    let bad = [
        raw("hello"),
        raw("{}"),
        raw(vec![0xff, 0xfe]),
        of_bytes(BODY_BYTES_MAX + 1),
        event(1999).message(),
    ];
    let mixed = (0..1000).map(|number| match number % 4 {
        0 => bad[number / 4 % bad.len()].clone(),
        _ => event(1001).message(),
    });
    app.broker.publish(mixed).await?;
    app.broker.dead("sms-sent", 250).await?;
    app.sends_recorded(750).await?;
    assert_eq!(app.balance(1001).await?, "250");
    app.finish().await
}

#[tokio::test]
async fn headers_that_a_sender_made_up_travel_no_further() -> Result<()> {
    let app = App::start(only_sends()).await?;
    let forged = raw("hello")
        .message_id("forged")
        .expiration_ms(600_000)
        .header("x-topup-reason", "nothing is wrong")
        .header("x-topup-queue", "notifications")
        .header("x-death", "of the sender's making")
        .header("x-long", &"x".repeat(60_000))
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        );
    app.broker.publish([forged]).await?;
    let parked = app.broker.dead("sms-sent", 1).await?;
    let headers = &parked[0].headers;
    assert!(parked[0].reason().contains("not JSON"), "{headers:?}");
    assert_eq!(headers.get("x-topup-queue").map(String::as_str), Some("sms-sent"));
    assert_eq!(parked[0].expiration, None);
    assert!(
        !headers.contains_key("x-death") && !headers.contains_key("x-long"),
        "{headers:?}"
    );
    assert_eq!(
        headers.get("traceparent").map(String::as_str),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    );
    app.finish().await
}

#[tokio::test]
async fn what_is_no_message_or_about_nothing_is_parked_beside_each_queue() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    let id = Uuid::now_v7().to_string();
    let now = Timestamp::now().to_string();
    let about_nothing = [
        (
            "topup-requested",
            json!({"topup_id": id, "account_id": 1001, "requested_at": now}),
            "no top-up",
        ),
        (
            "payment-results",
            json!({
                "reference": format!("topup-1001-{id}"), "gateway": "paystack", "status": "success",
                "amount_minor": 100, "currency": "ZAR", "source": "webhook", "mode": "test", "occurred_at": now,
            }),
            "no payment",
        ),
        (
            "notifications",
            json!({
                "notification_id": id, "account_id": 1001, "channel": "sms", "template": "low-credit",
                "params": {},
            }),
            "no notice",
        ),
    ];
    for (queue, body, words) in about_nothing {
        let kind = format!("{queue}.v1");
        let of_queue = |body: String| raw(body).kind(Some(&kind));
        app.broker
            .publish_to(queue, [of_queue("hello".to_owned()), of_queue(body.to_string())])
            .await?;
        let parked = app.broker.dead(queue, 2).await?;
        for words in ["not JSON", words] {
            let found = parked.iter().find(|it| it.reason().contains(words));
            let found = found.with_context(|| format!("{queue}: nothing says {words:?}: {parked:?}"))?;
            assert_eq!(
                found.headers.get("x-topup-queue").map(String::as_str),
                Some(queue)
            );
            assert_eq!(found.kind.as_deref(), Some(kind.as_str()));
        }
    }
    app.finish().await
}

#[tokio::test]
async fn a_sender_s_slip_in_the_routing_key_is_kept() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.broker
        .publish_by("topup", "sms-sentt", [event(1001).message()])
        .await?;
    let kept = app.broker.look("topup.unroutable").await?;
    assert_eq!(kept.len(), 1);
    app.finish().await
}
