//! A day that does not end while a test looks at it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The name of a time zone whose day does not end during a test.
#[must_use]
pub fn where_it_is_noon() -> String {
    let hour = TimeZone::UTC.to_datetime(Timestamp::now()).hour();
    match 12 - hour {
        // POSIX counts zones westwards.
        ahead @ 0.. => format!("Etc/GMT-{ahead}"),
        behind => format!("Etc/GMT+{}", -behind),
    }
}

/// The day that it is in a zone.
///
/// # Errors
/// There is no such zone.
pub fn today_in(zone: &str) -> anyhow::Result<Date> {
    Ok(Timestamp::now().in_tz(zone)?.date())
}
