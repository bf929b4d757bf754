//! Who comes to a page from elsewhere, from the payment gateway's page above all: not signed in any more, halfway signed in,
//! or signed in to another account. Nothing of the page is told before, and signing in leads to it.

use anyhow::{Result, bail, ensure};
use topup_tests::{App, AppOptions, main_account};
use uuid::Uuid;

use crate::pages_rights::Holder;

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
            let answer = stranger.get(asked).await?;
            let (status, page) = (answer.status(), answer.text().await?);
            ensure!(status == 404, "{asked}: {status}");
            ensure!(page.contains("it belongs to another account"), "{page}");
        }
    }
    app.finish().await
}
