//! Cards that run out, as the store finds them: who is told, and that nobody is left out.

use anyhow::Result;
use jiff::civil::date;
use topup_tests::{Library, main_account};

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
    let mut messages = Vec::new();
    for told in [4, 4, 2, 0] {
        // By SMS and e-mail.
        let some = tell(date(2030, 12, 1)).await?;
        assert_eq!(some.len(), told);
        messages.extend(some);
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
    assert_eq!(tell(date(2031, 3, 1)).await?.len(), 2, "run out already");
    Ok(())
}
