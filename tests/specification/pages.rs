//! The Client Zone in a real browser, by its own links and forms; each page is looked at on a telephone and on a desk, by
//! day and by night, with the checks for people who see badly or use no mouse. Pictures: `target/pictures/client-zone`.

use anyhow::Result;
use jiff::Timestamp;
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, main_account};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::visit::{EMAIL, PASSWORD, Visit, mailed_link};

/// Tries to sign in that are looked at, of one network in a quarter of an hour.
const TRIES_MAX: usize = 10;

/// The code that a telephone with this secret shows, so many steps from now.
pub(crate) fn code(secret: &str, steps: u64) -> Result<String> {
    let secret = Secret::try_from_base32(secret.replace(char::is_whitespace, ""))
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let builder = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30);
    let totp: Totp = builder
        .with_secret(secret)
        .build()
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let now = u64::try_from(Timestamp::now().as_second())?;
    Ok(totp.generate(now + 30 * steps).to_string())
}

#[tokio::test]
async fn somebody_sets_a_password_by_the_mailed_link_signs_in_with_a_second_step_and_sees_the_credits()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&[
        "edge",
        "notifications",
        "sms-sent",
        "sweeper",
    ]))
    .await?;
    let account = main_account(1001).credits(540.5).low_credit(600).card("AUTH_ok");
    app.import(&[account.whatsapp().credits(12_345)]).await?;
    let sends: Vec<_> = (0..3).map(|_| event(1001)).collect();
    app.send(&sends).await?;
    app.sends_recorded(3).await?;
    let link = mailed_link(&mut app, 1001).await?;

    let browser = Browser::open().await?;
    let visit = Visit::begin(&browser, &mut app).await?;
    let site = &visit.site;
    a_password_by_link(&visit, &link).await?;
    visit.sign_in(PASSWORD).await?;
    site.says("h1", "Your credits").await?;
    site.says("#sms-heading", "SMS").await?;
    site.says("section[aria-labelledby=sms-heading]", "Low credit")
        .await?;
    site.says("section[aria-labelledby=whatsapp-heading]", "12,345")
        .await?;
    visit.see("overview").await?;
    what_happened(&visit).await?;
    settings(&visit).await?;
    a_second_step(&visit).await?;
    browser.close().await?;
    app.finish().await
}

/// The link opens once.
async fn a_password_by_link(visit: &Visit<'_>, link: &str) -> Result<()> {
    let site = &visit.site;
    site.open("/").await?;
    site.says("h1", "Sign in").await?;
    visit.see("sign-in").await?;
    site.open(link).await?;
    site.fill("#password", "short").await?;
    site.fill("#again", "short").await?;
    site.click("main form button").await?;
    site.says("[role=alert]", "12 characters").await?;
    visit.see("password").await?;
    site.fill("#password", PASSWORD).await?;
    site.fill("#again", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your password is set").await?;
    site.open(link).await?;
    site.says("h1", "does not work any more").await?;
    visit.see("link-used").await
}

async fn what_happened(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.click("nav a[href='/history']").await?;
    site.says("h1", "What happened").await?;
    visit.see("history").await?;
    site.open("/history/sms").await?;
    site.says("main table", "One message sent").await?;
    visit.see("entries").await?;
    visit.prints("entries").await?;
    // There is no such wallet.
    site.open("/history/telex").await?;
    site.says("h1", "nothing here").await
}

async fn settings(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/settings").await?;
    site.fill("#sms-threshold", "-5").await?;
    site.click("form[action='/settings/low-credit/sms'] button")
        .await?;
    site.says("[role=alert]", "L1").await?;
    site.fill("#sms-threshold", "75,5").await?;
    site.click("form[action='/settings/low-credit/sms'] button")
        .await?;
    site.says("[role=status]", "saved").await?;
    let kept = site.attribute("#sms-threshold", "value").await?;
    anyhow::ensure!(kept.as_deref() == Some("75.5"), "{kept:?}");
    visit.see("settings").await?;
    // Afrikaans, for notices and pages.
    site.click("#contact-language option[value=af]").await?;
    site.click("form[action='/settings/contact'] button").await?;
    site.says("h1", "Instellings").await?;
    visit.see("settings-af").await?;
    site.open("/").await?;
    site.says("h1", "Jou krediete").await?;
    site.says("section[aria-labelledby=whatsapp-heading]", "12\u{a0}345")
        .await?;
    visit.see("overview-af").await?;
    site.click("footer a[lang=en]").await?;
    site.says("h1", "Your credits").await
}

/// Codes open once; without one nothing does.
async fn a_second_step(visit: &Visit<'_>) -> Result<()> {
    let site = &visit.site;
    site.open("/settings/second-step").await?;
    let secret = site.text(".secret").await?;
    visit.see("second-step").await?;
    site.fill("#code", "000000").await?;
    site.click("main form button").await?;
    site.says("[role=alert]", "not right").await?;
    // A secret is shown until a code of it was given.
    let secret = match site.text(".secret").await? {
        shown if shown == secret => secret,
        another => another,
    };
    let first = code(&secret, 0)?;
    site.fill("#code", &first).await?;
    site.click("main form button").await?;
    site.says("[role=status]", "code is asked for").await?;
    site.click(".who button").await?;
    site.says("h1", "Sign in").await?;
    // Whatever was asked for comes after both steps.
    site.open("/buy?service=sms&credits=500").await?;
    site.fill("#email", EMAIL).await?;
    site.fill("#password", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your code").await?;
    let next = site.attribute("input[name=next]", "value").await?;
    anyhow::ensure!(
        next.as_deref() == Some("/buy?service=sms&credits=500"),
        "{next:?}"
    );
    visit.see("code").await?;
    site.open("/history/sms").await?;
    site.says("h1", "Your code").await?;
    site.fill("#code", &first).await?;
    site.click("main form button").await?;
    site.says("[role=alert]", "used before").await?;
    site.fill("#code", &code(&secret, 1)?).await?;
    site.click("main form button").await?;
    site.says("main table", "One message sent").await
}

#[tokio::test]
async fn a_wrong_password_is_tried_a_few_times_and_no_more() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge", "notifications", "sweeper"])).await?;
    app.import(&[main_account(1001)]).await?;
    mailed_link(&mut app, 1001).await?;
    let browser = Browser::open().await?;
    let visit = Visit::begin(&browser, &mut app).await?;
    for _ in 0..TRIES_MAX {
        visit.sign_in("a wrong password").await?;
        visit.site.says("[role=alert]", "do not go together").await?;
    }
    visit.sign_in("a wrong password").await?;
    visit.site.says("[role=alert]", "Too many tries").await?;
    visit.see("too-often").await?;
    browser.close().await?;
    app.finish().await
}
