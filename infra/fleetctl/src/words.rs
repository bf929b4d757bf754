//! Moments and quantities as people read them. Times are UTC, as in every log and message of the fleet.

use jiff::Timestamp;
use topup_rules::credits::Credits;

/// To the second: `2026-11-22 08:15:00Z`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// To the millisecond: `2026-11-22 08:15:00.250Z`.
pub(crate) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string()
}

/// `1 credit`, `540.5 credits`.
pub(crate) fn credits(credits: Credits) -> String {
    match credits.milli() {
        1_000 => "1 credit".to_owned(),
        _ => format!("{credits} credits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_utc() {
        let at: Timestamp = "2026-11-22T10:15:00.25+02:00".parse().unwrap();
        assert_eq!(moment(at), "2026-11-22 08:15:00Z");
        assert_eq!(exact(at), "2026-11-22 08:15:00.250Z");
    }

    #[test]
    fn one_credit_is_one() {
        assert_eq!(credits(Credits::from_milli(1_000)), "1 credit");
        assert_eq!(credits(Credits::from_milli(-1_500)), "-1.5 credits");
    }
}
