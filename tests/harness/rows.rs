//! The database, for what only rows can tell.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use tokio_postgres::{Client, NoTls};
use topup_rules::credits::Credits;
use uuid::Uuid;

/// A connection of the test's own.
#[derive(Debug)]
pub struct Rows {
    client: Client,
}

/// A top-up as it stands.
#[derive(Debug, Clone)]
pub struct TopupRow {
    /// Which.
    pub topup_id: Uuid,
    /// `sms` or `whatsapp`.
    pub service: String,
    /// `requested`, `scheduled`, `charging`, …
    pub state: String,
    /// Why it stands there.
    pub reason: Option<String>,
    /// What is charged, in minor units.
    pub amount_minor: Option<i64>,
    /// When it was triggered.
    pub requested_at: Timestamp,
    /// The moment that it waits for.
    pub due_at: Option<Timestamp>,
    /// The top-up that it waits for.
    pub waits_for: Option<Uuid>,
    /// When its life ended.
    pub settled_at: Option<Timestamp>,
}

/// A notice as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Whose.
    pub account_id: i64,
    /// Its id, over every repeat.
    pub notification_id: Uuid,
    /// `topup-succeeded`, …
    pub template: String,
    /// `sms` or `email`.
    pub channel: String,
    /// `queued`, `sent`, `skipped` or `parked`.
    pub state: String,
    /// The provider's id, or why it was not sent.
    pub detail: Option<String>,
}

impl Rows {
    /// As if an account had agreed to 1-Click, and paid once with the card that it has; once.
    ///
    /// # Errors
    /// The database's.
    pub async fn agree_to_one_click(&self, account: i64) -> Result<()> {
        let sql = "INSERT INTO one_click_consents (account_id, consent_id, terms_version, address, card_id)
                   SELECT account_id, gen_random_uuid(), '1', '127.0.0.1', card_id FROM cards
                    WHERE account_id = $1 LIMIT 1
                       ON CONFLICT DO NOTHING";
        self.client.execute(sql, &[&account]).await?;
        Ok(())
    }

    /// Connects.
    ///
    /// # Errors
    /// The database can't be reached or refused.
    pub async fn connect(database_url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(database_url, NoTls)
            .await
            .context("connecting to the database")?;
        // Ends with the client.
        tokio::spawn(connection);
        Ok(Self { client })
    }

    /// For statements of a test's own.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A wallet's balance.
    ///
    /// # Errors
    /// There is no such wallet.
    pub async fn balance(&self, account: i64, service: &str) -> Result<Credits> {
        let row = self
            .client
            .query_one(
                "SELECT balance_milli FROM wallets WHERE account_id = $1 AND service = $2",
                &[&account, &service],
            )
            .await
            .with_context(|| format!("reading the {service} wallet of {account}"))?;
        Ok(Credits::from_milli(row.try_get(0)?))
    }

    /// How many sends the ledger has.
    ///
    /// # Errors
    /// The database's.
    pub async fn sends(&self) -> Result<i64> {
        self.count("SELECT count(*) FROM ledger WHERE kind = 'send'")
            .await
    }

    /// The first column of the first row, a `bigint`.
    ///
    /// # Errors
    /// The database's.
    pub async fn count(&self, sql: &str) -> Result<i64> {
        let row = self
            .client
            .query_one(sql, &[])
            .await
            .with_context(|| sql.to_owned())?;
        Ok(row.try_get(0)?)
    }

    /// An account's top-ups, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn topups(&self, account: i64) -> Result<Vec<TopupRow>> {
        let rows = self
            .client
            .query(
                "SELECT topup_id, service, state, reason, amount_minor, requested_at, due_at, waits_for, settled_at
                   FROM topups WHERE account_id = $1 ORDER BY requested_at, topup_id",
                &[&account],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TopupRow {
                    topup_id: row.try_get("topup_id")?,
                    service: row.try_get("service")?,
                    state: row.try_get("state")?,
                    reason: row.try_get("reason")?,
                    amount_minor: row.try_get("amount_minor")?,
                    requested_at: row.try_get("requested_at")?,
                    due_at: row.try_get("due_at")?,
                    waits_for: row.try_get("waits_for")?,
                    settled_at: row.try_get("settled_at")?,
                })
            })
            .collect()
    }

    /// Every notice, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn notices(&self) -> Result<Vec<NoticeRow>> {
        let rows = self
            .client
            .query(
                "SELECT account_id, notification_id, template, channel, state, detail
                   FROM notices ORDER BY created_at, account_id, channel",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(NoticeRow {
                    account_id: row.try_get("account_id")?,
                    notification_id: row.try_get("notification_id")?,
                    template: row.try_get("template")?,
                    channel: row.try_get("channel")?,
                    state: row.try_get("state")?,
                    detail: row.try_get("detail")?,
                })
            })
            .collect()
    }

    /// What keeps the fleet busy, in words; `None`: nothing that the database knows of.
    pub(crate) async fn busy(&self, workers: &Busy) -> Result<Option<String>> {
        let row = self
            .client
            .query_one(
                "SELECT (SELECT count(*) FROM outbox WHERE exchange = '') AS outbox,
                        (SELECT count(*) FROM notices WHERE state = 'queued' AND $1) AS notices,
                        (SELECT count(*) FROM topups WHERE state IN ('requested', 'charging') AND $2) AS topups,
                        (SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND pid <> pg_backend_pid()
                            AND backend_type = 'client backend' AND xact_start IS NOT NULL) AS transactions",
                &[&workers.notices, &workers.topups],
            )
            .await?;
        for what in ["outbox", "notices", "topups", "transactions"] {
            let count: i64 = row.try_get(what)?;
            if count > 0 {
                return Ok(Some(format!("{what}: {count}")));
            }
        }
        Ok(None)
    }
}

/// Which kinds of open work the running workers would end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Busy {
    pub(crate) notices: bool,
    pub(crate) topups: bool,
}
