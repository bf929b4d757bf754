//! X1–X5: credits move between a main account and its subs, both ends or none, and both ends are told.

use anyhow::Result;
use jiff::SignedDuration;
use topup_store::{ByHand, HoldGrant, Moved};
use topup_tests::{
    App, AppOptions, NoticeRow, credits, event, eventually, main_account, sms_wallet, store_on, sub_account,
};
use uuid::Uuid;

/// A transfer needs neither price nor gateway.
fn without_prices() -> AppOptions {
    AppOptions::whole().prices(Vec::new())
}

async fn notices_of(app: &App, account: i64, template: &str) -> Result<Vec<NoticeRow>> {
    let notices = app.rows.notices().await?;
    Ok(notices
        .into_iter()
        .filter(|notice| notice.account_id == account && notice.template == template)
        .collect())
}

#[tokio::test]
async fn a_sub_account_is_refilled_at_once_by_its_main_and_its_holder_is_told() -> Result<()> {
    let app = App::start(without_prices()).await?;
    app.import(&[
        main_account(1001).credits(2000).whatsapp().credits(700),
        sub_account(2001, 1001)
            .credits(150)
            .transfer()
            .whatsapp()
            .credits(150)
            .transfer()
            .quantity(300),
    ])
    .await?;
    app.send(&[event(2001).credits(50)]).await?;
    app.balance_becomes(2001, "sms", "600").await?;
    // No spacing: the next one follows at once, and the other service's as well.
    app.send(&[
        event(2001).credits(500),
        event(2001).service("whatsapp").credits(50),
    ])
    .await?;
    app.balance_becomes(2001, "sms", "600").await?;
    app.balance_becomes(2001, "whatsapp", "400").await?;
    let main = app.account(1001).await?;
    assert_eq!(main.wallet("sms")?.credits.to_string(), "1000");
    assert_eq!(main.wallet("whatsapp")?.credits.to_string(), "400");
    let (sms, mail) = (app.outside.sms(3).await?, app.outside.mail(3).await?);
    app.wait_until_idle().await?;
    assert_eq!(
        (app.outside.sms(3).await?.len(), app.outside.mail(3).await?.len()),
        (3, 3)
    );
    assert!(sms.iter().all(|it| it.to == "27820002001"), "{sms:?}");
    assert!(
        mail.iter().all(|it| it.to == ["account-2001@example.com"]),
        "{mail:?}"
    );
    assert!(app.outside.charges(0).await?.is_empty());
    app.finish().await
}

#[tokio::test]
async fn a_main_that_has_too_little_disables_the_sub_and_both_holders_are_told() -> Result<()> {
    let app = App::start(without_prices()).await?;
    app.import(&[
        main_account(1001).credits("499.999"),
        sub_account(2001, 1001).credits(150).transfer(),
    ])
    .await?;
    app.send(&[event(2001).credits(50)]).await?;
    app.outside.sms(2).await?;
    app.outside.mail(2).await?;
    app.wait_until_idle().await?;
    assert_eq!(
        (app.outside.sms(2).await?.len(), app.outside.mail(2).await?.len()),
        (2, 2)
    );
    for account in [1001, 2001] {
        assert_eq!(
            notices_of(&app, account, "topup-failed").await?.len(),
            2,
            "{account}"
        );
    }
    let sub = app.account(2001).await?;
    let reason = sub.wallet("sms")?.disabled_reason().unwrap_or_default();
    assert!(!sub.wallet("sms")?.is_enabled());
    assert!(reason.contains("1001") && reason.contains("499.999"), "{reason}");
    assert_eq!(app.balance(1001).await?, "499.999");
    assert_eq!(app.balance(2001).await?, "100");
    app.finish().await
}

#[tokio::test]
async fn what_the_main_has_set_aside_for_a_batch_is_not_given_away() -> Result<()> {
    let app = App::start(without_prices()).await?;
    app.import(&[
        main_account(1001).credits(600),
        sub_account(2001, 1001).credits(150).transfer(),
    ])
    .await?;
    let hold = SignedDuration::from_hours(1);
    let granted = store_on(app.space())?
        .grant_hold(sms_wallet(1001), Uuid::now_v7(), credits("100.001")?, hold)
        .await?;
    assert!(matches!(granted, HoldGrant::Granted { .. }), "{granted:?}");
    app.send(&[event(2001).credits(50)]).await?;
    app.outside.sms(2).await?;
    app.outside.mail(2).await?;
    assert_eq!(app.balance(1001).await?, "600");
    assert_eq!(app.balance(2001).await?, "100");
    app.finish().await
}

#[tokio::test]
async fn the_main_s_debit_triggers_nothing_and_can_raise_its_low_credit_notice() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(1001).credits(560).low_credit(200).card("AUTH_ok"),
        sub_account(2001, 1001).credits(150).transfer(),
    ])
    .await?;
    app.send(&[event(2001).credits(50)]).await?;
    app.balance_becomes(2001, "sms", "600").await?;
    app.outside.sms(2).await?;
    app.outside.mail(2).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "60");
    assert_eq!(notices_of(&app, 1001, "low-credit").await?.len(), 2);
    assert_eq!(notices_of(&app, 2001, "topup-succeeded").await?.len(), 2);
    assert_eq!(app.rows.notices().await?.len(), 4);
    assert!(app.rows.topups(1001).await?.is_empty());
    app.finish().await
}

#[tokio::test]
async fn twenty_subs_that_draw_on_one_main_at_once_get_what_is_there_and_no_more() -> Result<()> {
    let app = App::start(without_prices().count("topup-requested", 2)).await?;
    let subs: Vec<i64> = (2001..=2020).collect();
    let mut accounts = vec![main_account(1001).credits(5_200)];
    accounts.extend(
        subs.iter()
            .map(|id| sub_account(*id, 1001).credits(150).transfer()),
    );
    app.import(&accounts).await?;
    let sends: Vec<_> = subs.iter().map(|id| event(*id).credits(50)).collect();
    app.send(&sends).await?;
    let ended = eventually("twenty ended top-ups", async || {
        let ended = app
            .rows
            .count("SELECT count(*) FROM topups WHERE settled_at IS NOT NULL")
            .await?;
        Ok((ended == 20).then_some(ended))
    })
    .await?;
    assert_eq!(ended, 20);
    let succeeded = "SELECT count(*) FROM topups WHERE state = 'succeeded'";
    assert_eq!(app.rows.count(succeeded).await?, 10);
    assert_eq!(app.balance(1001).await?, "200");
    app.finish().await
}

#[tokio::test]
async fn credits_moved_or_adjusted_by_hand_are_in_the_ledger_and_trigger_nothing() -> Result<()> {
    // Notices of what is done by hand go out with the sweeper.
    let app = App::start(
        AppOptions::whole()
            .setting("SWEEPER__INTERVAL", "1s")
            .setting("SWEEPER__OUTBOX_OVERDUE", "1s"),
    )
    .await?;
    app.import(&[
        main_account(1001).credits(500).card("AUTH_ok").low_credit(120),
        sub_account(2001, 1001).credits(10),
        main_account(1009).credits(10),
    ])
    .await?;
    let store = store_on(app.space())?;
    let now = store.now().await?;
    let by_hand = || ByHand {
        id: Uuid::now_v7(),
        at: now,
        reason: "a test".to_owned(),
        by: "a person".to_owned(),
    };
    let (main, sub, stranger) = (sms_wallet(1001), sms_wallet(2001), sms_wallet(1009));
    let moved = store
        .move_credits_by_hand(main, sub, credits("300")?, &by_hand())
        .await?;
    assert!(matches!(moved, Moved::Done { .. }), "{moved:?}");
    let back = store
        .move_credits_by_hand(sub, main, credits("10.5")?, &by_hand())
        .await?;
    assert!(matches!(back, Moved::Done { .. }), "{back:?}");
    let refused = store
        .move_credits_by_hand(main, stranger, credits("1")?, &by_hand())
        .await?;
    assert!(matches!(refused, Moved::Refused(_)), "{refused:?}");
    assert_eq!(app.balance(1001).await?, "210.5");
    assert_eq!(app.balance(2001).await?, "299.5");
    assert_eq!(app.balance(1009).await?, "10");
    // From 210.5 to 90.5: over the notice threshold and the top-up's as well.
    app.adjust(1001, "-120").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    assert_eq!(notices_of(&app, 1001, "low-credit").await?.len(), 2);
    assert_eq!(app.balance(1001).await?, "90.5");
    assert!(app.rows.topups(1001).await?.is_empty());
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    app.finish().await
}
