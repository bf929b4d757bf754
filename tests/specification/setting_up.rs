//! Setting the fleet up and feeding it: every command can be repeated, and is exact about mistakes.

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
