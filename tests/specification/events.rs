//! What platforms hear of, on a queue of their own: each change once, whatever dies in between, and nothing of the person.

use anyhow::{Context as _, Result};
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;
use topup_rules::message::event::{EXCHANGE, Event};
use topup_store::{Adjusted, ByHand, SettingsChange};
use topup_tests::{
    Account, App, AppOptions, CardPayment, credits, event, eventually, main_account, sms_wallet, store_on,
    sub_account,
};
use uuid::Uuid;

const QUEUE: &str = "shop-pages.events";

/// A platform's queue, bound to all events.
async fn listen(app: &App) -> Result<()> {
    let channel = app.broker.channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel
        .queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    channel
        .queue_bind(
            QUEUE.into(),
            EXCHANGE.into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok(())
}

/// What was heard so far, each id once: `topup.succeeded of 1001`.
async fn heard(app: &App) -> Result<BTreeMap<Uuid, String>> {
    let mut heard = BTreeMap::new();
    for message in app.broker.look(QUEUE).await? {
        let event: Event = serde_json::from_slice(&message.body)?;
        assert_eq!(message.message_id, Some(event.event_id.to_string()));
        assert_eq!(message.kind.as_deref(), Some(event.kind.versioned()));
        let text = String::from_utf8(message.body)?;
        assert!(!text.contains('@') && !text.contains("2782"), "{text}");
        let said = format!("{} of {}", event.kind, event.account_id);
        let before = heard.insert(event.event_id, said.clone());
        assert!(before.is_none_or(|before| before == said));
    }
    Ok(heard)
}

/// Waits until just these were heard.
async fn hears(app: &App, wanted: &[&str]) -> Result<()> {
    let mut wanted: Vec<String> = wanted.iter().map(|&said| said.to_owned()).collect();
    wanted.sort();
    let mut last = Vec::new();
    let all = eventually("all events", async || {
        last = heard(app).await?.into_values().collect();
        last.sort();
        Ok((last.len() >= wanted.len()).then_some(()))
    });
    all.await.with_context(|| format!("heard of {last:?}"))?;
    app.wait_until_idle().await?;
    eventually("an empty outbox", async || {
        Ok((app.rows.count("SELECT count(*) FROM outbox").await? == 0).then_some(()))
    })
    .await?;
    let mut last: Vec<String> = heard(app).await?.into_values().collect();
    last.sort();
    assert_eq!(last, wanted);
    Ok(())
}

fn with_quick_sweeper(options: AppOptions) -> AppOptions {
    options
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
}

#[tokio::test]
async fn a_platform_s_queue_hears_of_each_change_once() -> Result<()> {
    let app = App::start(with_quick_sweeper(AppOptions::whole())).await?;
    listen(&app).await?;
    app.import(&[
        main_account(1001).credits(101).card("AUTH_ok"),
        main_account(1002).credits(101).card("AUTH_declined"),
        main_account(1003).credits(101).card("AUTH_ok").topups_per_day(0),
        main_account(1004).credits(101).low_credit(100),
        main_account(1005).credits(1000).card("AUTH_ok"),
        sub_account(2001, 1005).credits(101).transfer(),
    ])
    .await?;
    let sends = [1001, 1002, 1003, 1004, 2001].map(event);
    app.send(&sends).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.topup_in(1003, "sms", &["skipped"]).await?;
    // Whatever comes again is no second event.
    app.send(&sends).await?;
    let wallet = sms_wallet(1005);
    let disable = async || {
        let store = store_on(app.space())?;
        Ok::<_, anyhow::Error>(
            store
                .disable_auto_topup(wallet, wallet.account, "by request")
                .await?,
        )
    };
    for _ in 0..2 {
        assert!(matches!(disable().await?, SettingsChange::Done(_)));
    }
    hears(
        &app,
        &[
            "topup.succeeded of 1001",
            "topup.failed of 1002",
            "autotopup.disabled of 1002",
            "topup.skipped of 1003",
            "credits.low of 1004",
            "topup.succeeded of 2001",
            "autotopup.disabled of 1005",
        ],
    )
    .await?;
    app.finish().await
}

#[tokio::test]
async fn an_event_whose_process_died_before_it_was_published_is_heard_all_the_same() -> Result<()> {
    let mut app = App::start(with_quick_sweeper(AppOptions::only(&["notifications"]))).await?;
    listen(&app).await?;
    app.import(&[main_account(1001).credits(150).low_credit(100)])
        .await?;
    let store = store_on(app.space())?;
    let act = ByHand {
        id: Uuid::now_v7(),
        at: store.now().await?,
        reason: "a test".to_owned(),
        by: "a test".to_owned(),
    };
    for _ in 0..2 {
        // Committed, and never published by who did it.
        match store.adjust(sms_wallet(1001), credits("-100")?, &act).await? {
            Adjusted::Done { outbox, .. } => assert_eq!(outbox.len(), 3),
            Adjusted::AlreadyDone { .. } => {}
            Adjusted::Refused(refusal) => anyhow::bail!("{refusal}"),
        }
    }
    assert!(heard(&app).await?.is_empty());
    app.fleet.add("sweeper").await?;
    hears(&app, &["credits.low of 1001"]).await?;
    app.finish().await
}

#[tokio::test]
async fn a_reversal_is_told_of_once_and_every_wallet_that_it_disables() -> Result<()> {
    let payment = CardPayment::paid().await?;
    let refund = payment.refund("refund-1", CardPayment::PRICE_MINOR);
    for _ in 0..2 {
        payment.settle(&refund).await?;
    }
    let session = topup_tests::session_on(&payment.library.space).await?;
    let told: Vec<String> = session
        .query(
            "SELECT queue FROM outbox WHERE exchange = $1 ORDER BY queue",
            &[&EXCHANGE],
        )
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    // Both of its services were by card.
    assert_eq!(
        told,
        [
            "autotopup.disabled",
            "autotopup.disabled",
            "payment.reversed",
            "topup.succeeded"
        ]
    );
    Ok(())
}

/// The sub's figures, as its main wants them from now on.
fn figures(quantity: u32) -> serde_json::Value {
    serde_json::json!({"method": "transfer", "threshold": "100", "quantity": quantity.to_string()})
}

const SETTINGS: &str = "/accounts/2001/wallets/sms/auto-topup";

fn main_and_sub(quantity: u32) -> [Account; 2] {
    [
        main_account(1001).credits(1000),
        sub_account(2001, 1001).credits(150).transfer().quantity(quantity),
    ]
}

#[tokio::test]
async fn a_change_of_settings_is_heard_at_once_and_what_an_import_brings_where_it_is_a_change() -> Result<()>
{
    // There is no sweeper: whoever wrote an event publishes it.
    let mut app = App::start(with_quick_sweeper(AppOptions::only(&["edge"]))).await?;
    listen(&app).await?;
    app.import(&main_and_sub(500)).await?;
    let main = app.holder(1001).await?;
    for _ in 0..2 {
        main.put(SETTINGS, &figures(600)).await?.ok()?;
    }
    hears(&app, &["autotopup.enabled of 2001"]).await?;
    for _ in 0..2 {
        app.import(&main_and_sub(700)).await?;
    }
    app.fleet.add("sweeper").await?;
    let enabled = "autotopup.enabled of 2001";
    hears(&app, &[enabled, enabled]).await?;
    app.finish().await
}

// The points at which a process can be killed are in builds with debug assertions alone.
#[cfg(debug_assertions)]
#[tokio::test]
async fn an_event_of_settings_whose_edge_is_killed_is_heard_under_one_id() -> Result<()> {
    for (point, published) in [("result-committed", 1), ("confirmed", 2)] {
        let mut app = App::start(with_quick_sweeper(AppOptions::only(&[]))).await?;
        listen(&app).await?;
        app.import(&main_and_sub(500)).await?;
        app.fleet
            .add_with("edge", &[(topup_failpoints::VARIABLE, point)])
            .await?;
        let dying = app.holder(1001).await?;
        // It may have answered before it died; or not.
        let _either = dying.put(SETTINGS, &figures(600)).await;
        eventually("the edge's end", async || app.fleet.worker("edge")?.try_wait()).await?;
        app.fleet.add("edge").await?;
        let main = app.holder(1001).await?;
        main.put(SETTINGS, &figures(600)).await?.ok()?;
        app.fleet.add("sweeper").await?;
        hears(&app, &["autotopup.enabled of 2001"]).await?;
        assert_eq!(app.broker.look(QUEUE).await?.len(), published, "{point}");
        app.finish().await?;
    }
    Ok(())
}
