//! When a saved card runs out.
//!
//! Left out: whom it is told, and that it is told once (`notices`: the cause bears the month).

use jiff::SignedDuration;
use jiff::civil::Date;

/// Hours in a day of the calendar.
const DAY_H: i64 = 24;

/// The last day of the month that is printed on the card, on which it still works. `None` where that is no month.
#[must_use]
pub fn expires_on(exp_month: u8, exp_year: u16) -> Option<Date> {
    let year = i16::try_from(exp_year).ok()?;
    let month = i8::try_from(exp_month).ok()?;
    Date::new(year, month, 1).ok().map(Date::last_of_month)
}

/// Whether a card runs out within `ahead_days` from `today`, or has run out already.
#[must_use]
pub fn is_expiring(exp_month: u8, exp_year: u16, today: Date, ahead_days: u32) -> bool {
    let horizon = today
        .checked_add(SignedDuration::from_hours(i64::from(ahead_days) * DAY_H))
        .unwrap_or(Date::MAX);
    expires_on(exp_month, exp_year).is_some_and(|expires| expires <= horizon)
}
