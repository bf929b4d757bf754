//! A card that is declined, and what its holder does about it.

use anyhow::{Context as _, Result, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account};

use crate::visit::{CARD_OK, Visit};

const ACCOUNT: i64 = 1001;

#[tokio::test]
async fn a_declined_card_ends_auto_topup_with_its_reason_on_page_sms_and_mail_and_another_card_mends_it()
-> Result<()> {
    let mut app = App::start(AppOptions::whole().spacing("1s")).await?;
    app.import(&[main_account(ACCOUNT).credits(150).card("AUTH_declined")])
        .await?;
    app.send(&[event(ACCOUNT).credits(60)]).await?;
    app.topup_in(ACCOUNT, "sms", &["failed"]).await?;
    is_told(&app).await?;

    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    let site = &visit.site;
    site.open("/").await?;
    visit.see("story-overview-declined").await?;
    site.click("nav a[href='/auto-topup']").await?;
    site.says("#sms .note.bad", "Declined").await?;
    visit.see("story-auto-topup-declined").await?;
    site.open("/history").await?;
    site.says(".events", "Declined").await?;
    visit.see("story-history-declined").await?;

    // The credits must exceed the threshold again before it is enabled.
    site.open("/auto-topup/sms").await?;
    site.fill("#threshold", "50").await?;
    site.fill("#quantity", "500").await?;
    site.click("#agree").await?;
    site.click("#register").await?;
    visit.pays_with(CARD_OK).await?;
    site.comes_to("/auto-topup/registrations/").await?;
    site.says("main .note.good", "on").await?;
    app.send(&[event(ACCOUNT).credits(45)]).await?;
    app.balance_becomes(ACCOUNT, "sms", "545").await?;
    site.open("/history").await?;
    site.says(".events", "352.47").await?;
    visit.see("story-history-mended").await?;
    browser.close().await?;
    app.finish().await
}

/// One SMS and one mail, which say what to do.
async fn is_told(app: &App) -> Result<()> {
    let (sms, mail) = (app.outside.sms(1).await?, app.outside.mail(1).await?);
    let text = mail[0].text.as_deref().context("a mail with a text")?;
    ensure!(sms[0].message.to_lowercase().contains("declined"), "{sms:?}");
    ensure!(text.to_lowercase().contains("declined"), "{text}");
    assert_eq!((sms.len(), mail.len()), (1, 1));
    Ok(())
}
