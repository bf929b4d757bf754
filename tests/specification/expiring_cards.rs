//! A card that is about to expire is told of in time, once.

use anyhow::{Context as _, Result};
use jiff::{Timestamp, ToSpan as _};
use topup_tests::{App, AppOptions, main_account};

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
