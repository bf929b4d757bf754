//! V1: what is given back takes the credits with it that it had paid for: once, in proportion, and never more than was
//! given.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use topup_rules::ids::{Reference, Service};
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::settle::Already;
use topup_store::Settled;
use topup_tests::{App, AppOptions, CardPayment, Raw, event, eventually, main_account, raw, sub_account};

const ACCOUNT: i64 = CardPayment::ACCOUNT;
const PRICE_MINOR: i64 = CardPayment::PRICE_MINOR;

#[tokio::test]
async fn refunds_of_parts_take_credits_in_proportion_in_any_order_however_often_they_are_told() -> Result<()>
{
    // The last of each makes the whole.
    let splits: [&[i64]; 4] = [
        &[35_247],
        &[1, 1, 1, 35_244],
        &[11_749, 11_749, 11_749],
        &[100, 20_000, 3, 7, 10_000, 5_137],
    ];
    for parts in splits {
        let payment = CardPayment::paid().await?;
        let mut reversed_minor = 0;
        for (number, amount_minor) in parts.iter().enumerate() {
            let refund = payment.refund(&format!("refund-{number}"), *amount_minor);
            let settled = payment.settle(&refund).await?;
            reversed_minor += amount_minor;
            let is_last = reversed_minor == PRICE_MINOR;
            ensure!(
                matches!(settled, Settled::Reversed { whole, .. } if whole == is_last),
                "{settled:?}"
            );
            let again = payment.settle(&refund).await?;
            ensure!(matches!(again, Settled::Already(_)), "{again:?}");
            assert_eq!(
                payment.credits().await?.0,
                CardPayment::left_of_600(reversed_minor)
            );
        }
        assert_eq!(payment.credits().await?.0, "100");
        assert_eq!(payment.state().await?, "reversed");
        assert_eq!(
            payment.notices("payment-reversed").await?,
            2 * i64::try_from(parts.len())?
        );
        // Nothing is left to give back.
        let more = payment.settle(&payment.refund("refund-99", 1)).await?;
        ensure!(matches!(more, Settled::Already(Already::Reversed)), "{more:?}");
        payment.library.audit_is_clean().await?;
    }
    Ok(())
}

#[tokio::test]
async fn refunds_told_many_times_at_once_are_each_counted_once() -> Result<()> {
    let payment = CardPayment::paid().await?;
    let refunds: Vec<_> = (0..10)
        .map(|number| payment.refund(&format!("refund-{number}"), 3_333 - number))
        .collect();
    let told = (0..50).map(|number| payment.settle(&refunds[number * 7 % 10]));
    let settled = try_join_all(told).await?;
    let counted = settled
        .iter()
        .filter(|it| matches!(it, Settled::Reversed { .. }))
        .count();
    assert_eq!(counted, 10, "{settled:?}");
    assert_eq!(payment.credits().await?.0, CardPayment::left_of_600(33_330 - 45));
    assert_eq!(payment.state().await?, "succeeded");
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn more_than_was_paid_is_never_taken_back_and_what_does_not_fit_changes_nothing() -> Result<()> {
    let payment = CardPayment::paid().await?;
    payment.settle(&payment.refund("refund-1", 35_000)).await?;
    let before = payment.credits().await?;
    let bent = [
        payment.refund("refund-2", 248),
        payment.refund("refund-2", 0),
        payment.refund("refund-2", -1),
        PaymentResult {
            currency: Some("KES".parse()?),
            ..payment.refund("refund-2", 10)
        },
        PaymentResult {
            mode: PaymentMode::Live,
            ..payment.refund("refund-2", 10)
        },
        PaymentResult {
            amount_minor: None,
            currency: None,
            ..payment.refund("refund-2", 10)
        },
    ];
    for result in bent {
        let settled = payment.settle(&result).await?;
        ensure!(matches!(settled, Settled::Misfit(_)), "{settled:?}");
    }
    let nobodys = PaymentResult {
        reference: "topup-1001-0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b".parse::<Reference>()?,
        ..payment.refund("refund-2", 10)
    };
    let settled = payment.settle(&nobodys).await?;
    ensure!(matches!(settled, Settled::Missing), "{settled:?}");
    assert_eq!(payment.credits().await?, before);
    payment.settle(&payment.refund("refund-2", 247)).await?;
    assert_eq!(payment.credits().await?.0, "100");
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn credits_that_are_spent_already_are_taken_below_zero_and_nothing_is_triggered_by_it() -> Result<()> {
    let payment = CardPayment::paid().await?;
    payment.library.send(&event(ACCOUNT).credits(490)).await?;
    payment.settle(&payment.refund("refund-1", PRICE_MINOR)).await?;
    let wallet = payment.wallet(Service::Sms).await?;
    assert_eq!(wallet.credits.to_string(), "-390");
    assert!(wallet.open_topup.is_none());
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_reversal_disables_card_auto_topup_of_all_the_account_s_wallets_and_of_nobody_else() -> Result<()> {
    let payment = CardPayment::charging(&[
        sub_account(2001, ACCOUNT).credits(500).transfer(),
        main_account(1009).credits(500).card("AUTH_ok"),
    ])
    .await?;
    payment.settle(&payment.told(PaymentStatus::Success)).await?;
    for service in [Service::Sms, Service::Whatsapp] {
        assert!(payment.is_enabled(service).await?, "{service}");
    }
    payment.settle(&payment.refund("refund-1", 1)).await?;
    for service in [Service::Sms, Service::Whatsapp] {
        let wallet = payment.wallet(service).await?;
        let set_up = wallet.auto_topup.context("auto top-up")?;
        assert!(!set_up.enabled, "{service}");
        assert_eq!(
            set_up.disabled_reason.as_deref(),
            Some("a payment was given back")
        );
    }
    for account in [2001, 1009] {
        let wallet = payment.wallet_of(account, Service::Sms).await?;
        assert!(wallet.auto_topup.is_some_and(|it| it.enabled), "{account}");
    }
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_refund_that_is_told_before_its_success_waits_for_it() -> Result<()> {
    let payment = CardPayment::charging(&[]).await?;
    let refund = payment.refund("refund-1", 100);
    for _ in 0..2 {
        let early = payment.settle(&refund).await?;
        ensure!(matches!(early, Settled::Later(_)), "{early:?}");
    }
    assert_eq!(payment.credits().await?.0, "100");
    payment.settle(&payment.told(PaymentStatus::Success)).await?;
    payment.settle(&refund).await?;
    assert_eq!(payment.credits().await?.0, CardPayment::left_of_600(100));
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn money_that_came_and_went_unseen_is_credited_and_taken_back_and_both_are_told() -> Result<()> {
    let payment = CardPayment::charging(&[]).await?;
    let gone = PaymentResult {
        source: ResultSource::Verify,
        ..payment.told(PaymentStatus::Reversed)
    };
    let settled = payment.settle(&gone).await?;
    ensure!(
        matches!(settled, Settled::Reversed { whole: true, .. }),
        "{settled:?}"
    );
    let again = payment.settle(&gone).await?;
    ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    assert_eq!(payment.credits().await?.0, "100");
    assert_eq!(payment.state().await?, "reversed");
    assert_eq!(payment.notices("topup-succeeded").await?, 2);
    assert_eq!(payment.notices("payment-reversed").await?, 2);
    assert!(!payment.is_enabled(Service::Sms).await?);
    let claims = "SELECT count(*) FROM card_spacing WHERE unsettled_topup IS NOT NULL";
    assert_eq!(payment.count(claims).await?, 0);
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn nothing_but_a_reversal_undoes_a_success_and_nothing_at_all_undoes_a_reversal() -> Result<()> {
    let payment = CardPayment::paid().await?;
    let others = [
        PaymentStatus::Failed,
        PaymentStatus::ActionRequired,
        PaymentStatus::Pending,
        PaymentStatus::Unknown,
        PaymentStatus::Success,
    ];
    for status in others {
        let settled = payment.settle(&payment.told(status)).await?;
        ensure!(
            matches!(settled, Settled::Already(Already::Succeeded)),
            "{status}: {settled:?}"
        );
    }
    payment.settle(&payment.refund("refund-1", PRICE_MINOR)).await?;
    for status in others {
        let settled = payment.settle(&payment.told(status)).await?;
        ensure!(
            matches!(settled, Settled::Already(Already::Reversed)),
            "{status}: {settled:?}"
        );
    }
    assert_eq!(payment.credits().await?.0, "100");
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn the_audit_finds_a_reversal_that_was_tampered_with_and_names_the_rule() -> Result<()> {
    let payment = CardPayment::paid().await?;
    payment.settle(&payment.refund("refund-1", 10_000)).await?;
    payment
        .settle(&payment.dispute(PaymentStatus::DisputeOpened, 20_000))
        .await?;
    payment.library.audit_is_clean().await?;
    let rows = payment.library.rows().await?;
    for (rule, tampering, undoing) in [
        (
            "A1",
            "UPDATE reversals SET held_milli = held_milli + 1 WHERE state = 'disputed'",
            "UPDATE reversals SET held_milli = held_milli - 1 WHERE state = 'disputed'",
        ),
        (
            "A2",
            "UPDATE payments SET taken_back_milli = taken_back_milli + 1",
            "UPDATE payments SET taken_back_milli = taken_back_milli - 1",
        ),
        (
            "A2",
            "UPDATE payments SET reversed_minor = reversed_minor - 1",
            "UPDATE payments SET reversed_minor = reversed_minor + 1",
        ),
        (
            "A2",
            "UPDATE reversals SET reversal_id = 'refund-2' WHERE state = 'reversed'",
            "UPDATE reversals SET reversal_id = 'refund-1' WHERE state = 'reversed'",
        ),
        (
            "A5",
            "UPDATE notices SET cause = cause || 'x' WHERE cause LIKE 'alert:dispute:%'",
            "UPDATE notices SET cause = left(cause, -1) WHERE cause LIKE 'alert:dispute:%'",
        ),
        (
            "A5",
            "UPDATE notices SET cause = cause || 'x' WHERE cause LIKE 'reversal:%'",
            "UPDATE notices SET cause = left(cause, -1) WHERE cause LIKE 'reversal:%'",
        ),
        (
            "A5",
            "UPDATE wallets SET auto_enabled = true WHERE service = 'sms'",
            "UPDATE wallets SET auto_enabled = false WHERE service = 'sms'",
        ),
        (
            "A6",
            "INSERT INTO payment_calls (account_id, reference, call, outcome, detail, started_at)
             SELECT account_id, reference, 'charge', 'success', 'x', now() + n * interval '1 second'
               FROM payments, generate_series(1, 2) n",
            "DELETE FROM payment_calls WHERE detail = 'x'",
        ),
    ] {
        rows.client().batch_execute(tampering).await?;
        let report = payment.library.audit().await?;
        let broken: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.violations_counted > 0)
            .collect();
        assert!(
            broken.iter().any(|check| check.rule == rule),
            "{tampering}: {broken:?}"
        );
        rows.client().batch_execute(undoing).await?;
        payment.library.audit_is_clean().await?;
    }
    Ok(())
}

/// A result as the world outside tells it.
fn message(reference: &str, status: &str, reversal: Option<(&str, i64)>) -> Raw {
    let body = json!({
        "reference": reference, "gateway": "paystack", "status": status,
        "amount_minor": reversal.map_or(PRICE_MINOR, |(_, amount_minor)| amount_minor), "currency": "ZAR",
        "gateway_transaction_id": "4099490251", "reason": "as the test says", "card": null, "source": "webhook",
        "mode": "test", "reversal_id": reversal.map(|(id, _)| id), "occurred_at": "2026-11-22T08:15:00Z",
    });
    raw(body.to_string()).kind(Some("payment-results.v1"))
}

#[tokio::test]
async fn refunds_and_disputes_that_are_published_are_settled_once_and_told_to_whom_they_concern() -> Result<()>
{
    let operators = "operators@platform.example";
    let app = App::start(
        AppOptions::whole()
            .count("payment-results", 2)
            .setting("OPERATORS__EMAIL", operators),
    )
    .await?;
    app.import(&[main_account(ACCOUNT).credits(101).card("AUTH_ok")])
        .await?;
    app.send(&[event(ACCOUNT)]).await?;
    app.balance_becomes(ACCOUNT, "sms", "600").await?;
    let captures = app.outside.captures(1).await?;
    let reference = captures.first().context("no capture")?.reference.clone();
    app.outside.mail(1).await?;

    let publish = async |messages: Vec<Raw>| app.broker.publish_to("payment-results", messages).await;
    let half = || message(&reference, "reversed", Some(("refund-1", 17_624)));
    publish((0..50).map(|_| half()).collect()).await?;
    let left = CardPayment::left_of_600(17_624);
    app.balance_becomes(ACCOUNT, "sms", &left).await?;
    let told = &app.outside.mail(2).await?[1];
    assert_eq!(told.to, ["account-1001@example.com"]);
    let text = told.text.as_deref().unwrap_or_default();
    assert!(text.contains("176.24") && text.contains(&left), "{text}");

    publish(vec![message(
        &reference,
        "dispute-opened",
        Some(("dispute-1", 17_623)),
    )])
    .await?;
    let alert = &app.outside.mail(3).await?[2];
    assert_eq!(alert.to, [operators]);
    assert!(
        alert.raw.contains(&reference) || alert.text.as_deref().is_some_and(|it| it.contains(&reference))
    );
    let held = app.account(ACCOUNT).await?;
    assert_eq!(held.wallet("sms")?.available.to_string(), "100");
    assert!(!held.wallet("sms")?.is_enabled());

    publish(vec![
        message(&reference, "reversed", Some(("dispute-1", 17_623))),
        half(),
    ])
    .await?;
    app.balance_becomes(ACCOUNT, "sms", "100").await?;
    app.outside.mail(4).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(ACCOUNT).await?, "100");
    assert_eq!(
        (app.outside.mail(4).await?.len(), app.outside.sms(3).await?.len()),
        (4, 3)
    );
    assert_eq!(app.broker.ready("payment-results.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn a_refund_that_overtakes_its_success_is_settled_after_it() -> Result<()> {
    let app = App::start(AppOptions::whole().sandbox("--pending", "1h")).await?;
    app.import(&[main_account(ACCOUNT).credits(101).card("AUTH_pending")])
        .await?;
    app.send(&[event(ACCOUNT)]).await?;
    let topup = app.topup_in(ACCOUNT, "sms", &["pending"]).await?;
    let reference = format!("topup-{ACCOUNT}-{}", topup.topup_id);
    let refund = message(&reference, "reversed", Some(("refund-1", PRICE_MINOR)));
    app.broker.publish_to("payment-results", [refund]).await?;
    eventually("a message in delay.v1", async || {
        Ok((app.broker.delayed().await? > 0).then_some(()))
    })
    .await?;
    let success = message(&reference, "success", None);
    app.broker.publish_to("payment-results", [success]).await?;
    app.topup_in(ACCOUNT, "sms", &["reversed"]).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(ACCOUNT).await?, "100");
    let told: Vec<Value> = app
        .rows
        .notices()
        .await?
        .into_iter()
        .map(|notice| json!(notice.template))
        .collect();
    assert_eq!(
        told,
        [
            "topup-succeeded",
            "topup-succeeded",
            "payment-reversed",
            "payment-reversed"
        ]
    );
    app.finish().await
}
