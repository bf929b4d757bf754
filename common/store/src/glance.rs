//! The last days of a wallet at a glance: what was sent and what came, day by day.
//!
//! No entry of the ledger is read. Days that are over were counted (`history`); what the wallet has beyond them is what
//! happened since, and stands on the first day that is not wholly counted: on today, but for the first hours of a day.

use crate::listing::{READ_ONLY, limit_time, start_of};
use crate::transaction::Tx;
use crate::{Store, StoreError, rows};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio_postgres::Row;
use topup_rules::credits::Credits;
use topup_rules::entries::EntryKind;
use topup_rules::ids::WalletKey;
use uuid::Uuid;

/// What came is marked up to so many, the newest of them.
const MARKS_MAX: i64 = 500;

/// A day of a wallet, as the platform counts days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlanceDay {
    /// Which.
    pub day: Date,
    /// Credits of its sends; more than 0, or 0.
    pub sent: Credits,
    /// Credits that came otherwise: topped up, bought, moved here, added by hand.
    pub added: Credits,
    /// Credits that went otherwise: moved away, taken back.
    pub taken: Credits,
    /// The balance when it ended; of the last day, the balance now.
    pub balance_at_end: Credits,
    /// Its top-ups and purchases that were paid.
    pub topups: Vec<GlanceTopup>,
}

/// Credits that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlanceTopup {
    /// The top-up or purchase.
    pub id: Uuid,
    /// `topup` by card, `transfer-in` by transfer, `purchase` by hand.
    pub kind: EntryKind,
    /// How many.
    pub credits: Credits,
    /// When.
    pub at: Timestamp,
}

/// What was counted of a day, or of all before.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    sent_milli: i64,
    added_milli: i64,
    taken_milli: i64,
}

impl Sums {
    const fn net_milli(self) -> i64 {
        self.added_milli
            .saturating_sub(self.sent_milli)
            .saturating_sub(self.taken_milli)
    }
}

/// A wallet, and what was counted of it: from one moment.
struct Counted {
    balance_milli: i64,
    carried_milli: i64,
    /// The ledger's days up to this one, it included.
    through: Option<Date>,
    days: BTreeMap<Date, Sums>,
}

impl Store {
    /// The last `days` days of a wallet as `zone` has them, today the last; empty where there is no such wallet.
    ///
    /// # Errors
    /// The database's.
    pub async fn glance(
        &self,
        wallet: WalletKey,
        days: u8,
        zone: &TimeZone,
    ) -> Result<Vec<GlanceDay>, StoreError> {
        self.transact_as(READ_ONLY, |tx| async move {
            let tx = &*tx;
            limit_time(tx).await?;
            let today = tx.clock().await?.to_zoned(zone.clone()).date();
            let first = today.saturating_sub(i32::from(days.saturating_sub(1)).days());
            let Some(counted) = counted(tx, wallet).await? else {
                return Ok(Vec::new());
            };
            let since = start_of(first, zone).unwrap_or(Timestamp::UNIX_EPOCH);
            let marks = marks(tx, wallet, since).await?;
            Ok(at_a_glance(&counted, marks, first, today, zone))
        })
        .await
    }
}

async fn counted(tx: &Tx, wallet: WalletKey) -> Result<Option<Counted>, StoreError> {
    let rows = tx
        .query(
            include_str!("glance/counted.sql"),
            &[&wallet.account.get(), &wallet.service.as_str()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut counted = Counted {
        balance_milli: row.try_get("balance_milli")?,
        carried_milli: row.try_get("carried_milli")?,
        through: date(row, "counted_through")?,
        days: BTreeMap::new(),
    };
    for row in &rows {
        if let Some(day) = date(row, "day")? {
            let sums = Sums {
                sent_milli: row.try_get("sent_milli")?,
                added_milli: row.try_get("added_milli")?,
                taken_milli: row.try_get("taken_milli")?,
            };
            counted.days.insert(day, sums);
        }
    }
    Ok(Some(counted))
}

fn date(row: &Row, column: &str) -> Result<Option<Date>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| {
        text.parse().map_err(|e: jiff::Error| StoreError::Unreadable {
            table: "ledger_sums",
            what: e.to_string(),
        })
    })
    .transpose()
}

/// The oldest first.
async fn marks(tx: &Tx, wallet: WalletKey, since: Timestamp) -> Result<Vec<GlanceTopup>, StoreError> {
    let mut marks: Vec<GlanceTopup> = tx
        .query(
            include_str!("glance/marks.sql"),
            &[
                &wallet.account.get(),
                &wallet.service.as_str(),
                &since,
                &MARKS_MAX,
            ],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(GlanceTopup {
                id: row.try_get("id")?,
                kind: rows::name(row, "kind", "topups")?,
                credits: rows::credits(row, "quantity_milli")?,
                at: row.try_get("settled_at")?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    marks.reverse();
    Ok(marks)
}

fn at_a_glance(
    counted: &Counted,
    marks: Vec<GlanceTopup>,
    first: Date,
    today: Date,
    zone: &TimeZone,
) -> Vec<GlanceDay> {
    let mut days = counted.days.clone();
    let all = days.values().map(|sums| sums.net_milli());
    let close_milli = all.fold(counted.carried_milli, i64::saturating_add);
    // The moment up to which everything is counted, and the day that it lies in.
    let since = counted
        .through
        .and_then(|day| start_of(day.saturating_add(1.day()), &TimeZone::UTC));
    let open_day = since.map_or(today, |since| since.to_zoned(zone.clone()).date());
    let open = days.entry(open_day.clamp(first, today)).or_default();
    let known = marks
        .iter()
        .filter(|mark| since.is_none_or(|since| mark.at >= since));
    let known_milli = known.fold(0, |sum: i64, mark| sum.saturating_add(mark.credits.milli()));
    add_open(
        open,
        counted.balance_milli.saturating_sub(close_milli),
        known_milli,
    );

    let before = days.range(..first).map(|(_, sums)| sums.net_milli());
    let mut balance_milli = before.fold(counted.carried_milli, i64::saturating_add);
    let mut shown: Vec<GlanceDay> = first
        .series(1.day())
        .take_while(|day| *day <= today)
        .map(|day| {
            let sums = days.get(&day).copied().unwrap_or_default();
            balance_milli = balance_milli.saturating_add(sums.net_milli());
            GlanceDay {
                day,
                sent: Credits::from_milli(sums.sent_milli),
                added: Credits::from_milli(sums.added_milli),
                taken: Credits::from_milli(sums.taken_milli),
                balance_at_end: Credits::from_milli(balance_milli),
                topups: Vec::new(),
            }
        })
        .collect();
    for mark in marks {
        let day = mark.at.to_zoned(zone.clone()).date();
        if let Some(shown) = shown.iter_mut().find(|it| it.day == day) {
            shown.topups.push(mark);
        }
    }
    shown
}

/// What changed the balance since everything was counted: what is known to have come, and the rest. Until the day is
/// counted, what went counts as sent.
fn add_open(open: &mut Sums, change_milli: i64, known_milli: i64) {
    let rest_milli = change_milli.saturating_sub(known_milli);
    open.added_milli = open
        .added_milli
        .saturating_add(known_milli)
        .saturating_add(rest_milli.max(0));
    open.sent_milli = open.sent_milli.saturating_add(rest_milli.min(0).saturating_neg());
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn mark(at: &str, milli: i64) -> GlanceTopup {
        GlanceTopup {
            id: Uuid::nil(),
            kind: EntryKind::Topup,
            credits: Credits::from_milli(milli),
            at: at.parse().unwrap(),
        }
    }

    fn sums(sent_milli: i64, added_milli: i64) -> Sums {
        Sums {
            sent_milli,
            added_milli,
            taken_milli: 0,
        }
    }

    /// (day, sent, added, balance at its end, marks) of each.
    fn shown(days: &[GlanceDay]) -> Vec<(i8, i64, i64, i64, usize)> {
        days.iter()
            .map(|it| {
                (
                    it.day.day(),
                    it.sent.milli(),
                    it.added.milli(),
                    it.balance_at_end.milli(),
                    it.topups.len(),
                )
            })
            .collect()
    }

    #[test]
    fn what_is_not_counted_yet_follows_from_the_balance() {
        let counted = Counted {
            balance_milli: 560,
            carried_milli: 1_000,
            through: Some(date(2026, 11, 21)),
            days: [
                (date(2026, 11, 1), sums(400, 0)),
                (date(2026, 11, 21), sums(100, 0)),
            ]
            .into(),
        };
        // 500 were left; 200 came since, so 140 went.
        let marks = vec![mark("2026-11-22T08:00:00Z", 200)];
        let days = at_a_glance(
            &counted,
            marks,
            date(2026, 11, 20),
            date(2026, 11, 22),
            &TimeZone::UTC,
        );
        assert_eq!(
            shown(&days),
            [(20, 0, 0, 600, 0), (21, 100, 0, 500, 0), (22, 140, 200, 560, 1)]
        );
    }

    #[test]
    fn in_the_first_hours_of_a_day_the_one_before_has_what_is_not_counted_yet() {
        let zone = TimeZone::get("Africa/Johannesburg").unwrap();
        let counted = Counted {
            balance_milli: 70,
            carried_milli: 100,
            through: Some(date(2026, 11, 20)),
            days: BTreeMap::new(),
        };
        let days = at_a_glance(
            &counted,
            Vec::new(),
            date(2026, 11, 21),
            date(2026, 11, 22),
            &zone,
        );
        assert_eq!(shown(&days), [(21, 30, 0, 70, 0), (22, 0, 0, 70, 0)]);
    }

    #[test]
    fn before_anything_was_counted_all_of_it_is_of_today() {
        let counted = Counted {
            balance_milli: 150,
            carried_milli: 0,
            through: None,
            days: BTreeMap::new(),
        };
        let today = date(2026, 11, 22);
        let days = at_a_glance(&counted, Vec::new(), today, today, &TimeZone::UTC);
        assert_eq!(shown(&days), [(22, 0, 150, 150, 0)]);
    }
}
