//! C12: what counts against an account's caps, and what does not.

use anyhow::{Context as _, Result};
use topup_rules::inquiries::Told;
use topup_rules::topup::TopupState;
use topup_store::Woken;
use topup_tests::{
    Account, Library, event, main_account, our_trouble, said, settlement_policy, sms_wallet, topup_policy,
};

/// Reaches its threshold with the first send, and may be charged once a day.
fn capped_account() -> Account {
    main_account(1001)
        .credits(150)
        .card("AUTH_ok")
        .topups_per_day(1)
        .whatsapp()
        .credits(150)
        .card("AUTH_ok")
        .topups_per_day(1)
}

#[tokio::test]
async fn a_charge_that_is_tried_again_does_not_count_against_the_caps_that_it_fills_itself() -> Result<()> {
    let library = Library::with(&[capped_account()]).await?;
    library.list_prices().await?;
    let topup = library
        .send(&event(1001).credits(50))
        .await?
        .context("a top-up")?;
    let first = library.charges(sms_wallet(1001), topup).await?;
    library.answered(&first, &our_trouble()).await?;
    // The one that the day's cap allows is this one, however often it is tried.
    let second = library.charges(sms_wallet(1001), topup).await?;
    assert_eq!(second.reference, first.reference);

    // Another one of the day is one too many, whether or not the first is through.
    let other = library.send(&event(1001).service("whatsapp").credits(50)).await?;
    let mut wallet = sms_wallet(1001);
    wallet.service = topup_rules::ids::Service::Whatsapp;
    let woken = library
        .store
        .wake_topup(wallet, other.context("a top-up")?, &topup_policy())
        .await?;
    let Woken::Moved { state, reason, .. } = woken else {
        anyhow::bail!("{woken:?}");
    };
    assert_eq!(state, TopupState::Skipped);
    assert_eq!(
        reason.as_deref(),
        Some("the account's limit of 1 card top-ups a day is reached")
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_charge_that_the_gateway_never_had_is_submitted_again_at_the_cap_that_it_fills_itself() -> Result<()>
{
    let library = Library::with(&[capped_account()]).await?;
    library.list_prices().await?;
    let topup = library
        .send(&event(1001).credits(50))
        .await?
        .context("a top-up")?;
    let first = library.charges(sms_wallet(1001), topup).await?;
    let policy = settlement_policy().inquiries;
    for _ in 0..policy.not_known_max {
        let inquired = library.asked().await?;
        library.told(&inquired, &said(Told::NotKnown), &policy).await?;
    }
    let second = library.charges(sms_wallet(1001), topup).await?;
    assert_eq!(second.reference, first.reference);
    library.audit_is_clean().await
}
