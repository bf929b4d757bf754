//! C8, C9: what is not known is no failure, and what is our own trouble is nobody's.

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{App, AppOptions, event, main_account, raw, sample_prices};

#[tokio::test]
async fn an_outcome_that_is_not_known_stays_open_and_disables_nothing() -> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .spacing("1s")
            .setting("PAYSTACK__TIMEOUT", "1s")
            // Nobody tells, and nobody asks as long as this lasts.
            .count("edge", 0)
            .setting("INQUIRIES__FIRST", "1h")
            .setting("INQUIRIES__MAX", "1h"),
    )
    .await?;
    let cards = [
        (1001, "AUTH_pending", "pending"),
        (1002, "AUTH_timeout", "unknown"),
        (1003, "AUTH_5xx", "unknown"),
        (1004, "AUTH_lost", "unknown"),
    ];
    app.import(&cards.map(|(id, card, _)| {
        main_account(id)
            .credits(150)
            .card(card)
            .whatsapp()
            .credits(150)
            .card("AUTH_ok")
    }))
    .await?;
    app.send(&cards.map(|(id, _, _)| event(id).credits(50))).await?;
    for (account, card, state) in cards {
        app.topup_in(account, "sms", &[state]).await.context(card)?;
    }
    // Further sends join it, and the account's other wallet waits for it.
    app.send(&cards.map(|(id, _, _)| event(id))).await?;
    app.send(&cards.map(|(id, _, _)| event(id).service("whatsapp").credits(50)))
        .await?;
    app.sends_recorded(12).await?;
    for (account, card, state) in cards {
        let waits = app
            .topup_in(account, "whatsapp", &["scheduled"])
            .await
            .context(card)?;
        let topups = app.rows.topups(account).await?;
        assert_eq!(topups.len(), 2, "{card}");
        assert_eq!(waits.waits_for, Some(topups[0].topup_id), "{card}");
        let account = app.account(account).await?;
        let wallet = account.wallet("sms")?;
        assert!(wallet.is_enabled(), "{card} was disabled");
        assert_eq!(
            wallet.open_topup.as_ref().map(|topup| topup.state.as_str()),
            Some(state),
            "{card}"
        );
        assert_eq!(wallet.credits.to_string(), "99", "{card}");
    }
    app.wait_until_idle().await?;
    assert_eq!(app.outside.charges(4).await?.len(), 4, "charged again");
    assert!(app.rows.notices().await?.is_empty());
    app.finish().await
}

#[tokio::test]
async fn our_own_trouble_with_the_gateway_is_tried_again_with_the_same_reference_until_it_is_over()
-> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .setting("TOPUP_REQUESTED__RETRY_FIRST", "1s")
            .setting("TOPUP_REQUESTED__RETRY_MAX", "1s"),
    )
    .await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.outside.trouble(json!({"status": 401, "calls": 1})).await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.outside.charges(1).await?;
    app.outside.trouble(json!({"status": 429, "calls": 2})).await?;
    let charges = app.outside.charges(4).await?;
    let captures = app.outside.captures(1).await?;
    for charge in &charges {
        assert_eq!(charge.reference.as_deref(), Some(captures[0].reference.as_str()));
    }
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    assert!(app.account(1001).await?.wallet("sms")?.is_enabled());
    let notices = app.rows.notices().await?;
    assert!(
        notices.iter().all(|notice| notice.template == "topup-succeeded"),
        "{notices:?}"
    );
    app.finish().await
}

#[tokio::test]
async fn a_topup_without_a_listed_price_waits_and_is_charged_once_one_is_listed() -> Result<()> {
    let app = App::start(AppOptions::whole().prices(Vec::new())).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    let waiting = app.topup_in(1001, "sms", &["scheduled"]).await?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("no price"), "{reason}");
    assert!(waiting.due_at.is_some(), "it waits for nothing");
    app.wait_until_idle().await?;
    assert!(app.outside.charges(0).await?.is_empty());
    assert!(app.account(1001).await?.wallet("sms")?.is_enabled());

    app.list_prices(&sample_prices()).await?;
    // Its message comes back by itself after a minute; here somebody is less patient.
    let wake_up = raw(json!({
        "topup_id": waiting.topup_id, "account_id": 1001, "service": "sms",
        "requested_at": waiting.requested_at.to_string(),
    })
    .to_string());
    app.broker
        .publish_to("topup-requested", [wake_up.kind(Some("topup-requested.v1"))])
        .await?;
    let captures = app.outside.captures(1).await?;
    assert_eq!(captures[0].amount, 35_247);
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}
