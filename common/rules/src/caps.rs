//! C12: the periods that caps count in, and whether one is reached.
//!
//! Left out: counting. The store counts the card top-ups since the moments given here.

use crate::account::Caps;
use crate::money::Money;
use crate::wake::SkipReason;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The day and the calendar month that a moment lies in, in the platform's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapPeriods {
    /// When the day began.
    pub day_start: Timestamp,
    /// When the month began.
    pub month_start: Timestamp,
    /// The day.
    pub day: Date,
}

/// C12: the cap periods of `now`. A day begins at its first moment, which is not everywhere midnight.
#[must_use]
pub fn cap_periods(now: Timestamp, zone: &TimeZone) -> CapPeriods {
    let day = now.to_zoned(zone.clone()).date();
    // Only the ends of the calendar have no such moment; counting from 1970 then never lets too much through.
    let start_of = |date: Date| {
        date.to_zoned(zone.clone())
            .and_then(|zoned| zoned.start_of_day())
            .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    };
    CapPeriods {
        day_start: start_of(day),
        month_start: start_of(day.first_of_month()),
        day,
    }
}

impl CapPeriods {
    /// The name of the period whose cap stopped a top-up: `2026-11-22` or `2026-11`. `None` where no cap did.
    #[must_use]
    pub fn name(&self, reason: &SkipReason) -> Option<String> {
        match reason {
            SkipReason::DayCap { .. } => Some(self.day.to_string()),
            SkipReason::MonthCap { .. } => Some(self.day.strftime("%Y-%m").to_string()),
            SkipReason::Disabled | SkipReason::OtherMethod | SkipReason::AboveThreshold => None,
        }
    }
}

/// What an account's card top-ups come to in the periods of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CapUsage {
    /// Card top-ups charged today.
    pub topups_today: u32,
    /// Card money charged this month, in the currency's minor unit.
    pub amount_minor_this_month: i64,
}

/// C12: the cap that one more top-up of `price` would break, the day's first.
#[must_use]
pub(crate) fn reached(caps: &Caps, usage: &CapUsage, price: Money) -> Option<SkipReason> {
    if let Some(limit) = caps.topups_per_day
        && usage.topups_today >= limit
    {
        return Some(SkipReason::DayCap { limit });
    }
    if let Some(limit_minor) = caps.amount_minor_per_month
        && usage.amount_minor_this_month.saturating_add(price.amount_minor) > limit_minor
    {
        let limit = Money::new(limit_minor, price.currency);
        return Some(SkipReason::MonthCap { limit });
    }
    None
}
