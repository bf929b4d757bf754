//! E3, E8, P3, P5: cards that are registered and saved on the gateway's page, and forgotten again.

use anyhow::{Context as _, Result, bail, ensure};
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::PaymentMode;
use topup_rules::registration::RegistrationOutcome;
use topup_rules::settle::PurchaseMethod;
use topup_store::{
    Begun, NewPurchase, NewRegistration, OneClickAgreement, PurchaseRefusal, RegistrationBegun,
    RegistrationView,
};
use topup_tests::{Shop, account_id, event, eventually};
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
    assert!(shop.app.outside.mail(0).await?.is_empty());
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
    Ok(())
}

#[tokio::test]
async fn a_registration_that_the_bank_refuses_fails_and_disables_nothing() -> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let view = register(&shop, "decline").await?;
    assert_eq!(view.outcome, Some(RegistrationOutcome::Failed));
    assert!(!view.is_refunded && !view.is_refund_due);
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
