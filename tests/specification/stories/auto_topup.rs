//! From a mailed link to credits that refill themselves.

use anyhow::Result;
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account};

use crate::visit::{CARD_3DS, PASSWORD, Visit, mailed_link};

const ACCOUNT: i64 = 1001;

#[tokio::test]
async fn a_new_account_holder_registers_a_card_by_3_d_secure_and_sends_until_it_is_topped_up() -> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(ACCOUNT).credits(150)]).await?;
    let link = mailed_link(&mut app, ACCOUNT).await?;
    let browser = Browser::open().await?;
    let visit = Visit::begin(&browser, &mut app).await?;
    signs_in(&visit, &link).await?;
    wants_a_card(&visit).await?;
    the_bank_says_no(&visit, &app).await?;
    the_bank_says_yes(&visit).await?;

    // The charge bought nothing; the next send that reaches the threshold is topped up.
    assert_eq!(app.balance(ACCOUNT).await?, "150");
    app.send(&[event(ACCOUNT).credits(40), event(ACCOUNT).credits(20)])
        .await?;
    app.balance_becomes(ACCOUNT, "sms", "590").await?;
    is_topped_up(&visit).await?;
    ends_it(&visit).await?;
    browser.close().await?;
    app.finish().await
}

async fn signs_in(visit: &Visit<'_>, link: &str) -> Result<()> {
    let site = &visit.site;
    site.open(link).await?;
    site.fill("#password", PASSWORD).await?;
    site.fill("#again", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your password is set").await?;
    visit.sign_in(PASSWORD).await?;
    site.says("section[aria-labelledby=sms-heading]", "150").await
}

/// Figures that go together, their price, and agreement; nothing is charged without.
async fn wants_a_card(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("nav a[href='/auto-topup']").await?;
    site.says("h1", "Auto top-up").await?;
    visit.see("story-auto-topup-off").await?;
    site.click("#sms a[href='/auto-topup/sms']").await?;
    site.fill("#threshold", "100").await?;
    site.fill("#quantity", "50").await?;
    site.click("#agree").await?;
    site.click("#register").await?;
    site.says("[role=alert]", "at least the threshold").await?;
    visit.see("story-auto-topup-card-wrong").await?;
    site.fill("#quantity", "500").await?;
    site.click("#quote").await?;
    site.says("#summary", "352.47").await?;
    visit.see("story-auto-topup-card").await
}

async fn the_bank_says_no(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.click("#register").await?;
    site.says("h1", "ZAR 1.00").await?;
    visit.see("story-sandbox-card").await?;
    visit.pays_with(CARD_3DS).await?;
    visit.see("story-sandbox-bank").await?;
    site.click("#decline-3ds").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("main [role=status]", "declined").await?;
    visit.see("story-registration-declined").await?;
    assert!(!app.account(ACCOUNT).await?.wallet("sms")?.is_enabled());
    site.click("#again").await
}

async fn the_bank_says_yes(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.fill("#threshold", "100").await?;
    site.fill("#quantity", "500").await?;
    site.click("#agree").await?;
    site.click("#register").await?;
    visit.pays_with(CARD_3DS).await?;
    site.click("#approve-3ds").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("main .note.good", "on").await?;
    visit.see("story-registration").await?;
    site.click("nav a[href='/auto-topup']").await?;
    site.says("#sms", "0409").await?;
    visit.see("story-auto-topup-on").await
}

async fn is_topped_up(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/").await?;
    site.says("section[aria-labelledby=sms-heading]", "590").await?;
    site.attribute("section[aria-labelledby=sms-heading] .chart circle.topup", "cx")
        .await?;
    visit.see("story-overview-topped-up").await?;
    site.click("nav a[href='/history']").await?;
    site.says(".events", "352.47").await?;
    visit.see("story-history-topped-up").await?;
    site.open("/history/sms").await?;
    site.says("main table", "500").await
}

async fn ends_it(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("nav a[href='/auto-topup']").await?;
    site.click("#sms a[href='/auto-topup/sms/disable']").await?;
    visit.see("story-auto-topup-end").await?;
    site.click("#end").await?;
    site.says("#sms .actions", "Set up").await?;
    visit.see("story-auto-topup-ended").await
}
