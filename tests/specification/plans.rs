//! A plan is made for what tables are, and not for what they were: a fleet begins with empty ones, its connections live
//! for days, and a plan kept from the first day would read a table from end to end for each row that is wanted of it.

use anyhow::{Result, ensure};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{HoldClose, HoldGrant, Send, SendOutcome, Store};
use topup_tests::{Library, account_id, credits, event, eventually, main_account, session_on, sms_wallet};
use uuid::Uuid;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The server keeps a statement's plan from the sixth time on.
const TIMES: usize = 8;
/// In each table afterwards.
const ROWS: i64 = 100_000;
/// Read in all that is asked, at most: each row that is wanted, and some that are not.
const READ_MAX: i64 = 2_000;

/// Asks for leave, sends and ends it; looks at a month, and at who calls. All on the connection that is free.
async fn ask(store: &Store) -> Result<()> {
    let batch = Uuid::now_v7();
    let granted = store
        .grant_hold(sms_wallet(1001), batch, credits("2")?, HOUR)
        .await?;
    ensure!(matches!(granted, HoldGrant::Granted { .. }), "{granted:?}");
    let body = event(1001).with("batch_id", batch.to_string()).body.to_string();
    let event: SmsSent = message::parse(body.as_bytes(), None, None, None)?;
    let send = Send {
        event,
        traceparent: None,
    };
    let window = OpenWindow {
        back: HOUR,
        ahead: HOUR,
    };
    // Twice: the second time, it is found out that it was there before.
    for outcome in [SendOutcome::Debited, SendOutcome::AlreadyDone] {
        let recorded = store.record_sends(std::slice::from_ref(&send), &window).await?;
        ensure!(recorded.outcomes == [outcome], "{recorded:?}");
    }
    let closed = store.close_hold(account_id(1001), batch).await?;
    ensure!(matches!(closed, HoldClose::Closed { .. }), "{closed:?}");
    store.glance(sms_wallet(1001), 30, &TimeZone::UTC).await?;
    ensure!(
        store.bearer("topup_unknown").await?.is_none(),
        "a stranger is known"
    );
    Ok(())
}

#[tokio::test]
async fn what_was_asked_of_empty_tables_is_found_by_its_key_when_they_are_full() -> Result<()> {
    let Library { store, space } = Library::with(&[main_account(1001).credits(150)]).await?;
    let session = session_on(&space).await?;
    let tidy = "VACUUM (ANALYZE) wallets, accounts, holds, ledger_sums, access_tokens";
    session.batch_execute(tidy).await?;
    for _ in 0..TIMES {
        ask(&store).await?;
    }
    // Or foreign keys would be looked up for each row, and counted among what was read.
    session
        .batch_execute("SET session_replication_role = replica")
        .await?;
    ensure!(
        session.execute(FILL, &[&ROWS]).await? == ROWS.unsigned_abs(),
        "it was filled"
    );
    ask(&store).await?;
    // A session's own counts are handed in when it ends.
    drop(store);
    eventually("the store's connections to be closed", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'specification'";
        let open: i64 = session.query_one(sql, &[]).await?.get(0);
        Ok((open == 0).then_some(()))
    })
    .await?;
    for table in ["wallets", "accounts", "holds", "ledger_sums", "access_tokens"] {
        let row = session.query_one(READ, &[&table]).await?;
        let (rows, entries): (i64, i64) = (row.get("rows_read"), row.get("entries_read"));
        assert!(
            rows + entries < READ_MAX,
            "of {table}, {rows} rows and {entries} entries of indexes were read"
        );
    }
    Ok(())
}

/// Accounts, wallets, holds, sums and tokens of others, so many of each.
const FILL: &str = "
WITH numbers AS (SELECT n FROM generate_series(2001, 2000 + $1::bigint) AS n),
     accounts AS (
    INSERT INTO accounts (account_id, kind, currency, language) SELECT n, 'main', 'ZAR', 'en' FROM numbers),
     wallets AS (
    INSERT INTO wallets (account_id, service, balance_milli) SELECT n, 'sms', 0 FROM numbers),
     holds AS (
    INSERT INTO holds (account_id, service, batch_id, credits_milli, expires_at)
    SELECT n, 'sms', gen_random_uuid(), 1, clock_timestamp() + interval '1 hour' FROM numbers),
     sums AS (
    INSERT INTO ledger_sums (account_id, service, counted_day, day, sent_milli, added_milli, taken_milli)
    SELECT n, 'sms', current_date, current_date, 0, 0, 0 FROM numbers)
INSERT INTO access_tokens (token_id, hash, holder, scopes, name, created_by)
SELECT gen_random_uuid(), sha256(n::text::bytea), 'platform', '{send}', n::text, 'a test' FROM numbers";

/// Rows read, one after the other or for an index, and entries read of the indexes themselves.
const READ: &str = "
SELECT t.seq_tup_read + coalesce(t.idx_tup_fetch, 0) AS rows_read,
       coalesce((SELECT sum(i.idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)::bigint AS entries_read
  FROM pg_stat_user_tables t WHERE t.relname = $1";
