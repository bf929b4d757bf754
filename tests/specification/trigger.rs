//! T1–T3: a send that leaves the balance at or below the threshold asks for a top-up, and nothing else does.

use anyhow::{Context as _, Result};
use topup_store::SettingsChange;
use topup_tests::{App, AppOptions, credits, event, main_account, sms_wallet, store_on, sub_account};

/// Debits alone: a top-up stays as it was requested.
fn only_sends() -> AppOptions {
    AppOptions::only(&["sms-sent"])
}

#[tokio::test]
async fn reaching_the_threshold_exactly_requests_a_topup_with_its_price() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.wait_until_idle().await?;
    let account = app.account(1001).await?;
    let topup = account
        .wallet("sms")?
        .open_topup
        .clone()
        .context("no open top-up")?;
    assert_eq!(topup.state, "requested");
    assert_eq!(topup.quantity, credits("500")?);
    assert_eq!(topup.amount_minor, Some(35_247));
    let requests = app.broker.look("topup-requested").await?;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].message_id.as_deref(), Some(topup.topup_id.as_str()));
    app.finish().await
}

#[tokio::test]
async fn a_thousandth_of_a_credit_above_the_threshold_requests_none() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits("49.999")]).await?;
    app.sends_recorded(1).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "100.001");
    assert!(app.rows.topups(1001).await?.is_empty());
    assert_eq!(app.broker.ready("topup-requested").await?, Some(0));
    // The thousandth that was missing requests one.
    app.send(&[event(1001).credits("0.001")]).await?;
    app.sends_recorded(2).await?;
    assert_eq!(app.rows.topups(1001).await?.len(), 1);
    app.finish().await
}

#[tokio::test]
async fn nothing_but_a_send_triggers_and_the_next_send_refills() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    // Below the threshold from the start; by a transfer out; by an adjustment; by changed settings.
    app.import(&[
        main_account(1001).credits(20).card("AUTH_ok"),
        main_account(1002).credits(550).card("AUTH_ok"),
        sub_account(2002, 1002).credits(150).transfer(),
        main_account(1003).credits(150).card("AUTH_ok"),
        main_account(1004).credits(150).card("AUTH_ok"),
    ])
    .await?;
    app.send(&[event(2002).credits(50)]).await?;
    app.balance_becomes(2002, "sms", "600").await?;
    app.adjust(1003, "-100").await?;
    app.import(&[main_account(1004).card("AUTH_ok").threshold(300)])
        .await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1002).await?, "50");
    assert_eq!(app.balance(1003).await?, "50");
    let mains = [1001, 1002, 1003, 1004];
    for account in mains {
        assert!(
            app.rows.topups(account).await?.is_empty(),
            "{account} was to be topped up"
        );
        let wallet = app.account(account).await?;
        assert!(wallet.wallet("sms")?.is_enabled(), "{account} was disabled");
    }
    assert!(app.outside.charges(0).await?.is_empty());
    // The one notice is the sub's: not being triggered is no failure.
    assert!(
        app.rows
            .notices()
            .await?
            .iter()
            .all(|notice| notice.account_id == 2002)
    );

    app.send(&mains.map(event)).await?;
    let captures = app.outside.captures(4).await?;
    for account in mains {
        assert_eq!(
            captures.iter().filter(|it| it.is_of(account)).count(),
            1,
            "{account}"
        );
    }
    app.finish().await
}

#[tokio::test]
async fn changed_settings_are_acted_on_by_the_next_send_alone() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    let wallet = sms_wallet(1001);
    let changed = store_on(app.space())?
        .change_auto_topup(wallet, wallet.account, credits("149.5")?, credits("500")?)
        .await?;
    assert!(matches!(changed, SettingsChange::Done(_)), "{changed:?}");
    app.wait_until_idle().await?;
    assert!(app.rows.topups(1001).await?.is_empty());
    app.send(&[event(1001)]).await?;
    app.sends_recorded(1).await?;
    assert_eq!(app.rows.topups(1001).await?.len(), 1);
    app.finish().await
}

#[tokio::test]
async fn further_triggers_join_the_open_topup() -> Result<()> {
    let app = App::start(only_sends().count("sms-sent", 2)).await?;
    app.import(&[main_account(1001).credits(120).card("AUTH_ok")])
        .await?;
    // One after the other, so that each is a transaction of its own.
    for number in 1..=3 {
        app.send(&[event(1001).credits(20)]).await?;
        app.sends_recorded(number).await?;
    }
    // And many at once, over two workers.
    let many: Vec<_> = (0..60).map(|_| event(1001)).collect();
    app.send(&many).await?;
    app.sends_recorded(63).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "0");
    assert_eq!(app.rows.topups(1001).await?.len(), 1);
    assert_eq!(app.broker.ready("topup-requested").await?, Some(1));
    app.finish().await
}

#[tokio::test]
async fn a_disabled_wallet_and_one_without_settings_stay_quiet() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok").disabled(),
        main_account(1002).credits(150),
        main_account(1003).credits(150).card("AUTH_ok"),
    ])
    .await?;
    app.send(&[1001, 1002, 1003].map(|account| event(account).credits(100)))
        .await?;
    app.sends_recorded(3).await?;
    app.wait_until_idle().await?;
    assert!(app.rows.topups(1001).await?.is_empty());
    assert!(app.rows.topups(1002).await?.is_empty());
    assert_eq!(app.rows.topups(1003).await?.len(), 1);
    app.finish().await
}
