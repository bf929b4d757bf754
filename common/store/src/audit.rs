//! The audit: what always holds, asked of the database itself (A1–A6).
//!
//! One read-only transaction at one moment, one statement a check, each in a file of its own. It looks at all rows
//! and takes as long as that takes; nobody waits for it. Left out: what only the world outside knows (what the
//! gateway captured, what lies in the broker), and closed days, whose sums stand in `carried_forward`.

use crate::partitions::open_since;
use crate::transaction::Tx;
use crate::{Store, StoreError};
use jiff::SignedDuration;
use serde::Serialize;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Violations of one check that are told one by one; all are counted.
const TOLD_MAX: usize = 20;

/// What the audit measures against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPolicy {
    /// Least time between two card top-ups of an account (C1).
    pub card_spacing: SignedDuration,
    /// Definite failures in a row that disable (C7).
    pub failures_to_disable: u32,
    /// How long a message may wait to be published.
    pub outbox_wait_max: SignedDuration,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Every check, in the order of the rules.
    pub checks: Vec<Check>,
}

impl AuditReport {
    /// No check found anything.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.violations_counted == 0)
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule: `A1`.
    pub rule: &'static str,
    /// What should hold.
    pub name: &'static str,
    /// What does not, at most 20 of them.
    pub violations: Vec<String>,
    /// How many there are in all.
    pub violations_counted: i64,
}

/// What a check's statement takes as `$1`.
#[derive(Clone, Copy)]
enum Against {
    Nothing,
    /// The smallest ledger key that no closed day has.
    OpenSince,
    /// Microseconds.
    CardSpacing,
    /// Microseconds.
    OutboxWaitMax,
    /// A count.
    FailuresToDisable,
}

struct Question {
    rule: &'static str,
    name: &'static str,
    against: Against,
    sql: &'static str,
}

macro_rules! questions {
    ($($rule:literal $name:literal $against:ident $file:literal,)+) => {
        [$(Question {
            rule: $rule,
            name: $name,
            against: Against::$against,
            sql: include_str!(concat!("audit/", $file, ".sql")),
        },)+]
    };
}

/// Every check, in the order of the rules.
const QUESTIONS: [Question; 22] = questions! {
    "A1" "every balance is the sum of its ledger entries" OpenSince "a1_balances",
    "A1" "credits held are what open batches and disputes hold" Nothing "a1_holds",
    "A1" "ledger entries can't be changed or deleted" Nothing "a1_append_only",
    "A2" "the two ends of every transfer sum to zero" OpenSince "a2_transfers",
    "A2" "every credit that was paid for is what a succeeded payment paid for" OpenSince "a2_credits",
    "A2" "every succeeded top-up and purchase has brought its credits" OpenSince "a2_succeeded",
    "A2" "credits taken back are in proportion to the money given back" Nothing "a2_reversals",
    "A2" "every reversal has taken its credits back, once" OpenSince "a2_taken_back",
    "A3" "what is paid for is captured at most once, under one reference" Nothing "a3_captures",
    "A3" "a wallet has at most one open top-up, the one that it names" Nothing "a3_one_open",
    "A3" "card top-ups of an account are the spacing apart" CardSpacing "a3_spacing",
    "A3" "an account's claim on spacing is held by what is with the gateway" Nothing "a3_claims",
    "A4" "every ledger entry has its wallet" OpenSince "a4_entries",
    "A4" "no message waits to be published for long" OutboxWaitMax "a4_outbox",
    "A5" "every settled top-up, purchase and registration has its notices, by both channels" Nothing "a5_notices",
    "A5" "every reversal has its notices, every dispute and parked payment its alert" Nothing "a5_alerts",
    "A5" "every notice is about something that happened" Nothing "a5_causes",
    "A5" "every failure that had to disable has disabled" FailuresToDisable "a5_disabled",
    "A5" "every reversal has disabled card auto top-up" Nothing "a5_reversed",
    "A6" "nothing is charged, first or again, after auto top-up was disabled" Nothing "a6_charges",
    "A6" "every charge, first or again, was decided on under the wallet's lock" Nothing "a6_submissions",
    "A6" "no payment is without a top-up that is as far as it" Nothing "a6_payments",
};

impl Store {
    /// Asks every check, all at one moment.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit(&self, policy: &AuditPolicy) -> Result<AuditReport, StoreError> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.transact_as(ONE_MOMENT, |tx| async move {
            // It looks at every row there is; the bound on statements is for the daily work.
            tx.execute("SELECT set_config('statement_timeout', '0', true)", &[])
                .await?;
            let open_since = open_since(&tx).await?;
            let mut checks = Vec::with_capacity(QUESTIONS.len());
            for question in &QUESTIONS {
                checks.push(ask(&tx, question, policy, open_since).await?);
            }
            Ok(AuditReport { checks })
        })
        .await
    }
}

async fn ask(
    tx: &Tx,
    question: &Question,
    policy: &AuditPolicy,
    open_since: Uuid,
) -> Result<Check, StoreError> {
    let spacing_us = microseconds(policy.card_spacing);
    let outbox_us = microseconds(policy.outbox_wait_max);
    let failures = i64::from(policy.failures_to_disable);
    let params: &[&(dyn ToSql + Sync)] = match question.against {
        Against::Nothing => &[],
        Against::OpenSince => &[&open_since],
        Against::CardSpacing => &[&spacing_us],
        Against::OutboxWaitMax => &[&outbox_us],
        Against::FailuresToDisable => &[&failures],
    };
    let sql = format!(
        "SELECT violation, count(*) OVER () AS counted FROM ({}) v ORDER BY violation LIMIT {TOLD_MAX}",
        question.sql
    );
    let rows = tx.query(&sql, params).await?;
    Ok(Check {
        rule: question.rule,
        name: question.name,
        violations_counted: rows.first().map_or(Ok(0), |row| row.try_get("counted"))?,
        violations: rows
            .iter()
            .map(|row| row.try_get("violation"))
            .collect::<Result<_, _>>()?,
    })
}

fn microseconds(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
