//! The whole fleet on one screen: what waits, who is alive, what is paused, and what could not be looked at.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, event, eventually, main_account, run};

/// Columns that a screen has.
const WIDTH: usize = 100;

fn queue<'a>(status: &'a Value, name: &str) -> &'a Value {
    let mut queues = status["queues"].as_array().into_iter().flatten();
    queues
        .find(|queue| queue["queue"] == name)
        .unwrap_or(&Value::Null)
}

fn worker<'a>(status: &'a Value, name: &str) -> &'a Value {
    let mut workers = status["workers"].as_array().into_iter().flatten();
    workers
        .find(|worker| worker["name"] == name)
        .unwrap_or(&Value::Null)
}

#[tokio::test]
async fn one_screen_shows_queues_workers_and_what_waits_and_what_could_not_be_looked_at() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent", "sweeper"])).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    // One top-up that nobody takes up, and one message that nobody can use.
    app.send(&[event(1001), event(1001), event(4711)]).await?;
    app.broker.dead("sms-sent", 1).await?;
    app.fleetctl(&[
        "pause",
        "notifications",
        "--reason",
        "the relay is away",
        "--by",
        "ops",
    ])
    .await?;
    let status = eventually("a look that shows what was done", async || {
        let status = app.fleetctl(&["status"]).await?;
        let worker = worker(&status, "sms-sent");
        let is_told = worker["handled"] == 3 && worker["state"] == "ready";
        let is_published = queue(&status, "topup-requested")["ready"] == 1;
        Ok((is_told && is_published).then_some(status))
    })
    .await?;
    assert_eq!(status["problems"], json!([]));
    let sends = queue(&status, "sms-sent");
    for (field, value) in [("ready", 0), ("consumers", 1), ("dead", 1), ("workers", 1)] {
        assert_eq!(sends[field], value, "{field}: {sends}");
    }
    let notices = queue(&status, "notifications");
    assert_eq!(notices["paused"]["reason"], "the relay is away");
    assert!(
        notices["paused"]["who"]
            .as_str()
            .context("who")?
            .starts_with("ops@"),
        "{notices}"
    );
    assert_eq!(worker(&status, "sweeper")["alive"], true);
    assert_eq!(worker(&status, "sms-sent")["version"], env!("CARGO_PKG_VERSION"));
    let waiting = &status["waiting"];
    assert_eq!(
        (&waiting["topups"], &waiting["topups_overdue"]),
        (&json!(1), &json!(0))
    );

    // The edge is where the broker sees it.
    assert_eq!(status["edges"], json!([]));
    app.fleet.add("edge").await?;
    let edges = eventually("an edge that is connected", async || {
        let status = app.fleetctl(&["status"]).await?;
        let edges = status["edges"].as_array().context("edges")?;
        Ok((!edges.is_empty()).then(|| edges.clone()))
    })
    .await?;
    let pid = app.fleet.worker("edge")?.pid();
    assert_eq!(
        (edges.len(), &edges[0]["pid"], &edges[0]["version"]),
        (1, &json!(pid), &json!(env!("CARGO_PKG_VERSION")))
    );
    let told = app.fleet.fleetctl(&["status"]).await?;
    assert!(told.contains("connected to the broker"), "{told}");

    // One that was killed says nothing any more, and that is seen.
    app.fleet.worker("sms-sent")?.kill9()?;
    let a_minute_ago = "UPDATE processes SET seen_at = seen_at - interval '1 minute' WHERE name = 'sms-sent'";
    app.rows.client().batch_execute(a_minute_ago).await?;
    let told = app.fleet.fleetctl(&["status"]).await?;
    for part in [
        "PAUSED",
        "the relay is away",
        "SILENT",
        "NOBODY TAKES FROM IT",
        "sweeper",
    ] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= WIDTH), "{told}");

    // Without the database, the queues are shown all the same.
    let settings = [
        ("TOPUP__AMQP__URL", app.space().amqp_url()),
        ("TOPUP__DATABASE__URL", "postgres://topup:secret@127.0.0.1:1/none"),
    ];
    let output = run("fleetctl", &["status", "--json"], &settings).await?;
    assert_eq!(output.status.code(), Some(1));
    let status: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(queue(&status, "topup-requested")["ready"], 1);
    let problem = status["problems"][0].as_str().context("a problem")?;
    assert!(
        problem.starts_with("database: ") && !problem.contains("secret"),
        "{problem}"
    );
    app.fleetctl(&["resume", "notifications"]).await?;
    app.fleet.add("sms-sent").await?;
    app.stop().await
}
