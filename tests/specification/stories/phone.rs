//! Credits paid for from a phone.

use anyhow::Result;
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, Price, main_account};

use crate::visit::Visit;

const ACCOUNT: i64 = 1001;

#[tokio::test]
async fn kenyans_pay_by_m_pesa_or_airtel_money_and_are_told_to_wait_until_it_is_confirmed() -> Result<()> {
    let options = AppOptions::whole()
        .prices(vec![Price::of("sms", "KES", "90")])
        .sandbox("--pending", "3s");
    let mut app = App::start(options).await?;
    app.import(&[main_account(ACCOUNT).currency("KES")]).await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    buys_by(&visit, "mpesa", true).await?;
    app.balance_becomes(ACCOUNT, "sms", "500").await?;
    buys_by(&visit, "airtel", false).await?;
    app.balance_becomes(ACCOUNT, "sms", "1000").await?;
    visit.site.open("/history").await?;
    visit.see("story-history-phone").await?;
    browser.close().await?;
    app.finish().await
}

/// The page that says 'wait' looks again by itself.
async fn buys_by(visit: &Visit<'_>, wallet: &str, is_seen: bool) -> Result<()> {
    let site = &visit.site;
    site.open("/buy?service=sms").await?;
    site.fill("#credits", "500").await?;
    site.says("#ways:not([hidden]) #pay-phone", "450").await?;
    if is_seen {
        visit.see("story-buy-kes").await?;
    }
    site.click("#pay-phone").await?;
    site.comes_to("/pay/").await?;
    if is_seen {
        visit.see("story-sandbox-phone").await?;
    }
    site.fill("#phone", "+254710000000").await?;
    site.click(&format!("#pay-{wallet}")).await?;
    site.comes_to("/purchases/").await?;
    if is_seen {
        visit.glimpse("story-purchase-waiting").await?;
    }
    site.says("main .note.good", "500").await?;
    if is_seen {
        visit.see("story-purchase-phone").await?;
    }
    Ok(())
}
