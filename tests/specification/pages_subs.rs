//! A main account's pages about its subs, in a real browser: the list, top-up by transfer, credits moved by hand.

use anyhow::{Result, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account, sub_account};

use crate::visit::Visit;

const MAIN: i64 = 1001;
const SUB: i64 = 2001;

#[tokio::test]
async fn a_main_account_tops_its_sub_up_by_transfer_moves_credits_both_ways_and_ends_it() -> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(MAIN).credits(2_000).card("AUTH_ok"),
        sub_account(SUB, MAIN).credits(200).whatsapp().credits(5),
        sub_account(2002, MAIN).credits(150).card("AUTH_ok_2"),
        main_account(1009).credits(1),
    ])
    .await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, MAIN).await?;
    let site = &visit.site;
    site.open("/").await?;
    site.click("nav a[href='/subs']").await?;
    site.says("main", "Account 2001").await?;
    site.says("main", "Account 2002").await?;
    visit.see("subs").await?;
    site.click("a[href='/subs/2001']").await?;
    transfer(&visit, &app).await?;
    moves(&visit, &app).await?;
    site.open("/subs/2001").await?;
    site.click("a[href='/subs/2001/auto-topup/sms/disable']").await?;
    site.says("h1", "Stop automatic top-up for SMS of account 2001?")
        .await?;
    visit.see("sub-stop").await?;
    site.click("#end").await?;
    site.says("[role=status]", "stopped").await?;
    site.says("section[aria-labelledby=sms-heading]", "by the main account")
        .await?;
    // What a sub does by a card of its own, its main can end and not begin.
    site.open("/subs/2002").await?;
    site.says("section[aria-labelledby=sms-heading]", "card of its own")
        .await?;
    visit.see("sub-by-card").await?;
    // An account without subs has no such page.
    visit.is_now(&app, 1009).await?;
    site.open("/subs").await?;
    site.says("h1", "nothing here").await?;
    browser.close().await?;
    app.finish().await
}

async fn transfer(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.fill("#sms-threshold", "300").await?;
    site.fill("#sms-quantity", "250").await?;
    site.click("#sms-set").await?;
    site.says("#sms-quantity-wrong", "(E4)").await?;
    visit.see("sub-refused").await?;
    site.fill("#sms-threshold", "100").await?;
    site.click("#sms-set").await?;
    site.says("[role=status]", "Saved").await?;
    site.says(
        "section[aria-labelledby=sms-heading]",
        "When a send leaves 100 credits or fewer, 250 are moved there from your account.",
    )
    .await?;
    app.send(&[event(SUB).credits(100)]).await?;
    app.balance_becomes(SUB, "sms", "350").await?;
    app.balance_becomes(MAIN, "sms", "1750").await?;
    site.open("/subs/2001").await?;
    site.says("section[aria-labelledby=sms-heading]", "350 credits now")
        .await?;
    visit.see("sub").await
}

async fn moves(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.fill("#move-credits", "100000").await?;
    site.click("#move").await?;
    site.says("#move-credits-wrong", "(X5)").await?;
    site.fill("#move-credits", "50,5").await?;
    site.click("#move").await?;
    site.says("[role=status]", "The credits are moved").await?;
    app.balance_becomes(SUB, "sms", "400.5").await?;
    site.click("#move-from").await?;
    site.fill("#move-credits", "0.5").await?;
    site.click("#move").await?;
    app.balance_becomes(SUB, "sms", "400").await?;
    app.balance_becomes(MAIN, "sms", "1700").await?;
    ensure!(
        app.rows
            .count("SELECT count(*) FROM ledger WHERE kind IN ('transfer-in', 'transfer-out')")
            .await?
            == 6,
        "moved more often than asked for"
    );
    Ok(())
}
