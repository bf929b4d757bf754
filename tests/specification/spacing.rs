//! C1–C3: two card top-ups of an account lie apart; the later one waits in the broker, and the database decides
//! again when it wakes.

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use topup_store::SettingsChange;
use topup_tests::{
    App, AppOptions, Capture, OpenTopup, TopupRow, event, eventually, main_account, raw, sms_wallet, store_on,
};

/// Short enough to be waited for, long enough to do things meanwhile.
const SPACING: SignedDuration = SignedDuration::from_secs(6);
/// C1: how much later than the spacing a charge may come.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(2);
/// The same while other fleets share the machine.
const LATE_MAX_BESIDE_OTHERS: SignedDuration = SignedDuration::from_secs(15);

fn spaced() -> AppOptions {
    AppOptions::whole().spacing("6s")
}

/// The second top-up of a wallet that was just topped up, once it waits.
async fn second_waits(app: &App, account: i64) -> Result<OpenTopup> {
    app.send(&[event(account).credits(50)]).await?;
    app.balance_becomes(account, "sms", "600").await?;
    app.send(&[event(account).credits(500)]).await?;
    let waiting = eventually("a scheduled top-up", async || {
        let open = app.account(account).await?.wallet("sms")?.open_topup.clone();
        Ok(open.filter(|topup| topup.state == "scheduled"))
    })
    .await?;
    eventually("a message in delay.v1", async || {
        Ok((app.broker.delayed().await? > 0).then_some(()))
    })
    .await?;
    Ok(waiting)
}

/// The top-ups of an account, once none is open.
async fn settled(app: &App, account: i64) -> Result<Vec<TopupRow>> {
    eventually("settled top-ups", async || {
        let topups = app.rows.topups(account).await?;
        Ok(topups
            .iter()
            .all(|topup| topup.settled_at.is_some())
            .then_some(topups))
    })
    .await
}

/// C1: at least the spacing after the earlier one settled, and hardly more.
fn is_on_time(earlier: Option<Timestamp>, capture: &Capture, late_max: SignedDuration) -> Result<()> {
    let moment = earlier.context("the earlier one is not settled")? + SPACING;
    let late = capture.at.duration_since(moment);
    ensure!(late >= SignedDuration::ZERO, "{late:#} too early");
    ensure!(late <= late_max, "{late:#} late");
    Ok(())
}

#[tokio::test]
async fn a_second_topup_inside_the_spacing_waits_in_the_broker_and_is_charged_on_time() -> Result<()> {
    let app = App::start(spaced().alone()).await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok"),
        main_account(1002).credits(150).card("AUTH_ok"),
    ])
    .await?;
    let waiting = second_waits(&app, 1001).await?;
    let first = app.rows.topups(1001).await?[0].settled_at;
    assert_eq!(waiting.due_at, first.map(|at| at + SPACING));
    // Another account does not wait.
    app.send(&[event(1002).credits(50)]).await?;
    let captures = app.outside.captures(3).await?;
    let of_1001: Vec<&Capture> = captures.iter().filter(|it| it.is_of(1001)).collect();
    assert_eq!(of_1001.len(), 2);
    is_on_time(first, of_1001[1], LATE_MAX)?;
    app.balance_becomes(1002, "sms", "600").await?;
    let waits = "SELECT count(*) FROM topup_steps WHERE account_id = 1002 AND state = 'scheduled'";
    assert_eq!(app.rows.count(waits).await?, 0);
    app.balance_becomes(1001, "sms", "600").await?;
    assert_eq!(app.broker.delayed().await?, 0);
    app.finish().await
}

#[tokio::test]
async fn unless_it_is_set_otherwise_the_spacing_is_thirty_minutes() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    let waiting = second_waits(&app, 1001).await?;
    let first = app.rows.topups(1001).await?[0].settled_at;
    assert_eq!(waiting.due_at, first.map(|at| at + SignedDuration::from_mins(30)));
    // Not quite 1,800 s are left: the highest bit of that is 1,024.
    assert_eq!(app.broker.ready("delay.v1.10").await?, Some(1));
    app.finish().await
}

#[tokio::test]
async fn a_topup_that_is_disabled_while_it_waits_is_skipped_and_nobody_is_told() -> Result<()> {
    let app = App::start(spaced()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    second_waits(&app, 1001).await?;
    let wallet = sms_wallet(1001);
    let disabled = store_on(app.space())?
        .disable_auto_topup(wallet, wallet.account, "on holiday")
        .await?;
    assert!(matches!(disabled, SettingsChange::Done(_)), "{disabled:?}");
    is_skipped(&app, "disabled").await?;
    app.finish().await
}

#[tokio::test]
async fn a_topup_whose_balance_is_restored_while_it_waits_is_skipped_and_nobody_is_told() -> Result<()> {
    let app = App::start(spaced()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    second_waits(&app, 1001).await?;
    app.adjust(1001, "+0.001").await?;
    is_skipped(&app, "above the threshold").await?;
    // It was not wanted then; the next send asks again, and finds the spacing over.
    app.send(&[event(1001)]).await?;
    app.outside.captures(2).await?;
    app.balance_becomes(1001, "sms", "599.001").await?;
    app.finish().await
}

/// The second top-up of 1001 was skipped for this reason; the first one's notices are the only ones.
async fn is_skipped(app: &App, reason: &str) -> Result<()> {
    let topups = settled(app, 1001).await?;
    assert_eq!(topups.len(), 2);
    assert_eq!(topups[1].state, "skipped");
    let said = topups[1].reason.as_deref().unwrap_or_default();
    assert!(said.contains(reason), "{said}");
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    assert_eq!(app.rows.notices().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn both_wallets_of_an_account_are_spaced_under_two_workers() -> Result<()> {
    let app = App::start(spaced().count("topup-requested", 2)).await?;
    let accounts = [1001, 1002, 1003];
    app.import(&accounts.map(|id| {
        main_account(id)
            .credits(150)
            .card("AUTH_ok")
            .whatsapp()
            .credits(150)
            .card("AUTH_ok")
    }))
    .await?;
    let sends: Vec<_> = accounts
        .iter()
        .flat_map(|id| [event(*id).credits(50), event(*id).service("whatsapp").credits(50)])
        .collect();
    app.send(&sends).await?;
    let captures = app.outside.captures(6).await?;
    for account in accounts {
        app.balance_becomes(account, "sms", "600").await?;
        app.balance_becomes(account, "whatsapp", "600").await?;
        let mut topups = settled(&app, account).await?;
        topups.sort_by_key(|topup| topup.settled_at);
        let of_account: Vec<&Capture> = captures.iter().filter(|it| it.is_of(account)).collect();
        assert_eq!(of_account.len(), 2, "{account}");
        is_on_time(topups[0].settled_at, of_account[1], LATE_MAX_BESIDE_OTHERS)
            .with_context(|| account.to_string())?;
    }
    app.finish().await
}

#[tokio::test]
async fn a_failure_counts_for_the_spacing_as_a_success_does() -> Result<()> {
    let app = App::start(spaced()).await?;
    app.import(&[main_account(1001)
        .credits(150)
        .card("AUTH_declined")
        .whatsapp()
        .credits(150)
        .card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    let failed = settled_failure(&app).await?;
    app.send(&[event(1001).service("whatsapp").credits(50)]).await?;
    let captures = app.outside.captures(1).await?;
    is_on_time(failed, &captures[0], LATE_MAX_BESIDE_OTHERS)?;
    app.balance_becomes(1001, "whatsapp", "600").await?;
    app.finish().await
}

async fn settled_failure(app: &App) -> Result<Option<Timestamp>> {
    eventually("a failed top-up", async || {
        let topups = app.rows.topups(1001).await?;
        Ok(topups
            .into_iter()
            .find(|topup| topup.state == "failed")
            .map(|topup| topup.settled_at))
    })
    .await
}

#[tokio::test]
async fn a_wake_up_that_comes_early_or_twice_charges_nothing_early_or_twice() -> Result<()> {
    let app = App::start(spaced().count("topup-requested", 2)).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    let waiting = second_waits(&app, 1001).await?;
    let first = app.rows.topups(1001).await?[0].settled_at;
    let wake_up = raw(serde_json::json!({
        "topup_id": waiting.topup_id, "account_id": 1001, "service": "sms",
        "requested_at": Timestamp::now().to_string(),
    })
    .to_string())
    .kind(Some("topup-requested.v1"))
    .message_id(&waiting.topup_id);
    app.broker
        .publish_to("topup-requested", vec![wake_up.clone(); 5])
        .await?;
    let captures = app.outside.captures(2).await?;
    is_on_time(first, &captures[1], LATE_MAX_BESIDE_OTHERS)?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.broker.publish_to("topup-requested", [wake_up]).await?;
    eventually("no delayed message", async || {
        Ok((app.broker.delayed().await? == 0).then_some(()))
    })
    .await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(2).await?.len(), 2);
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}
