//! Credits bought by hand: not after all, declined, paid, and again with one button.

use anyhow::{Context as _, Result, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, eventually, main_account};

use crate::visit::{CARD_3DS, CARD_DECLINED, CARD_OK, Visit};

const ACCOUNT: i64 = 1001;
/// The button that pays by card, once the price is known.
const PRICED: &str = "#ways:not([hidden]) #pay-card";

#[tokio::test]
async fn an_account_holder_buys_by_card_after_two_tries_then_with_one_button_and_then_has_the_card_forgotten()
-> Result<()> {
    let options = AppOptions::whole()
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s");
    let mut app = App::start(options).await?;
    app.import(&[main_account(ACCOUNT).credits(150)]).await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    visit.site.open("/").await?;
    wants_500(&visit).await?;
    goes_back(&visit).await?;
    is_declined(&visit).await?;
    assert_eq!(app.balance(ACCOUNT).await?, "150");
    the_bank_says_no(&visit).await?;
    assert_eq!(app.balance(ACCOUNT).await?, "150");
    let saved = "SELECT count(*) FROM one_click_consents WHERE card_id IS NOT NULL";
    assert_eq!(app.rows.count(saved).await?, 0);
    agrees_and_pays(&visit).await?;
    app.balance_becomes(ACCOUNT, "sms", "650").await?;
    has_a_receipt(&visit, &app).await?;
    again_with_one_button(&visit).await?;
    app.balance_becomes(ACCOUNT, "sms", "1150").await?;
    has_it_forgotten(&visit, &app).await?;
    browser.close().await?;
    app.finish().await
}

/// The summary follows as one types.
async fn wants_500(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("nav a[href='/buy']").await?;
    visit.see("story-buy").await?;
    site.fill("#credits", "500").await?;
    site.says(PRICED, "352.47").await?;
    visit.see("story-buy-summary").await
}

/// Who goes back is told that nothing was paid, and can still pay.
async fn goes_back(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("#pay-card").await?;
    site.comes_to("/pay/").await?;
    site.click("#cancel").await?;
    site.comes_to("/purchases/").await?;
    site.says("#pay", "").await?;
    visit.glimpse("story-purchase-left").await?;
    site.click("#pay").await
}

async fn is_declined(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    visit.pays_with(CARD_DECLINED).await?;
    site.comes_to("/purchases/").await?;
    site.says("main .note.bad", "Declined").await?;
    visit.see("story-purchase-declined").await?;
    site.click("#again").await
}

/// Nothing is agreed to by a payment that was not made.
async fn the_bank_says_no(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.comes_to("/buy").await?;
    site.says(PRICED, "352.47").await?;
    site.click("#agree").await?;
    site.click("#pay-card").await?;
    visit.pays_with(CARD_3DS).await?;
    site.click("#decline-3ds").await?;
    site.comes_to("/purchases/").await?;
    site.says("main .note.bad", "3-D Secure").await?;
    site.click("#again").await
}

async fn agrees_and_pays(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.comes_to("/buy").await?;
    site.says(PRICED, "352.47").await?;
    site.click("#agree").await?;
    site.click("details summary").await?;
    site.fill("#name", "Protea Books").await?;
    site.fill("#address", "1 Long Street").await?;
    site.click("#pay-card").await?;
    visit.pays_with(CARD_OK).await?;
    site.comes_to("/purchases/").await?;
    site.says("main .note.good", "500").await?;
    visit.see("story-purchase-paid").await
}

async fn has_a_receipt(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.click("#receipt").await?;
    site.says(".receipt", "Protea Books").await?;
    site.says(".receipt", "352.47").await?;
    visit.see("story-receipt").await?;
    let mail = app.outside.mail(3).await?;
    let text = mail.last().and_then(|it| it.text.as_deref()).context("a mail")?;
    ensure!(text.contains("352.47"), "{text}");
    Ok(())
}

async fn again_with_one_button(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/one-click").await?;
    site.says("#again-sms", "352.47").await?;
    visit.see("story-one-click").await?;
    site.click("#again-sms").await?;
    site.comes_to("/purchases/").await?;
    site.says("main .note.good", "500").await?;
    visit.see("story-one-click-paid").await
}

/// Here, and at the gateway.
async fn has_it_forgotten(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.open("/one-click").await?;
    site.click("#disable").await?;
    visit.see("story-one-click-end").await?;
    site.click("#end").await?;
    site.says("main .tag", "Off").await?;
    visit.see("story-one-click-off").await?;
    let kept = "SELECT (SELECT count(*) FROM cards WHERE authorization_code <> '')
                     + (SELECT count(*) FROM tokens_to_deactivate)";
    eventually("a forgotten card", async || {
        Ok((app.rows.count(kept).await? == 0).then_some(()))
    })
    .await
}
