//! Dead letters that people deal with: put back when what was wrong is mended, thrown away when it can't be, looked at as
//! often as anybody likes. Nothing is done twice by it, and nothing is lost.

use std::collections::BTreeMap;
#[cfg(debug_assertions)]
use std::os::unix::process::ExitStatusExt as _;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use lapin::options::{BasicGetOptions, BasicNackOptions};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, Raw, event, eventually, main_account, raw};

/// Queues of dead letters that workers have.
const DEAD: [&str; 4] = [
    "sms-sent.dead",
    "topup-requested.dead",
    "payment-results.dead",
    "notifications.dead",
];

/// A message as a worker would have parked it.
fn parked(message: Raw, reason: &str) -> Raw {
    message
        .header("x-topup-reason", reason)
        .header("x-topup-attempts", "20")
        .header("x-topup-failed-at", &Timestamp::now().to_string())
}

/// Puts messages among a queue's dead letters.
async fn park(app: &App, queue: &str, messages: impl IntoIterator<Item = Raw>) -> Result<()> {
    app.broker.publish_by("topup.dead", queue, messages).await
}

async fn left(app: &App, queue: &str) -> Result<u32> {
    app.broker
        .ready(queue)
        .await?
        .with_context(|| format!("{queue} is gone"))
}

/// Waits until every worker's dead letters are gone, and the fleet has dealt with them.
async fn all_dealt_with(app: &App) -> Result<()> {
    eventually("no dead letters", async || {
        for queue in DEAD {
            if left(app, queue).await? > 0 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    app.wait_until_idle().await
}

/// Each message that one settled top-up of account 1001 was made of, and its queue.
async fn of_a_settled_topup(app: &App) -> Result<Vec<(&'static str, Raw)>> {
    let sent = event(1001);
    app.send(std::slice::from_ref(&sent)).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    let now = Timestamp::now().to_string();
    let topups = app.rows.topups(1001).await?;
    let [topup] = topups.as_slice() else {
        anyhow::bail!("{topups:?}")
    };
    let id = topup.topup_id;
    let requested = json!({"topup_id": id, "account_id": 1001, "service": "sms", "requested_at": now});
    let result = json!({
        "reference": format!("topup-1001-{id}"), "gateway": "paystack", "status": "success",
        "amount_minor": topup.amount_minor, "currency": "ZAR", "source": "verify", "mode": "test", "occurred_at": now,
    });
    let typed = |body: Value, kind: &str| raw(body.to_string()).kind(Some(kind));
    let mut messages = vec![
        ("sms-sent", sent.message()),
        ("topup-requested", typed(requested, "topup-requested.v1")),
        ("payment-results", typed(result, "payment-results.v1")),
    ];
    for notice in app.rows.notices().await? {
        let body = json!({
            "notification_id": notice.notification_id, "account_id": 1001, "channel": notice.channel,
            "template": notice.template, "params": {},
        });
        messages.push(("notifications", typed(body, "notifications.v1")));
    }
    Ok(messages)
}

/// One top-up, charged, credited and told once.
async fn nothing_is_doubled(app: &App) -> Result<()> {
    ensure!(app.rows.balance(1001, "sms").await?.to_string() == "600");
    ensure!(app.rows.sends().await? == 1);
    let captures = app.outside.captures(1).await?.len();
    let told = (app.outside.sms(1).await?.len(), app.outside.mail(1).await?.len());
    ensure!(
        captures == 1 && told == (1, 1),
        "{captures} captures, told {told:?} times"
    );
    Ok(())
}

/// What the management page's 'Move messages' does.
async fn move_by_the_page(app: &App, from: &str, to: &str) -> Result<()> {
    let vhost = app.space().vhost();
    let address = format!("amqp:///{vhost}");
    let shovel = json!({"value": {
        "src-protocol": "amqp091", "src-uri": address, "src-queue": from, "src-delete-after": "queue-length",
        "dest-protocol": "amqp091", "dest-uri": address, "dest-queue": to, "dest-add-forward-headers": false,
        "ack-mode": "on-confirm",
    }});
    let path = format!("/api/parameters/shovel/{vhost}/Move%20from%20{from}");
    app.management()?.put(&path, &shovel).await
}

#[tokio::test]
async fn what_was_done_before_is_not_done_again_however_it_is_put_back() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    let messages = of_a_settled_topup(&app).await?;
    for (queue, message) in &messages {
        park(&app, queue, [parked(message.clone(), "nobody knows")]).await?;
    }
    let done = app
        .fleetctl(&["dead", "redrive", "--all", "--yes", "--because", "why not"])
        .await?;
    assert_eq!(done["moved"], messages.len(), "{done:#}");
    all_dealt_with(&app).await?;
    nothing_is_doubled(&app).await?;
    for (queue, message) in &messages {
        park(&app, queue, [parked(message.clone(), "nobody knows")]).await?;
    }
    for queue in ["sms-sent", "topup-requested", "payment-results", "notifications"] {
        move_by_the_page(&app, &format!("{queue}.dead"), queue).await?;
    }
    all_dealt_with(&app).await?;
    nothing_is_doubled(&app).await?;
    let history = app.fleetctl(&["dead", "history", "--account", "1001"]).await?;
    assert_eq!(
        history["messages"].as_array().map(Vec::len),
        Some(messages.len()),
        "{history:#}"
    );
    app.finish().await
}

#[tokio::test]
async fn what_is_mended_is_done_and_what_is_not_is_parked_again_or_stays() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    let mended = event(1001);
    app.send(std::slice::from_ref(&mended)).await?;
    app.broker.dead("sms-sent", 1).await?;
    app.import(&[main_account(1001).credits(101)]).await?;
    let too_old = event(1001)
        .id(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, b"too old"))
        .sent_at(Timestamp::now() - SignedDuration::from_hours(24 * 100));
    let newer = event(1001).message().kind(Some("sms-sent.v2"));
    park(
        &app,
        "sms-sent",
        [parked(too_old.message(), "was unlucky"), parked(newer, "too new")],
    )
    .await?;
    // A slip of somebody's, to a queue that never was: a person has to say where to.
    let slip = event(1001);
    app.broker
        .publish_by("topup", "sms-snet", [slip.message()])
        .await?;

    let unasked = app.fleetctl_output(&["dead", "redrive", "--all"]).await?;
    let said = String::from_utf8_lossy(&unasked.stderr).into_owned();
    assert_eq!(unasked.status.code(), Some(1));
    assert!(said.contains("--yes") && said.contains("--dry-run"), "{said}");
    let planned = app
        .fleetctl(&[
            "dead",
            "redrive",
            "--queue",
            "sms-sent",
            "--reason",
            "UNKNOWN ACCOUNT",
            "--dry-run",
        ])
        .await?;
    assert_eq!(
        (&planned["queues"][0]["matched"], &planned["moved"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(left(&app, "sms-sent.dead").await?, 3);

    let put_back = app
        .fleetctl_output(&["dead", "redrive", "--all", "--yes", "--json"])
        .await?;
    assert_eq!(
        put_back.status.code(),
        Some(1),
        "two messages stay where they are"
    );
    let put_back: Value = serde_json::from_slice(&put_back.stdout)?;
    assert_eq!(put_back["moved"], 2, "{put_back:#}");
    app.sends_recorded(1).await?;
    let dead = app.broker.dead("sms-sent", 2).await?;
    let reasons: BTreeMap<&str, bool> = dead
        .iter()
        .map(|message| (message.reason(), message.headers["x-topup-attempts"] == "1"))
        .collect();
    assert_eq!(reasons.get("too new"), Some(&false), "{reasons:?}");
    let again = reasons.iter().find(|(reason, _)| reason.contains("S4"));
    assert!(again.is_some_and(|(_, tried_once)| *tried_once), "{reasons:?}");

    let to = [
        "dead",
        "redrive",
        "--queue",
        "topup.unroutable",
        "--to",
        "sms-sent",
        "--yes",
    ];
    app.fleetctl(&to).await?;
    app.sends_recorded(2).await?;
    assert_eq!(left(&app, "topup.unroutable").await?, 0);
    app.finish().await
}

#[tokio::test]
async fn a_redriven_message_is_what_its_sender_published_and_one_thrown_away_is_kept_in_the_database()
-> Result<()> {
    // Nobody takes anything.
    let app = App::start(AppOptions::only(&[])).await?;
    app.fleetctl(&["topology", "apply"]).await?;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let kept = |n: i64| parked(event(n).message(), "others");
    // More than are sent ahead at once stand before it, and some behind.
    park(&app, "sms-sent", (0..1_100).map(|n| kept(n + 1))).await?;
    let wanted = event(7_001);
    let message = parked(
        wanted.message().header("traceparent", trace),
        "S4: unknown account 7001",
    )
    .header("x-death", "forged")
    .header("x-topup-not-before", "2100-01-01T00:00:00Z");
    let rubbish = parked(raw("<html>\u{0}"), "the body is not JSON");
    park(&app, "sms-sent", [message, rubbish, kept(5)]).await?;

    let of_it = ["--account", "7001", "--reason", "unknown"];
    let listed = app.fleetctl(&[&["dead", "list"][..], &of_it].concat()).await?;
    let found = listed["messages"].as_array().context("messages")?;
    assert_eq!(
        (found.len(), &found[0]["position"]),
        (1, &json!(1_101)),
        "{listed:#}"
    );
    assert_eq!(listed["queues"][0]["looked_at"], 1_103);
    app.fleetctl(&[&["dead", "redrive", "--yes"][..], &of_it].concat())
        .await?;
    let redriven = app.broker.take("sms-sent").await?.context("a message")?;
    assert_eq!(redriven.body, wanted.message().body());
    assert_eq!(redriven.message_id, Some(wanted.event_id()));
    assert_eq!(redriven.kind.as_deref(), Some("sms-sent.v1"));
    // The broker counts deliveries anew.
    let headers: Vec<_> = redriven
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-delivery-count")
        .collect();
    assert_eq!(headers, [(&"traceparent".to_owned(), &trace.to_owned())]);

    let because = ["--because", "the shop sent HTML", "--yes"];
    app.fleetctl(&[&["dead", "discard", "--reason", "is not json"][..], &because].concat())
        .await?;
    assert_eq!(left(&app, "sms-sent.dead").await?, 1_101);
    let acts = app.fleetctl(&["dead", "history"]).await?;
    assert_eq!(
        (
            &acts["acts"][0]["act"],
            &acts["acts"][0]["reason"],
            &acts["acts"][0]["messages"]
        ),
        (&json!("discard"), &json!("the shop sent HTML"), &json!(1))
    );
    let act = acts["acts"][0]["act_id"].as_str().context("an act")?;
    let thrown_away = app.fleetctl(&["dead", "history", act]).await?;
    assert_eq!(thrown_away["messages"][0]["body"], "<html>\u{0}");
    let others = app
        .fleetctl(&["dead", "list", "--reason", "others", "--limit", "2000"])
        .await?;
    assert_eq!(others["messages"].as_array().map(Vec::len), Some(1_101));
    app.stop().await
}

/// The broker counts how often a message comes back; neither the limit of RabbitMQ 4 (20) nor a work queue's (1,000) is to
/// be the end of what is only looked at.
#[tokio::test]
async fn a_dead_letter_that_was_looked_at_a_thousand_times_is_still_there() -> Result<()> {
    let app = App::start(AppOptions::only(&[])).await?;
    app.fleetctl(&["topology", "apply"]).await?;
    let looked_at: Vec<_> = (1..=100).map(event).collect();
    let messages = looked_at.iter().map(|event| parked(event.message(), "x"));
    park(&app, "sms-sent", messages).await?;
    let channel = app.broker.channel().await?;
    let back = BasicNackOptions {
        multiple: false,
        requeue: true,
    };
    for look in 0..1_050 {
        // It comes back in the broker's own time.
        eventually("the message", async || {
            let got = channel
                .basic_get("sms-sent.dead".into(), BasicGetOptions::default())
                .await?;
            match got {
                Some(message) => Ok(Some(channel.basic_nack(message.delivery_tag, back).await?)),
                None => Ok(None),
            }
        })
        .await
        .with_context(|| format!("after {look} looks"))?;
    }
    for _ in 0..25 {
        let listed = ["dead", "list", "--queue", "sms-sent", "--limit", "100"];
        let listed = app.fleetctl(&listed).await?;
        let listed = listed["messages"].as_array().context("messages")?;
        let ids = listed.iter().filter_map(|message| message["message_id"].as_str());
        // All, and each in its place.
        assert!(
            ids.eq(looked_at.iter().map(topup_tests::Event::event_id)),
            "{listed:#?}"
        );
        let dry = ["dead", "redrive", &looked_at[30].event_id(), "--dry-run"];
        assert_eq!(app.fleetctl(&dry).await?["queues"][0]["matched"], 1);
    }
    app.stop().await
}

/// Killed between any two of its steps, and done again.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_redrive_that_is_killed_anywhere_loses_nothing_and_doubles_nothing() -> Result<()> {
    const SIGKILL: i32 = 9;
    // The act is written down by a transaction of its own.
    const POINTS: [&str; 7] = [
        "row-written",
        "row-written=2",
        "result-committed",
        "published",
        "published=2",
        "confirmed",
        "acknowledged",
    ];
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    app.import(&[main_account(1001).credits(1_000)]).await?;
    let mut sent = 0;
    for point in POINTS {
        park(
            &app,
            "sms-sent",
            (0..3).map(|_| parked(event(1001).message(), "x")),
        )
        .await?;
        sent += 3;
        let mut env: Vec<(&str, &str)> = app.env().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        env.push((topup_failpoints::VARIABLE, point));
        let killed = topup_tests::run("fleetctl", &["dead", "redrive", "--all", "--yes"], &env).await?;
        ensure!(killed.status.signal() == Some(SIGKILL), "{point}: {killed:?}");
        // What it held comes back when the broker has noticed.
        eventually("a redrive to its end", async || {
            app.fleetctl(&["dead", "redrive", "--all", "--yes"]).await?;
            let recorded = app.rows.sends().await?;
            Ok((recorded == sent && left(&app, "sms-sent.dead").await? == 0).then_some(()))
        })
        .await
        .context(point)?;
    }
    app.sends_recorded(sent).await?;
    app.balance_becomes(1001, "sms", "979").await?;
    // Each that left is written down at least once.
    let moved = "SELECT count(DISTINCT message_id) FROM operator_acts_messages WHERE moved_to = 'sms-sent'";
    assert_eq!(app.rows.count(moved).await?, sent);
    app.finish().await
}
