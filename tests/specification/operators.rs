//! Looking into the fleet: what an account has and why, what was parked, whether all adds up.

use std::collections::BTreeSet;
use std::process::Output;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, event, eventually, main_account};
use uuid::Uuid;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one JSON document of standard output.
fn document(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn an_account_is_shown_in_the_shape_of_its_import_with_what_changed() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    let line = main_account(1001)
        .credits(101)
        .low_credit(50)
        .card("AUTH_ok")
        .line();
    let file = app.file([line.clone()])?;
    app.fleetctl(&["import", &file]).await?;
    app.send(&[event(1001)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    // Inside the spacing: this one waits.
    app.send(&[event(1001).credits("500.5")]).await?;
    let shown = eventually("a top-up that waits", async || {
        let shown = app.fleetctl(&["account", "show", "1001"]).await?;
        let waits = shown.pointer("/wallets/0/open_topup/state") == Some(&json!("scheduled"));
        Ok(waits.then_some(shown))
    })
    .await?;
    for field in [
        "account_id",
        "kind",
        "parent_id",
        "currency",
        "language",
        "mobile",
        "email",
    ] {
        assert_eq!(shown[field], line[field], "{field}");
    }
    let wallet = &shown["wallets"][0];
    assert_eq!(
        (&wallet["credits"], &wallet["available"]),
        (&json!(99.5), &json!(99.5))
    );
    assert_eq!(wallet["low_credit_threshold"], 50);
    let auto = &wallet["auto_topup"];
    assert_eq!(auto["disabled_reason"], Value::Null);
    assert_eq!(auto["card"]["last4"], "4081");
    assert_ne!(
        auto["card"]["authorization_code"], "AUTH_ok",
        "the token is shown"
    );
    let open = &wallet["open_topup"];
    assert_eq!(
        (&open["quantity"], &open["amount_minor"]),
        (&json!(500), &json!(35_247))
    );
    assert!(
        open["due_at"].is_string() && open["topup_id"].is_string(),
        "{open}"
    );
    let nobody = app.fleetctl_output(&["account", "show", "4711"]).await?;
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(said(&nobody), "fleetctl: there is no account 4711\n");
    app.stop().await
}

#[tokio::test]
async fn why_tells_the_whole_story_of_a_charge_that_failed_and_of_one_that_waits() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(1001).credits(101).card("AUTH_ok"),
        main_account(1002).credits(101).card("AUTH_declined"),
    ])
    .await?;
    let trigger = event(1001);
    app.send(&[trigger.clone(), event(1002)]).await?;
    app.outside.mail(2).await?;
    app.outside.sms(2).await?;
    app.send(&[event(1001).credits(500)]).await?;
    eventually("a top-up that waits", async || {
        let topups = app.rows.topups(1001).await?;
        Ok(topups
            .iter()
            .any(|topup| topup.state == "scheduled")
            .then_some(()))
    })
    .await?;
    app.wait_until_idle().await?;

    let told = app.fleet.fleetctl(&["why", "1001"]).await?;
    for part in [
        trigger.event_id().as_str(),
        "100",
        "ZAR 352.47",
        "4081",
        "500 credits came",
        "SMS",
        "+27…001",
        "a…@example.com",
        "It waits until",
    ] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    let told = app.fleet.fleetctl(&["why", "1002"]).await?;
    for part in ["Declined", "disabled", "+27…002"] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    // The same as data, in the order of time.
    let story = app.fleetctl(&["why", "1001"]).await?;
    let lines = story["story"].as_array().context("a story")?;
    let told_to: BTreeSet<&str> = lines.iter().filter_map(|line| line["to"].as_str()).collect();
    assert_eq!(
        told_to,
        BTreeSet::from(["+27…001", "a…@example.com"]),
        "{story:#}"
    );
    let times: Vec<&str> = lines.iter().filter_map(|line| line["at"].as_str()).collect();
    assert!(
        times.len() == lines.len() && times.len() >= 6 && times.is_sorted(),
        "{story:#}"
    );
    let quiet = app.fleetctl_output(&["why", "4711"]).await?;
    assert_eq!(quiet.status.code(), Some(1));

    let listed = app
        .fleetctl(&["topup", "list", "--account", "1001", "--state", "scheduled"])
        .await?;
    let topups = listed["topups"].as_array().context("top-ups")?;
    assert_eq!(topups.len(), 1, "{listed}");
    let id = topups[0]["topup_id"].as_str().context("an id")?;
    let shown = app.fleetctl(&["topup", "show", id]).await?;
    assert_eq!(
        (&shown["state"], &shown["account_id"]),
        (&json!("scheduled"), &json!(1001))
    );
    assert_eq!(
        app.fleetctl(&["topup", "list"]).await?["topups"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let unknown = app
        .fleetctl_output(&["topup", "show", &Uuid::now_v7().to_string()])
        .await?;
    assert_eq!(unknown.status.code(), Some(1));
    app.stop().await
}

#[tokio::test]
async fn parked_messages_are_listed_and_shown_with_their_reason_and_stay_where_they_are() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    let stray = event(4711);
    app.send(std::slice::from_ref(&stray)).await?;
    app.broker
        .publish_by("topup", "sms-snet", [event(1001).message()])
        .await?;
    app.broker.dead("sms-sent", 1).await?;
    for _ in 0..2 {
        let listed = app.fleetctl(&["dead", "list", "--queue", "sms-sent"]).await?;
        let message = &listed["messages"][0];
        assert_eq!(message["message_id"], stray.event_id());
        assert_eq!(message["reason"], "S4: unknown account 4711");
        assert_eq!(
            (&message["worker"], &message["queue"]),
            (&json!("sms-sent"), &json!("sms-sent.dead"))
        );
        let shown = app.fleetctl(&["dead", "show", &stray.event_id()]).await?;
        assert_eq!(shown["body"], stray.body);
    }
    // A sender's slip is kept, too.
    let all = app.fleetctl(&["dead", "list"]).await?;
    let queues: Vec<&str> = all["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|message| message["queue"].as_str())
        .collect();
    assert_eq!(queues, ["sms-sent.dead", "topup.unroutable"]);
    let text = app.fleet.fleetctl(&["dead", "list"]).await?;
    assert!(text.contains("S4: unknown account 4711"), "{text}");
    let unknown = app.fleetctl_output(&["dead", "show", "nothing"]).await?;
    assert_eq!(unknown.status.code(), Some(1));
    app.finish().await
}

#[tokio::test]
async fn credits_are_adjusted_by_hand_with_a_reason_and_nothing_is_triggered() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    let adjusted = app.adjust(1001, "-60.5").await?;
    assert_eq!(
        (&adjusted["credits"], &adjusted["balance"]),
        (&json!(-60.5), &json!(89.5))
    );
    app.adjust(1001, "+0.5").await?;
    assert_eq!(app.balance(1001).await?, "90");
    app.wait_until_idle().await?;
    assert_eq!(app.rows.count("SELECT count(*) FROM topups").await?, 0);
    let kept = "SELECT count(*) FROM ledger WHERE kind = 'adjustment' AND detail LIKE '%a test%'";
    assert_eq!(app.rows.count(kept).await?, 2);
    let of = |account: &'static str, credits: &'static str| {
        ["adjust", account, "--credits", credits, "--reason", "x"]
    };
    for (arguments, status) in [
        (of("1001", "0"), 2),
        (of("1001", "much"), 2),
        (of("4711", "+1"), 1),
    ] {
        let refused = app.fleetctl_output(&arguments).await?;
        assert_eq!(refused.status.code(), Some(status), "{}", said(&refused));
    }
    assert_eq!(app.balance(1001).await?, "90");
    app.finish().await
}

#[tokio::test]
async fn the_audit_finds_what_was_tampered_with_and_names_the_rule() -> Result<()> {
    let app = App::start(AppOptions::only(&[
        "sms-sent",
        "topup-requested",
        "payment-results",
        "notifications",
    ]))
    .await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    app.audit_is_clean().await?;
    for (rule, tampering, undoing) in [
        (
            "A1",
            "UPDATE wallets SET balance_milli = balance_milli + 1",
            "UPDATE wallets SET balance_milli = balance_milli - 1",
        ),
        (
            "A1",
            "UPDATE wallets SET held_milli = 1",
            "UPDATE wallets SET held_milli = 0",
        ),
        (
            "A2",
            "UPDATE payments SET state = 'failed'",
            "UPDATE payments SET state = 'succeeded'",
        ),
        (
            "A3",
            "UPDATE wallets SET open_topup_id = (SELECT topup_id FROM topups)",
            "UPDATE wallets SET open_topup_id = NULL",
        ),
        (
            "A4",
            "INSERT INTO outbox (account_id, queue, message_id, type, body, created_at)
             VALUES (1001, 'notifications', 'x', 'x', 'x', now() - interval '1 hour')",
            "DELETE FROM outbox",
        ),
        (
            "A5",
            "UPDATE notices SET cause = cause || 'x'",
            "UPDATE notices SET cause = left(cause, -1)",
        ),
        (
            "A6",
            "UPDATE wallets SET auto_enabled = false, auto_disabled_reason = 'x', auto_disabled_at = '2001-01-01'",
            "UPDATE wallets SET auto_enabled = true, auto_disabled_reason = NULL, auto_disabled_at = NULL",
        ),
    ] {
        app.rows.client().batch_execute(tampering).await?;
        let output = app.fleetctl_output(&["audit", "--json"]).await?;
        assert_eq!(output.status.code(), Some(1), "not found: {tampering}");
        let report = document(&output)?;
        assert_eq!(report["clean"], false);
        let checks = report["checks"].as_array().context("checks")?;
        let broken: Vec<&Value> = checks
            .iter()
            .filter(|check| check["violations_counted"] != 0)
            .collect();
        assert!(
            broken.iter().any(|check| check["rule"] == rule),
            "{tampering}: {broken:?}"
        );
        assert!(broken.iter().all(|check| check["violations"][0].is_string()));
        app.rows.client().batch_execute(undoing).await?;
        app.audit_is_clean().await?;
    }
    app.rows
        .client()
        .batch_execute("UPDATE wallets SET balance_milli = balance_milli + 1000")
        .await?;
    let words = app.fleetctl_output(&["audit"]).await?;
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(
        words.contains("A1") && words.contains("1001") && words.contains("BROKEN"),
        "{words}"
    );
    app.rows
        .client()
        .batch_execute("UPDATE wallets SET balance_milli = balance_milli - 1000")
        .await?;
    app.finish().await
}
