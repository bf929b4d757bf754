//! The measurements' own way into a database: accounts and ledger rows in numbers that no import would take, and
//! what only rows can tell.
//!
//! What is filled in here is as the fleet would have left it, so that its audit finds nothing wrong afterwards.

use anyhow::{Context as _, Result};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// Accounts of one statement.
const ACCOUNTS_AT_ONCE: u32 = 50_000;
/// Ledger rows of one statement.
const ROWS_AT_ONCE: u32 = 250_000;
/// Connections that fill the ledger at once.
const FILLERS: u32 = 2;
/// The filled ledger is that of the last day, up to a minute ago: today's part of it is in the very table that the
/// measured events go to.
const FILLED_MS: i64 = 24 * 60 * 60 * 1_000;
const FILLED_UNTIL_MS: i64 = 60 * 1_000;

/// A connection.
#[derive(Debug)]
pub(crate) struct Database {
    client: Client,
    url: String,
}

impl Database {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        Ok(Self {
            client: connect(url).await?,
            url: url.to_owned(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The connection itself, for who debits without the fleet.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Accounts that only spend, with numbers from `first` on and credits for a long time.
    pub(crate) async fn open_accounts(&self, first: u32, count: u32, bar: &ProgressBar) -> Result<()> {
        let mut from = 0;
        while from < count {
            let to = count.min(from + ACCOUNTS_AT_ONCE);
            let range: [i64; 2] = [i64::from(first + from), i64::from(first + to) - 1];
            self.client
                .execute(
                    OPEN_ACCOUNTS,
                    &[&range[0], &range[1], &Timestamp::now().as_millisecond()],
                )
                .await
                .context("opening accounts")?;
            bar.inc(u64::from(to - from));
            from = to;
        }
        self.tidy("accounts, wallets").await
    }

    /// Sends of the last day in the ledger, one credit each, of these accounts in turn.
    pub(crate) async fn fill_ledger(
        &self,
        rows: u32,
        first: u32,
        accounts: u32,
        bar: &ProgressBar,
    ) -> Result<()> {
        let from_ms = Timestamp::now().as_millisecond() - FILLED_MS;
        let fillers = (0..FILLERS).map(|filler| async move {
            let client = connect(&self.url).await?;
            let mut from = filler * ROWS_AT_ONCE;
            while from < rows {
                let to = rows.min(from + ROWS_AT_ONCE);
                let range: [i64; 2] = [i64::from(from), i64::from(to) - 1];
                let (all, span_ms) = (i64::from(rows), FILLED_MS - FILLED_UNTIL_MS);
                let (first, accounts) = (i64::from(first), i64::from(accounts));
                client
                    .execute(
                        FILL_LEDGER,
                        &[&range[0], &range[1], &first, &accounts, &from_ms, &span_ms, &all],
                    )
                    .await
                    .context("filling the ledger")?;
                bar.inc(u64::from(to - from));
                from = from.saturating_add(ROWS_AT_ONCE * FILLERS);
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(fillers).await?;
        let (all, first, accounts) = (i64::from(rows), i64::from(first), i64::from(accounts));
        self.client
            .execute(DEBIT_FILLED, &[&all, &first, &accounts])
            .await
            .context("debiting what the ledger was filled with")?;
        self.tidy("ledger, wallets").await
    }

    /// How long the shortest of all transactions takes, so many a second: the disk's part of everything that is committed.
    pub(crate) async fn commits(&self, per_s: u32, count: u32) -> Result<Vec<SignedDuration>> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_s);
        let mut took = Vec::new();
        for _ in 0..count {
            ticks.tick().await;
            let start = Instant::now();
            self.client
                .query("SELECT pg_logical_emit_message(true, 'load', '')", &[])
                .await
                .context("committing")?;
            took.push(SignedDuration::try_from(start.elapsed())?);
        }
        Ok(took)
    }

    /// Nothing is left to be written behind what was measured before.
    pub(crate) async fn settle_down(&self) -> Result<()> {
        self.tidy("wallets, holds").await
    }

    /// What a database does in its own time is done before anything is measured.
    async fn tidy(&self, tables: &str) -> Result<()> {
        self.client
            .batch_execute(&format!("VACUUM (ANALYZE) {tables}"))
            .await
            .context("tidying tables up")?;
        self.client
            .batch_execute("CHECKPOINT")
            .await
            .context("writing a checkpoint")
    }

    /// Sends in the fleet's ledger.
    pub(crate) async fn sends(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM ledger WHERE kind = 'send'")
            .await
    }

    /// When the top-ups of these accounts settled, in the order of the accounts; those that have.
    pub(crate) async fn settled(&self, first: u32, count: u32) -> Result<Vec<Timestamp>> {
        let (from, to) = (i64::from(first), i64::from(first + count));
        let rows = self
            .client
            .query(
                "SELECT settled_at FROM topups
                  WHERE account_id >= $1 AND account_id < $2 AND state = 'succeeded' ORDER BY account_id",
                &[&from, &to],
            )
            .await
            .context("reading top-ups")?;
        rows.iter()
            .map(|row| row.try_get(0).context("reading when a top-up settled"))
            .collect()
    }

    /// The tables of those that are compared with the fleet: no more than the job needs.
    pub(crate) async fn make_plain(&self, first: u32, accounts: u32) -> Result<()> {
        self.client
            .batch_execute(PLAIN)
            .await
            .context("making plain tables")?;
        let (from, to) = (i64::from(first), i64::from(first + accounts) - 1);
        self.client
            .execute(PLAIN_WALLETS, &[&from, &to])
            .await
            .context("opening plain wallets")?;
        self.tidy("wallets").await
    }

    /// Rows in the plain ledger.
    pub(crate) async fn plain_rows(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM ledger").await
    }

    async fn count(&self, sql: &str) -> Result<u64> {
        let row = self.client.query_one(sql, &[]).await.context("counting rows")?;
        let count: i64 = row.try_get(0).context("counting rows")?;
        Ok(count.unsigned_abs())
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("connecting to the database")?;
    // Ends with the client; its errors reach the client's statements.
    tokio::spawn(connection);
    Ok(client)
}

/// Account, wallet and opening balance of each number from $1 to $2. A ledger key begins with its time ($3, in
/// milliseconds), as every key does.
const OPEN_ACCOUNTS: &str = "
WITH numbers AS (SELECT n FROM generate_series($1::bigint, $2::bigint) AS n),
     opened AS (
    INSERT INTO accounts (account_id, kind, currency, language)
    SELECT n, 'main', 'ZAR', 'en' FROM numbers RETURNING account_id),
     entered AS (
    INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, sent_at, detail)
    SELECT (lpad(to_hex($3::bigint), 12, '0') || '8fff8' || lpad(to_hex(account_id), 15, '0'))::uuid,
           account_id, 'sms', 'opening', 100000000000, to_timestamp($3::bigint / 1000.0), 'opening balance'
      FROM opened RETURNING account_id)
INSERT INTO wallets (account_id, service, balance_milli) SELECT account_id, 'sms', 100000000000 FROM entered";

/// Rows number $1 to $2 of $7: accounts from $3 on, $4 of them, in turn; times from $5 on, over $6 milliseconds.
const FILL_LEDGER: &str = "
INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, messages, sent_at)
SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       $3::bigint + n % $4::bigint, 'sms', 'send', -1000, 1, to_timestamp(ms / 1000.0)
  FROM (SELECT n, $5::bigint + $6::bigint * n / $7::bigint AS ms FROM generate_series($1::bigint, $2::bigint) AS n) AS s";

/// The same rows, $1 of them, off the balances.
const DEBIT_FILLED: &str = "
UPDATE wallets
   SET balance_milli = balance_milli
       - 1000 * ($1::bigint / $3::bigint + (account_id - $2::bigint < $1::bigint % $3::bigint)::int)
 WHERE account_id >= $2::bigint AND account_id < $2::bigint + $3::bigint";

const PLAIN: &str = "
CREATE TABLE wallets (
    account_id    bigint NOT NULL,
    service       text   NOT NULL,
    balance_milli bigint NOT NULL,
    PRIMARY KEY (account_id, service)
) WITH (fillfactor = 50);
CREATE TABLE ledger (
    event_id      uuid        NOT NULL PRIMARY KEY,
    account_id    bigint      NOT NULL,
    service       text        NOT NULL,
    credits_milli bigint      NOT NULL,
    messages      integer     NOT NULL,
    sent_at       timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp()
)";

const PLAIN_WALLETS: &str = "
INSERT INTO wallets (account_id, service, balance_milli)
SELECT n, 'sms', 100000000000 FROM generate_series($1::bigint, $2::bigint) AS n";
