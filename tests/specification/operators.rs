//! The operator's command: repeatable, exact about mistakes, and able to tell what happened.

use std::fs::File;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use topup_stack::Space;
use topup_tests::{
    App, AppOptions, Price, account_id, command, credits, event, eventually, fresh_space, main_account, run,
    sms_wallet, store_on, sub_account,
};
use uuid::Uuid;

/// Broker and database with everything in them, and nobody who works.
async fn nobody() -> Result<App> {
    App::start(AppOptions::only(&[])).await
}

/// What an operator needs to know of a space.
fn settings(space: &Space) -> [(&str, &str); 3] {
    [
        ("TOPUP__AMQP__URL", space.amqp_url()),
        ("TOPUP__AMQP__MANAGEMENT_URL", space.management_url()),
        ("TOPUP__DATABASE__URL", space.database_url()),
    ]
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one JSON document of standard output.
fn document(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Exit status 1; what was said on standard error, line by line, without the file's directory.
fn mistakes(output: &Output, file: &str) -> Result<Vec<String>> {
    ensure!(
        output.status.code() == Some(1),
        "{}: {}",
        output.status,
        said(output)
    );
    Ok(said(output)
        .lines()
        .map(|line| line.replace(file, "FILE"))
        .collect())
}

#[tokio::test]
async fn migrating_can_be_repeated_and_done_by_several_at_once() -> Result<()> {
    let space = fresh_space().await?;
    let settings = settings(&space);
    let migrate = || run("fleetctl", &["migrate", "--json"], &settings);
    let (first, second, third) = futures_util::try_join!(migrate(), migrate(), migrate())?;
    let mut applied = Vec::new();
    for output in [first, second, third] {
        ensure!(output.status.success(), "{}", said(&output));
        let migrated = document(&output)?;
        applied.extend(
            migrated["migrations_applied"]
                .as_array()
                .context("a list")?
                .clone(),
        );
    }
    let files = std::fs::read_dir(topup_stack::workspace().join("infra/migrations"))?.count();
    assert_eq!(applied.len(), files, "each migration once: {applied:?}");
    let again = run("fleetctl", &["migrate"], &settings).await?;
    assert_eq!(
        String::from_utf8_lossy(&again.stdout),
        "the schema is up to date\nthe ledger's days are open\n"
    );
    space.remove().await
}

#[tokio::test]
async fn topology_is_applied_repeatably_and_checked_against_what_really_holds() -> Result<()> {
    let space = fresh_space().await?;
    let settings = settings(&space);
    let apply = || run("fleetctl", &["topology", "apply"], &settings);
    let findings = async || {
        let output = run("fleetctl", &["topology", "check", "--json"], &settings).await?;
        let findings: Vec<String> = serde_json::from_value(document(&output)?["findings"].clone())?;
        let status = if findings.is_empty() { 0 } else { 1 };
        ensure!(
            output.status.code() == Some(status),
            "{}: {findings:?}",
            output.status
        );
        anyhow::Ok(findings)
    };
    let missing = findings().await?;
    let first = missing.first().context("an empty broker is no finding")?;
    assert!(
        first.contains("missing") && first.contains("fleetctl topology apply"),
        "{first}"
    );
    for _ in 0..2 {
        let applied = apply().await?;
        ensure!(applied.status.success(), "{}", said(&applied));
    }
    assert_eq!(findings().await?, [""; 0]);

    // An operator policy overrides a queue's own arguments without a word.
    let management = space.stack().management()?;
    let policy = format!("/api/operator-policies/{}/short", space.vhost());
    let definition =
        json!({"pattern": "^delay\\.v1\\.0", "definition": {"message-ttl": 500}, "apply-to": "queues"});
    management.put(&policy, &definition).await?;
    let bent = eventually("the policy among the findings", async || {
        Ok(Some(findings().await?).filter(|findings| !findings.is_empty()))
    })
    .await?;
    assert!(
        bent[0].contains("delay.v1.0") && bent[0].contains("policy short sets message-ttl = 500"),
        "{bent:?}"
    );
    management.delete(&policy).await?;
    eventually("no findings", async || {
        Ok(findings().await?.is_empty().then_some(()))
    })
    .await?;

    // Somebody else's queue of the same name, with another argument.
    let connection =
        lapin::Connection::connect(space.amqp_url(), lapin::ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel
        .queue_delete("sms-sent".into(), lapin::options::QueueDeleteOptions::default())
        .await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(5));
    channel
        .queue_declare("sms-sent".into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    let wrong = eventually("the wrong argument among the findings", async || {
        Ok(Some(findings().await?).filter(|findings| !findings.is_empty()))
    })
    .await?;
    assert!(
        wrong
            .iter()
            .any(|line| line.contains("queue sms-sent has x-delivery-limit = 5")),
        "{wrong:?}"
    );
    let refused = apply().await?;
    assert_eq!(refused.status.code(), Some(1));
    let line = said(&refused);
    assert!(
        line.contains("queue sms-sent stands with") && line.lines().count() == 1,
        "{line}"
    );
    connection.close(200, "done".into()).await?;
    space.remove().await
}

#[tokio::test]
async fn mistakes_in_an_import_name_file_line_and_field_and_the_other_lines_are_taken() -> Result<()> {
    let app = nobody().await?;
    let good = |id| main_account(id).credits(150).line();
    let with = |id: i64, path: &str, value: Value| -> Result<Value> {
        let mut line = main_account(id).credits(150).card("AUTH_ok").line();
        *line.pointer_mut(path).context("no such field")? = value;
        Ok(line)
    };
    let lines = [
        good(1001).to_string(),
        "{\"account_id\": 1002".to_owned(),
        with(1003, "/wallets/0/auto_topup/quantity", json!(99))?.to_string(),
        with(1004, "/wallets/0/credits", json!("many"))?.to_string(),
        with(1005, "/wallets/0/auto_topup/card", Value::Null)?.to_string(),
        String::new(),
        main_account(1006).transfer().line().to_string(),
        sub_account(2001, 9_999).line().to_string(),
        good(1007).to_string().replace("\"language\"", "\"langage\""),
        good(1008).to_string(),
    ];
    let file = app.text_file(&(lines.join("\n") + "\n"))?;
    let output = app.fleetctl_output(&["import", &file]).await?;
    let named = mistakes(&output, &file)?;
    let expected = [
        ("FILE:2: ", "JSON"),
        (
            "FILE:3: field `wallets[0].auto_topup.quantity`: ",
            "at least the threshold",
        ),
        ("FILE:4: field `wallets[0].credits`: ", "decimal number"),
        ("FILE:5: field `wallets[0].auto_topup.card`: ", "needs its card"),
        ("FILE:7: field `wallets[0].auto_topup.method`: ", "card only"),
        ("FILE:8: field `parent_id`: ", "there is no account 9999"),
        ("FILE:9: field `langage`: ", ""),
    ];
    assert_eq!(named.len(), expected.len(), "{named:#?}");
    for (line, (begin, holds)) in named.iter().zip(expected) {
        assert!(
            line.starts_with(begin) && line.contains(holds),
            "{line} is not {begin}…{holds}"
        );
    }
    assert_eq!(app.balance(1001).await?, "150");
    assert_eq!(app.balance(1008).await?, "150");
    assert_eq!(app.rows.count("SELECT count(*) FROM accounts").await?, 2);
    app.finish().await
}

#[tokio::test]
async fn an_import_can_be_repeated_and_never_enables_what_was_disabled() -> Result<()> {
    let app = nobody().await?;
    let account = main_account(1001).credits(150).card("AUTH_ok");
    let file = app.file([account.line()])?;
    assert_eq!(app.fleetctl(&["import", &file]).await?["created"], 1);
    app.adjust(1001, "-30").await?;
    let again = app.fleetctl(&["import", &file]).await?;
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(1)));
    assert_eq!(
        app.balance(1001).await?,
        "120",
        "an opening balance counts for new wallets alone"
    );

    let store = store_on(app.space())?;
    store
        .disable_auto_topup(sms_wallet(1001), account_id(1001), "declined")
        .await?;
    let other = app.file([account.threshold(50).line()])?;
    let changed = app.fleetctl(&["import", &other]).await?;
    assert_eq!(changed["updated"], 1);
    assert!(
        changed["notes"].to_string().contains("stays disabled"),
        "{changed}"
    );
    let view = app.account(1001).await?;
    let wallet = view.wallet("sms")?;
    assert!(!wallet.is_enabled());
    assert_eq!(wallet.disabled_reason(), Some("declined"));
    let auto = wallet.auto_topup.as_ref().context("auto top-up")?;
    assert_eq!(auto.threshold, credits("50")?);
    app.finish().await
}

#[tokio::test]
async fn a_mistake_in_a_price_list_refuses_all_of_it() -> Result<()> {
    let app = nobody().await?;
    let listed = "SELECT string_agg(t::text, ' ' ORDER BY t) FROM price_tiers t";
    let before: String = app.rows.client().query_one(listed, &[]).await?.get(0);
    let good = Price::of("sms", "KES", "99").line().to_string();
    for (broken, begin) in [
        (
            good.replace("\"99\"", "\"-1\""),
            "FILE:2: field `unit_price_minor`: ",
        ),
        (good.replace("KES", "Kenya"), "FILE:2: field `currency`: "),
        (good.clone(), "FILE:2: field `from_credits`: "),
        ("[1]".to_owned(), "FILE:2: "),
    ] {
        let file = app.text_file(&format!("{good}\n{broken}\n"))?;
        let output = app.fleetctl_output(&["prices", &file]).await?;
        let named = mistakes(&output, &file)?;
        assert!(
            named.len() == 1 && named[0].starts_with(begin),
            "{named:?} is not {begin}…"
        );
    }
    let after: String = app.rows.client().query_one(listed, &[]).await?.get(0);
    assert_eq!(before, after);
    app.finish().await
}

#[tokio::test]
async fn publishing_stops_at_a_broken_line_and_goes_on_from_it() -> Result<()> {
    let app = nobody().await?;
    let mut lines: Vec<String> = (0..50).map(|_| event(1001).body.to_string()).collect();
    lines[29] = event(1001).without("credits").body.to_string();
    let file = app.text_file(&(lines.join("\n") + "\n"))?;
    let queued = async || Ok::<_, anyhow::Error>(app.broker.ready("sms-sent").await?);

    let stopped = app.fleetctl_output(&["publish", &file, "--json"]).await?;
    assert_eq!(stopped.status.code(), Some(1));
    let told = document(&stopped)?;
    assert_eq!(
        (&told["published"], &told["resume_from_line"]),
        (&json!(29), &json!(30))
    );
    let mistake = told["mistakes"][0].to_string();
    assert!(
        mistake.contains("\"credits\"") && mistake.contains("30"),
        "{mistake}"
    );
    assert_eq!(queued().await?, Some(29));

    // As a person is told: the line, and how to go on.
    let words = app
        .fleetctl_output(&["publish", &file, "--from-line", "30"])
        .await?;
    assert_eq!(words.status.code(), Some(1));
    let words = String::from_utf8_lossy(&words.stdout).into_owned() + &said(&words);
    assert!(
        words.contains(&format!("{file}:30: field `credits`")) && words.contains("--from-line 30"),
        "{words}"
    );
    app.fleetctl(&["publish", &file, "--from-line", "31"]).await?;
    assert_eq!(queued().await?, Some(49));

    let skipping = app
        .fleetctl_output(&["publish", &file, "--skip-bad", "--json"])
        .await?;
    assert_eq!(document(&skipping)?["skipped"], 1);
    assert_eq!(skipping.status.code(), Some(1), "something was left out");
    assert_eq!(queued().await?, Some(98));
    app.fleetctl(&["publish", &file, "--unchecked"]).await?;
    assert_eq!(queued().await?, Some(148));
    app.stop().await
}

#[tokio::test]
async fn events_are_published_from_standard_input_as_any_sender_publishes_them() -> Result<()> {
    let app = nobody().await?;
    let one = event(1001);
    let file = app.file([one.body.clone()])?;
    let settings: Vec<(&str, &str)> = app
        .env()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut command = tokio::process::Command::from(command("fleetctl", &settings).await?);
    let output = command
        .args(["publish", "-"])
        .stdin(File::open(file)?)
        .output()
        .await?;
    ensure!(output.status.success(), "{}", said(&output));
    let published = app.broker.look("sms-sent").await?.pop().context("a message")?;
    assert_eq!(published.body, one.body.to_string().as_bytes());
    assert_eq!(published.message_id, Some(one.event_id()));
    assert_eq!(published.kind.as_deref(), Some("sms-sent.v1"));
    assert!(
        published.headers.contains_key("traceparent"),
        "{:?}",
        published.headers
    );
    app.stop().await
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
        "+27820001001",
        "account-1001@example.com",
        "It waits until",
    ] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    let told = app.fleet.fleetctl(&["why", "1002"]).await?;
    for part in ["Declined", "disabled", "+27820001002"] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    // The same as data, in the order of time.
    let story = app.fleetctl(&["why", "1001"]).await?;
    let lines = story["story"].as_array().context("a story")?;
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
