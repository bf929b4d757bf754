//! N4: everybody is told in their account's language, with figures as that language writes them.

use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeSet;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::PaymentMode;
use topup_store::{LoginMade, NewContact, NewRegistration, RegistrationBegun};
use topup_tests::{App, AppOptions, Mail, Shop, account_id, event, main_account, sub_account};
use uuid::Uuid;

const ACCOUNT: i64 = Shop::ACCOUNT;

fn mail_to(account: i64, mail: &[Mail]) -> Result<&Mail> {
    let address = format!("account-{account}@example.com");
    mail.iter()
        .find(|it| it.to.contains(&address))
        .with_context(|| format!("no mail to {address}"))
}

fn says(mail: &Mail, subject: &str, words: &[&str]) -> Result<()> {
    ensure!(mail.subject.as_deref() == Some(subject), "{:?}", mail.subject);
    let text = mail.text.as_deref().unwrap_or_default();
    for said in words {
        ensure!(text.contains(said), "{said:?} is missing: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn accounts_are_told_in_their_own_languages_by_sms_and_by_mail_and_in_english_where_there_is_none()
-> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(1001)
            .credits(150)
            .card("AUTH_declined")
            .language("af-ZA"),
        main_account(1002).credits(150).card("AUTH_declined"),
        main_account(1003)
            .credits("1051.5")
            .low_credit(1050)
            .language("af"),
        // A language that nobody has written.
        main_account(1004).credits(51).low_credit(50).language("sw"),
        // A sub is told in its language, and its main in its own.
        main_account(1005).credits(20),
        sub_account(1006, 1005).credits(150).transfer().language("af"),
    ])
    .await?;
    app.send(&[
        event(1001).credits(50),
        event(1002).credits(50),
        event(1003).credits(2),
        event(1004),
        event(1006).credits(50),
    ])
    .await?;
    let (sms, mail) = (app.outside.sms(6).await?, app.outside.mail(6).await?);
    for (account, said) in [
        (1001, "SMS-aanvulling misluk: kaart 4081 nie gehef nie"),
        (1002, "SMS top-up failed: card ending 4081 not charged"),
        (
            1003,
            "Jou SMS-saldo het tot 1049,5 krediete gedaal (jou kennisgewingvlak is 1050).",
        ),
        (1004, "Your SMS balance is down to 50 credits"),
        (1005, "Account 1006 needs 500 SMS credits, you have only 20."),
        (
            1006,
            "SMS-aanvulling het misluk: jou hoofrekening het te min krediete.",
        ),
    ] {
        let number = format!("2782{account:07}");
        let to = sms.iter().find(|it| it.to == number);
        let text = &to.with_context(|| format!("no SMS to {account}"))?.message;
        ensure!(text.contains(said), "{said:?} is missing: {text}");
        ensure!(text.chars().count() <= 160, "too long: {text}");
    }
    let failed = "Jou outomatiese SMS-aanvulling het misluk";
    says(
        mail_to(1001, &mail)?,
        failed,
        &[
            "Nie gehef nie: ZAR 352,47 vir 500 krediete",
            // What the bank said, which is written down in English.
            "Rede: die bank het die kaart geweier",
            "Wat om nou te doen:",
        ],
    )?;
    let html = mail_to(1001, &mail)?.html.as_deref().unwrap_or_default();
    ensure!(
        html.contains("lang=\"af\"") && html.contains("ZAR 352,47"),
        "{html}"
    );
    says(
        mail_to(1002, &mail)?,
        "Your automatic SMS top-up failed",
        &["Not charged: ZAR 352.47 for 500 credits"],
    )?;
    says(
        mail_to(1003, &mail)?,
        "Jou SMS-krediete raak min: 1 049,5 oor",
        &["Kennisgewingvlak: 1\u{a0}050 krediete"],
    )?;
    says(
        mail_to(1004, &mail)?,
        "Your SMS credits are running low: 50 left",
        &[],
    )?;
    says(
        mail_to(1005, &mail)?,
        "Account 1006 could not be topped up from yours",
        &[],
    )?;
    says(
        mail_to(1006, &mail)?,
        failed,
        &["Beskikbaar in hoofrekening 1005: 20"],
    )?;
    app.finish().await
}

#[tokio::test]
async fn a_language_that_is_chosen_is_that_of_receipts_registrations_topups_and_links_from_then_on()
-> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let account = account_id(ACCOUNT);
    let contact = shop.store.contact(account).await?.context("no contact")?;
    let chosen = NewContact {
        mobile: contact.mobile,
        email: contact.email,
        language: "af".to_owned(),
    };
    ensure!(shop.store.set_contact(account, &chosen).await??, "no account");

    let (_, page) = shop.hosted().await?;
    shop.on_page(&page, "pay").await?;
    let (_, page) = shop.hosted().await?;
    shop.on_page(&page, "decline").await?;
    for (form, mails) in [("pay&saves=AUTH_ok_new", 3), ("decline", 4)] {
        let RegistrationBegun::Page(intent) = shop.store.begin_registration(&new_registration()).await?
        else {
            bail!("no page to ask for")
        };
        let page = shop.page_of(&intent).await?;
        shop.on_page(&page, form).await?;
        // One of the same kind at a time.
        shop.app.outside.mail(mails).await?;
    }
    let LoginMade::Made(login) = shop.store.make_login(account, "someone@example.com").await? else {
        bail!("no login")
    };
    let link = shop
        .store
        .request_link(login, "https://credits.example.com")
        .await?;
    shop.publish(link.context("no link")?).await?;
    let mail = shop.app.outside.mail(5).await?;
    let subjects: BTreeSet<&str> = mail.iter().filter_map(|it| it.subject.as_deref()).collect();
    assert_eq!(
        subjects,
        BTreeSet::from([
            "Kwitansie: 500 SMS-krediete vir ZAR 352,47",
            "Jou aankoop van 500 SMS-krediete het misluk",
            "Outomatiese aanvulling van jou SMS-krediete is aan",
            "Jou kaart is nie geregistreer nie",
            "Jou skakel om 'n wagwoord te kies",
        ])
    );
    shop.app.finish().await
}

fn new_registration() -> NewRegistration {
    NewRegistration {
        id: Uuid::now_v7(),
        account: account_id(ACCOUNT),
        service: Service::Sms,
        who: account_id(ACCOUNT),
        threshold: Credits::from_milli(100_000),
        quantity: Credits::from_milli(500_000),
        terms_version: "1".to_owned(),
        address: "127.0.0.1".to_owned(),
        email: None,
        gateway: "paystack",
        least_minor: |_| 100,
        mode: PaymentMode::Test,
        traceparent: None,
    }
}
