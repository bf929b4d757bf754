//! V1: a dispute holds the credits that it is about until it is over; a won one releases them, a lost one takes them
//! back.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use topup_rules::ids::Service;
use topup_rules::message::PaymentStatus;
use topup_store::Settled;
use topup_tests::{App, AppOptions, CardPayment, event, eventually, main_account};

const PRICE_MINOR: i64 = CardPayment::PRICE_MINOR;

/// How a dispute ends, and what the wallet of 600 credits, of which the payment brought 500, is left with.
const ENDS: [(i64, &str, &str); 3] = [
    (1001, "won", "600"),
    (1002, "lost", "100"),
    // Nobody answered it in time.
    (1003, "unanswered", "100"),
];

/// Balance, available credits and whether auto top-up is enabled become these.
async fn wallet_becomes(app: &App, account: i64, wanted: (&str, &str, bool)) -> Result<()> {
    let mut last = None;
    eventually(&format!("{wanted:?} of {account}"), async || {
        let view = app.account(account).await?;
        let wallet = view.wallet("sms")?;
        let (credits, available) = (wallet.credits.to_string(), wallet.available.to_string());
        let is = (credits.as_str(), available.as_str(), wallet.is_enabled()) == wanted;
        last = Some(format!("{credits}, {available}, {}", wallet.is_enabled()));
        Ok(is.then_some(()))
    })
    .await
    .with_context(|| format!("it is {last:?}"))
}

#[tokio::test]
async fn a_dispute_at_the_gateway_holds_the_credits_until_it_is_over_and_takes_them_where_it_is_lost()
-> Result<()> {
    let app =
        App::start(AppOptions::whole().setting("OPERATORS__EMAIL", "operators@platform.example")).await?;
    app.import(&ENDS.map(|(id, _, _)| main_account(id).credits(150).card("AUTH_ok")))
        .await?;
    app.send(&ENDS.map(|(id, _, _)| event(id).credits(50))).await?;
    for (account, _, _) in ENDS {
        app.balance_becomes(account, "sms", "600").await?;
    }
    let captures = app.outside.captures(ENDS.len()).await?;
    let reference = |account| {
        let capture = captures.iter().find(|capture| capture.is_of(account));
        capture
            .map(|capture| capture.reference.clone())
            .context("no capture")
    };
    for (account, _, _) in ENDS {
        let order = json!({"reference": reference(account)?});
        app.outside.post("dispute", &order).await?;
    }
    for (account, _, _) in ENDS {
        wallet_becomes(&app, account, ("600", "100", true)).await?;
    }
    // Three successes; the operators are told of three disputes.
    app.outside.mail(6).await?;
    for (account, outcome, _) in ENDS {
        let order = json!({"reference": reference(account)?, "outcome": outcome});
        app.outside.post("dispute", &order).await?;
    }
    for (account, outcome, left) in ENDS {
        wallet_becomes(&app, account, (left, left, outcome == "won")).await?;
    }
    // Whom something was taken from is told.
    let mail = app.outside.mail(8).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.mail(8).await?.len(), 8);
    let to = |address: &str| mail.iter().filter(|it| it.to == [address]).count();
    assert_eq!(to("operators@platform.example"), 3);
    assert_eq!(to("account-1001@example.com"), 1);
    assert_eq!(to("account-1002@example.com"), 2);
    assert_eq!(to("account-1003@example.com"), 2);
    assert_eq!(app.broker.ready("payment-results.dead").await?, Some(0));
    app.finish().await
}

#[tokio::test]
async fn a_dispute_holds_its_credits_and_a_won_one_releases_them() -> Result<()> {
    let payment = CardPayment::paid().await?;
    let opened = payment.dispute(PaymentStatus::DisputeOpened, PRICE_MINOR);
    let settled = payment.settle(&opened).await?;
    ensure!(matches!(settled, Settled::Held { .. }), "{settled:?}");
    for _ in 0..3 {
        let again = payment.settle(&opened).await?;
        ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    }
    assert_eq!(payment.credits().await?, ("600".to_owned(), "100".to_owned()));
    assert!(payment.is_enabled(Service::Sms).await?);
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
    assert_eq!(payment.state().await?, "succeeded");
    assert_eq!(payment.notices("payment-reversed").await?, 0);
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_lost_dispute_takes_back_what_it_held() -> Result<()> {
    let payment = CardPayment::paid().await?;
    let half_minor = PRICE_MINOR / 2;
    payment
        .settle(&payment.dispute(PaymentStatus::DisputeOpened, half_minor))
        .await?;
    let left = CardPayment::left_of_600(half_minor);
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
    assert!(!payment.is_enabled(Service::Sms).await?);
    payment.library.audit_is_clean().await
}

#[tokio::test]
async fn a_dispute_that_is_heard_to_be_won_before_it_was_opened_holds_nothing() -> Result<()> {
    let payment = CardPayment::paid().await?;
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
    let payment = CardPayment::paid().await?;
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
