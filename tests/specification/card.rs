//! C4–C7, C12, E7: what is charged, and what follows from each answer of the gateway that settles it.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use topup_store::SettingsChange;
use topup_tests::{
    App, AppOptions, Mail, Price, Sms, event, main_account, sms_wallet, store_on, where_it_is_noon,
};

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
    let topup = app.topup_in(1001, "sms", &["succeeded"]).await?;
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
    let app = App::start(AppOptions::whole().spacing("5s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.send(&[event(1001).credits(500)]).await?;
    app.topup_in(1001, "sms", &["scheduled"]).await?;
    app.list_prices(&[Price::of("sms", "ZAR", "100")]).await?;
    let captures = app.outside.captures(2).await?;
    assert_eq!(captures[1].amount, 35_247);
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}

#[tokio::test]
async fn a_definite_failure_disables_and_says_so_once_with_what_to_do() -> Result<()> {
    let page = "https://messaging.example/account";
    let app = App::start(AppOptions::whole().alone().setting("PLATFORM__ACCOUNT_URL", page)).await?;
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
        ensure!(
            charges
                .iter()
                .any(|charge| charge.authorization_code.as_deref() == Some(card)),
            "{card} was not charged"
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
    let app = App::start(
        AppOptions::whole()
            .spacing("1s")
            .setting("RULES__TIME_ZONE", &where_it_is_noon()),
    )
    .await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok").topups_per_day(1)])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    for further in 1..=2 {
        app.send(&[event(1001).credits(300)]).await?;
        app.send(&[event(1001).credits(300)]).await?;
        app.sends_recorded(1 + 2 * further).await?;
        let topup = app.topup_in(1001, "sms", &["skipped"]).await?;
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

#[tokio::test]
async fn a_charge_that_is_with_the_gateway_when_it_is_disabled_is_settled_by_its_result() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.outside.post("latency", &json!({"ms": 2_000})).await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.topup_in(1001, "sms", &["charging"]).await?;
    let wallet = sms_wallet(1001);
    let disabled = store_on(app.space())?
        .disable_auto_topup(wallet, wallet.account, "on holiday")
        .await?;
    assert!(matches!(disabled, SettingsChange::Done(_)), "{disabled:?}");
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    let account = app.account(1001).await?;
    assert_eq!(account.wallet("sms")?.disabled_reason(), Some("on holiday"));
    app.finish().await
}
