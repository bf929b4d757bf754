//! The line to a gateway, shared by every process: how many calls a minute it still takes, and whether it is left
//! alone for a while (C9).
//!
//! A row for each gateway and class of calls, locked last of all, and only where something can change: without a
//! limit and without trouble nobody waits for it. What follows from it is decided by `topup_rules::lines`. Left out:
//! the calls themselves.

use crate::transaction::Tx;
use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::lines::{Admission, CallClass, CallEnd, Line, LinePolicy, admit, after_call};

/// A line as people watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayLine {
    /// To whom: `paystack`.
    pub gateway: String,
    /// For which calls.
    pub class: CallClass,
    /// How much longer nobody calls, in seconds; 0 where everybody may.
    pub closed_for_s: i64,
}

impl Store {
    /// Every line that was ever used.
    ///
    /// # Errors
    /// The database's.
    pub async fn gateway_lines(&self) -> Result<Vec<GatewayLine>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT gateway, class,
                        greatest(ceil(extract(epoch FROM closed_until - clock_timestamp())), 0)::bigint AS closed_for_s
                   FROM gateway_lines ORDER BY gateway, class",
            )
            .await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(GatewayLine {
                    gateway: row.try_get("gateway")?,
                    class: rows::name(row, "class", "gateway_lines")?,
                    closed_for_s: row.try_get("closed_for_s")?,
                })
            })
            .collect()
    }

    /// Leave to call the gateway now; it is counted. Otherwise when to ask again.
    ///
    /// # Errors
    /// The database's.
    pub async fn admit_call(
        &self,
        gateway: &str,
        class: CallClass,
        policy: &LinePolicy,
    ) -> Result<Admission, StoreError> {
        self.transact(|tx| async move { admit_call(&tx, gateway, class, policy).await })
            .await
    }

    /// How a call ended, for all who want to call next.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_call(
        &self,
        gateway: &str,
        class: CallClass,
        end: CallEnd,
        policy: &LinePolicy,
    ) -> Result<(), StoreError> {
        self.transact(|tx| async move { end_call(&tx, gateway, class, end, policy).await })
            .await
    }
}

/// As [`Store::admit_call`], in a transaction that locks nothing after it.
pub(crate) async fn admit_call(
    tx: &Tx,
    gateway: &str,
    class: CallClass,
    policy: &LinePolicy,
) -> Result<Admission, StoreError> {
    if policy.per_minute.is_none()
        && peek(tx, gateway, class)
            .await?
            .is_none_or(|l| l.closed_until.is_none())
    {
        return Ok(Admission::Now);
    }
    let (line, now) = lock(tx, gateway, class).await?;
    let (after, admission) = admit(&line, policy, now);
    write(tx, gateway, class, &line, &after).await?;
    Ok(admission)
}

/// As [`Store::end_call`], in a transaction that locks nothing after it.
pub(crate) async fn end_call(
    tx: &Tx,
    gateway: &str,
    class: CallClass,
    end: CallEnd,
    policy: &LinePolicy,
) -> Result<(), StoreError> {
    let is_well = |line: Line| line.troubles == 0 && line.closed_until.is_none();
    if end == CallEnd::Answered && peek(tx, gateway, class).await?.is_none_or(is_well) {
        return Ok(());
    }
    let (line, now) = lock(tx, gateway, class).await?;
    let after = after_call(&line, end, policy, now);
    write(tx, gateway, class, &line, &after).await
}

/// The line as it was a moment ago.
async fn peek(tx: &Tx, gateway: &str, class: CallClass) -> Result<Option<Line>, StoreError> {
    tx.query_opt(
        "SELECT window_start, used, troubles, closed_until FROM gateway_lines WHERE gateway = $1 AND class = $2",
        &[&gateway, &class.as_str()],
    )
    .await?
    .as_ref()
    .map(line)
    .transpose()
}

fn line(row: &Row) -> Result<Line, StoreError> {
    Ok(Line {
        window_start: row.try_get("window_start")?,
        used: rows::count(row, "used", "gateway_lines")?,
        troubles: rows::count(row, "troubles", "gateway_lines")?,
        closed_until: row.try_get("closed_until")?,
    })
}

/// Locks the line, making its row where there is none yet; then reads the clock.
async fn lock(tx: &Tx, gateway: &str, class: CallClass) -> Result<(Line, Timestamp), StoreError> {
    // In one statement, so that a line that was waited for is read as it then is.
    let row = tx
        .query_one(
            "INSERT INTO gateway_lines AS l (gateway, class, window_start) VALUES ($1, $2, clock_timestamp())
                 ON CONFLICT ON CONSTRAINT gateway_lines_pk DO UPDATE SET used = l.used
             RETURNING window_start, used, troubles, closed_until",
            &[&gateway, &class.as_str()],
        )
        .await?;
    Ok((line(&row)?, tx.clock().await?))
}

async fn write(
    tx: &Tx,
    gateway: &str,
    class: CallClass,
    before: &Line,
    after: &Line,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    tx.execute(
        "UPDATE gateway_lines SET window_start = $3, used = $4, troubles = $5, closed_until = $6
          WHERE gateway = $1 AND class = $2",
        &[
            &gateway,
            &class.as_str(),
            &after.window_start,
            &small(after.used),
            &small(after.troubles),
            &after.closed_until,
        ],
    )
    .await?;
    Ok(())
}
