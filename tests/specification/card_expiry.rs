//! A card that is about to expire is told of in time, once: by the fleet, and, where there are many, a few at a time.

use anyhow::{Context as _, Result};
use jiff::civil::date;
use jiff::{Timestamp, ToSpan as _};
use topup_tests::{App, AppOptions, Library, main_account};

#[tokio::test]
async fn the_holder_of_a_card_that_expires_within_thirty_days_is_told_once() -> Result<()> {
    let app = App::start(AppOptions::only(&["notifications"])).await?;
    let cards = [
        (1001, "AUTH_ok_soon"),
        (1002, "AUTH_ok_later"),
        (1003, "AUTH_ok_unused"),
    ];
    app.import(&[
        main_account(1001).credits(150).card(cards[0].1),
        main_account(1002).credits(150).card(cards[1].1),
        main_account(1003).credits(150).card(cards[2].1).disabled(),
    ])
    .await?;
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    for (account, months) in [(1001, 0), (1002, 3), (1003, 0)] {
        let expires = today.checked_add(months.months())?;
        app.rows
            .client()
            .execute(
                "UPDATE cards SET exp_month = $2, exp_year = $3 WHERE account_id = $1",
                &[&i64::from(account), &i16::from(expires.month()), &expires.year()],
            )
            .await?;
    }
    let mut app = app;
    app.fleet.add("sweeper").await?;
    app.fleet.add("sweeper").await?;
    let mail = app.outside.mail(1).await?;
    assert_eq!(mail[0].to, ["account-1001@example.com"]);
    let text = mail[0].text.as_deref().context("no text")?;
    assert!(text.contains("4081"), "{text}");
    app.outside.sms(1).await?;
    app.wait_until_idle().await?;
    // A sweeper that starts anew looks again, and finds that it was told.
    app.fleet.worker("sweeper")?.terminate().await?;
    app.fleet.add("sweeper").await?;
    app.wait_until_idle().await?;
    let notices = app.rows.notices().await?;
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices
            .iter()
            .all(|it| it.template == "card-expiring" && it.account_id == 1001)
    );
    app.finish().await
}

#[tokio::test]
async fn holders_are_told_a_few_at_a_time_and_each_once_a_month() -> Result<()> {
    // Every card of these accounts expires with December 2030.
    let accounts: Vec<_> = (1001..=1005)
        .map(|id| main_account(id).credits(150).card("AUTH_ok"))
        .chain([
            main_account(1006).credits(150).card("AUTH_ok").disabled(),
            main_account(1007).credits(150),
        ])
        .collect();
    let library = Library::with(&accounts).await?;
    let tell = |today| library.store.expiring_cards(today, 30, 2);
    assert!(tell(date(2030, 11, 30)).await?.is_empty(), "31 days ahead");
    for told in [2, 2, 1, 0] {
        // The holder by SMS and e-mail, the platform by an event.
        let messages = tell(date(2030, 12, 1)).await?;
        assert_eq!(messages.len(), told * 3);
        let events = messages.iter().filter(|it| it.exchange == "topup.events");
        assert_eq!(events.count(), told);
    }
    let notices = library.rows().await?.notices().await?;
    assert_eq!(notices.len(), 10);
    assert!(notices.iter().all(|notice| notice.template == "card-expiring"));
    assert!(tell(date(2031, 3, 1)).await?.is_empty(), "told already");

    // Another month on the card is another card to tell of.
    library
        .rows()
        .await?
        .client()
        .execute(
            "UPDATE cards SET exp_year = 2031, exp_month = 2 WHERE account_id = 1001",
            &[],
        )
        .await?;
    assert_eq!(tell(date(2031, 3, 1)).await?.len(), 3, "run out already");
    Ok(())
}
