//! Automatic top-up by card in the Client Zone, in a real browser: set up, changed, another card, ended, mended.

use anyhow::{Context as _, Result, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account, sub_account};

use crate::visit::Visit;

const MAIN: i64 = 1001;

async fn fleet() -> Result<App> {
    let options = AppOptions::whole()
        .setting("EDGE__TERMS_VERSION", "2026-11")
        .setting("EDGE__TERMS_URL", "https://example.com/terms")
        .sandbox("--pending", "2s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s");
    App::start(options).await
}

/// Both figures, and agreement or not.
async fn fill(visit: &Visit<'_>, threshold: &str, quantity: &str, agrees: bool) -> Result<()> {
    visit.site.fill("#threshold", threshold).await?;
    visit.site.fill("#quantity", quantity).await?;
    if agrees {
        visit.site.click("#agree").await?;
    }
    Ok(())
}

/// On the gateway's page: with this card, and its bank asked.
async fn pay(visit: &Visit<'_>, number: &str, answer: &str) -> Result<()> {
    let site = &visit.site;
    site.click(&format!("#card option[value='{number}']")).await?;
    site.click("#pay-card").await?;
    site.click(answer).await?;
    site.comes_to("/auto-topup/registrations/").await
}

async fn registrations(app: &App) -> Result<i64> {
    app.rows.count("SELECT count(*) FROM card_registrations").await
}

#[tokio::test]
async fn an_account_holder_registers_a_card_by_the_pages_changes_the_figures_and_ends_it() -> Result<()> {
    let mut app = fleet().await?;
    app.import(&[main_account(MAIN).credits(150).whatsapp().credits(20)])
        .await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, MAIN).await?;
    let site = &visit.site;
    site.open("/").await?;
    site.click("nav a[href='/auto-topup']").await?;
    site.says("#sms", "not topped up automatically").await?;
    visit.see("auto-topup-none").await?;
    site.click("a[href='/auto-topup/sms']").await?;
    site.says("h1", "Auto top-up for SMS by card").await?;
    visit.see("auto-topup-card").await?;
    what_the_rules_refuse(&visit, &app).await?;
    what_it_costs(&visit).await?;
    site.click("#register").await?;
    // The bank asks, and is told yes.
    pay(&visit, "4084080000000409", "#approve-3ds").await?;
    site.says("#outcome", "Auto top-up on").await?;
    site.says("main", "••••\u{a0}0409").await?;
    visit.see("registration-enabled").await?;
    ensure!(
        registrations(&app).await? == 1,
        "it was registered more than once"
    );
    site.click("main a[href='/auto-topup']").await?;
    site.says(
        "#sms",
        "When a send leaves 100 credits or fewer, 500 are bought for R\u{a0}352.47",
    )
    .await?;
    visit.see("auto-topup-on").await?;
    other_figures(&visit, &app).await?;
    another_card(&visit).await?;
    ended(&visit).await?;
    browser.close().await?;
    app.finish().await
}

/// In the rules' words, beside the fields.
async fn what_the_rules_refuse(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    fill(visit, "100", "500", false).await?;
    site.click("#register").await?;
    site.says("#agree-wrong", "(E3)").await?;
    fill(visit, "150", "100", true).await?;
    site.click("#register").await?;
    site.says("#quantity-wrong", "Quantity must be at least the threshold (E4).")
        .await?;
    visit.see("auto-topup-card-refused").await?;
    fill(visit, "150", "500", false).await?;
    site.click("#register").await?;
    site.says("#threshold-wrong", "must exceed the threshold").await?;
    fill(visit, "many", "500", false).await?;
    site.click("#quote").await?;
    site.says("#threshold-wrong", "Enter a number").await?;
    ensure!(registrations(app).await? == 0, "something was registered");
    the_same_in_afrikaans(visit).await
}

/// The same rules, in the reader's words and figures.
async fn the_same_in_afrikaans(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/auto-topup/sms").await?;
    site.click("footer a[lang=af]").await?;
    site.open("/auto-topup/sms").await?;
    fill(visit, "150", "100", true).await?;
    site.click("#register").await?;
    let too_few = "Die hoeveelheid moet minstens so groot soos die drempel wees (E4).";
    site.says("#quantity-wrong", too_few).await?;
    visit.see("auto-topup-card-refused-af").await?;
    // A thousand, or one with three decimals? Whoever means one of them is asked.
    fill(visit, "1.000", "2000", false).await?;
    site.click("#register").await?;
    site.says("#threshold-wrong", "soos 500 of 1 250,5").await?;
    fill(visit, "1 234,5", "2000", false).await?;
    site.click("#register").await?;
    site.says(
        "#threshold-wrong",
        "(150), moet meer as die drempel (1\u{a0}234,5) wees (E4).",
    )
    .await?;
    site.open("/auto-topup/sms").await?;
    site.click("footer a[lang=en]").await
}

async fn what_it_costs(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/auto-topup/sms").await?;
    fill(visit, "100", "500", true).await?;
    site.click("#quote").await?;
    site.says("#summary", "R\u{a0}352.47").await?;
    // What was agreed to stays so.
    visit.see("auto-topup-card-summary").await
}

async fn other_figures(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.click("a[href='/auto-topup/sms']").await?;
    site.says("h1", "Change auto top-up for SMS").await?;
    visit.see("auto-topup-change").await?;
    fill(visit, "120,5", "1,000", false).await?;
    site.click("#change").await?;
    site.says("[role=status]", "Saved").await?;
    site.says(
        "#sms",
        "When a send leaves 120.5 credits or fewer, 1,000 are bought for",
    )
    .await?;
    ensure!(registrations(app).await? == 1, "the card was registered again");
    Ok(())
}

/// The one before serves until then.
async fn another_card(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("a[href='/auto-topup/sms']").await?;
    site.says("main", "••••\u{a0}0409 is charged now").await?;
    site.click("#agree").await?;
    site.click("#register").await?;
    site.click("#card option[value='4084084084084081']").await?;
    site.click("#pay-card").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("#outcome", "Auto top-up on").await?;
    site.open("/auto-topup").await?;
    site.says("#sms", "When a send leaves 120.5 credits or fewer")
        .await?;
    site.says("#sms", "••••\u{a0}4081").await
}

async fn ended(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("a[href='/auto-topup/sms/disable']").await?;
    site.says("h1", "Stop automatic top-up for SMS?").await?;
    visit.see("auto-topup-stop").await?;
    site.click("main a[href='/auto-topup']").await?;
    site.says("#sms", "Auto top-up on").await?;
    site.click("a[href='/auto-topup/sms/disable']").await?;
    site.click("#end").await?;
    site.says("[role=status]", "stopped").await?;
    site.says("#sms", "by the account holder").await?;
    site.says("#sms", "set it up again").await?;
    site.click("footer a[lang=af]").await?;
    site.says("h1", "Outo-aanvulling").await?;
    visit.see("auto-topup-ended-af").await?;
    site.click("footer a[lang=en]").await
}

#[tokio::test]
async fn a_card_that_is_not_registered_or_comes_too_late_is_said_to_be_so_with_what_to_do() -> Result<()> {
    let mut app = fleet().await?;
    app.import(&[main_account(MAIN).credits(150)]).await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, MAIN).await?;
    let site = &visit.site;
    site.open("/auto-topup/sms").await?;
    fill(&visit, "100", "500", true).await?;
    site.click("#register").await?;
    // Who comes back without having paid can go there again.
    site.click("#cancel").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("#outcome", "Being confirmed").await?;
    visit.see("registration-open").await?;
    site.click("#pay").await?;
    pay(&visit, "4084080000000409", "#decline-3ds").await?;
    site.says("#outcome", "Failed").await?;
    visit.see("registration-failed").await?;
    site.click("#again").await?;
    site.says("h1", "Auto top-up for SMS by card").await?;
    ensure!(
        app.outside.captures(0).await?.is_empty(),
        "something was captured"
    );
    // Paid, when the credits have come down to the threshold meanwhile.
    fill(&visit, "100", "500", true).await?;
    site.click("#register").await?;
    site.says("h1", "1.00").await?;
    app.send(&[event(MAIN).credits(60)]).await?;
    app.balance_becomes(MAIN, "sms", "90").await?;
    site.click("#card option[value='4084084084084081']").await?;
    site.click("#pay-card").await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("#outcome", "Not switched on").await?;
    site.says("main [role=status]", "(E4)").await?;
    visit.see("registration-not-enabled").await?;
    browser.close().await?;
    app.finish().await
}

#[tokio::test]
async fn a_waiting_topup_is_shown_with_its_time_and_a_failed_one_with_what_mends_it() -> Result<()> {
    let mut app = fleet().await?;
    let declined = main_account(1002).credits(150).card("AUTH_declined");
    let sub = sub_account(2001, 1003).credits(150).transfer();
    let main = main_account(MAIN).credits(150).card("AUTH_ok");
    let main = main.whatsapp().credits(150).card("AUTH_ok");
    app.import(&[main, declined, main_account(1003).credits(10), sub])
        .await?;
    app.send(&[
        event(MAIN).credits(100),
        event(1002).credits(100),
        event(2001).credits(100),
    ])
    .await?;
    app.balance_becomes(MAIN, "sms", "550").await?;
    app.send(&[event(MAIN).credits(100).with("service", "whatsapp")])
        .await?;
    app.topup_in(MAIN, "whatsapp", &["scheduled"]).await?;
    app.topup_in(1002, "sms", &["failed"]).await?;
    app.topup_in(2001, "sms", &["failed"]).await?;

    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, MAIN).await?;
    let site = &visit.site;
    site.open("/auto-topup").await?;
    site.says("#whatsapp", "A top-up waits until").await?;
    site.says("#whatsapp", "at least 30 minutes apart").await?;
    site.says("#whatsapp", "500 WhatsApp credits for R\u{a0}100.00")
        .await?;
    site.says("#sms", "Last top-up").await?;
    visit.see("auto-topup-waiting").await?;
    // What is ended while it waits is not charged.
    site.click("a[href='/auto-topup/whatsapp/disable']").await?;
    site.click("#end").await?;
    site.says("#whatsapp", "not charged any more").await?;
    let link = site
        .attribute("#whatsapp .note a", "href")
        .await?
        .context("a link")?;
    site.open(&link).await?;
    site.says("#topups ~ ul", "500 SMS credits").await?;
    site.says("#topups ~ ul", "not charged any more").await?;
    visit.see("history-topups").await?;

    visit.is_now(&app, 1002).await?;
    site.open("/auto-topup").await?;
    site.says("#sms", "Auto top-up stopped").await?;
    site.says("#sms", "What to do:").await?;
    site.says("#sms", "now there are 50, and the threshold is 100")
        .await?;
    visit.see("auto-topup-failed").await?;

    // A sub sees who does it, and can't change it.
    visit.is_now(&app, 2001).await?;
    site.open("/auto-topup").await?;
    site.says("#sms", "Ask the people of your main account").await?;
    visit.see("auto-topup-of-sub").await?;
    browser.close().await?;
    app.finish().await
}
