//! A main account and its sub: credits moved when the sub sends, and by hand.

use anyhow::Result;
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account, sub_account};

use crate::visit::Visit;

const MAIN: i64 = 1001;
const SUB: i64 = 2001;

#[tokio::test]
async fn a_main_tops_its_sub_up_by_transfer_when_the_sub_sends_and_moves_credits_by_hand() -> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(MAIN).credits(2_000),
        sub_account(SUB, MAIN).credits(150),
    ])
    .await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, MAIN).await?;
    sets_transfer_up(&visit).await?;
    app.send(&[event(SUB).credits(60)]).await?;
    app.balance_becomes(SUB, "sms", "590").await?;
    app.balance_becomes(MAIN, "sms", "1500").await?;
    moves_by_hand(&visit).await?;
    app.balance_becomes(SUB, "sms", "690").await?;
    app.balance_becomes(MAIN, "sms", "1400").await?;
    visit.is_now(&app, SUB).await?;
    what_the_sub_sees(&visit).await?;
    browser.close().await?;
    app.finish().await
}

async fn sets_transfer_up(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/").await?;
    site.click("nav a[href='/subs']").await?;
    site.says("main", "2001").await?;
    visit.see("story-subs").await?;
    site.click("main a[href='/subs/2001']").await?;
    site.fill("#sms-threshold", "100").await?;
    site.fill("#sms-quantity", "500").await?;
    site.click("#sms-set").await?;
    site.says("main .tag.good", "on").await?;
    visit.see("story-sub-transfer").await
}

async fn moves_by_hand(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/subs/2001").await?;
    site.says("main", "590").await?;
    site.fill("#move-credits", "100").await?;
    site.click("#move").await?;
    site.says("main", "690").await?;
    visit.see("story-sub-moved").await
}

/// That its main tops it up, and nothing that it could change.
async fn what_the_sub_sees(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/auto-topup").await?;
    site.says("#sms", "500").await?;
    visit.see("story-sub-auto-topup").await?;
    site.open("/history").await?;
    site.says(".events", "500").await?;
    visit.see("story-sub-history").await
}
