//! E3, E8, P3, P5: cards that are registered and saved on the gateway's page, and forgotten again.

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::json;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::registration::RegistrationOutcome;
use topup_rules::settle::PurchaseMethod;
use topup_store::{
    Begun, NewPurchase, NewRegistration, OneClickAgreement, PurchaseRefusal, RegistrationBegun,
    RegistrationView, Settled, SettlementPolicy,
};
use topup_tests::{Library, Shop, account_id, event, eventually, main_account, raw, settlement_policy};
use uuid::Uuid;

const ACCOUNT: i64 = Shop::ACCOUNT;

fn new_registration() -> NewRegistration {
    NewRegistration {
        id: Uuid::now_v7(),
        account: account_id(ACCOUNT),
        service: Service::Sms,
        who: account_id(ACCOUNT),
        threshold: Credits::from_milli(100_000),
        quantity: Credits::from_milli(500_000),
        terms_version: "1".to_owned(),
        address: "127.0.0.1".to_owned(),
        email: None,
        gateway: "paystack",
        least_minor: |_| 100,
        mode: PaymentMode::Test,
        traceparent: None,
    }
}

/// Begins it, and what the account holder does on the page.
async fn register(shop: &Shop, form: &str) -> Result<RegistrationView> {
    let new = new_registration();
    let RegistrationBegun::Page(intent) = shop.store.begin_registration(&new).await? else {
        bail!("no page to ask for")
    };
    let url = shop.page_of(&intent).await?;
    shop.on_page(&url, form).await?;
    ended(shop, new.id).await
}

async fn ended(shop: &Shop, id: Uuid) -> Result<RegistrationView> {
    eventually("the registration's end", async || {
        let view = shop.store.registration(account_id(ACCOUNT), id).await?;
        Ok(view.filter(|view| view.outcome.is_some()))
    })
    .await
}

async fn becomes_zero(shop: &Shop, what: &str, sql: &str) -> Result<()> {
    eventually(what, async || {
        Ok((shop.app.rows.count(sql).await? == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_registered_card_replaces_the_old_one_which_is_forgotten_here_and_at_the_gateway_and_its_charge_is_given_back()
-> Result<()> {
    let shop = Shop::open("AUTH_old").await?;
    let view = register(&shop, "pay&saves=AUTH_ok_new").await?;
    assert_eq!(
        view.outcome,
        Some(RegistrationOutcome::Enabled),
        "{:?}",
        view.reason
    );
    becomes_zero(
        &shop,
        "refunds",
        "SELECT count(*) FROM payments WHERE kind = 'registration' AND state <> 'reversed'",
    )
    .await?;
    becomes_zero(&shop, "tokens", "SELECT count(*) FROM tokens_to_deactivate").await?;
    let tokens = "SELECT count(*) FROM cards WHERE authorization_code = 'AUTH_old'";
    assert_eq!(shop.app.rows.count(tokens).await?, 0);
    // It bought nothing, disabled nothing, and nobody was told of a reversal.
    assert_eq!(shop.app.balance(ACCOUNT).await?, "150");
    shop.is_untouched().await?;
    shop.app.wait_until_idle().await?;
    let mail = shop.one_mail().await?;
    assert_eq!(
        mail.subject.as_deref(),
        Some("Automatic top-up of your SMS credits is on")
    );
    let text = mail.text.unwrap_or_default();
    for said in [
        "Topped up at: 100 SMS credits",
        "Each time: 500 credits",
        "Card: ending 4081",
        "Registering cost: ZAR 1.00, which is given back",
    ] {
        ensure!(text.contains(said), "{said:?} is missing: {text}");
    }
    // The new card is what the next top-up charges.
    shop.app.send(&[event(ACCOUNT).credits(100)]).await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "550").await?;
    let captures = shop.app.outside.captures(2).await?;
    let last = captures.last().context("no capture")?;
    assert_eq!(last.authorization_code.as_deref(), Some("AUTH_ok_new"));
    shop.app.finish().await
}

#[tokio::test]
async fn what_is_refused_while_the_card_is_registered_is_not_enabled_and_its_charge_is_given_back()
-> Result<()> {
    let shop = Shop::open("AUTH_old").await?;
    let new = new_registration();
    let RegistrationBegun::Page(intent) = shop.store.begin_registration(&new).await? else {
        bail!("no page to ask for")
    };
    let url = shop.page_of(&intent).await?;
    let take = "UPDATE wallets SET auto_enabled = false, auto_disabled_reason = 'x', balance_milli = 90000";
    shop.app.rows.client().batch_execute(take).await?;
    shop.on_page(&url, "pay").await?;
    let view = ended(&shop, new.id).await?;
    assert_eq!(view.outcome, Some(RegistrationOutcome::NotEnabled));
    let reason = view.reason.unwrap_or_default();
    ensure!(reason.starts_with("E4: "), "{reason}");
    becomes_zero(
        &shop,
        "refunds",
        "SELECT count(*) FROM payments WHERE kind = 'registration' AND state <> 'reversed'",
    )
    .await?;
    let text = shop.one_mail().await?.text.unwrap_or_default();
    ensure!(
        text.contains(&reason) && text.contains("which is given back"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_registration_that_the_bank_refuses_fails_and_disables_nothing() -> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let view = register(&shop, "decline").await?;
    assert_eq!(view.outcome, Some(RegistrationOutcome::Failed));
    assert!(!view.is_refunded && !view.is_refund_due && !view.has_refund_failed);
    let mail = shop.one_mail().await?;
    assert_eq!(mail.subject.as_deref(), Some("Your card was not registered"));
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn one_click_is_agreed_with_a_purchase_used_and_withdrawn_apart_from_auto_topup() -> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let one_click = Shop::new_purchase(PurchaseMethod::OneClick);
    let begun = shop.store.begin_purchase(&one_click).await?;
    assert!(
        matches!(begun, Begun::Refused(PurchaseRefusal::OneClick(_))),
        "{begun:?}"
    );
    let agreed = NewPurchase {
        agreement: Some(OneClickAgreement {
            terms_version: "1".to_owned(),
            address: "127.0.0.1".to_owned(),
        }),
        ..Shop::new_purchase(PurchaseMethod::Hosted)
    };
    let Begun::Page(intent) = shop.store.begin_purchase(&agreed).await? else {
        bail!("no page to ask for")
    };
    let url = shop.page_of(&intent).await?;
    shop.on_page(&url, "pay&saves=AUTH_ok_click").await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
    ensure!(shop.store.one_click(account_id(ACCOUNT)).await?.is_some());
    let begun = shop.store.begin_purchase(&one_click).await?;
    let Begun::Charge(intent) = begun else {
        bail!("{begun:?}")
    };
    assert_eq!(intent.authorization_code, "AUTH_ok_click");
    shop.charge(&intent).await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "1150").await?;
    ensure!(shop.store.withdraw_one_click(account_id(ACCOUNT)).await?);
    becomes_zero(&shop, "tokens", "SELECT count(*) FROM tokens_to_deactivate").await?;
    // P5: auto top-up's own card and consent stay.
    let kept = "SELECT count(*) FROM cards WHERE authorization_code = 'AUTH_ok'";
    assert_eq!(shop.app.rows.count(kept).await?, 1);
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_refund_that_the_gateway_does_not_make_is_told_to_the_operators_and_claimed_nowhere() -> Result<()>
{
    let shop = Shop::open("AUTH_ok").await?;
    let view = register(&shop, "pay").await?;
    let refunds = "SELECT count(*) FROM card_registrations WHERE refund_id IS NULL";
    becomes_zero(&shop, "refunds that are asked for", refunds).await?;
    // As the sandbox has made it by now, of another one.
    let failed = json!({
        "reference": view.reference, "gateway": "paystack", "status": "refund-failed", "amount_minor": 100,
        "currency": "ZAR", "source": "webhook", "mode": "test", "reversal_id": "refund-7",
        "reason": "the refund failed", "occurred_at": Timestamp::now().to_string(),
    });
    let body = || raw(failed.to_string()).kind(Some("payment-results.v1"));
    shop.app
        .broker
        .publish_to("payment-results", [body(), body()])
        .await?;
    let told = "SELECT 1 - count(*) FROM notices WHERE template = 'operator-alert' AND channel = 'email'";
    becomes_zero(&shop, "the operators", told).await?;
    shop.app.wait_until_idle().await?;
    let alerts = "SELECT count(DISTINCT cause) FROM notices WHERE cause LIKE 'alert:refund-failed:%'";
    assert_eq!(shop.app.rows.count(alerts).await?, 1);
    let why = shop.app.fleetctl_output(&["why", "1001"]).await?;
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    ensure!(
        why.contains("were to be given back to the customer, and were not"),
        "{why}"
    );
    Ok(())
}

#[tokio::test]
async fn a_registration_whose_refund_failed_does_not_say_that_it_was_given_back() -> Result<()> {
    let library = library().await?;
    let new = new_registration();
    let RegistrationBegun::Page(intent) = library.store.begin_registration(&new).await? else {
        bail!("no page to ask for")
    };
    let result = |status, reversal_id: Option<&str>| PaymentResult {
        reference: intent.reference.clone(),
        gateway: "paystack".to_owned(),
        status,
        amount_minor: Some(100),
        currency: Some(intent.amount.currency),
        gateway_transaction_id: None,
        reason: Some("the refund failed".to_owned()),
        decline: None,
        card: None,
        source: ResultSource::Webhook,
        mode: PaymentMode::Test,
        reversal_id: reversal_id.map(str::to_owned),
        occurred_at: Timestamp::now(),
    };
    let policy = SettlementPolicy {
        refund_registration: true,
        ..settlement_policy()
    };
    let settle = async |result| library.store.settle_payment(&result, &policy).await;
    settle(result(PaymentStatus::Success, None)).await?;
    // The gateway has taken it on.
    let rows = library.rows().await?;
    rows.client()
        .batch_execute("UPDATE card_registrations SET refund_id = '7', refund_due_at = NULL")
        .await?;
    let view = async || -> Result<_> {
        let view = library.store.registration(account_id(ACCOUNT), new.id).await?;
        view.context("no registration")
    };
    assert!(view().await?.is_refunded);
    let failed = || result(PaymentStatus::RefundFailed, Some("refund-7"));
    let settled = settle(failed()).await?;
    ensure!(matches!(settled, Settled::NotGivenBack { .. }), "{settled:?}");
    let settled = settle(failed()).await?;
    ensure!(matches!(settled, Settled::Already(_)), "{settled:?}");
    let now = view().await?;
    assert!(!now.is_refunded && !now.is_refund_due && now.has_refund_failed);
    // In the end it is made.
    let settled = settle(result(PaymentStatus::Reversed, Some("refund-7"))).await?;
    ensure!(matches!(settled, Settled::Reversed { .. }), "{settled:?}");
    let now = view().await?;
    assert!(now.is_refunded && !now.has_refund_failed);
    // And what was made can't have failed: a person looks.
    let settled = settle(failed()).await?;
    ensure!(matches!(settled, Settled::Misfit(_)), "{settled:?}");
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_registration_that_ended_untold_or_was_told_of_without_ending_so_is_found_by_the_audit()
-> Result<()> {
    let library = library().await?;
    let store = &library.store;
    let begin = async |new: &NewRegistration| {
        let begun = store.begin_registration(new).await?;
        let RegistrationBegun::Page(intent) = begun else {
            bail!("no page to ask for: {begun:?}")
        };
        Ok(intent)
    };
    let replaced = new_registration();
    begin(&replaced).await?;
    // Of the first, whose place it takes, nobody is told.
    let new = NewRegistration {
        threshold: Credits::from_milli(90_000),
        ..new_registration()
    };
    let intent = begin(&new).await?;
    let outcome = store.registration(account_id(ACCOUNT), replaced.id).await?;
    assert_eq!(
        outcome.and_then(|it| it.outcome),
        Some(RegistrationOutcome::Failed)
    );
    let declined = PaymentResult {
        reference: intent.reference.clone(),
        gateway: "paystack".to_owned(),
        status: PaymentStatus::Failed,
        amount_minor: Some(100),
        currency: Some(intent.amount.currency),
        gateway_transaction_id: None,
        reason: Some("Declined".to_owned()),
        decline: None,
        card: None,
        source: ResultSource::Webhook,
        mode: PaymentMode::Test,
        reversal_id: None,
        occurred_at: Timestamp::now(),
    };
    store.settle_payment(&declined, &settlement_policy()).await?;
    library.audit_is_clean().await?;

    let rows = library.rows().await?;
    let found = async || -> Result<Vec<String>> {
        let report = library.audit().await?;
        let violations = report.checks.into_iter().flat_map(|check| check.violations);
        Ok(violations.collect())
    };
    let id = new.id;
    let cause = format!("registration:{id}:failed");
    rows.client()
        .batch_execute(
            "UPDATE notices SET cause = replace(cause, ':failed', ':enabled') WHERE channel = 'sms'",
        )
        .await?;
    let violations = found().await?;
    let [missing, false_one] = violations.as_slice() else {
        bail!("{violations:?}")
    };
    let told = format!("{cause} of account {ACCOUNT} is told by 1 notices instead of 2");
    assert_eq!(*missing, told);
    ensure!(
        false_one.contains(&format!("registration:{id}:enabled, which never happened")),
        "{false_one}"
    );
    rows.client().batch_execute("DELETE FROM notices").await?;
    let none = format!("{cause} of account {ACCOUNT} is told by 0 notices instead of 2");
    assert_eq!(found().await?, [none]);
    Ok(())
}

async fn library() -> Result<Library> {
    let library = Library::with(&[main_account(ACCOUNT).credits(150).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    Ok(library)
}
