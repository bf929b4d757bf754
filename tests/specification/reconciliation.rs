//! The gateway's list of a day against ours: what nobody told is settled, what can't be is shown to a person.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, event, main_account};

/// A fleet to which nobody tells that a pending charge has succeeded: no webhook, and no question for an hour.
async fn untold() -> Result<App> {
    App::start(
        AppOptions::whole()
            .count("edge", 0)
            .sandbox("--pending", "1s")
            .setting("INQUIRIES__FIRST", "1h")
            .setting("INQUIRIES__MAX", "1h"),
    )
    .await
}

fn today() -> String {
    Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .to_string()
}

fn kinds(report: &Value) -> Vec<&str> {
    let differences = report["differences"].as_array().into_iter().flatten();
    differences.filter_map(|it| it["kind"].as_str()).collect()
}

#[tokio::test]
async fn a_success_that_nobody_told_is_found_by_comparing_the_day_and_credited_once() -> Result<()> {
    let app = untold().await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_pending"),
        main_account(1002).credits(150).card("AUTH_ok"),
    ])
    .await?;
    app.send(&[event(1001).credits(50), event(1002).credits(50)])
        .await?;
    app.balance_becomes(1002, "sms", "600").await?;
    app.topup_in(1001, "sms", &["pending"]).await?;
    app.outside.captures(2).await?;
    let report = app.fleetctl(&["reconcile", &today()]).await?;
    assert_eq!(kinds(&report).len(), 1, "{report:#}");
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let row = app
        .rows
        .client()
        .query_one("SELECT settled_by FROM payments WHERE account_id = 1001", &[])
        .await?;
    assert_eq!(row.get::<_, String>(0), "reconcile");
    // The next time, all is the same.
    let report = app.fleetctl(&["reconcile", &today()]).await?;
    assert_eq!(kinds(&report), Vec::<&str>::new(), "{report:#}");
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}

#[tokio::test]
async fn what_only_one_side_knows_is_shown_to_a_person_and_changes_nothing() -> Result<()> {
    let app = untold().await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    // The gateway forgets what it captured.
    app.outside.post("reset", &json!({})).await?;
    let output = app.fleetctl_output(&["reconcile", &today(), "--json"]).await?;
    assert_eq!(output.status.code(), Some(1), "a person has to look");
    let report: Value = serde_json::from_slice(&output.stdout).context("the report")?;
    assert_eq!(kinds(&report).len(), 1, "{report:#}");
    let told = app.fleetctl_output(&["reconcile", &today()]).await?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("topup-1001-"), "{told}");
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}
