//! Logs and traces are read by many: no line of a log, at whatever level, and no span holds a secret, a card's token, a
//! number or an address.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::time::timeout;
use topup_stack::plain_client;
use topup_tests::{
    App, AppOptions, Collector, PATIENCE, command, event, eventually, main_account, raw, run, sub_account,
    terminate,
};

use crate::processes::each_line_says_whose_it_is;

const SECRET_KEY: &str = "sk_test_4f9ahardtoguess";
const SMS_KEY: &str = "smskey-77c1hardtoguess";
const OPERATORS: &str = "operators@private.example";
const FROM: &str = "sender@private.example";
/// Each begins with what the sandbox goes by.
const CARDS: [&str; 6] = [
    "AUTH_ok_c0de01",
    "AUTH_declined_c0de02",
    "AUTH_timeout_c0de03",
    "AUTH_pending_c0de04",
    "AUTH_5xx_c0de05",
    "AUTH_lost_c0de06",
];
/// Everything that can be said is said.
const TALKATIVE: &str =
    "trace,lapin=trace,hyper=trace,tokio_postgres=trace,reqwest=trace,lettre=trace,rustls=trace";

fn mobile(id: i64) -> String {
    format!("+2783555{id}")
}

fn email(id: i64) -> String {
    format!("holder-{id}@private.example")
}

/// What must not be found, and what it is.
struct Needles(Vec<(&'static str, String)>);

impl Needles {
    fn new(app: &App) -> Self {
        let mut needles = vec![
            ("the gateway's key", "4f9ahardtoguess".to_owned()),
            ("the SMS provider's key", "77c1hardtoguess".to_owned()),
            ("a card's token", "c0de0".to_owned()),
            ("a number", "2783555".to_owned()),
            ("an address", "private.example".to_owned()),
        ];
        for url in [app.space().amqp_url(), app.space().database_url()] {
            let password = url
                .rsplit_once('@')
                .and_then(|(before, _)| before.rsplit_once(':'));
            // Somebody else's server may have one that is a word like any other.
            if let Some((_, password)) = password.filter(|(_, password)| password.len() >= 12) {
                needles.push(("a password", password.to_owned()));
            }
        }
        Self(needles)
    }

    fn in_nothing_of(&self, of: &str, text: &str) -> Result<()> {
        for line in text.lines() {
            for (what, needle) in &self.0 {
                ensure!(!line.contains(needle), "{of} tells {what}: {line}");
            }
        }
        Ok(())
    }
}

/// Every log of the fleet, by its file's name; and the servers' own, where they run beside it.
fn logs(app: &mut App) -> Result<BTreeMap<String, String>> {
    let log = app.fleet.worker("edge")?.log().to_owned();
    let mut logs = BTreeMap::new();
    for folder in log.ancestors().skip(1).take(2) {
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.is_file() {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                logs.insert(name.unwrap_or_default(), fs::read_to_string(&path)?);
            }
        }
    }
    Ok(logs)
}

/// Everything that happens to payments, well and badly.
async fn much_happens(app: &mut App) -> Result<()> {
    let mut accounts: Vec<_> = (1001..)
        .zip(CARDS)
        .map(|(id, card)| {
            let account = main_account(id).credits(150).low_credit(140).card(card);
            account.mobile(Some(&mobile(id))).email(Some(&email(id)))
        })
        .collect();
    let sub = sub_account(2001, 1001).credits(150).transfer();
    accounts.push(sub.mobile(Some(&mobile(2001))).email(Some(&email(2001))));
    app.import(&accounts).await?;
    app.outside
        .trouble(json!({"sms_status": 503, "calls": 2}))
        .await?;
    app.outside.trouble(json!({"smtp": "refuse", "calls": 1})).await?;
    app.outside.trouble(json!({"status": 401, "calls": 1})).await?;
    app.outside
        .trouble(json!({"webhooks": "twice", "calls": 2}))
        .await?;
    let ids = (1001..).take(CARDS.len());
    let sends: Vec<_> = ids
        .clone()
        .chain([2001])
        .map(|id| event(id).credits(50))
        .collect();
    app.send(&sends).await?;
    for (id, card) in ids.zip(CARDS) {
        let state = if card.contains("declined") {
            "failed"
        } else {
            "succeeded"
        };
        app.topup_in(id, "sms", &[state]).await.context(card)?;
    }
    app.topup_in(2001, "sms", &["succeeded", "failed"]).await?;
    let captures = app.outside.captures(1).await?;
    let of = |account| {
        captures
            .iter()
            .find(move |it| it.is_of(account))
            .context("a capture")
    };
    app.outside
        .post("refund", &json!({"reference": of(1001)?.reference}))
        .await?;
    app.outside
        .post(
            "dispute",
            &json!({"reference": of(1003)?.reference, "outcome": "lost"}),
        )
        .await?;
    app.topup_in(1001, "sms", &["reversed"]).await?;
    app.topup_in(1003, "sms", &["reversed"]).await?;
    Ok(())
}

/// Messages and calls whose contents nobody would expect where they stand.
async fn nonsense_comes(app: &mut App) -> Result<()> {
    let misplaced = [
        json!({"event_id": email(1001), "account_id": 1001, "credits": 1, "sent_at": "2026-11-22T08:15:00Z"}),
        json!({"event_id": "0193f2a0-7000-7000-8000-000000000001", "account_id": mobile(1001), "credits": 1,
            "sent_at": "2026-11-22T08:15:00Z"}),
        json!({"event_id": "0193f2a0-7000-7000-8000-000000000002", "account_id": 1001, "credits": CARDS[0],
            "sent_at": SECRET_KEY}),
    ];
    app.broker
        .publish(misplaced.iter().map(|body| raw(body.to_string())))
        .await?;
    let results = [
        json!({"reference": email(1001), "gateway": "paystack", "status": CARDS[0]}),
        json!({"reference": "topup-1001-x", "gateway": mobile(1001), "status": "success", "source": "charge",
            "mode": "test", "amount_minor": 1, "currency": SECRET_KEY, "occurred_at": "2026-11-22T08:15:00Z"}),
    ];
    let results = results
        .iter()
        .map(|body| raw(body.to_string()).kind(Some("payment-results.v1")));
    app.broker.publish_to("payment-results", results).await?;
    app.broker.dead("sms-sent", 3).await?;
    app.broker.dead("payment-results", 2).await?;
    let forged = json!({"event": email(1001), "data": {"authorization": {"authorization_code": CARDS[0]}}});
    let client = plain_client().timeout(PATIENCE).build()?;
    let call = client
        .post(format!(
            "{}/webhooks/paystack?to={}",
            app.edge_url()?,
            mobile(1001)
        ))
        .header("x-paystack-signature", SECRET_KEY)
        .header("x-forwarded-for", email(1001))
        .body(forged.to_string());
    ensure!(call.send().await?.status().as_u16() == 401);
    Ok(())
}

/// What an operator asks; what is said beside the answers.
async fn operators_ask(app: &App) -> Result<Vec<(String, Output)>> {
    let topups: Value = app.fleetctl(&["topup", "list"]).await?;
    let topup = topups
        .pointer("/0/topup_id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let commands: Vec<Vec<&str>> = vec![
        vec!["account", "show", "1001"],
        vec!["why", "1001"],
        vec!["topup", "list"],
        vec!["topup", "show", &topup],
        vec!["dead", "list"],
        vec!["adjust", "1001", "--credits", "+1", "--reason", "a test"],
        vec!["audit"],
        vec!["why", "9999"],
        vec!["import", "/nowhere"],
    ];
    let mut outputs = Vec::new();
    for command in commands {
        outputs.push((command.join(" "), app.fleetctl_output(&command).await?));
    }
    Ok(outputs)
}

#[tokio::test]
async fn no_line_of_any_log_and_no_span_holds_a_secret_a_token_a_number_or_an_address() -> Result<()> {
    let collector = Collector::start().await?;
    let options = AppOptions::whole()
        .setting("TRACES__URL", collector.url())
        .setting("LOG__FILTER", TALKATIVE)
        .setting("PAYSTACK__SECRET_KEY", SECRET_KEY)
        .setting("PAYSTACK__TIMEOUT", "1s")
        .setting("SMS__API_KEY", SMS_KEY)
        .setting("SMTP__FROM", FROM)
        .setting("OPERATORS__EMAIL", OPERATORS)
        .setting("INQUIRIES__FIRST", "1s")
        .setting("NOTIFICATIONS__RETRY_FIRST", "1s")
        .setting("TOPUP_REQUESTED__RETRY_FIRST", "1s");
    let mut app = App::start(options).await?;
    let needles = Needles::new(&app);
    much_happens(&mut app).await?;
    nonsense_comes(&mut app).await?;
    app.wait_until_idle().await?;
    for (command, output) in operators_ask(&app).await? {
        needles.in_nothing_of(
            &format!("fleetctl {command}"),
            &String::from_utf8_lossy(&output.stderr),
        )?;
    }
    // The database and the broker go and come: errors have the most to tell.
    app.take_database_away().await?;
    app.close_connections_beside(&[]).await?;
    let url = app.fleet.worker("sweeper")?.http_url();
    eventually("a sweeper without a database", async || {
        Ok((topup_tests::ask(&url, "/readyz").await?.0.as_u16() == 503).then_some(()))
    })
    .await?;
    app.give_database_back().await?;
    app.wait_until_idle().await?;
    let logs = logs(&mut app)?;
    assert!(logs.len() > topup_stack::WORKERS.len(), "{:?}", logs.keys());
    for worker in topup_stack::WORKERS {
        let log = logs
            .get(&format!("{worker}.log"))
            .with_context(|| worker.to_owned())?;
        assert!(log.lines().count() > 2, "{worker} said nothing:\n{log}");
        each_line_says_whose_it_is(worker, log)?;
    }
    let all = logs.values().cloned().collect::<String>();
    assert!(all.contains("\"level\":\"DEBUG\""), "nobody is talkative");
    for (name, log) in &logs {
        needles.in_nothing_of(name, log)?;
    }
    app.finish().await?;
    let spans = collector.spans();
    for process in topup_stack::WORKERS {
        let has_told = spans.iter().any(|span| span.process == process);
        assert!(has_told, "no span of {process}");
    }
    for span in spans {
        needles.in_nothing_of("a span", &format!("{span:?}"))?;
    }
    Ok(())
}

/// Addresses that are right, with nobody behind them; each has a password.
const UNREACHABLE: [(&str, &str); 10] = [
    ("TOPUP__LOG__FILTER", TALKATIVE),
    ("TOPUP__AMQP__URL", "amqp://topup:hardtoguess@127.0.0.1:1/v"),
    (
        "TOPUP__DATABASE__URL",
        "postgres://topup:hardtoguess@127.0.0.1:1/d",
    ),
    ("TOPUP__PAYSTACK__URL", "http://topup:hardtoguess@127.0.0.1:1"),
    ("TOPUP__PAYSTACK__SECRET_KEY", "sk_test_hardtoguess"),
    ("TOPUP__SMS__URL", "http://topup:hardtoguess@127.0.0.1:1"),
    ("TOPUP__SMS__API_KEY", "hardtoguess"),
    ("TOPUP__SMTP__URL", "smtp://topup:hardtoguess@127.0.0.1:1"),
    ("TOPUP__SMTP__FROM", "topup@example.com"),
    (
        "TOPUP__AMQP__MANAGEMENT_URL",
        "http://topup:hardtoguess@127.0.0.1:1",
    ),
];

#[tokio::test]
async fn an_address_with_a_password_is_never_repeated_whatever_is_wrong_with_it() -> Result<()> {
    let wrong = [
        ("TOPUP__AMQP__URL", "amqp:/topup:hardtoguess@host/v"),
        ("TOPUP__AMQP__URL", "http://topup:hardtoguess@host/v"),
        ("TOPUP__AMQP__URL", "amqp://topup:hardtoguess@/v"),
        ("TOPUP__AMQP__URL", "amqp://topup:hardto/guess:hardtoguess@host/v"),
        ("TOPUP__AMQP__URL", "amqp://topup:hardtoguess@host:port/v"),
        (
            "TOPUP__DATABASE__URL",
            "postgress://topup:hardtoguess@host/d?sslmode=require",
        ),
        ("TOPUP__DATABASE__URL", "postgres://topup:hardtoguess@host:port/d"),
        ("TOPUP__DATABASE__URL", "user=topup pasword=hardtoguess host=h"),
        ("TOPUP__DATABASE__URL", "user=topup password='hardtoguess host=h"),
        ("TOPUP__SMS__URL", "ftp://topup:hardtoguess@host"),
        ("TOPUP__SMS__URL", "https://topup:hardtoguess@"),
        ("TOPUP__PAYSTACK__URL", "htps://topup:hardtoguess@host"),
        ("TOPUP__PAYSTACK__SECRET_KEY", "pk_test_hardtoguess"),
        ("TOPUP__SMTP__URL", "smpt://topup:hardtoguess@host"),
        ("TOPUP__SMTP__URL", "smtp://topup:hardto/guess:hardtoguess@host"),
        ("TOPUP__SMTP__URL", "smtp://topup:hardtoguess@host:port"),
    ];
    for (variable, value) in wrong {
        let rest = UNREACHABLE.into_iter().filter(|(name, _)| *name != variable);
        let given: Vec<_> = rest.chain([(variable, value)]).collect();
        for program in ["notifications", "topup-requested", "edge"] {
            let needs = match program {
                "notifications" => !variable.contains("PAYSTACK__SECRET"),
                "topup-requested" => !variable.contains("SMS") && !variable.contains("SMTP"),
                _ => variable.contains("PAYSTACK") || variable.contains("AMQP"),
            };
            if !needs {
                continue;
            }
            let output = run(program, &[], &given).await?;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{program}, {variable}={value}: {said}"
            );
            assert!(!said.contains("hardto"), "{program}, {variable}={value}: {said}");
        }
    }
    Ok(())
}

/// What a process says until it has warned, and been told to end.
async fn last_words(worker: &str) -> Result<String> {
    let mut child = tokio::process::Command::from(command(worker, &UNREACHABLE).await?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut said = BufReader::new(child.stderr.take().context("its standard error")?);
    let mut words = String::new();
    while !words.contains("\"WARN\"") {
        let read = timeout(PATIENCE, said.read_line(&mut words))
            .await
            .context("it warned of nothing")?;
        ensure!(read? > 0, "{worker} ended: {words}");
    }
    terminate(child.id().context("it has ended")?)?;
    let rest = timeout(PATIENCE, said.read_to_string(&mut words)).await;
    rest.with_context(|| format!("{worker} does not end"))??;
    Ok(words)
}

#[tokio::test]
async fn who_can_not_be_reached_is_named_without_the_password() -> Result<()> {
    for worker in topup_stack::WORKERS {
        let words = last_words(worker).await?;
        assert!(!words.contains("hardto"), "{worker}: {words}");
    }
    let commands: [&[&str]; 6] = [
        &["migrate"],
        &["audit"],
        &["topology", "apply"],
        &["topology", "check"],
        &["dead", "list"],
        &["reconcile", "2026-11-22"],
    ];
    for command in commands {
        let output = run("fleetctl", command, &UNREACHABLE).await?;
        ensure!(!output.status.success(), "{command:?} went well");
        for said in [&output.stdout, &output.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.contains("hardto"), "{command:?}: {said}");
        }
    }
    Ok(())
}
