//! An account's entries and top-ups, page by page.
//!
//! The ledger is kept for those who write to it: by the entry's key, a day a partition, without an index by account on the
//! day that is being written. A day that is over gets one (`history`). So a reader goes through stretches of days, each
//! in its own way: where there is an index, by it; where there is none, along the keys, a bounded number of entries at a
//! time and for a bounded time. A page may therefore end early and still have a next one.

use crate::partitions::{attached_days, first_key};
use crate::transaction::Tx;
use crate::views::{TOPUPS, TopupView, view};
use crate::{Store, StoreError, rows};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use topup_rules::credits::Credits;
use topup_rules::entries::EntryKind;
use topup_rules::ids::{AccountId, Service, TopupId, WalletKey};
use topup_rules::sends::key_bound;
use uuid::Uuid;

/// Entries that are looked through at a time where there is no index.
const WALK_STEP: i64 = 200_000;
/// How long one page looks through entries without an index, before it ends early.
const WALK_TIME_MAX: Duration = Duration::from_millis(1_500);
/// A statement about entries that takes longer is ended by the server.
const STATEMENT_TIME_MAX: &str = "2s";
/// Readers at work without an index at once, in one process.
pub(crate) const WALKS_AT_ONCE: usize = 2;
/// How long another one waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(1);
/// Each statement is one look at entries that never change, and writes nothing.
pub(crate) const READ_ONLY: &str = "BEGIN READ ONLY";

/// From a moment up to another, without the latter: of the keys of entries, and so to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSpan {
    from: Uuid,
    to: Uuid,
}

impl LedgerSpan {
    /// What lies between two moments; nothing where they are the wrong way round.
    #[must_use]
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from: key_bound(from),
            to: key_bound(to),
        }
    }

    /// The days from `first` to `last`, both whole, as they are counted in `zone`. `None` at the ends of the calendar.
    #[must_use]
    pub fn days(first: Date, last: Date, zone: &TimeZone) -> Option<Self> {
        let after = last.checked_add(1.day()).ok()?;
        Some(Self::between(start_of(first, zone)?, start_of(after, zone)?))
    }

    /// The calendar month that `day` lies in.
    #[must_use]
    pub fn month(day: Date, zone: &TimeZone) -> Option<Self> {
        Self::days(day.first_of_month(), day.last_of_month(), zone)
    }

    /// Behind this entry alone.
    pub(crate) fn behind(self, last: Option<Uuid>) -> Self {
        let from = last.map_or(self.from, |last| {
            self.from.max(Uuid::from_u128(last.as_u128().saturating_add(1)))
        });
        Self { from, ..self }
    }

    /// Before this entry alone.
    fn before(self, last: Option<Uuid>) -> Self {
        let to = last.map_or(self.to, |last| self.to.min(last));
        Self { to, ..self }
    }

    fn within(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        }
    }

    fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// The first moment of a day, which is not everywhere midnight.
pub(crate) fn start_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let start = day.to_zoned(zone.clone()).and_then(|day| day.start_of_day());
    Some(start.ok()?.timestamp())
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// Its key: of a send with a version-7 id, that id.
    pub event_id: Uuid,
    /// What it is.
    pub kind: EntryKind,
    /// Signed: a send is negative.
    pub credits: Credits,
    /// Messages of a send; 0 of anything else.
    pub messages: u32,
    /// The batch that a send belongs to.
    pub batch_id: Option<Uuid>,
    /// When it happened.
    pub sent_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// What it belongs to, where that is nothing that only operators should read: `purchase:<uuid>`.
    pub detail: Option<String>,
}

/// Some entries, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage {
    /// In order; maybe fewer than were asked for, maybe none, and more to come all the same.
    pub rows: Vec<LedgerRow>,
    /// To ask for what follows; `None`: nothing does.
    pub next: Option<Uuid>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Order {
    const fn sql(self) -> &'static str {
        match self {
            Self::NewestFirst => "DESC",
            Self::OldestFirst => "ASC",
        }
    }

    /// What is left of a span behind this key.
    fn rest(self, span: LedgerSpan, last: Option<Uuid>) -> LedgerSpan {
        match self {
            Self::NewestFirst => span.before(last),
            Self::OldestFirst => span.behind(last),
        }
    }
}

/// Days beside each other that are read in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    span: LedgerSpan,
    has_index: bool,
}

impl Store {
    /// A wallet's entries, the newest first, at most `limit`; `after` is an earlier page's `next`. Only days that are not
    /// closed are looked at.
    ///
    /// # Errors
    /// The database's; [`StoreError::Busy`] where too many read at once.
    pub async fn ledger_page(
        &self,
        wallet: WalletKey,
        span: LedgerSpan,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<LedgerPage, StoreError> {
        self.read_ledger(wallet, span, Order::NewestFirst, after, limit)
            .await
    }

    /// At most `limit` top-ups of an account, of one service or of all, the newest first; `after` is the last one of an
    /// earlier page.
    ///
    /// # Errors
    /// The database's.
    pub async fn topups_page(
        &self,
        account: AccountId,
        service: Option<Service>,
        after: Option<TopupId>,
        limit: u16,
    ) -> Result<Vec<TopupView>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "{TOPUPS} WHERE t.account_id = $1 AND t.topup_id < $2 AND ($3::text IS NULL OR t.service = $3)
              ORDER BY t.topup_id DESC LIMIT $4"
        );
        let statement = client.prepare_cached(&sql).await?;
        let service = service.map(Service::as_str);
        let before = after.unwrap_or(Uuid::max());
        let rows = client
            .query(
                &statement,
                &[&account.get(), &before, &service, &i64::from(limit)],
            )
            .await?;
        rows.iter().map(view).collect()
    }

    pub(crate) async fn read_ledger(
        &self,
        wallet: WalletKey,
        span: LedgerSpan,
        order: Order,
        after: Option<Uuid>,
        limit: u16,
    ) -> Result<LedgerPage, StoreError> {
        let rest = order.rest(span, after);
        let mut page = LedgerPage {
            rows: Vec::new(),
            next: None,
        };
        let deadline = Instant::now() + WALK_TIME_MAX;
        for stretch in self.stretches(rest, order).await? {
            let wanted = usize::from(limit) - page.rows.len();
            let read = Reading {
                wallet,
                order,
                limit: i64::try_from(wanted).unwrap_or(i64::MAX),
            };
            let more = match stretch.has_index {
                true => self.by_index(&read, stretch.span).await?,
                false => self.along(&read, stretch.span, deadline).await?,
            };
            page.rows.extend(more.rows);
            page.next = more.next;
            if page.next.is_some() {
                break;
            }
        }
        Ok(page)
    }

    /// The days of a span, as they are to be read.
    async fn stretches(&self, span: LedgerSpan, order: Order) -> Result<Vec<Stretch>, StoreError> {
        let days = self
            .transact_as(READ_ONLY, |tx| async move { attached_days(&tx).await })
            .await?;
        let mut stretches: Vec<Stretch> = Vec::new();
        for (day, attached) in days {
            let day_span = LedgerSpan {
                from: first_key(day),
                to: first_key(day.saturating_add(1.day())),
            };
            let day_span = span.within(day_span);
            if day_span.is_empty() {
                continue;
            }
            match stretches.last_mut() {
                Some(last) if last.has_index == attached.has_index && last.span.to == day_span.from => {
                    last.span.to = day_span.to;
                }
                Some(_) | None => stretches.push(Stretch {
                    span: day_span,
                    has_index: attached.has_index,
                }),
            }
        }
        if order == Order::NewestFirst {
            stretches.reverse();
        }
        Ok(stretches)
    }

    async fn by_index(&self, read: &Reading, span: LedgerSpan) -> Result<LedgerPage, StoreError> {
        let rows = self
            .transact_as(READ_ONLY, |tx| async move { read.by_index(&tx, span).await })
            .await?;
        read.page(&rows)
    }

    /// Along the keys, from step to step, until there are enough, or no more, or the time is up.
    async fn along(
        &self,
        read: &Reading,
        mut span: LedgerSpan,
        deadline: Instant,
    ) -> Result<LedgerPage, StoreError> {
        let _turn = tokio::time::timeout(TURN_WAIT_MAX, self.walks.acquire())
            .await
            .map_err(|_elapsed| StoreError::Busy {
                what: "entries of the ledger that have no index yet",
            })?;
        let mut page = LedgerPage {
            rows: Vec::new(),
            next: None,
        };
        loop {
            let left = read.less(page.rows.len());
            let (rows, reached) = self
                .transact_as(READ_ONLY, |tx| async move { left.step(&tx, span).await })
                .await?;
            let found = left.page(&rows)?;
            page.rows.extend(found.rows);
            page.next = found.next.or(reached);
            let Some(reached) = reached else { return Ok(page) };
            if found.next.is_some() || Instant::now() >= deadline {
                return Ok(page);
            }
            span = read.order.rest(span, Some(reached));
        }
    }
}

/// Who is looked for, and how many entries.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wallet: WalletKey,
    order: Order,
    limit: i64,
}

const COLUMNS: &str = "event_id, kind, credits_milli, messages, batch_id, sent_at, recorded_at, detail";

impl Reading {
    fn less(self, found: usize) -> Self {
        let limit = self.limit - i64::try_from(found).unwrap_or(i64::MAX);
        Self { limit, ..self }
    }

    /// As many as were asked for: there may be more behind the last.
    fn page(&self, rows: &[Row]) -> Result<LedgerPage, StoreError> {
        let rows: Vec<LedgerRow> = rows.iter().map(entry).collect::<Result<_, _>>()?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= self.limit);
        let next = rows.last().filter(|_| is_full).map(|last| last.event_id);
        Ok(LedgerPage { rows, next })
    }

    /// Compared as a whole, so that nothing but the index by wallet gives the order.
    async fn by_index(&self, tx: &Tx, span: LedgerSpan) -> Result<Vec<Row>, StoreError> {
        limit_time(tx).await?;
        let way = self.order.sql();
        let sql = format!(
            "SELECT {COLUMNS} FROM ledger
              WHERE (account_id, service, event_id) >= ($1, $2, $3) AND (account_id, service, event_id) < ($1, $2, $4)
                AND event_id >= $3 AND event_id < $4
              ORDER BY account_id {way}, service {way}, event_id {way}
              LIMIT $5"
        );
        let WalletKey { account, service } = self.wallet;
        tx.query(
            &sql,
            &[
                &account.get(),
                &service.as_str(),
                &span.from,
                &span.to,
                &self.limit,
            ],
        )
        .await
    }

    /// What one step along the keys finds, and the last key of the step; `None` where nothing lies behind it, or where
    /// it found enough.
    async fn step(&self, tx: &Tx, span: LedgerSpan) -> Result<(Vec<Row>, Option<Uuid>), StoreError> {
        limit_time(tx).await?;
        let way = self.order.sql();
        let sql = format!(
            "SELECT {COLUMNS}
               FROM (SELECT account_id, service, {COLUMNS} FROM ledger
                      WHERE event_id >= $3 AND event_id < $4
                      ORDER BY event_id {way} LIMIT {WALK_STEP}) step
              WHERE account_id = $1 AND service = $2
              LIMIT $5"
        );
        let WalletKey { account, service } = self.wallet;
        let (account, service) = (account.get(), service.as_str());
        let rows = tx
            .query(&sql, &[&account, &service, &span.from, &span.to, &self.limit])
            .await?;
        if i64::try_from(rows.len()).is_ok_and(|count| count >= self.limit) {
            return Ok((rows, None));
        }
        let sql = format!(
            "SELECT event_id FROM ledger WHERE event_id >= $1 AND event_id < $2
              ORDER BY event_id {way} OFFSET {} LIMIT 1",
            WALK_STEP - 1
        );
        let reached = tx.query_opt(&sql, &[&span.from, &span.to]).await?;
        Ok((rows, reached.map(|row| row.get(0))))
    }
}

/// Reading is nothing that others should feel.
pub(crate) async fn limit_time(tx: &Tx) -> Result<(), StoreError> {
    tx.execute(
        "SELECT set_config('statement_timeout', $1, true)",
        &[&STATEMENT_TIME_MAX],
    )
    .await?;
    Ok(())
}

fn entry(row: &Row) -> Result<LedgerRow, StoreError> {
    let kind: EntryKind = rows::name(row, "kind", "ledger")?;
    Ok(LedgerRow {
        event_id: row.try_get("event_id")?,
        kind,
        credits: rows::credits(row, "credits_milli")?,
        messages: rows::count(row, "messages", "ledger")?,
        batch_id: row.try_get("batch_id")?,
        sent_at: row.try_get("sent_at")?,
        recorded_at: row.try_get("recorded_at")?,
        detail: match kind {
            EntryKind::Topup | EntryKind::Purchase => row.try_get("detail")?,
            // Who did it by hand and why, and what the gateway calls it, are the operators' words.
            EntryKind::Send
            | EntryKind::TransferIn
            | EntryKind::TransferOut
            | EntryKind::Adjustment
            | EntryKind::Opening
            | EntryKind::Reversal => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_month_begins_and_ends_at_midnight_of_the_platform() {
        let zone = TimeZone::get("Africa/Johannesburg").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            LedgerSpan::month(date(2026, 2, 14), &zone),
            Some(LedgerSpan::between(
                at("2026-01-31T22:00:00Z"),
                at("2026-02-28T22:00:00Z")
            ))
        );
    }

    #[test]
    fn what_follows_an_entry_leaves_it_out_on_either_way() {
        let span = LedgerSpan {
            from: Uuid::from_u128(10),
            to: Uuid::from_u128(20),
        };
        let last = Some(Uuid::from_u128(15));
        assert_eq!(Order::NewestFirst.rest(span, last).to, Uuid::from_u128(15));
        assert_eq!(Order::OldestFirst.rest(span, last).from, Uuid::from_u128(16));
        assert_eq!(Order::OldestFirst.rest(span, None), span);
        assert!(
            Order::NewestFirst
                .rest(span, Some(Uuid::from_u128(10)))
                .is_empty()
        );
    }
}
