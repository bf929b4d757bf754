//! C9: the line to the gateway. All processes together keep to its limit of calls a minute, and leave alone a
//! gateway that is down; what waits, waits, and nobody is disabled.

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{App, AppOptions, event, eventually, main_account, sub_account};

#[tokio::test]
async fn two_workers_together_make_no_more_charges_a_minute_than_the_limit_and_the_rest_wait() -> Result<()> {
    const LIMIT: usize = 3;
    let app = App::start(
        AppOptions::whole()
            .count("topup-requested", 2)
            .setting("PAYSTACK__CHARGES_PER_MINUTE", &LIMIT.to_string()),
    )
    .await?;
    let ids: Vec<i64> = (1001..=1010).collect();
    let accounts: Vec<_> = ids
        .iter()
        .map(|id| main_account(*id).credits(150).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    let sends: Vec<_> = ids.iter().map(|id| event(*id).credits(50)).collect();
    app.send(&sends).await?;
    app.wait_until_idle().await?;
    // A minute may have ended on the way: what each one saw is bounded all the same.
    let per_minute = "SELECT coalesce(max(calls), 0) FROM (
        SELECT count(*) AS calls FROM payment_calls WHERE call = 'charge' GROUP BY date_trunc('minute', started_at)) m";
    let busiest = app.rows.count(per_minute).await?;
    assert!(busiest <= i64::try_from(LIMIT)?, "{busiest} calls in a minute");
    assert!(app.outside.charges(1).await?.len() <= 2 * LIMIT);
    let waiting = app
        .rows
        .client()
        .query("SELECT reason, due_at FROM topups WHERE state = 'scheduled'", &[])
        .await?;
    assert!(waiting.len() >= ids.len() - 2 * LIMIT, "{} wait", waiting.len());
    for row in &waiting {
        let reason: Option<String> = row.get("reason");
        assert!(
            reason.as_deref().is_some_and(|it| it.contains("limit of calls")),
            "{reason:?}"
        );
        assert!(row.get::<_, Option<jiff::Timestamp>>("due_at").is_some());
    }
    assert_eq!(
        app.rows
            .count("SELECT count(*) FROM wallets WHERE NOT auto_enabled")
            .await?,
        0
    );
    app.finish().await
}

#[tokio::test]
async fn a_gateway_that_is_down_is_left_alone_while_transfers_go_on_and_all_is_charged_when_it_is_back()
-> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .setting("PAYSTACK__BREAKER_TROUBLES", "2")
            .setting("PAYSTACK__BREAKER_PAUSE_FIRST", "2s")
            .setting("PAYSTACK__BREAKER_PAUSE_MAX", "2s")
            .setting("PAYSTACK__TIMEOUT", "2s")
            .setting("INQUIRIES__FIRST", "1s")
            .setting("INQUIRIES__MAX", "2s"),
    )
    .await?;
    let ids: Vec<i64> = (1001..=1010).collect();
    let mut accounts: Vec<_> = ids
        .iter()
        .map(|id| main_account(*id).credits(150).card("AUTH_ok"))
        .collect();
    accounts.push(main_account(2000).credits(10_000));
    accounts.push(sub_account(2001, 2000).credits(150).transfer());
    app.import(&accounts).await?;
    // One after the other, so that each finds what the ones before it found out.
    app.outside
        .trouble(json!({"status": 503, "calls": 1_000}))
        .await?;
    for id in &ids {
        app.send(&[event(*id).credits(50)]).await?;
        eventually("a top-up that was taken up", async || {
            let topup = app.rows.topups(*id).await?.pop();
            Ok(topup.filter(|it| !matches!(it.state.as_str(), "requested" | "charging")))
        })
        .await
        .with_context(|| id.to_string())?;
    }
    let left_alone = "SELECT count(*) FROM topups WHERE reason LIKE '%not answering%'";
    assert!(
        app.rows.count(left_alone).await? > 0,
        "nobody waited for the gateway"
    );
    // By transfer nobody needs it.
    app.send(&[event(2001).credits(50)]).await?;
    app.balance_becomes(2001, "sms", "600").await?;

    app.outside.trouble(json!({"status": 503, "calls": 0})).await?;
    for id in &ids {
        app.balance_becomes(*id, "sms", "600").await?;
    }
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(ids.len()).await?.len(), ids.len());
    assert_eq!(
        app.rows
            .count("SELECT count(*) FROM wallets WHERE NOT auto_enabled AND auto_method IS NOT NULL")
            .await?,
        0
    );
    app.finish().await
}
