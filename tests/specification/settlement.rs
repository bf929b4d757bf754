//! C6, C10, C11: a payment's result settles its top-up once, whoever tells it, however often and in whatever order.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, Raw, event, eventually, main_account, raw};

/// A fleet whose gateway leaves every `AUTH_pending` charge open for as long as a test lasts: the results come from
/// the test.
async fn app() -> Result<App> {
    App::start(
        AppOptions::whole()
            .count("payment-results", 2)
            .sandbox("--pending", "1h"),
    )
    .await
}

/// A payment that waits for its result.
struct Payment {
    reference: String,
    amount_minor: i64,
}

/// Lets a wallet of 101 credits reach its threshold of 100: its top-up of 500 is pending at the gateway.
async fn pending_payment(app: &App, account: i64) -> Result<Payment> {
    app.import(&[main_account(account).credits(101).card("AUTH_pending")])
        .await?;
    app.send(&[event(account)]).await?;
    let row = eventually("a pending payment", async || {
        let sql = "SELECT reference, amount_minor FROM payments WHERE account_id = $1 AND state = 'pending'";
        Ok(app.rows.client().query_opt(sql, &[&account]).await?)
    })
    .await?;
    Ok(Payment {
        reference: row.get("reference"),
        amount_minor: row.get("amount_minor"),
    })
}

impl Payment {
    fn result(&self, status: &str) -> Value {
        json!({
            "reference": self.reference, "gateway": "paystack", "status": status, "amount_minor": self.amount_minor,
            "currency": "ZAR", "gateway_transaction_id": "4099490251", "reason": "as the test says", "card": null,
            "source": "webhook", "mode": "test", "reversal_id": null, "occurred_at": "2026-11-22T08:15:00Z",
        })
    }

    fn success(&self) -> Raw {
        message(&self.result("success"))
    }

    fn failure(&self) -> Raw {
        message(&self.result("failed"))
    }
}

fn message(result: &Value) -> Raw {
    raw(result.to_string()).kind(Some("payment-results.v1"))
}

async fn state_of_topup(app: &App, account: i64) -> Result<String> {
    let topups = app.rows.topups(account).await?;
    Ok(topups.first().context("no top-up")?.state.clone())
}

/// Whether the account's auto top-up is enabled.
async fn is_enabled(app: &App, account: i64) -> Result<bool> {
    Ok(app.account(account).await?.wallet("sms")?.is_enabled())
}

#[tokio::test]
async fn the_same_success_told_fifty_times_at_once_credits_once() -> Result<()> {
    let app = app().await?;
    let payment = pending_payment(&app, 1001).await?;
    app.broker
        .publish_to("payment-results", (0..50).map(|_| payment.success()))
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "600");
    assert_eq!(state_of_topup(&app, 1001).await?, "succeeded");
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    assert_eq!(app.outside.mail(1).await?.len(), 1);
    app.finish().await
}

#[tokio::test]
async fn success_and_failure_told_together_credit_once_and_never_take_back() -> Result<()> {
    let app = app().await?;
    let payment = pending_payment(&app, 1001).await?;
    let mixed = (0..50).flat_map(|_| [payment.success(), payment.failure()]);
    app.broker.publish_to("payment-results", mixed).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    // Once more when all is settled: a late failure finds a success, which nothing but a reversal undoes.
    app.wait_until_idle().await?;
    app.broker
        .publish_to("payment-results", (0..10).map(|_| payment.failure()))
        .await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "600");
    assert_eq!(state_of_topup(&app, 1001).await?, "succeeded");
    assert_eq!(app.broker.ready("payment-results.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn a_success_after_a_failure_is_credited_and_auto_topup_stays_disabled() -> Result<()> {
    let app = app().await?;
    let payment = pending_payment(&app, 1001).await?;
    app.broker
        .publish_to("payment-results", [payment.failure()])
        .await?;
    eventually("a disabled auto top-up", async || {
        Ok((!is_enabled(&app, 1001).await?).then_some(()))
    })
    .await?;
    assert_eq!(app.balance(1001).await?, "100");
    assert_eq!(state_of_topup(&app, 1001).await?, "failed");

    app.broker
        .publish_to("payment-results", [payment.success(), payment.success()])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let account = app.account(1001).await?;
    let wallet = account.wallet("sms")?;
    assert!(!wallet.is_enabled());
    assert_eq!(wallet.disabled_reason(), Some("as the test says"));
    assert_eq!(state_of_topup(&app, 1001).await?, "succeeded");
    // Told of both: the failure when it came, the success when it came.
    let told: Vec<String> = app
        .rows
        .notices()
        .await?
        .into_iter()
        .map(|notice| notice.template)
        .collect();
    assert_eq!(
        told,
        [
            "topup-failed",
            "topup-failed",
            "topup-succeeded",
            "topup-succeeded"
        ]
    );
    app.finish().await
}

#[tokio::test]
async fn a_result_that_does_not_match_its_intent_is_parked_and_changes_nothing() -> Result<()> {
    let app = app().await?;
    let payment = pending_payment(&app, 1001).await?;
    let bent = |field: &str, value: Value| {
        let mut result = payment.result("success");
        result[field] = value;
        result
    };
    let misfits = [
        (
            bent("amount_minor", json!(payment.amount_minor + 1)),
            "35248 minor units",
        ),
        (bent("amount_minor", Value::Null), "unnamed minor units"),
        (bent("currency", json!("KES")), "success in KES"),
        (bent("mode", json!("live")), "of mode live"),
        (
            bent(
                "reference",
                json!("topup-1001-0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b"),
            ),
            "there is no payment",
        ),
        (
            bent("reference", json!("purchase-of-somebody-else")),
            "there is no payment",
        ),
    ];
    app.broker
        .publish_to(
            "payment-results",
            misfits.iter().map(|(result, _)| message(result)),
        )
        .await?;
    let parked = app
        .broker
        .dead("payment-results", misfits.len().try_into()?)
        .await?;
    for (result, reason) in &misfits {
        let body = result.to_string();
        let found = parked.iter().find(|parked| parked.body == body.as_bytes());
        let found = found.with_context(|| format!("not parked: {body}"))?;
        assert!(
            found.reason().contains(reason),
            "{reason:?} in {:?}",
            found.reason()
        );
        assert_eq!(found.kind.as_deref(), Some("payment-results.v1"));
        assert_eq!(
            found.headers.get("x-topup-queue").map(String::as_str),
            Some("payment-results")
        );
    }
    assert_eq!(app.balance(1001).await?, "100");
    assert_eq!(state_of_topup(&app, 1001).await?, "pending");
    assert!(is_enabled(&app, 1001).await?);
    assert_eq!(app.rows.notices().await?, []);

    // The right one still settles it.
    app.broker
        .publish_to("payment-results", [payment.success()])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.finish().await
}
