//! C12, the periods.

use crate::given::{at, zar};
use jiff::tz::TimeZone;
use topup_rules::caps::{CapPeriods, cap_periods};
use topup_rules::wake::SkipReason;

fn periods(now: &str, zone: &str) -> CapPeriods {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test names the zone that a worker would be given"
    )]
    let zone = TimeZone::get(zone).unwrap();
    cap_periods(at(now), &zone)
}

#[test]
fn c12_a_day_and_a_month_are_those_of_the_platforms_time_zone() {
    let check = |now: &str, zone: &str, day: &str, day_start: &str, month_start: &str| {
        let expected = CapPeriods {
            day_start: at(day_start),
            month_start: at(month_start),
            day: day.parse().unwrap(),
        };
        assert_eq!(periods(now, zone), expected, "{now} in {zone}");
    };
    check(
        "2026-11-22T21:59:59Z",
        "Africa/Johannesburg",
        "2026-11-22",
        "2026-11-21T22:00:00Z",
        "2026-10-31T22:00:00Z",
    );
    check(
        "2026-11-22T22:00:00Z",
        "Africa/Johannesburg",
        "2026-11-23",
        "2026-11-22T22:00:00Z",
        "2026-10-31T22:00:00Z",
    );
    check(
        "2026-11-30T22:00:00Z",
        "Africa/Johannesburg",
        "2026-12-01",
        "2026-11-30T22:00:00Z",
        "2026-11-30T22:00:00Z",
    );
    check(
        "2026-11-30T22:00:00Z",
        "UTC",
        "2026-11-30",
        "2026-11-30T00:00:00Z",
        "2026-11-01T00:00:00Z",
    );
    // The clocks go forward inside the month.
    check(
        "2026-03-29T12:00:00Z",
        "Europe/Berlin",
        "2026-03-29",
        "2026-03-28T23:00:00Z",
        "2026-02-28T23:00:00Z",
    );
    // They go forward at midnight: the day begins at one o'clock.
    check(
        "2026-04-24T12:00:00Z",
        "Africa/Cairo",
        "2026-04-24",
        "2026-04-23T22:00:00Z",
        "2026-03-31T22:00:00Z",
    );
}

#[test]
fn c12_the_ends_of_the_calendar_have_periods_too() {
    let first = cap_periods(jiff::Timestamp::MIN, &TimeZone::UTC);
    assert_eq!(first.day.to_string(), "-009999-01-02");
    let last = cap_periods(jiff::Timestamp::MAX, &TimeZone::UTC);
    assert!(last.day_start <= jiff::Timestamp::MAX);
}

#[test]
fn c12_a_caps_period_has_a_name() {
    let periods = periods("2026-11-22T12:00:00Z", "Africa/Johannesburg");
    let day = SkipReason::DayCap { limit: 5 };
    assert_eq!(periods.name(&day).as_deref(), Some("2026-11-22"));
    let month = SkipReason::MonthCap {
        limit: zar(5_000_000),
    };
    assert_eq!(periods.name(&month).as_deref(), Some("2026-11"));
    for reason in [
        SkipReason::Disabled,
        SkipReason::OtherMethod,
        SkipReason::AboveThreshold,
    ] {
        assert_eq!(periods.name(&reason), None);
    }
}
