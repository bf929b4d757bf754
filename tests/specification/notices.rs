//! N1–N4, L1: whoever has to be told is told once a channel, and a channel that fails holds up nothing else.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::json;
use topup_tests::{Account, App, AppOptions, NoticeRow, event, main_account, raw};
use uuid::Uuid;

/// Notices are tried again after a second, three times in all; what an operator caused goes with the next sweep.
fn quick() -> AppOptions {
    AppOptions::whole()
        .setting("NOTIFICATIONS__RETRY_FIRST", "1s")
        .setting("NOTIFICATIONS__RETRY_MAX", "1s")
        .setting("NOTIFICATIONS__ATTEMPTS_MAX", "3")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
}

/// An account that is one send away from a low-credit notice.
fn nearly_low(id: i64) -> Account {
    main_account(id).credits(51).low_credit(50)
}

async fn notice(app: &App, channel: &str) -> Result<NoticeRow> {
    let notices = app.rows.notices().await?;
    let of_channel: Vec<NoticeRow> = notices
        .into_iter()
        .filter(|notice| notice.channel == channel)
        .collect();
    let [only] = of_channel.as_slice() else {
        anyhow::bail!("not one notice by {channel}: {of_channel:?}");
    };
    Ok(only.clone())
}

#[tokio::test]
async fn a_topup_is_told_by_one_sms_and_one_mail_with_text_html_and_a_stable_id() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001)]).await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;

    let sms = app.outside.sms(1).await?;
    assert_eq!(sms.len(), 1);
    assert_eq!(sms[0].to, "27820001001");
    assert!(
        sms[0].message.contains("500") && sms[0].message.contains("600"),
        "{}",
        sms[0].message
    );
    assert!(sms[0].message.chars().count() <= 160, "{}", sms[0].message);
    let id = notice(&app, "sms").await?.notification_id.to_string();
    assert_eq!(sms[0].client_message_id.as_deref(), Some(id.as_str()));

    // The relay takes nothing before STARTTLS.
    let mail = app.outside.mail(1).await?;
    assert_eq!(mail.len(), 1);
    let mail = &mail[0];
    assert_eq!(mail.to, ["account-1001@example.com"]);
    let id = notice(&app, "email").await?.notification_id;
    assert_eq!(
        mail.message_id.as_deref(),
        Some(format!("{id}@example.com").as_str())
    );
    assert_eq!(mail.headers.get("Auto-Submitted"), Some(&json!("auto-generated")));
    let kind = mail
        .headers
        .get("Content-Type")
        .and_then(|kind| kind.as_str())
        .unwrap_or_default();
    assert!(kind.starts_with("multipart/alternative"), "{kind}");
    for part in [&mail.text, &mail.html] {
        let part = part.as_deref().context("a part is missing")?;
        assert!(part.contains("500") && part.contains("352.47"), "{part}");
    }
    app.finish().await
}

#[tokio::test]
async fn a_notice_whose_message_comes_again_is_not_sent_again() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001), nearly_low(1002)]).await?;
    app.send(&[event(1001)]).await?;
    app.outside.sms(1).await?;
    app.wait_until_idle().await?;
    let sent = notice(&app, "sms").await?;
    let body = json!({
        "notification_id": sent.notification_id, "account_id": 1001, "channel": "sms", "template": "low-credit", "params": {},
    });
    let message = || raw(body.to_string()).kind(Some("notifications.v1"));
    app.broker
        .publish_to("notifications", (0..5).map(|_| message()))
        .await?;
    // Another account's notice comes after them all.
    app.send(&[event(1002)]).await?;
    app.outside.sms(2).await?;
    app.wait_until_idle().await?;
    let sms = app.outside.sms(2).await?;
    assert_eq!(
        sms.iter().map(|sms| sms.to.as_str()).collect::<Vec<_>>(),
        ["27820001001", "27820001002"]
    );
    app.finish().await
}

#[tokio::test]
async fn an_sms_provider_that_is_down_is_tried_again_by_delayed_messages_while_the_mail_goes_at_once()
-> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001)]).await?;
    app.outside
        .trouble(json!({"sms_status": 503, "calls": 2}))
        .await?;
    let published = Timestamp::now();
    app.send(&[event(1001)]).await?;
    let sms = app.outside.sms(1).await?;
    let mail = app.outside.mail(1).await?;
    assert!(mail[0].at < sms[0].at, "the mail waited for the SMS");
    // Two tries failed, and a second lay between each and the next.
    let waited_ms = sms[0].at.duration_since(published).as_millis();
    assert!(waited_ms >= 2_000, "tried again after {waited_ms} ms");
    app.wait_until_idle().await?;
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    assert_eq!(app.outside.mail(1).await?.len(), 1);
    assert_eq!(notice(&app, "sms").await?.state, "sent");
    app.finish().await
}

#[tokio::test]
async fn a_channel_that_stays_down_is_parked_after_its_last_try_with_the_reason() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001)]).await?;
    app.outside
        .trouble(json!({"sms_status": 503, "calls": 100}))
        .await?;
    app.send(&[event(1001)]).await?;
    let parked = app.broker.dead("notifications", 1).await?;
    assert!(parked[0].reason().contains("503"), "{}", parked[0].reason());
    assert_eq!(
        parked[0].headers.get("x-topup-attempts").map(String::as_str),
        Some("3")
    );
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    let sms = notice(&app, "sms").await?;
    assert_eq!(sms.state, "parked");
    assert!(
        sms.detail.as_deref().unwrap_or_default().contains("503"),
        "{sms:?}"
    );
    assert_eq!(notice(&app, "email").await?.state, "sent");
    app.finish().await
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_sent_again_under_the_same_id() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001)]).await?;
    // Taken, and then the connection is gone without a word.
    app.outside.trouble(json!({"smtp": "drop", "calls": 1})).await?;
    app.send(&[event(1001)]).await?;
    let mail = app.outside.mail(2).await?;
    assert!(mail[0].message_id.is_some());
    assert_eq!(mail[0].message_id, mail[1].message_id);
    app.finish().await
}

#[tokio::test]
async fn a_refused_recipient_is_parked_at_once_and_the_other_channel_goes() -> Result<()> {
    let app = App::start(quick()).await?;
    // The provider takes no number that begins so.
    app.import(&[nearly_low(1001).mobile(Some("+27000001001"))])
        .await?;
    app.send(&[event(1001)]).await?;
    let parked = app.broker.dead("notifications", 1).await?;
    assert!(
        parked[0].reason().contains("destination not allowed"),
        "{}",
        parked[0].reason()
    );
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    let refused = app.outside.sms(1).await?;
    assert_eq!(refused.len(), 1, "a definite refusal is not tried again");
    assert_eq!(notice(&app, "sms").await?.state, "parked");
    assert_eq!(notice(&app, "email").await?.state, "sent");
    app.finish().await
}

#[tokio::test]
async fn an_account_without_number_or_address_gets_the_other_channel_and_that_is_recorded() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001).mobile(None), nearly_low(1002).email(None)])
        .await?;
    app.send(&[event(1001), event(1002)]).await?;
    app.outside.mail(1).await?;
    app.outside.sms(1).await?;
    app.wait_until_idle().await?;
    let states: Vec<(i64, String, String)> = app
        .rows
        .notices()
        .await?
        .into_iter()
        .map(|notice| (notice.account_id, notice.channel, notice.state))
        .collect();
    for (account, channel, state) in [
        (1001, "sms", "skipped"),
        (1001, "email", "sent"),
        (1002, "sms", "sent"),
        (1002, "email", "skipped"),
    ] {
        let wanted = (account, channel.to_owned(), state.to_owned());
        assert!(states.contains(&wanted), "{wanted:?} in {states:?}");
    }
    assert_eq!(app.outside.mail(1).await?.len(), 1);
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    assert_eq!(app.broker.ready("notifications.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn low_credit_is_told_once_a_crossing_whatever_debits() -> Result<()> {
    let app = App::start(quick()).await?;
    app.import(&[nearly_low(1001)]).await?;
    app.send(&[event(1001)]).await?;
    app.outside.sms(1).await?;
    // Lower still is no crossing.
    app.send(&[event(1001), event(1001)]).await?;
    app.sends_recorded(3).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    // Above it, and down again by an operator's hand.
    app.adjust(1001, "+100").await?;
    app.adjust(1001, "-120").await?;
    app.outside.sms(2).await?;
    app.outside.mail(2).await?;
    app.wait_until_idle().await?;
    let notices = app.rows.notices().await?;
    assert_eq!(notices.len(), 4, "{notices:?}");
    assert!(
        notices.iter().all(|notice| notice.template == "low-credit"),
        "{notices:?}"
    );
    let ids: std::collections::BTreeSet<Uuid> = notices.iter().map(|notice| notice.notification_id).collect();
    assert_eq!(ids.len(), 4);
    app.finish().await
}
