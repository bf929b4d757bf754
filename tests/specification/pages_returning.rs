//! Who comes to a page from elsewhere, from the payment gateway's page above all: not signed in any more, halfway signed in,
//! or signed in to another account. Nothing of the page is told before, and signing in leads to it.

use anyhow::{Result, bail, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, main_account};
use uuid::Uuid;

use crate::pages_rights::Holder;
use crate::visit::{CARD_OK, EMAIL, PASSWORD, Visit, mailed_link};

const ACCOUNT: i64 = 1001;
const STRANGER: i64 = 1009;
/// What a gateway adds to the address that it leads back to.
const ADDED: &str = "?trxref=purchase-1&reference=purchase-1";
/// The same inside another address.
const ADDED_INSIDE: &str = "%3Ftrxref%3Dpurchase-1%26reference%3Dpurchase-1";

/// Where somebody is led on to, if anywhere.
async fn led_to(holder: &Holder, path: &str) -> Result<String> {
    let answer = holder.get(path).await?;
    match answer.headers().get("location") {
        Some(to) => Ok(to.to_str()?.to_owned()),
        None => bail!("{path} is shown: {}", answer.text().await?),
    }
}

#[tokio::test]
async fn nobody_and_no_other_account_is_told_of_a_purchase_or_a_registration_but_each_how_to_come_to_it()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    let main = main_account(ACCOUNT).credits(150);
    app.import(&[main, main_account(STRANGER)]).await?;
    let holder = Holder::of(&mut app, Some(ACCOUNT)).await?;
    let request = Uuid::now_v7().to_string();
    for (path, content) in [
        (
            "/buy",
            [
                ("service", "sms"),
                ("credits", "10"),
                ("way", "card"),
                ("shown", "sms+credits+10+=+10+ZAR+7.05"),
            ],
        ),
        (
            "/auto-topup/sms",
            [
                ("threshold", "100"),
                ("quantity", "500"),
                ("agree", "yes"),
                ("do", "register"),
            ],
        ),
    ] {
        let mut form = holder.form(&content).await?;
        form.insert("request", request.clone());
        form.insert("terms", "1".to_owned());
        ensure!(holder.post(path, &form).await?.status() == 200, "{path}");
    }
    let id =
        async |sql: &str| -> Result<Uuid> { Ok(app.rows.client().query_one(sql, &[]).await?.try_get(0)?) };
    let purchase = id("SELECT purchase_id FROM purchases").await?;
    let registration = id("SELECT registration_id FROM card_registrations").await?;
    let there = [
        (format!("/purchases/{purchase}"), "A payment goes on"),
        (format!("/purchases/{purchase}/receipt"), "A payment goes on"),
        (
            format!("/auto-topup/registrations/{registration}"),
            "your card is registered",
        ),
    ];
    let nobody = Holder::of(&mut app, None).await?;
    let halfway = Holder::halfway(&mut app, ACCOUNT).await?;
    let stranger = Holder::of(&mut app, Some(STRANGER)).await?;
    for (path, said) in there {
        let nowhere = path
            .replace(&purchase.to_string(), &request)
            .replace(&registration.to_string(), &request);
        // Word for word the same, whether there is something or not.
        for asked in [&path, &nowhere] {
            let sign_in = led_to(&nobody, &format!("{asked}{ADDED}")).await?;
            ensure!(
                sign_in == format!("/sign-in?next={asked}{ADDED_INSIDE}"),
                "{sign_in}"
            );
            let page = nobody.get(&sign_in).await?.text().await?;
            ensure!(page.contains(said), "no {said:?} in {page}");
            let code = led_to(&halfway, &format!("{asked}{ADDED}")).await?;
            ensure!(
                code == format!("/sign-in/code?next={asked}{ADDED_INSIDE}"),
                "{code}"
            );
            // Whose first step is over meanwhile begins with it, and still gets there.
            let again = led_to(&nobody, &code).await?;
            ensure!(again == sign_in, "{again}");
            let answer = stranger.get(asked).await?;
            let (status, page) = (answer.status(), answer.text().await?);
            ensure!(status == 404, "{asked}: {status}");
            ensure!(page.contains("it belongs to another account"), "{page}");
        }
    }
    app.finish().await
}

#[tokio::test]
async fn who_comes_back_from_paying_signed_out_learns_that_it_goes_on_and_signs_in_to_what_became_of_it()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&[
        "edge",
        "payment-results",
        "notifications",
        "sweeper",
    ]))
    .await?;
    app.import(&[main_account(ACCOUNT).credits(150)]).await?;
    let link = mailed_link(&mut app, ACCOUNT).await?;
    let browser = Browser::open().await?;
    let visit = Visit::begin(&browser, &mut app).await?;
    let site = &visit.site;
    site.open(&link).await?;
    site.fill("#password", PASSWORD).await?;
    site.fill("#again", PASSWORD).await?;
    site.click("main form button").await?;
    visit.sign_in(PASSWORD).await?;
    site.says("h1", "Your credits").await?;
    site.open("/buy?service=sms&credits=500").await?;
    // Another language asks for the same page.
    site.click("footer a[lang=af]").await?;
    site.says("#summary", "500 SMS-krediete").await?;
    site.click("footer a[lang=en]").await?;
    site.click("#pay-card").await?;
    site.comes_to("/pay/").await?;
    // The session ends while its holder looks for the card.
    app.rows.client().execute("DELETE FROM sessions", &[]).await?;
    visit.pays_with(CARD_OK).await?;
    site.comes_to("/sign-in?next=/purchases/").await?;
    site.says("main .note", "You are not signed in").await?;
    site.click("footer a[lang=af]").await?;
    site.says("main .note", "Jy is nie aangeteken nie").await?;
    site.click("footer a[lang=en]").await?;
    visit.see("sign-in-from-paying").await?;
    site.fill("#email", EMAIL).await?;
    site.fill("#password", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("[role=status] #outcome", "Paid").await?;
    let path = site.path().await?;
    ensure!(path.starts_with("/purchases/"), "{path}");
    app.balance_becomes(ACCOUNT, "sms", "650").await?;
    ensure!(
        app.outside.captures(1).await?.len() == 1,
        "it was taken more than once"
    );
    browser.close().await?;
    app.finish().await
}
