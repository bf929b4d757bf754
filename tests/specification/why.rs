//! Why an account was not topped up: one command, whose last words say why and what to do about it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use topup_tests::{App, AppOptions, event, eventually, main_account};

/// The verdict on the account's only wallet, when it is this one.
async fn becomes(app: &App, account: i64, verdict: &str) -> Result<Value> {
    let mut last = Value::Null;
    let found = eventually(&format!("{verdict} of {account}"), async || {
        last = app.fleetctl(&["why", &account.to_string()]).await?["verdicts"][0].clone();
        Ok((last["verdict"] == verdict).then(|| last.clone()))
    })
    .await;
    found.with_context(|| format!("there is {last:#}"))
}

/// The verdict, and words of its reason and of what is to be done.
async fn is_told(app: &App, account: i64, verdict: &str, because: &str, do_this: &str) -> Result<()> {
    let told = becomes(app, account, verdict).await?;
    for (field, words) in [("because", because), ("do_this", do_this)] {
        let said = told[field].as_str().unwrap_or_default();
        ensure!(said.contains(words), "{account}: {words:?} is not said: {told:#}");
    }
    let text = app.fleet.fleetctl(&["why", &account.to_string()]).await?;
    let mut remedies = text.lines().filter(|line| line.starts_with("Do this: "));
    ensure!(remedies.any(|line| line.contains(do_this)), "{account}: {text}");
    let last = text.trim_end().lines().last().unwrap_or_default();
    ensure!(last.starts_with("Do this: "), "{account}: {text}");
    Ok(())
}

#[tokio::test]
async fn the_last_word_on_an_account_is_why_it_was_not_topped_up_and_what_to_do() -> Result<()> {
    let workers = ["sms-sent", "topup-requested", "payment-results", "sweeper"];
    let options = AppOptions::only(&workers).setting("INQUIRIES__FIRST", "10m");
    let mut app = App::start(options).await?;
    let card = |id, code: &str| main_account(id).credits(101).card(code);
    app.import(&[
        main_account(1001).credits(600).card("AUTH_ok"),
        main_account(1002).credits(5),
        card(1003, "AUTH_declined"),
        card(1004, "AUTH_ok"),
        main_account(1005).credits(40).card("AUTH_ok"),
        card(1006, "AUTH_ok").topups_per_day(1),
        card(1007, "AUTH_pending"),
        card(1009, "AUTH_ok"),
    ])
    .await?;
    app.send(&[1003, 1004, 1006, 1007, 1008].map(event)).await?;
    app.balance_becomes(1004, "sms", "600").await?;
    app.balance_becomes(1006, "sms", "600").await?;
    app.send(&[1004, 1006].map(|id| event(id).credits(500))).await?;

    // What is as it should be, what the account holder can mend, and what time will mend.
    for (account, verdict, because, do_this) in [
        (
            1001,
            "above-threshold",
            "600 credits are above the threshold of 100",
            "nothing",
        ),
        (1002, "never-set-up", "never set up", "have the account enable it"),
        (1003, "disabled", "Declined", "register a card"),
        (
            1004,
            "waits-until",
            "the account's last card top-up is too recent",
            "nothing",
        ),
        (1005, "next-send", "its balance came to 40", "its next send"),
        (1006, "at-cap", "1 card top-ups a day", "have the cap raised"),
        (1007, "at-gateway", "topup-1007-", "nothing"),
    ] {
        is_told(&app, account, verdict, because, do_this).await?;
    }

    // What was parked: of an account that nobody knows, and that is there a moment later.
    let nobody = app.fleetctl_output(&["why", "1008"]).await?;
    let said = String::from_utf8_lossy(&nobody.stdout).into_owned();
    assert_eq!(nobody.status.code(), Some(1));
    for words in [
        "there is no account 1008, and 1 message",
        "S4: unknown account 1008",
        "`fleetctl import`",
    ] {
        assert!(said.contains(words), "{words:?} is not said:\n{said}");
    }
    app.import(&[card(1008, "AUTH_ok")]).await?;
    let redrive = "fleetctl dead redrive --queue sms-sent --account 1008 --because";
    is_told(&app, 1008, "held-parked", "S4: unknown account 1008", redrive).await?;
    let redrive = ["dead", "redrive", "--queue", "sms-sent", "--account", "1008"];
    app.fleetctl(&[redrive.as_slice(), &["--because", "imported", "--yes"]].concat())
        .await?;
    app.balance_becomes(1008, "sms", "600").await?;
    becomes(&app, 1008, "above-threshold").await?;

    // What we hold up ourselves.
    app.fleetctl(&[
        "pause",
        "topup-requested",
        "--reason",
        "a look at the gateway",
        "--by",
        "ops",
    ])
    .await?;
    app.fleetctl(&["pause", "payment-results", "--reason", "the same", "--by", "ops"])
        .await?;
    eventually("workers that rest", async || {
        let resting = "SELECT count(*) FROM processes WHERE state = 'paused'";
        Ok((app.rows.count(resting).await? == 2).then_some(()))
    })
    .await?;
    app.send(&[event(1009)]).await?;
    let paused = "topup-requested is paused by ops@";
    is_told(
        &app,
        1009,
        "held-paused",
        paused,
        "fleetctl resume topup-requested",
    )
    .await?;
    let after = becomes(&app, 1009, "held-paused").await?["then"].to_string();
    ensure!(after.contains("payment-results is paused"), "{after}");
    app.fleet.worker("topup-requested")?.terminate().await?;
    app.fleetctl(&["resume", "topup-requested"]).await?;
    app.fleetctl(&["resume", "payment-results"]).await?;
    is_told(
        &app,
        1009,
        "held-nobody",
        "no process topup-requested is at work",
        "start one",
    )
    .await?;
    app.stop().await
}
