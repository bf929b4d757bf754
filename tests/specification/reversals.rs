//! V1: what is given back takes the credits with it that it had paid for: once, in proportion, and never more than was
//! given. A dispute holds them until it is over.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use topup_rules::credits::Credits;
use topup_rules::ids::{Reference, Service};
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource};
use topup_rules::settle::Already;
use topup_store::{ChargeIntent, Settled, TopupFilter, WalletView};
use topup_tests::{
    Account, App, AppOptions, Library, Raw, account_id, event, eventually, main_account, raw, result_of,
    settlement_policy, sms_wallet, sub_account,
};

const ACCOUNT: i64 = 1001;
/// What 500 credits cost, in cents.
const PRICE_MINOR: i64 = 35_247;

/// A payment for an automatic top-up of 500 credits, and its gateway.
struct Payment {
    library: Library,
    intent: ChargeIntent,
}

/// A wallet of 100 credits whose card is being charged for 500 more.
async fn charging(further: &[Account]) -> Result<Payment> {
    let mut accounts = vec![
        main_account(ACCOUNT)
            .credits(101)
            .card("AUTH_ok")
            .whatsapp()
            .credits(700)
            .card("AUTH_ok"),
    ];
    accounts.extend_from_slice(further);
    let library = Library::with(&accounts).await?;
    library.list_prices().await?;
    let topup = library.send(&event(ACCOUNT)).await?.context("no top-up")?;
    let intent = library.charges(sms_wallet(ACCOUNT), topup).await?;
    Ok(Payment { library, intent })
}

/// The same, paid: a wallet of 600 credits.
async fn paid() -> Result<Payment> {
    let payment = charging(&[]).await?;
    let settled = payment.settle(&payment.told(PaymentStatus::Success)).await?;
    ensure!(matches!(settled, Settled::Credited { .. }), "{settled:?}");
    Ok(payment)
}

impl Payment {
    fn told(&self, status: PaymentStatus) -> PaymentResult {
        result_of(&self.intent, status, ResultSource::Webhook)
    }

    /// A refund, or news of a dispute, of a part.
    fn part(&self, status: PaymentStatus, reversal_id: &str, amount_minor: i64) -> PaymentResult {
        PaymentResult {
            amount_minor: Some(amount_minor),
            reversal_id: Some(reversal_id.to_owned()),
            ..self.told(status)
        }
    }

    fn refund(&self, reversal_id: &str, amount_minor: i64) -> PaymentResult {
        self.part(PaymentStatus::Reversed, reversal_id, amount_minor)
    }

    fn dispute(&self, status: PaymentStatus, amount_minor: i64) -> PaymentResult {
        self.part(status, "dispute-1", amount_minor)
    }

    async fn settle(&self, result: &PaymentResult) -> Result<Settled> {
        Ok(self
            .library
            .store
            .settle_payment(result, &settlement_policy())
            .await?)
    }

    async fn wallet(&self, service: Service) -> Result<WalletView> {
        wallet(&self.library, ACCOUNT, service).await
    }

    /// Balance, and what of it is not held.
    async fn credits(&self) -> Result<(String, String)> {
        let wallet = self.wallet(Service::Sms).await?;
        Ok((wallet.credits.to_string(), wallet.available.to_string()))
    }

    async fn state_of_topup(&self) -> Result<String> {
        let filter = TopupFilter {
            account: Some(account_id(ACCOUNT)),
            state: None,
        };
        let topups = self.library.store.topups(filter, 2).await?;
        let topup = topups.first().context("no top-up")?;
        let payment = topup.payment.as_ref().context("no payment")?;
        assert_eq!(topup.state.as_str(), payment.state.as_str());
        Ok(topup.state.to_string())
    }

    async fn count(&self, sql: &str) -> Result<i64> {
        self.library.rows().await?.count(sql).await
    }

    /// How many notices of a kind there are, by both channels together.
    async fn notices(&self, template: &str) -> Result<i64> {
        self.count(&format!(
            "SELECT count(*) FROM notices WHERE template = '{template}'"
        ))
        .await
    }
}

async fn wallet(library: &Library, account: i64, service: Service) -> Result<WalletView> {
    let view = library.store.account_view(account_id(account)).await?;
    let wallets = view.context("no account")?.wallets;
    let found = wallets.into_iter().find(|wallet| wallet.service == service);
    found.context("no wallet")
}

fn is_enabled(wallet: &WalletView) -> bool {
    wallet.auto_topup.as_ref().is_some_and(|it| it.enabled)
}

/// 600 credits less what `reversed_minor` of the price had paid for, rounded down to a thousandth.
fn left_of_600(reversed_minor: i64) -> String {
    Credits::from_milli(600_000 - 500_000 * reversed_minor / PRICE_MINOR).to_string()
}

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
        let payment = paid().await?;
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
            assert_eq!(payment.credits().await?.0, left_of_600(reversed_minor));
        }
        assert_eq!(payment.credits().await?.0, "100");
        assert_eq!(payment.state_of_topup().await?, "reversed");
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
    let payment = paid().await?;
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
    assert_eq!(payment.credits().await?.0, left_of_600(33_330 - 45));
    assert_eq!(payment.state_of_topup().await?, "succeeded");
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn more_than_was_paid_is_never_taken_back_and_what_does_not_fit_changes_nothing() -> Result<()> {
    let payment = paid().await?;
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
            mode: topup_rules::message::PaymentMode::Live,
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
    let payment = paid().await?;
    payment.library.send(&event(ACCOUNT).credits(490)).await?;
    payment.settle(&payment.refund("refund-1", PRICE_MINOR)).await?;
    let wallet = payment.wallet(Service::Sms).await?;
    assert_eq!(wallet.credits.to_string(), "-390");
    assert!(wallet.open_topup.is_none());
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_reversal_disables_card_auto_topup_of_all_the_account_s_wallets_and_of_nobody_else() -> Result<()> {
    let payment = charging(&[
        sub_account(2001, ACCOUNT).credits(500).transfer(),
        main_account(1009).credits(500).card("AUTH_ok"),
    ])
    .await?;
    payment.settle(&payment.told(PaymentStatus::Success)).await?;
    for service in [Service::Sms, Service::Whatsapp] {
        assert!(is_enabled(&payment.wallet(service).await?), "{service}");
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
        let wallet = wallet(&payment.library, account, Service::Sms).await?;
        assert!(is_enabled(&wallet), "{account}");
    }
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_dispute_holds_its_credits_and_a_won_one_releases_them() -> Result<()> {
    let payment = paid().await?;
    let opened = payment.dispute(PaymentStatus::DisputeOpened, PRICE_MINOR);
    let settled = payment.settle(&opened).await?;
    ensure!(matches!(settled, Settled::Held { .. }), "{settled:?}");
    for _ in 0..3 {
        let again = payment.settle(&opened).await?;
        ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    }
    assert_eq!(payment.credits().await?, ("600".to_owned(), "100".to_owned()));
    assert!(is_enabled(&payment.wallet(Service::Sms).await?));
    // The operators have to answer it; the account holder opened it.
    assert_eq!(payment.notices("operator-alert").await?, 2);
    payment.library.audit_is_clean().await?;

    let won = payment.dispute(PaymentStatus::DisputeWon, PRICE_MINOR);
    let settled = payment.settle(&won).await?;
    ensure!(matches!(settled, Settled::Released), "{settled:?}");
    for result in [&won, &opened] {
        let again = payment.settle(result).await?;
        ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    }
    assert_eq!(payment.credits().await?, ("600".to_owned(), "600".to_owned()));
    assert_eq!(payment.state_of_topup().await?, "succeeded");
    assert_eq!(payment.notices("payment-reversed").await?, 0);
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_lost_dispute_takes_back_what_it_held() -> Result<()> {
    let payment = paid().await?;
    let half_minor = PRICE_MINOR / 2;
    payment
        .settle(&payment.dispute(PaymentStatus::DisputeOpened, half_minor))
        .await?;
    let left = left_of_600(half_minor);
    assert_eq!(payment.credits().await?, ("600".to_owned(), left.clone()));
    let lost = payment.dispute(PaymentStatus::Reversed, half_minor);
    let settled = payment.settle(&lost).await?;
    ensure!(
        matches!(settled, Settled::Reversed { whole: false, .. }),
        "{settled:?}"
    );
    assert_eq!(payment.credits().await?, (left.clone(), left.clone()));
    let again = payment.settle(&lost).await?;
    ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    assert_eq!(payment.credits().await?, (left.clone(), left));
    assert_eq!(payment.notices("payment-reversed").await?, 2);
    assert!(!is_enabled(&payment.wallet(Service::Sms).await?));
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_dispute_that_is_heard_to_be_won_before_it_was_opened_holds_nothing() -> Result<()> {
    let payment = paid().await?;
    payment
        .settle(&payment.dispute(PaymentStatus::DisputeWon, PRICE_MINOR))
        .await?;
    let opened = payment.dispute(PaymentStatus::DisputeOpened, PRICE_MINOR);
    let settled = payment.settle(&opened).await?;
    ensure!(matches!(settled, Settled::Already(_)), "{settled:?}");
    assert_eq!(payment.credits().await?, ("600".to_owned(), "600".to_owned()));
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn what_is_refunded_during_a_dispute_is_not_taken_twice_and_the_hold_ends_with_the_dispute()
-> Result<()> {
    let payment = paid().await?;
    payment
        .settle(&payment.dispute(PaymentStatus::DisputeOpened, PRICE_MINOR))
        .await?;
    payment.settle(&payment.refund("refund-1", PRICE_MINOR)).await?;
    assert_eq!(payment.credits().await?.0, "100");
    let lost = payment.dispute(PaymentStatus::Reversed, PRICE_MINOR);
    let settled = payment.settle(&lost).await?;
    ensure!(matches!(settled, Settled::Released), "{settled:?}");
    assert_eq!(payment.credits().await?, ("100".to_owned(), "100".to_owned()));
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_refund_that_is_told_before_its_success_waits_for_it() -> Result<()> {
    let payment = charging(&[]).await?;
    let refund = payment.refund("refund-1", 100);
    for _ in 0..2 {
        let early = payment.settle(&refund).await?;
        ensure!(matches!(early, Settled::Later(_)), "{early:?}");
    }
    assert_eq!(payment.credits().await?.0, "100");
    payment.settle(&payment.told(PaymentStatus::Success)).await?;
    payment.settle(&refund).await?;
    assert_eq!(payment.credits().await?.0, left_of_600(100));
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn money_that_came_and_went_unseen_is_credited_and_taken_back_and_both_are_told() -> Result<()> {
    let payment = charging(&[]).await?;
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
    assert_eq!(payment.state_of_topup().await?, "reversed");
    assert_eq!(payment.notices("topup-succeeded").await?, 2);
    assert_eq!(payment.notices("payment-reversed").await?, 2);
    assert!(!is_enabled(&payment.wallet(Service::Sms).await?));
    let claims = "SELECT count(*) FROM card_spacing WHERE unsettled_topup IS NOT NULL";
    assert_eq!(payment.count(claims).await?, 0);
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn nothing_but_a_reversal_undoes_a_success_and_nothing_at_all_undoes_a_reversal() -> Result<()> {
    let payment = paid().await?;
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
async fn fifty_results_of_every_kind_at_once_credit_once_and_a_failure_never_takes_it_back() -> Result<()> {
    for _ in 0..3 {
        let payment = charging(&[]).await?;
        let kinds = [
            PaymentStatus::Success,
            PaymentStatus::Failed,
            PaymentStatus::Unknown,
            PaymentStatus::Success,
            PaymentStatus::ActionRequired,
            PaymentStatus::Pending,
        ];
        let sources = ResultSource::ALL;
        let results: Vec<_> = (0..50)
            .map(|n| {
                result_of(
                    &payment.intent,
                    kinds[n % kinds.len()],
                    sources[n % sources.len()],
                )
            })
            .collect();
        let settled = try_join_all(results.iter().map(|result| payment.settle(result))).await?;
        let credited = settled
            .iter()
            .filter(|it| matches!(it, Settled::Credited { .. }))
            .count();
        assert_eq!(credited, 1, "{settled:?}");
        assert_eq!(payment.credits().await?.0, "600");
        assert_eq!(payment.state_of_topup().await?, "succeeded");
        assert_eq!(payment.notices("topup-succeeded").await?, 2);
        payment.library.audit_is_clean().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_audit_finds_a_reversal_that_was_tampered_with_and_names_the_rule() -> Result<()> {
    let payment = paid().await?;
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
    let left = left_of_600(17_624);
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
