//! The Client Zone in a browser that lets no page run a script: a password by mail, signing in with a second step, and
//! automatic top-up from its first page to its first top-up. Buying without scripts: `pages_buying`.

use anyhow::{Result, ensure};
use topup_pictures::{Browser, Site};
use topup_tests::{App, AppOptions, event, main_account};

use crate::pages::code;
use crate::visit::{CARD_3DS, EMAIL, PASSWORD, Visit, link_in_mail, mailed_link};

const ACCOUNT: i64 = 1001;
/// Mails with a link: that of the login, and that which its holder asks for.
const LINKS: usize = 2;

#[tokio::test]
async fn a_password_is_set_by_a_link_that_is_asked_for_and_signs_in_with_a_second_step_without_a_script()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge", "notifications", "sweeper"])).await?;
    app.import(&[main_account(ACCOUNT).credits(540.5)]).await?;
    mailed_link(&mut app, ACCOUNT).await?;
    let browser = Browser::open_without_scripts().await?;
    let visit = Visit::begin(&browser, &mut app).await?;
    let site = &visit.site;
    site.open("/").await?;
    site.click("main a[href='/link']").await?;
    site.says("h1", "Set your password").await?;
    site.fill("#email", EMAIL).await?;
    site.click("main form button").await?;
    site.says("h1", "Look into your mail").await?;
    let link = link_in_mail(&app, LINKS).await?;
    a_password(site, &link).await?;
    site.click("main a[href='/sign-in']").await?;
    for (password, heading, said) in [
        ("not this one", "[role=alert]", "do not go together"),
        (PASSWORD, "h1", "Your credits"),
    ] {
        site.fill("#email", EMAIL).await?;
        site.fill("#password", password).await?;
        site.click("main form button").await?;
        site.says(heading, said).await?;
    }
    site.says("#sms-heading", "SMS").await?;
    a_second_step(site).await?;
    browser.close().await?;
    app.finish().await
}

/// Both mistakes are told, and the language may be changed before it is set.
async fn a_password(site: &Site<'_>, link: &str) -> Result<()> {
    site.open(link).await?;
    site.click("footer a[lang=af]").await?;
    site.says("h1", "Kies 'n wagwoord").await?;
    site.click("footer a[lang=en]").await?;
    for (password, again, selector, said) in [
        ("short", "short", "#password-wrong", "12 characters"),
        (PASSWORD, "another one", "#again-wrong", "not the same"),
        (PASSWORD, PASSWORD, "h1", "Your password is set"),
    ] {
        site.says("h1", "Choose a password").await?;
        site.fill("#password", password).await?;
        site.fill("#again", again).await?;
        site.click("main form button").await?;
        site.says(selector, said).await?;
    }
    Ok(())
}

async fn a_second_step(site: &Site<'_>) -> Result<()> {
    site.click("nav a[href='/settings']").await?;
    site.click("a[href='/settings/second-step']").await?;
    let secret = site.text(".secret").await?;
    site.fill("#code", &code(&secret, 0)?).await?;
    site.click("main form button").await?;
    site.says("[role=status]", "code is asked for").await?;
    site.click(".who button").await?;
    site.says("h1", "Sign in").await?;
    site.fill("#email", EMAIL).await?;
    site.fill("#password", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your code").await?;
    site.fill("#code", &code(&secret, 1)?).await?;
    site.click("main form button").await?;
    site.says("h1", "Your credits").await
}

#[tokio::test]
async fn a_card_is_registered_and_auto_topup_set_up_changed_and_ended_without_a_script() -> Result<()> {
    let options = AppOptions::whole()
        .setting("EDGE__TERMS_VERSION", "2026-11")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s");
    let mut app = App::start(options).await?;
    app.import(&[main_account(ACCOUNT).credits(150)]).await?;
    let browser = Browser::open_without_scripts().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    let site = &visit.site;
    site.open("/").await?;
    site.click("main a[href='/auto-topup#sms']").await?;
    site.click("a[href='/auto-topup/sms']").await?;
    figures(site, "100", "500").await?;
    site.click("#quote").await?;
    site.says("#summary", "R\u{a0}352.47").await?;
    site.click("#register").await?;
    site.says("#agree-wrong", "(E3)").await?;
    site.click("#agree").await?;
    site.click("#register").await?;
    visit.pays_with(CARD_3DS).await?;
    site.click("#approve-3ds").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("#outcome", "Auto top-up on").await?;
    site.click("main a[href='/auto-topup']").await?;
    site.says("#sms", "When a send leaves 100 credits or fewer")
        .await?;
    // It does what it says.
    app.send(&[event(ACCOUNT).credits(60)]).await?;
    app.balance_becomes(ACCOUNT, "sms", "590").await?;
    site.open("/auto-topup").await?;
    site.says("#sms", "500 SMS credits for R\u{a0}352.47").await?;
    site.click("a[href='/auto-topup/sms']").await?;
    figures(site, "120,5", "1 000").await?;
    site.click("#change").await?;
    site.says(
        "#sms",
        "When a send leaves 120.5 credits or fewer, 1,000 are bought",
    )
    .await?;
    site.click("a[href='/auto-topup/sms/disable']").await?;
    site.click("#end").await?;
    site.says("#sms", "by the account holder").await?;
    let registered = app.rows.count("SELECT count(*) FROM card_registrations").await?;
    ensure!(registered == 1, "{registered} registrations");
    browser.close().await?;
    app.finish().await
}

async fn figures(site: &Site<'_>, threshold: &str, quantity: &str) -> Result<()> {
    site.fill("#threshold", threshold).await?;
    site.fill("#quantity", quantity).await
}
