//! What an account holder reads of the past: entries and top-ups page by page, a month as a stream, a month at a glance.

use anyhow::Result;
use futures_util::TryStreamExt as _;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use topup_rules::ids::WalletKey;
use topup_store::{INDEXED_BY_FUNCTION_TO_BYTES, LedgerRow, LedgerSpan};
use topup_tests::{Library, main_account, session_on, sms_wallet};
use uuid::Uuid;

/// More than are looked through at a time where there is no index.
const MANY: i64 = 210_000;

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24) * i32::try_from(days).unwrap_or(0)
}

fn all() -> LedgerSpan {
    LedgerSpan::between(days_ago(30), days_ago(-1))
}

/// Sends of 1 credit each, one a millisecond from noon of a day on, of the accounts in turn.
async fn sends(library: &Library, day: Timestamp, count: i64, accounts: &[i64]) -> Result<()> {
    let noon = day.strftime("%Y-%m-%d 12:00:00Z").to_string();
    let session = session_on(&library.space).await?;
    session
        .execute(
            "INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, messages, sent_at)
             SELECT (lpad(to_hex(ms), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
                    ($3::bigint[])[1 + n % cardinality($3)], 'sms', 'send', -1000, 1, to_timestamp(ms / 1000.0)
               FROM (SELECT n, (extract(epoch FROM $1::text::timestamptz) * 1000)::bigint + n AS ms
                       FROM generate_series(0, $2::bigint - 1) n) t",
            &[&noon, &count, &accounts],
        )
        .await?;
    for account in accounts {
        session
            .execute(
                "UPDATE wallets w
                    SET balance_milli = (SELECT sum(credits_milli)::bigint FROM ledger l
                                          WHERE l.account_id = w.account_id AND l.service = w.service)
                  WHERE account_id = $1 AND service = 'sms'",
                &[account],
            )
            .await?;
    }
    Ok(())
}

/// Page by page to the end.
async fn pages(library: &Library, wallet: WalletKey, limit: u16) -> Result<Vec<LedgerRow>> {
    let (mut rows, mut after) = (Vec::new(), None::<Uuid>);
    loop {
        let page = library.store.ledger_page(wallet, all(), after, limit).await?;
        assert!(page.rows.len() <= usize::from(limit));
        rows.extend(page.rows);
        match page.next {
            None => return Ok(rows),
            next => after = next,
        }
    }
}

async fn months(library: &Library, wallet: WalletKey) -> Result<Vec<LedgerRow>> {
    Ok(library.store.statement(wallet, all()).try_collect().await?)
}

#[tokio::test]
async fn the_ledger_is_paged_newest_first_over_days_with_and_without_an_index() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150), main_account(1002).credits(150)]).await?;
    for days in [1, 2, 3] {
        sends(&library, days_ago(days), 1_500, &[1001, 1002]).await?;
    }
    let before = pages(&library, sms_wallet(1001), 200).await?;
    let ready = library
        .store
        .ready_days(&TimeZone::UTC, INDEXED_BY_FUNCTION_TO_BYTES)
        .await?;
    assert!(ready.indexed.len() >= 2 && ready.put_off.is_empty(), "{ready:?}");
    let again = library
        .store
        .ready_days(&TimeZone::UTC, INDEXED_BY_FUNCTION_TO_BYTES)
        .await?;
    assert!(again.indexed.is_empty() && again.counted.is_empty(), "{again:?}");

    for limit in [7, 200] {
        assert!(
            pages(&library, sms_wallet(1001), limit).await? == before,
            "by {limit}"
        );
    }
    // The sends, and the balance that the account opened with.
    assert_eq!(before.len(), 3 * 750 + 1);
    assert!(before.is_sorted_by(|newer, older| newer.event_id > older.event_id));
    let mut oldest_first = months(&library, sms_wallet(1001)).await?;
    oldest_first.reverse();
    assert!(oldest_first == before);
    library.audit_is_clean().await
}

#[tokio::test]
async fn an_account_with_few_entries_in_a_large_day_gets_them_all_though_not_on_one_page() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150), main_account(1002).credits(150)]).await?;
    sends(&library, days_ago(0), 1, &[1002]).await?;
    sends(&library, days_ago(1), MANY, &[1001]).await?;
    sends(&library, days_ago(2), 1, &[1002]).await?;
    let few = pages(&library, sms_wallet(1002), 50).await?;
    assert_eq!(few.len(), 3, "{few:?}");
    let mut oldest_first = months(&library, sms_wallet(1002)).await?;
    oldest_first.reverse();
    assert_eq!(oldest_first, few);
    assert_eq!(
        months(&library, sms_wallet(1001)).await?.len(),
        usize::try_from(MANY)? + 1
    );
    Ok(())
}

#[tokio::test]
async fn a_month_at_a_glance_adds_up_to_the_balance_whatever_was_counted_already() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(10_000)]).await?;
    let wallet = sms_wallet(1001);
    sends(&library, days_ago(3), 40, &[1001]).await?;
    sends(&library, days_ago(4), 2, &[1001]).await?;
    let glance = async || library.store.glance(wallet, 30, &TimeZone::UTC).await;
    let before = glance().await?;
    assert_eq!(before.len(), 30);
    let closing = |days: &[topup_store::GlanceDay]| days.last().map(|day| day.balance_at_end.to_string());
    assert_eq!(closing(&before), Some("9958".to_owned()));

    library
        .store
        .ready_days(&TimeZone::UTC, INDEXED_BY_FUNCTION_TO_BYTES)
        .await?;
    let after = glance().await?;
    assert_eq!(closing(&after), Some("9958".to_owned()));
    let sent: Vec<String> = after.iter().rev().map(|day| day.sent.to_string()).collect();
    assert_eq!(
        sent[..6],
        ["0", "0", "0", "40", "2", "0"].map(str::to_owned),
        "{after:?}"
    );

    // What comes late to a day that was counted is in the balance at once, and nothing is counted twice.
    sends(&library, days_ago(5), 5, &[1001]).await?;
    assert_eq!(closing(&glance().await?), Some("9953".to_owned()));
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_day_of_the_platform_is_counted_from_its_own_midnight() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(10_000)]).await?;
    // Noon in UTC is the next day's first hour there.
    let zone = TimeZone::get("Pacific/Auckland")?;
    sends(&library, days_ago(3), 40, &[1001]).await?;
    library
        .store
        .ready_days(&zone, INDEXED_BY_FUNCTION_TO_BYTES)
        .await?;
    let noon = days_ago(3).to_zoned(TimeZone::UTC).date().at(12, 0, 0, 0);
    let wanted = TimeZone::UTC.to_timestamp(noon)?.to_zoned(zone.clone()).date();
    let days = library.store.glance(sms_wallet(1001), 30, &zone).await?;
    let counted: Vec<_> = days.iter().filter(|day| day.sent.is_positive()).collect();
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert_eq!(
        (counted[0].day, counted[0].sent.to_string()),
        (wanted, "40".to_owned())
    );
    Ok(())
}
