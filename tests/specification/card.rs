//! C4–C9, C12: what is charged, and what follows from each answer of the gateway.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use topup_tests::{
    App, AppOptions, Mail, Price, Sms, TopupRow, event, eventually, main_account, raw, sample_prices,
};

/// A wallet's one top-up, once it stands in one of these states.
async fn topup_in(app: &App, account: i64, service: &str, states: &[&str]) -> Result<TopupRow> {
    eventually(
        &format!("a {service} top-up of {account} in {states:?}"),
        async || {
            let topups = app.rows.topups(account).await?;
            let last = topups.into_iter().rfind(|topup| topup.service == service);
            Ok(last.filter(|topup| states.contains(&topup.state.as_str())))
        },
    )
    .await
}

fn number_of(account: i64) -> String {
    format!("2782{account:07}")
}

fn told(account: i64, sms: &[Sms], mail: &[Mail]) -> (Vec<Sms>, Vec<Mail>) {
    let address = format!("account-{account}@example.com");
    (
        sms.iter()
            .filter(|it| it.to == number_of(account))
            .cloned()
            .collect(),
        mail.iter()
            .filter(|it| it.to.contains(&address))
            .cloned()
            .collect(),
    )
}

#[tokio::test]
async fn an_approved_charge_is_credited_once_and_told_by_one_sms_and_one_mail() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits("50.5")]).await?;
    let charges = app.outside.charges(1).await?;
    assert_eq!(charges[0].amount, Some(35_247));
    assert_eq!(charges[0].email.as_deref(), Some("account-1001@example.com"));
    let captures = app.outside.captures(1).await?;
    let topup = topup_in(&app, 1001, "sms", &["succeeded"]).await?;
    assert_eq!(captures[0].reference, format!("topup-1001-{}", topup.topup_id));
    assert_eq!(
        (captures[0].amount, captures[0].currency.as_str()),
        (35_247, "ZAR")
    );
    let (sms, mail) = (app.outside.sms(1).await?, app.outside.mail(1).await?);
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "599.5");
    assert_eq!(
        (app.outside.sms(1).await?.len(), app.outside.mail(1).await?.len()),
        (1, 1)
    );
    for words in ["500", "599.5"] {
        assert!(sms[0].message.contains(words), "{}", sms[0].message);
        assert!(
            mail[0].text.as_deref().is_some_and(|text| text.contains(words)),
            "{:?}",
            mail[0].text
        );
    }
    assert_eq!(sms[0].to, number_of(1001));
    assert_eq!(mail[0].to, ["account-1001@example.com"]);
    app.finish().await
}

#[tokio::test]
async fn the_price_when_it_was_requested_is_what_is_charged() -> Result<()> {
    let app = App::start(AppOptions::whole().spacing("3s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.send(&[event(1001).credits(500)]).await?;
    topup_in(&app, 1001, "sms", &["scheduled"]).await?;
    app.list_prices(&[Price::of("sms", "ZAR", "100")]).await?;
    let captures = app.outside.captures(2).await?;
    assert_eq!(captures[1].amount, 35_247);
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}

#[tokio::test]
async fn a_definite_failure_disables_within_a_second_and_says_so_once_with_what_to_do() -> Result<()> {
    let page = "https://messaging.example/account";
    let app = App::start(AppOptions::whole().setting("PLATFORM__ACCOUNT_URL", page)).await?;
    let cards = [
        (1001, "AUTH_declined", "declined"),
        (1002, "AUTH_insufficient", "insufficient"),
        (1003, "AUTH_expired", "expired"),
        (1004, "AUTH_paused", ""),
    ];
    app.import(&cards.map(|(id, card, _)| main_account(id).credits(150).card(card)))
        .await?;
    app.send(&cards.map(|(id, _, _)| event(id).credits(50))).await?;
    let charges = app.outside.charges(4).await?;
    let (sms, mail) = (app.outside.sms(4).await?, app.outside.mail(4).await?);
    for (account, card, words) in cards {
        let account_view = app.account(account).await?;
        let wallet = account_view.wallet("sms")?;
        assert!(!wallet.is_enabled(), "{card} is still enabled");
        assert_eq!(wallet.credits.to_string(), "100");
        assert!(wallet.open_topup.is_none());
        let reason = wallet.disabled_reason().context("no reason")?.to_lowercase();
        assert!(!reason.is_empty() && reason.contains(words), "{card}: {reason}");
        let charge = charges
            .iter()
            .find(|it| it.authorization_code.as_deref() == Some(card))
            .with_context(|| format!("{card} was not charged"))?;
        let took = disabled_at(&app, account).await?.duration_since(charge.at);
        assert!(
            took <= SignedDuration::from_secs(1),
            "{card}: disabled after {took:#}"
        );
        let (sms, mail) = told(account, &sms, &mail);
        assert_eq!((sms.len(), mail.len()), (1, 1), "{card}");
        let text = mail[0].text.as_deref().unwrap_or_default();
        for words in ["What to do", "card", page] {
            assert!(text.contains(words), "{card}: no {words:?} in {text}");
        }
    }
    // A further send finds it disabled.
    app.send(&cards.map(|(id, _, _)| event(id))).await?;
    app.sends_recorded(8).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.charges(4).await?.len(), 4);
    assert!(app.outside.captures(0).await?.is_empty());
    assert_eq!(
        (app.outside.sms(4).await?.len(), app.outside.mail(4).await?.len()),
        (4, 4)
    );
    app.finish().await
}

async fn disabled_at(app: &App, account: i64) -> Result<Timestamp> {
    let row = app
        .rows
        .client()
        .query_one(
            "SELECT auto_disabled_at FROM wallets WHERE account_id = $1",
            &[&account],
        )
        .await?;
    row.try_get::<_, Option<Timestamp>>(0)?.context("not disabled")
}

#[tokio::test]
async fn where_two_failures_in_a_row_disable_the_first_only_tells() -> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .spacing("1s")
            .setting("RULES__FAILURES_TO_DISABLE", "2"),
    )
    .await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_declined")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.outside.mail(1).await?;
    app.outside.sms(1).await?;
    app.wait_until_idle().await?;
    assert!(app.account(1001).await?.wallet("sms")?.is_enabled());
    // Nothing but the next send tries again.
    assert_eq!(app.outside.charges(1).await?.len(), 1);
    app.send(&[event(1001)]).await?;
    app.outside.mail(2).await?;
    app.outside.sms(2).await?;
    assert!(!app.account(1001).await?.wallet("sms")?.is_enabled());
    assert_eq!(app.outside.charges(2).await?.len(), 2);
    app.finish().await
}

#[tokio::test]
async fn an_outcome_that_is_not_known_stays_open_and_disables_nothing() -> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .spacing("1s")
            .setting("PAYSTACK__TIMEOUT", "1s"),
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
        topup_in(&app, account, "sms", &[state]).await.context(card)?;
    }
    // Further sends join it, and the account's other wallet waits for it.
    app.send(&cards.map(|(id, _, _)| event(id))).await?;
    app.send(&cards.map(|(id, _, _)| event(id).service("whatsapp").credits(50)))
        .await?;
    app.sends_recorded(12).await?;
    for (account, card, state) in cards {
        let waits = topup_in(&app, account, "whatsapp", &["scheduled"])
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
    let waiting = topup_in(&app, 1001, "sms", &["scheduled"]).await?;
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

#[tokio::test]
async fn a_wallet_whose_card_is_gone_fails_without_asking_the_gateway() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.rows
        .client()
        .execute(
            "UPDATE wallets SET auto_card_id = NULL WHERE account_id = 1001",
            &[],
        )
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    let account = app.account(1001).await?;
    let reason = account.wallet("sms")?.disabled_reason().unwrap_or_default();
    assert!(reason.contains("no card"), "{reason}");
    assert!(app.outside.charges(0).await?.is_empty());
    app.finish().await
}

#[tokio::test]
async fn a_topup_beyond_the_day_s_cap_is_skipped_and_told_once() -> Result<()> {
    let app = App::start(AppOptions::whole().spacing("1s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok").topups_per_day(1)])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    for further in 1..=2 {
        app.send(&[event(1001).credits(300)]).await?;
        app.send(&[event(1001).credits(300)]).await?;
        app.sends_recorded(1 + 2 * further).await?;
        let topup = topup_in(&app, 1001, "sms", &["skipped"]).await?;
        assert!(
            topup
                .reason
                .as_deref()
                .is_some_and(|reason| reason.contains("a day")),
            "{topup:?}"
        );
        app.wait_until_idle().await?;
    }
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    let notices = app.rows.notices().await?;
    assert_eq!(
        notices
            .iter()
            .filter(|notice| notice.template == "cap-reached")
            .count(),
        2,
        "{notices:?}"
    );
    assert!(app.account(1001).await?.wallet("sms")?.is_enabled());
    app.finish().await
}
