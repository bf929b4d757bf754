//! Every program by itself: settings that are refused with one line, an address that tells how it is, an end that is
//! asked for.

use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::time::timeout;
use topup_stack::WORKERS;
use topup_tests::{App, AppOptions, PATIENCE, ask, command, event, eventually, main_account, run, terminate};

/// Enough for every program to begin; nothing listens there.
const NOWHERE: [(&str, &str); 8] = [
    ("TOPUP__AMQP__URL", "amqp://topup:secret@127.0.0.1:1/v"),
    ("TOPUP__DATABASE__URL", "postgres://topup:secret@127.0.0.1:1/d"),
    ("TOPUP__PAYSTACK__URL", "http://127.0.0.1:1"),
    ("TOPUP__PAYSTACK__SECRET_KEY", "sk_test_x"),
    ("TOPUP__SMS__URL", "http://127.0.0.1:1"),
    ("TOPUP__SMS__API_KEY", "x"),
    ("TOPUP__SMTP__URL", "smtp://127.0.0.1:1"),
    ("TOPUP__SMTP__FROM", "topup@example.com"),
];

/// The settings above, one of them changed, or left out.
fn but(changed: &'static str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let rest = NOWHERE.into_iter().filter(|(name, _)| *name != changed);
    rest.chain(value.map(|value| (changed, value))).collect()
}

/// Every program, with the arguments of one that would do something.
fn programs() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let none: &[&str] = &[];
    let workers = WORKERS.into_iter().map(move |worker| (worker, none));
    workers.chain([("fleetctl", ["migrate"].as_slice())])
}

/// Exit code 2, nothing on standard output, and one line on standard error, which is returned.
fn refusal(name: &str, output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(2),
        "{name}: {}: {said}",
        output.status
    );
    ensure!(
        output.stdout.is_empty(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    ensure!(said.lines().count() == 1, "{name}: not one line: {said}");
    Ok(said.trim_end().to_owned())
}

#[tokio::test]
async fn a_wrong_setting_ends_any_program_at_once_with_one_line_that_names_it() -> Result<()> {
    let wrong = [
        (
            "TOPUP__RULES__CARD_SPACNG",
            "30m",
            "did you mean TOPUP__RULES__CARD_SPACING?",
        ),
        ("TOPUP__RULES__CARD_SPACING", "soon", "TOPUP__RULES__CARD_SPACING"),
        (
            "TOPUP__DATABASE__CONNECTIONS_MAX",
            "many",
            "TOPUP__DATABASE__CONNECTIONS_MAX",
        ),
        ("TOPUP__HTTP__LISTEN", "everywhere", "TOPUP__HTTP__LISTEN"),
        ("TOPUP__AMQP__URL", "http://127.0.0.1", "TOPUP__AMQP__URL"),
        ("TOPUP_RULES__CARD_SPACING", "30m", "TOPUP__RULES__CARD_SPACING"),
    ];
    for (program, arguments) in programs() {
        for (variable, value, named) in wrong {
            let output = run(program, arguments, &but(variable, Some(value))).await?;
            let line = refusal(program, &output)?;
            assert!(line.contains(named), "{program}: {line}");
            assert!(!line.contains("secret"), "{program}: {line}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_setting_that_a_program_needs_and_has_not_got_is_named() -> Result<()> {
    let needed: [(&str, &[&str]); 7] = [
        ("sms-sent", &[]),
        ("topup-requested", &["TOPUP__PAYSTACK__SECRET_KEY"]),
        ("payment-results", &[]),
        (
            "notifications",
            &[
                "TOPUP__SMS__URL",
                "TOPUP__SMS__API_KEY",
                "TOPUP__SMTP__URL",
                "TOPUP__SMTP__FROM",
            ],
        ),
        ("sweeper", &[]),
        ("edge", &["TOPUP__PAYSTACK__SECRET_KEY"]),
        ("fleetctl", &["TOPUP__DATABASE__URL"]),
    ];
    for (program, own) in needed {
        let of_all: &[&str] = match program {
            "fleetctl" => &[],
            // It has no business with the database.
            "edge" => &["TOPUP__AMQP__URL"],
            _ => &["TOPUP__AMQP__URL", "TOPUP__DATABASE__URL"],
        };
        let arguments: &[&str] = if program == "fleetctl" { &["migrate"] } else { &[] };
        for missing in of_all.iter().chain(own) {
            let given: Vec<_> = NOWHERE.into_iter().filter(|(name, _)| name != missing).collect();
            let output = run(program, arguments, &given).await?;
            // A worker may have said by then where it listens: only its end counts.
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{program} without {missing}: {said}"
            );
            assert!(
                said.lines().last().is_some_and(|line| line.contains(missing)),
                "{program} without {missing}: {said}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn production_refuses_fakes() -> Result<()> {
    let production = [
        ("TOPUP__MODE", "production"),
        ("TOPUP__AMQP__URL", "amqps://topup:secret@broker/v"),
        (
            "TOPUP__DATABASE__URL",
            "postgres://topup:secret@database/d?sslmode=verify-full",
        ),
        ("TOPUP__PAYSTACK__URL", "https://api.paystack.co"),
        ("TOPUP__PAYSTACK__SECRET_KEY", "sk_live_x"),
    ];
    let fakes = [
        ("TOPUP__PAYSTACK__URL", "http://127.0.0.1:8080"),
        ("TOPUP__PAYSTACK__URL", "https://localhost"),
        ("TOPUP__PAYSTACK__SECRET_KEY", "sk_test_x"),
        ("TOPUP__AMQP__URL", "amqps://guest:guest@broker/v"),
        ("TOPUP__AMQP__URL", "amqp://topup:secret@broker/v"),
        ("TOPUP__AMQP__MANAGEMENT_URL", "http://topup:secret@broker:15672"),
        ("TOPUP__DATABASE__URL", "postgres://topup:secret@database/d"),
        ("TOPUP__SMS__URL", "http://sms.example"),
        ("TOPUP__SMTP__URL", "smtp://relay.example"),
    ];
    for worker in WORKERS {
        for (variable, fake) in fakes {
            let rest = production.into_iter().filter(|(name, _)| *name != variable);
            let given: Vec<_> = rest.chain([(variable, fake)]).collect();
            let line = refusal(worker, &run(worker, &[], &given).await?)?;
            assert!(
                line.contains(variable) && line.contains("refused in production"),
                "{worker}: {line}"
            );
        }
    }
    Ok(())
}

/// Builds without debug assertions know nothing of it.
#[cfg(debug_assertions)]
#[tokio::test]
async fn a_point_to_be_killed_at_is_refused_in_production_and_where_there_is_no_such_point() -> Result<()> {
    let production = [
        ("TOPUP__MODE", "production"),
        ("TOPUP__AMQP__URL", "amqps://topup:secret@broker/v"),
        (
            "TOPUP__DATABASE__URL",
            "postgres://topup:secret@database/d?sslmode=verify-full",
        ),
        ("TOPUP__PAYSTACK__SECRET_KEY", "sk_live_x"),
        (topup_failpoints::VARIABLE, "received"),
    ];
    let misspelt = [NOWHERE.as_slice(), &[(topup_failpoints::VARIABLE, "recieved")]].concat();
    for worker in WORKERS {
        for (given, why) in [
            (production.as_slice(), "for tests alone"),
            (&misspelt, "no failpoint"),
        ] {
            let line = refusal(worker, &run(worker, &[], given).await?)?;
            assert!(
                line.contains(topup_failpoints::VARIABLE) && line.contains(why),
                "{worker}: {line}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_process_says_one_line_when_it_listens_and_ends_with_0_when_told_to() -> Result<()> {
    for worker in WORKERS {
        // Without broker and database: SIGTERM while reconnecting ends it all the same.
        let mut child = tokio::process::Command::from(command(worker, &NOWHERE).await?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut log = child.stderr.take().context("its standard error")?;
        let mut output = BufReader::new(child.stdout.take().context("its standard output")?);
        let mut line = String::new();
        output.read_line(&mut line).await?;
        let ready: Value = serde_json::from_str(&line).with_context(|| format!("{worker}: {line}"))?;
        assert_eq!(ready["ready"]["name"], worker);
        let address = ready["ready"]["http"].as_str().context("its address")?;
        assert!(
            address.starts_with("127.0.0.1:") && !address.ends_with(":0"),
            "{address}"
        );
        terminate(child.id().context("it has ended")?)?;
        let mut rest = String::new();
        timeout(PATIENCE, output.read_to_string(&mut rest)).await??;
        assert_eq!(rest, "", "{worker} said more");
        let status = child.wait().await?;
        assert!(status.success(), "{worker}: {status}");
        let mut said = String::new();
        timeout(PATIENCE, log.read_to_string(&mut said)).await??;
        ensure!(
            said.contains("stopped"),
            "{worker} said nothing of its end: {said}"
        );
        each_line_says_whose_it_is(worker, &said)?;
    }
    Ok(())
}

/// A log that is gathered with others is of use only so.
pub(crate) fn each_line_says_whose_it_is(worker: &str, log: &str) -> Result<()> {
    for line in log.lines() {
        let said: Value = serde_json::from_str(line).with_context(|| format!("{worker}: {line}"))?;
        ensure!(
            said["process"] == worker && said["version"] == env!("CARGO_PKG_VERSION"),
            "{worker}: {line}"
        );
    }
    Ok(())
}

/// What `/readyz` says: the status, and each part with its state.
async fn readiness(url: &str) -> Result<(u16, Value)> {
    let (status, text) = ask(url, "/readyz").await?;
    let told: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    assert_eq!(told["ready"], status.is_success(), "{text}");
    Ok((status.as_u16(), told))
}

#[tokio::test]
async fn readyz_names_the_database_while_it_is_away_and_livez_answers_all_the_time() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent", "sweeper"])).await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let url = app.fleet.worker("sms-sent")?.http_url();
    let (status, told) = readiness(&url).await?;
    assert_eq!(status, 200, "{told}");

    app.take_database_away().await?;
    let told = eventually("a worker that is not ready", async || {
        let (status, told) = readiness(&url).await?;
        Ok((status == 503).then_some(told))
    })
    .await?;
    let database = told["parts"]["database"].as_str().context("no part database")?;
    assert_ne!(database, "ready", "{told}");
    assert_eq!(told["parts"]["publisher"], "ready", "the broker is there: {told}");
    assert_eq!(ask(&url, "/livez").await?.0.as_u16(), 200);
    // Sends go on meanwhile, and are debited when it is back.
    app.send(&[event(1001)]).await?;

    app.give_database_back().await?;
    eventually("a worker that is ready again", async || {
        Ok((readiness(&url).await?.0 == 200).then_some(()))
    })
    .await?;
    app.sends_recorded(1).await?;
    app.finish().await
}
