//! The judge of all tests of faults is worth as much as what it finds: a database and a world outside that were
//! doctored must not pass.

use anyhow::Result;
use serde_json::json;
use topup_stack::plain_client;
use topup_tests::{App, AppOptions, Checker, Verdict, event, main_account, raw};
use uuid::Uuid;

/// Who is topped up.
const ACCOUNT: i64 = 1001;

async fn judged(checker: &Checker, app: &App) -> Result<Verdict> {
    let verdict = checker.judge(app).await?;
    assert!(!verdict.is_clean(), "nothing was found: {verdict}");
    Ok(verdict)
}

/// Who tampers with the ledger has to get past what guards it.
async fn doctored(app: &App, sql: &str) -> Result<()> {
    let around =
        format!("SET session_replication_role = replica; {sql}; SET session_replication_role = origin;");
    Ok(app.rows.client().batch_execute(&around).await?)
}

/// A charge that nobody of ours asked for.
async fn foreign_charge(app: &App, reference: &str) -> Result<()> {
    let env = app.env();
    let answer = plain_client()
        .build()?
        .post(format!(
            "{}/transaction/charge_authorization",
            env["TOPUP__PAYSTACK__URL"]
        ))
        .bearer_auth(&env["TOPUP__PAYSTACK__SECRET_KEY"])
        .json(
            &json!({"email": "a@example.com", "amount": 5000, "currency": "ZAR",
                      "authorization_code": "AUTH_ok", "reference": reference}),
        )
        .send()
        .await?;
    answer.error_for_status()?;
    Ok(())
}

#[tokio::test]
async fn the_judge_finds_what_is_lost_doubled_uncredited_too_early_or_told_twice() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(ACCOUNT).credits(150).card("AUTH_ok")])
        .await?;
    let mut checker = Checker::new();
    let events: Vec<_> = (0..10).map(|_| event(ACCOUNT).credits(5)).collect();
    app.send(&events).await?;
    events.iter().for_each(|event| checker.accepted(event));
    let (bad, stranger) = (raw("no event"), event(4_711));
    app.broker.publish([bad.clone()]).await?;
    app.send(&[stranger.clone(), events[0].clone()]).await?;
    checker.accepted_raw(&bad);
    checker.accepted(&stranger);
    checker.accepted(&events[0]);
    app.balance_becomes(ACCOUNT, "sms", "600").await?;
    app.outside.mail(1).await?;
    app.broker.dead("sms-sent", 2).await?;
    app.wait_until_idle().await?;
    let verdict = checker.judge(&app).await?;
    verdict.must_be_clean()?;
    let seen = (
        verdict.events,
        verdict.debited,
        verdict.parked,
        verdict.captures,
        verdict.notices,
    );
    assert_eq!(seen, (12, 10, 2, 1, 2));

    let mut unsent = checker;
    unsent.accepted(&event(ACCOUNT));
    assert_eq!(judged(&unsent, &app).await?.lost.len(), 1);

    // An entry vanishes and its credits come back: every sum is right.
    let id = events[3].event_id();
    doctored(
        &app,
        &format!(
            "DELETE FROM ledger WHERE event_id = '{id}'; UPDATE wallets SET balance_milli = balance_milli + 5000"
        ),
    )
    .await?;
    let verdict = judged(&unsent, &app).await?;
    assert!(verdict.lost.iter().any(|lost| lost.contains(&id)), "{verdict}");
    assert!(verdict.audit.is_none(), "{verdict}");

    // An entry comes a second time, under another id: every sum is right.
    let copy = Uuid::now_v7();
    doctored(
        &app,
        &format!(
            "INSERT INTO ledger SELECT '{copy}', account_id, service, kind, credits_milli, messages, batch_id, sent_at
               FROM ledger WHERE kind = 'send' LIMIT 1;
             UPDATE wallets SET balance_milli = balance_milli - 5000"
        ),
    )
    .await?;
    let verdict = judged(&unsent, &app).await?;
    assert!(
        verdict.doubled.iter().any(|it| it.contains(&copy.to_string())),
        "{verdict}"
    );

    // A wallet is debited without an entry.
    doctored(&app, "UPDATE wallets SET balance_milli = balance_milli - 1000").await?;
    let verdict = judged(&unsent, &app).await?;
    assert!(verdict.doubled.len() >= 2 && verdict.audit.is_some(), "{verdict}");

    // Money is taken that nothing here knows of, minutes after the last.
    foreign_charge(&app, &format!("topup-{ACCOUNT}-{}", Uuid::now_v7())).await?;
    let verdict = judged(&unsent, &app).await?;
    assert_eq!(verdict.captures_uncredited.len(), 1, "{verdict}");
    assert_eq!(verdict.captures_inside_spacing.len(), 1, "{verdict}");

    // Credits come without any.
    doctored(
        &app,
        &format!(
            "INSERT INTO ledger SELECT '{}', account_id, service, kind, credits_milli, 0, NULL, sent_at, recorded_at,
                    'topup:{}' FROM ledger WHERE kind = 'topup'",
            Uuid::now_v7(),
            Uuid::now_v7()
        ),
    )
    .await?;
    assert_eq!(judged(&unsent, &app).await?.credits_uncaptured.len(), 1);

    // Somebody is told of the same thing twice.
    doctored(
        &app,
        &format!(
            "ALTER TABLE notices DROP CONSTRAINT notices_once_per_cause_and_channel;
             INSERT INTO notices (account_id, notification_id, cause, template, channel, params, state)
             SELECT account_id, '{}', cause, template, channel, params, 'queued' FROM notices WHERE channel = 'sms'",
            Uuid::now_v7()
        ),
    )
    .await?;
    assert_eq!(judged(&unsent, &app).await?.notices_doubled.len(), 1);

    // Somebody's auto top-up is off, and nobody refused anything.
    doctored(
        &app,
        "UPDATE wallets SET auto_enabled = false, auto_disabled_at = clock_timestamp(), auto_disabled_reason = 'ours'",
    )
    .await?;
    assert_eq!(judged(&unsent, &app).await?.disabled_for_nothing.len(), 1);
    Ok(())
}
