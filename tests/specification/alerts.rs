//! What only a person can end: the operators are told where it is set whom to tell, and the person has a way to end it.

use anyhow::Result;
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::process::Child;
use topup_tests::{App, AppOptions, Shop, command, event, eventually, main_account};

/// A worker of notices that was not told where the operators are.
async fn telling_nobody(app: &App) -> Result<Child> {
    let settings: Vec<(&str, &str)> = app
        .env()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| *name != "TOPUP__OPERATORS__EMAIL")
        .collect();
    let mut worker = command("notifications", &settings).await?;
    worker.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(tokio::process::Command::from(worker).kill_on_drop(true).spawn()?)
}

#[tokio::test]
async fn an_alert_without_an_operators_address_is_skipped_with_that_reason_and_parks_nothing() -> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .count("edge", 0)
            .count("notifications", 0)
            .sandbox("--pending", "1h")
            .setting("INQUIRIES__FIRST", "1s")
            .setting("INQUIRIES__MAX", "2s")
            .setting("RULES__UNKNOWN_MAX", "2s"),
    )
    .await?;
    let _notifications = telling_nobody(&app).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_pending")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.topup_in(1001, "sms", &["parked"]).await?;
    let alert = eventually("an alert that was dealt with", async || {
        let notices = app.rows.notices().await?;
        Ok(notices
            .into_iter()
            .find(|it| it.channel == "email" && it.state != "queued"))
    })
    .await?;
    assert_eq!(
        (alert.template.as_str(), alert.state.as_str()),
        ("operator-alert", "skipped")
    );
    let detail = alert.detail.unwrap_or_default();
    assert!(detail.contains("TOPUP__OPERATORS__EMAIL"), "{detail}");
    let parked: Value = app
        .fleetctl(&["dead", "list", "--queue", "notifications"])
        .await?;
    assert_eq!(parked["messages"], json!([]));
    let told = app.fleet.fleetctl(&["why", "1001"]).await?;
    assert!(
        told.contains("to the operators was not sent: TOPUP__OPERATORS__EMAIL"),
        "{told}"
    );
    assert!(told.contains("a person has to find out"), "{told}");
    app.finish().await
}

#[tokio::test]
async fn a_person_ends_a_purchase_by_its_payments_reference_and_its_story_is_told() -> Result<()> {
    let shop = Shop::open("AUTH_pending").await?;
    let reference = shop.one_click().await?;
    let settle = [
        "topup",
        "settle",
        reference.as_str(),
        "--succeeded",
        "--reason",
        "on the statement",
    ];
    let ended = shop.app.fleetctl(&settle).await?;
    assert_eq!(ended["state"], json!("succeeded"), "{ended}");
    shop.app.balance_becomes(Shop::ACCOUNT, "sms", "650").await?;
    // Said twice, it is one purchase.
    shop.app.fleetctl(&settle).await?;
    shop.app.wait_until_idle().await?;
    assert_eq!(shop.app.balance(Shop::ACCOUNT).await?, "650");
    let told = shop
        .app
        .fleet
        .fleetctl(&["why", &Shop::ACCOUNT.to_string()])
        .await?;
    for part in [
        "purchase 1 of the sms wallet",
        "bought by hand",
        "Paid: 500 credits came",
        reference.as_str(),
    ] {
        assert!(told.contains(part), "{part:?} is not told:\n{told}");
    }
    shop.app.finish().await
}
