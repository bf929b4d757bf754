//! C1, C3: workers whose clocks are an hour wrong. The database's clock decides, and who only waits compares with it:
//! spacing and delays are as long as they should be, and nothing comes early or an hour late.
//!
//! The clocks are set by a small library that is loaded into the workers before all others, so that everything in
//! them is wrong together: what we ask, what the libraries ask, and the ids that bear a time.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use serde_json::json;
use tokio::process::Command;
use topup_stack::Stack;
use topup_tests::{App, AppOptions, event, eventually, main_account};
use uuid::Uuid;

/// Whose clocks there are.
const PROCESSES: [&str; 6] = [
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    "edge",
];
const SPACING: SignedDuration = SignedDuration::from_secs(6);
/// Rounding up to whole seconds, and what a busy machine adds. Far from an hour.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(20);

/// Compiles the library that sets clocks; there is a C compiler wherever this project is built.
pub(crate) async fn clock_library(stack: &Stack) -> Result<PathBuf> {
    let library = stack.files().join(format!("libclock-{}.so", Uuid::now_v7()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/specification/clock.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source);
    let compiled = compiler
        .stdin(Stdio::null())
        .output()
        .await
        .context("running cc")?;
    let told = String::from_utf8_lossy(&compiled.stderr);
    ensure!(compiled.status.success(), "{told}");
    Ok(library)
}

async fn with_clocks_wrong_by(wrong_s: impl Fn(&str) -> i64) -> Result<()> {
    let options = AppOptions::whole()
        .spacing("6s")
        .setting("NOTIFICATIONS__RETRY_FIRST", "2s")
        .setting("NOTIFICATIONS__RETRY_MAX", "2s");
    let mut app = App::start(options).await?;
    let library = clock_library(app.space().stack()).await?;
    let library = library.to_str().context("a path that is no text")?;
    for process in PROCESSES {
        app.fleet.worker(process)?.terminate().await?;
        let ahead_s = wrong_s(process).to_string();
        app.fleet
            .add_with(process, &[("LD_PRELOAD", library), ("CLOCK_AHEAD_S", &ahead_s)])
            .await?;
    }
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;

    // The SMS provider has trouble once: the notice is delayed as every retry is.
    app.outside
        .trouble(json!({"sms_status": 503, "calls": 1}))
        .await?;
    app.send(&[event(1001)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.send(&[event(1001).credits(500)]).await?;
    let second = eventually("a top-up that waits", async || {
        let topups = app.rows.topups(1001).await?;
        Ok(topups.get(1).filter(|it| it.state == "scheduled").cloned())
    })
    .await?;
    assert_eq!(app.outside.captures(1).await?.len(), 1, "it did not wait");
    let captures = app.outside.captures(2).await?;
    let first = app.rows.topups(1001).await?[0].settled_at.context("settled")?;
    let waited = captures[1].at.duration_since(first);
    assert!(
        waited >= SPACING && waited < SPACING + LATE_MAX,
        "{} charged {waited:#} after the first settled",
        second.topup_id
    );
    app.balance_becomes(1001, "sms", "600").await?;
    eventually("four notices", async || {
        let notices = app.rows.notices().await?;
        Ok(notices.iter().all(|it| it.state == "sent").then_some(()))
    })
    .await?;
    app.wait_until_idle().await?;
    // Whoever asks why is told the truth.
    let untrue =
        "SELECT count(*) FROM payment_calls WHERE abs(extract(epoch FROM ended_at - started_at)) > 60";
    assert_eq!(app.rows.count(untrue).await?, 0);
    for queue in [
        "sms-sent.dead",
        "topup-requested.dead",
        "payment-results.dead",
        "notifications.dead",
    ] {
        assert_eq!(app.broker.ready(queue).await?, Some(0), "{queue}");
    }
    app.finish().await
}

#[tokio::test]
async fn workers_whose_clocks_are_an_hour_ahead_keep_the_spacing_and_every_delay() -> Result<()> {
    with_clocks_wrong_by(|_| 3_600).await
}

#[tokio::test]
async fn workers_whose_clocks_are_an_hour_behind_keep_the_spacing_and_every_delay() -> Result<()> {
    with_clocks_wrong_by(|_| -3_600).await
}

#[tokio::test]
async fn workers_whose_clocks_are_two_hours_apart_keep_the_spacing_and_every_delay() -> Result<()> {
    let is_ahead = |process: &str| ["topup-requested", "notifications"].contains(&process);
    with_clocks_wrong_by(|process| if is_ahead(process) { 3_600 } else { -3_600 }).await
}
