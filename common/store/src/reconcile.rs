//! The daily comparison with the gateway's list: what is ours, and the report that is kept.
//!
//! What differs is decided by `topup_rules::reconcile`; what the gateway knows better goes to `payment-results` like
//! any other result, in the transaction that keeps the report. Left out: fetching the gateway's list.

use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use tokio_postgres::Row;
use topup_rules::ids::Reference;
use topup_rules::message::PaymentResult;
use topup_rules::money::Money;
use topup_rules::reconcile::{Difference, Ours};

/// The columns of a payment, as [`ours`] reads them.
const OURS: &str = "SELECT reference, state, amount_minor, currency, reversed_minor, mode FROM payments";

/// A gateway's day, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Whose list: `paystack`.
    pub gateway: String,
    /// Which day, in the platform's time zone.
    pub day: Date,
    /// Transactions on the list.
    pub transactions: u32,
    /// The same here and there.
    pub matched: u32,
    /// References that are none of the fleet's.
    pub foreign: u32,
    /// All others.
    pub differences: Vec<ReconciledDifference>,
}

/// A payment that is not the same here and there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciledDifference {
    /// As it stands on the list, or here.
    pub reference: String,
    /// In which way.
    pub kind: Difference,
    /// How it stands here, in words; `None`: not at all.
    pub ours: Option<String>,
    /// How it stands there, in words; `None`: not at all.
    pub theirs: Option<String>,
    /// The gateway's word is settled like any other result; otherwise a person has to look.
    pub is_settling: bool,
}

impl Reconciliation {
    /// Whether a person has to look.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        self.differences.iter().any(|difference| !difference.is_settling)
    }
}

impl Store {
    /// The payments that bear these references. Those that nobody here bears are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn payments_of(&self, references: &[Reference]) -> Result<Vec<Ours>, StoreError> {
        // A reference names its account, and so the way to its row.
        let (accounts, texts): (Vec<i64>, Vec<&str>) = references
            .iter()
            .filter_map(|reference| Some((reference.parts()?.1.get(), reference.as_str())))
            .unzip();
        let sql = format!(
            "{OURS} WHERE (account_id, reference) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))"
        );
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&accounts, &texts]).await?;
        rows.iter().map(ours).collect()
    }

    /// At most `limit` captured payments of a gateway whose intents lie within `from..to`, in the order of their
    /// references, those after `after`: what should stand on its list.
    ///
    /// # Errors
    /// The database's.
    pub async fn captured_between(
        &self,
        gateway: &str,
        from: Timestamp,
        to: Timestamp,
        after: Option<&Reference>,
        limit: i64,
    ) -> Result<Vec<Ours>, StoreError> {
        let sql = format!(
            "{OURS}
              WHERE gateway = $1 AND intent_at >= $2 AND intent_at < $3 AND state IN ('succeeded', 'reversed')
                AND reference > $4
              ORDER BY reference LIMIT $5"
        );
        let after = after.map_or("", Reference::as_str);
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await?;
        let rows = client
            .query(&statement, &[&gateway, &from, &to, &after, &limit])
            .await?;
        rows.iter().map(ours).collect()
    }

    /// Keeps the report of a day, in the place of an earlier one, with the results that settle what the gateway knows
    /// better.
    ///
    /// # Errors
    /// The database's; nothing is kept then.
    pub async fn keep_reconciliation(
        &self,
        report: &Reconciliation,
        results: &[PaymentResult],
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.transact(|tx| async move {
            write_day(&tx, report).await?;
            write_differences(&tx, report).await?;
            let drafts = results
                .iter()
                .filter_map(|result| Some((result.reference.parts()?.1, result)))
                .map(|(account, result)| Draft::new(account, result))
                .collect::<Result<Vec<_>, _>>()?;
            outbox::write(&tx, drafts).await
        })
        .await
    }

    /// Differences of the last `days` days that were compared which a person has to look at. A day that is compared
    /// again counts as it was found then.
    ///
    /// # Errors
    /// The database's.
    pub async fn differences_for_a_person(&self, days: i32) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT count(*) FROM reconciliation_differences
                  WHERE NOT is_settling AND day > (SELECT max(day) FROM reconciliations) - $1::integer",
            )
            .await?;
        Ok(client.query_one(&statement, &[&days]).await?.try_get(0)?)
    }

    /// The report of a day, and when it was made. `None` where the day was not compared yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn reconciliation(
        &self,
        gateway: &str,
        day: Date,
    ) -> Result<Option<(Reconciliation, Timestamp)>, StoreError> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.transact_as(ONE_MOMENT, |tx| async move { read(&tx, gateway, day).await })
            .await
    }
}

fn ours(row: &Row) -> Result<Ours, StoreError> {
    Ok(Ours {
        reference: rows::name(row, "reference", "payments")?,
        state: rows::name(row, "state", "payments")?,
        amount: Money::new(
            row.try_get("amount_minor")?,
            rows::name(row, "currency", "payments")?,
        ),
        reversed_minor: row.try_get("reversed_minor")?,
        mode: rows::name(row, "mode", "payments")?,
    })
}

fn small(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Two who compare the same day at once wait for each other here.
async fn write_day(tx: &Tx, report: &Reconciliation) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO reconciliations (gateway, day, transactions, matched, foreign_ones, finished_at)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp())
             ON CONFLICT ON CONSTRAINT reconciliations_pk DO UPDATE
            SET transactions = excluded.transactions, matched = excluded.matched,
                foreign_ones = excluded.foreign_ones, finished_at = excluded.finished_at",
        &[
            &report.gateway,
            &report.day,
            &small(report.transactions),
            &small(report.matched),
            &small(report.foreign),
        ],
    )
    .await?;
    Ok(())
}

async fn write_differences(tx: &Tx, report: &Reconciliation) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM reconciliation_differences WHERE gateway = $1 AND day = $2",
        &[&report.gateway, &report.day],
    )
    .await?;
    let found = &report.differences;
    let references: Vec<&str> = found.iter().map(|d| d.reference.as_str()).collect();
    let kinds: Vec<&str> = found.iter().map(|d| d.kind.as_str()).collect();
    let ours: Vec<Option<&str>> = found.iter().map(|d| d.ours.as_deref()).collect();
    let theirs: Vec<Option<&str>> = found.iter().map(|d| d.theirs.as_deref()).collect();
    let settling: Vec<bool> = found.iter().map(|d| d.is_settling).collect();
    tx.execute(
        "INSERT INTO reconciliation_differences (gateway, day, number, reference, kind, ours, theirs, is_settling)
         SELECT $1, $2, n, reference, kind, ours, theirs, is_settling
           FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bool[])
                WITH ORDINALITY AS t (reference, kind, ours, theirs, is_settling, n)",
        &[
            &report.gateway,
            &report.day,
            &references,
            &kinds,
            &ours,
            &theirs,
            &settling,
        ],
    )
    .await?;
    Ok(())
}

async fn read(tx: &Tx, gateway: &str, day: Date) -> Result<Option<(Reconciliation, Timestamp)>, StoreError> {
    let row = tx
        .query_opt(
            "SELECT transactions, matched, foreign_ones, finished_at FROM reconciliations
              WHERE gateway = $1 AND day = $2",
            &[&gateway, &day],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let differences = tx
        .query(
            "SELECT reference, kind, ours, theirs, is_settling FROM reconciliation_differences
              WHERE gateway = $1 AND day = $2 ORDER BY number",
            &[&gateway, &day],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(ReconciledDifference {
                reference: row.try_get("reference")?,
                kind: rows::name(row, "kind", "reconciliation_differences")?,
                ours: row.try_get("ours")?,
                theirs: row.try_get("theirs")?,
                is_settling: row.try_get("is_settling")?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    let report = Reconciliation {
        gateway: gateway.to_owned(),
        day,
        transactions: rows::count(&row, "transactions", "reconciliations")?,
        matched: rows::count(&row, "matched", "reconciliations")?,
        foreign: rows::count(&row, "foreign_ones", "reconciliations")?,
        differences,
    };
    Ok(Some((report, row.try_get("finished_at")?)))
}
