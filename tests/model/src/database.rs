//! A database whose clock is set by the driver, and that is emptied between histories.
//!
//! The store reads the time by an unqualified `clock_timestamp()` (or `statement_timestamp()`). Here the search path
//! finds a function of that name before PostgreSQL's own, and it answers what stands in a table. The schema is made
//! with that search path, too, so that defaults of columns mean the same clock. Nothing of the product is touched.

use crate::names::Names;
use crate::world::{Us, World};
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Client, NoTls, Statement};
use topup_rules::prices::PriceList;
use topup_rules::sends::key_bound;
use topup_stack::{Space, Stack};
use topup_store::{OutboxMessage, Store, StoreOptions};

/// Where functions are looked for: the model's clock comes before PostgreSQL's. New tables go into the first.
const OPTIONS: &str =
    "options=-c%20search_path%3Dpublic%2Cmodel_clock%2Cpg_catalog%20-c%20synchronous_commit%3Doff";
/// One history is one thing after another; one connection serves what overlaps.
const CONNECTIONS_MAX: usize = 2;
/// Longest statement.
const STATEMENT_TIMEOUT_S: u32 = 30;
/// The one day that the ledger has here is as long as any history, and what is before it.
const LEDGER_DAY: &str = "ledger_2000_01_01";
/// How far the ledger reaches back from the first moment.
const LEDGER_BACK: SignedDuration = SignedDuration::from_hours(24 * 10);
/// How far it reaches ahead.
const LEDGER_AHEAD: SignedDuration = SignedDuration::from_hours(24 * 400);

/// The clock, and a shorter way to say microseconds.
const CLOCK: &str = "
    CREATE SCHEMA model_clock;
    CREATE TABLE model_clock.clock (at timestamptz NOT NULL);
    INSERT INTO model_clock.clock VALUES ('2026-01-01T00:00:00Z');
    CREATE FUNCTION model_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT at FROM model_clock.clock';
    CREATE FUNCTION model_clock.statement_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT at FROM model_clock.clock';
    CREATE FUNCTION model_clock.us(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
        AS 'SELECT (extract(epoch FROM at) * 1000000)::bigint';";

/// Every row of a history, children first. Nothing guards it: it is not the ledger of anybody.
const EMPTY: &str = "
    SET session_replication_role = replica;
    DELETE FROM outbox; DELETE FROM notices; DELETE FROM reversals; DELETE FROM payment_calls; DELETE FROM payments;
    DELETE FROM topup_steps; DELETE FROM topups; DELETE FROM purchases; DELETE FROM card_spacing; DELETE FROM holds;
    DELETE FROM ledger; DELETE FROM consents; DELETE FROM wallets; DELETE FROM cards; DELETE FROM accounts;
    DELETE FROM gateway_lines;
    DELETE FROM one_click_consents; DELETE FROM tokens_to_deactivate; DELETE FROM billing_details;
    SET session_replication_role = origin;";

/// One database, for one history at a time.
pub(crate) struct Database {
    pub(crate) store: Store,
    eyes: Client,
    observe: Statement,
    set_clock: Statement,
    space: Space,
}

impl Database {
    /// Makes one, with every table and prices; the clock stands at `start`.
    pub(crate) async fn make(
        stack: &Stack,
        name: &str,
        prices: &PriceList,
        start: Timestamp,
    ) -> Result<Self> {
        let space = stack.space(name).await?;
        let url = with_options(space.database_url());
        let (eyes, connection) = tokio_postgres::connect(&url, NoTls)
            .await
            .context("connecting to the model's database")?;
        // Ends with the client, whose statements then say why.
        tokio::spawn(connection);
        eyes.batch_execute(CLOCK).await.context("making the clock")?;
        let store = Store::new(&StoreOptions {
            url,
            connections_max: CONNECTIONS_MAX,
            ca_file: None,
            application_name: "model".to_owned(),
            statement_timeout_s: STATEMENT_TIMEOUT_S,
        })?;
        store.migrate().await?;
        store.replace_prices(prices).await?;
        let (from, to) = (start.checked_sub(LEDGER_BACK)?, start.checked_add(LEDGER_AHEAD)?);
        eyes.execute(
            "SELECT ledger_open_day($1, $2, $3)",
            &[&LEDGER_DAY, &key_bound(from), &key_bound(to)],
        )
        .await
        .context("opening the ledger")?;
        let observe = eyes.prepare(include_str!("observe.sql")).await?;
        let set_clock = eyes.prepare("UPDATE model_clock.clock SET at = $1").await?;
        let database = Self {
            store,
            eyes,
            observe,
            set_clock,
            space,
        };
        database.set_clock(start.as_microsecond()).await?;
        let now = database.store.now().await?;
        ensure!(
            now == start,
            "the store's clock is not the model's: {now} instead of {start}"
        );
        Ok(database)
    }

    /// Removes it.
    pub(crate) async fn remove(self) -> Result<()> {
        drop(self.eyes);
        self.space.remove().await
    }

    /// Forgets the history.
    pub(crate) async fn empty(&self) -> Result<()> {
        self.eyes
            .batch_execute(EMPTY)
            .await
            .context("emptying the database")
    }

    /// The database's clock stands there until it is set again.
    pub(crate) async fn set_clock(&self, at: Us) -> Result<()> {
        let at = Timestamp::from_microsecond(at)?;
        self.eyes.execute(&self.set_clock, &[&at]).await?;
        Ok(())
    }

    /// What is for the fleet itself. Events go to whoever listens, which is nobody here: they are as good as published.
    pub(crate) async fn without_events(&self, messages: Vec<OutboxMessage>) -> Result<Vec<OutboxMessage>> {
        let is_event = |message: &OutboxMessage| !message.exchange.is_empty();
        let (events, rest): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_event);
        let events: Vec<i64> = events.iter().map(|event| event.id).collect();
        if !events.is_empty() {
            self.store.outbox_remove(&events).await?;
        }
        Ok(rest)
    }

    /// All rows, and what the ids in them are called.
    pub(crate) async fn observe(&self) -> Result<(World, Names)> {
        let row = self
            .eyes
            .query_one(&self.observe, &[])
            .await
            .context("looking at the rows")?;
        let (world, notices, topups): (&str, &str, &str) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        // A notice's cause bears a top-up's id.
        let names = Names::of(notices, topups)?;
        let mut world: World = serde_json::from_str(&names.plain(world)).context("reading the rows")?;
        world.outbox.sort();
        Ok((world, names))
    }

    /// The verdict of each payment's kept answer, by reference.
    pub(crate) async fn answers(&self) -> Result<Vec<(String, String)>> {
        let sql = "SELECT reference, answer ->> 'status' FROM payments WHERE answer IS NOT NULL";
        let rows = self.eyes.query(sql, &[]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    /// As if an account had agreed to 1-Click with a card.
    pub(crate) async fn agree_to_one_click(&self, account: i64, signature: &str) -> Result<()> {
        let sql = "INSERT INTO one_click_consents (account_id, consent_id, terms_version, address, card_id)
                   SELECT account_id, gen_random_uuid(), '1', '127.0.0.1', card_id FROM cards
                    WHERE account_id = $1 AND signature = $2";
        self.eyes.execute(sql, &[&account, &signature]).await?;
        Ok(())
    }

    /// And had never.
    pub(crate) async fn forget_one_click(&self) -> Result<()> {
        self.eyes.execute("DELETE FROM one_click_consents", &[]).await?;
        Ok(())
    }
}

fn with_options(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{OPTIONS}")
}
