//! The Client Zone's pages of buying, each once: the summary as one types, paying on the gateway's page, what is said of
//! what failed and of what is still being confirmed, the receipt, 1-Click from agreeing to switching it off.

use anyhow::{Result, ensure};
use serde_json::json;
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, main_account};

use crate::visit::{CARD_OK, Visit};

const ACCOUNT: i64 = 1001;
/// Of the sandbox's cards, one with too little behind it.
const INSUFFICIENT: &str = "4084080000670037";

/// The gateway is asked by itself long after anybody waits in front of a page.
async fn shop() -> Result<App> {
    let options = AppOptions::only(&["edge", "payment-results", "notifications", "sweeper"])
        .setting("INQUIRIES__FIRST", "10m")
        .setting("INQUIRIES__MAX", "10m");
    let app = App::start(options).await?;
    app.import(&[main_account(ACCOUNT).credits(150).whatsapp(), main_account(1002)])
        .await?;
    Ok(app)
}

#[tokio::test]
async fn credits_are_bought_by_what_the_summary_showed_with_a_receipt_and_from_then_on_by_one_button()
-> Result<()> {
    let mut app = shop().await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    the_summary_follows(&visit).await?;
    by_card(&visit).await?;
    app.balance_becomes(ACCOUNT, "sms", "650").await?;
    the_receipt(&visit, &app).await?;
    by_one_button(&visit).await?;
    app.balance_becomes(ACCOUNT, "sms", "1150").await?;
    let of_another = visit.site.path().await?;
    switched_off(&visit).await?;
    ensure!(
        app.rows
            .count("SELECT count(*) FROM cards WHERE authorization_code <> ''")
            .await?
            == 0
    );
    in_settings_and_history(&visit).await?;
    visit.is_now(&app, 1002).await?;
    for path in [of_another.clone(), format!("{of_another}/receipt")] {
        visit.site.open(&path).await?;
        visit.site.says("h1", "nothing here").await?;
    }
    browser.close().await?;
    app.finish().await
}

/// P1: both ways, while one types; what has no price is said beside its field, and has no button.
async fn the_summary_follows(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/").await?;
    site.click("a[href='/buy?service=sms']").await?;
    site.says("h1", "Buy credits").await?;
    site.fill("#amount", "352.47").await?;
    site.says("#summary", "500 SMS credits").await?;
    site.says("#summary", "R\u{a0}0.70494").await?;
    site.says("#summary", "R\u{a0}45.97").await?;
    site.says("#pay-card", "Pay R\u{a0}352.47 by card").await?;
    site.fill("#credits", "-3").await?;
    site.says("#credits-follows", "P1").await?;
    site.says("body:has(#ways[hidden])", "Buy credits").await?;
    // As people write a thousand, and not one.
    site.fill("#credits", "1,000").await?;
    site.says("#summary", "1,000 SMS credits").await?;
    site.fill("#amount", "1,000.00").await?;
    site.says("#pay-card", "Pay R\u{a0}1,000.00 by card").await?;
    site.fill("#credits", "500").await?;
    site.says("#pay-card", "352.47").await?;
    visit.see("buy").await
}

async fn by_card(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("details summary").await?;
    site.fill("#address", "1 Long Street").await?;
    site.click("#pay-card").await?;
    // A receipt is made out to somebody, or to nobody. The page comes back with its summary and says so.
    site.says("#name-wrong", "name of a person or a company").await?;
    site.says("#pay-card", "352.47").await?;
    visit.see("buy-refused").await?;
    site.fill("#name", "Protea Books").await?;
    site.fill("#address", "1 Long Street\nCape Town").await?;
    site.fill("#tax_number", "4001234567").await?;
    site.click("#agree").await?;
    site.click("#pay-card").await?;
    site.click("#pay-card").await?; // the sandbox's
    site.says("[role=status] #outcome", "Paid").await?;
    site.says("[role=status]", "500 SMS credits were added").await?;
    site.says("main", "1-Click is on").await?;
    visit.see("purchase").await
}

/// The same as the mail says.
async fn the_receipt(visit: &Visit<'_>, app: &App) -> Result<()> {
    let site = &visit.site;
    site.click("#receipt").await?;
    site.says("h1", "Receipt").await?;
    let mail = app.outside.mail(1).await?;
    let mailed = mail
        .first()
        .and_then(|mail| mail.text.clone())
        .unwrap_or_default();
    let shown = site.text("main article").await?;
    for words in ["Protea Books", "352.47", "45.97", "500", "4081", "purchase-1001-"] {
        ensure!(mailed.contains(words), "no {words:?} in {mailed}");
        ensure!(shown.contains(words), "no {words:?} in {shown}");
    }
    for words in ["Cape Town", "4001234567", "306.50"] {
        ensure!(shown.contains(words), "no {words:?} in {shown}");
    }
    visit.see("receipt").await?;
    visit.prints("receipt").await
}

/// P3: the same again with one button, which bought once though it is pressed again by going back.
async fn by_one_button(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/one-click").await?;
    site.says("#again-sms", "Pay R\u{a0}352.47 with card ending 4081")
        .await?;
    visit.see("one-click").await?;
    site.open("/buy?service=sms&credits=500").await?;
    site.says("#pay-one-click", "Pay R\u{a0}352.47 with card ending 4081")
        .await?;
    visit.see("buy-one-click").await?;
    site.open("/one-click").await?;
    site.click("#again-sms").await?;
    site.says("[role=status] #outcome", "Paid").await?;
    site.says("main", "by 1-Click").await
}

/// Forgotten here and at the gateway.
async fn switched_off(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/one-click").await?;
    site.click("#disable").await?;
    site.says("h1", "Switch 1-Click off?").await?;
    visit.see("one-click-off").await?;
    site.click("#end").await?;
    site.says("[role=status]", "1-Click is off").await?;
    site.says("main ol", "Pay by card").await?;
    visit.see("one-click-how").await
}

async fn in_settings_and_history(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/settings").await?;
    let kept = site.text("#billing-address").await?;
    ensure!(kept == "1 Long Street\nCape Town", "{kept}");
    site.fill("#billing-name", " ").await?;
    site.click("form[action='/settings/billing'] button").await?;
    site.says("[role=alert]", "name of a person or a company").await?;
    site.fill("#billing-name", "Protea Books (Pty) Ltd").await?;
    site.click("form[action='/settings/billing'] button").await?;
    site.says("[role=status]", "next receipts").await?;
    visit.see("settings-billing").await?;
    site.open("/history").await?;
    site.says("section[aria-labelledby=purchases]", "by 1-Click")
        .await?;
    visit.see("history-purchases").await?;
    site.click("section[aria-labelledby=purchases] a[href$='/receipt']")
        .await?;
    // What there is stays as it was.
    site.says("address", "Protea Books").await?;
    site.open("/history").await?;
    site.click("section[aria-labelledby=purchases] li a").await?;
    site.says("h1", "Your purchase").await
}

#[tokio::test]
async fn a_purchase_that_is_refused_or_not_confirmed_yet_says_so_and_what_to_do() -> Result<()> {
    let mut app = shop().await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    let site = &visit.site;
    // Refused by the card's bank.
    site.open("/buy?service=whatsapp&credits=100").await?;
    site.click("#pay-card").await?;
    site.click(&format!("#card option[value='{INSUFFICIENT}']"))
        .await?;
    site.click("#pay-card").await?;
    site.says("[role=status] #outcome", "Failed").await?;
    site.says("[role=status]", "Nothing was charged").await?;
    site.says("main", "another day").await?;
    visit.see("purchase-failed").await?;
    site.click("#again").await?;
    site.says("#summary", "100 WhatsApp credits").await?;
    // Left without paying; then paid, and the gateway does not say so by itself.
    site.click("#pay-card").await?;
    site.says("h1", "ZAR").await?;
    site.click("#cancel").await?;
    site.says("[role=status] #outcome", "Being confirmed").await?;
    app.outside.trouble(json!({"webhooks": "never"})).await?;
    site.click("#pay").await?;
    site.click("#pay-card").await?;
    site.says("[role=status] #outcome", "Being confirmed").await?;
    site.says("main", "You may close it").await?;
    visit.see("purchase-confirming").await?;
    // The page that waits has the gateway asked, and looks again by itself: nobody clicks, no script runs.
    site.says("[role=status] #outcome", "Paid").await?;
    browser.close().await?;
    app.finish().await
}

#[tokio::test]
async fn credits_are_bought_without_a_script_from_the_first_page_to_the_receipt() -> Result<()> {
    let mut app = shop().await?;
    let browser = Browser::open_without_scripts().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    let site = &visit.site;
    site.open("/").await?;
    site.click("a[href='/buy?service=sms']").await?;
    site.fill("#credits", "400").await?;
    site.click("#quote").await?;
    site.says("#summary", "400 SMS credits").await?;
    site.says("#pay-card", "281.98").await?;
    // What is typed after the summary was shown is shown first, and paid then.
    site.fill("#credits", "500").await?;
    site.click("#pay-card").await?;
    site.says("[role=alert]", "Nothing was charged").await?;
    site.says("#pay-card", "Pay R\u{a0}352.47 by card").await?;
    site.click("#pay-card").await?;
    visit.pays_with(CARD_OK).await?;
    site.says("[role=status] #outcome", "Paid").await?;
    site.click("#receipt").await?;
    site.says("h1", "Receipt").await?;
    site.says("main article", "352.47").await?;
    app.balance_becomes(ACCOUNT, "sms", "650").await?;
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    browser.close().await?;
    app.finish().await
}
