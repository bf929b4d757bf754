//! Moments and quantities as people read them. Times are UTC, as in every log and message of the fleet.

use jiff::Timestamp;
use topup_rules::credits::Credits;
use topup_rules::message::Channel;

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

/// Digits at a number's end that are shown.
const NUMBER_END_CHARS: usize = 3;
/// Characters at a number's head that are shown: the country.
const NUMBER_HEAD_CHARS: usize = 3;

/// A number or an address: enough to know one's own by, and nothing to be read out to others.
pub(crate) fn masked_contact(channel: Channel, contact: &str) -> String {
    match channel {
        Channel::Sms => masked_number(contact),
        Channel::Email => masked_address(contact),
    }
}

/// `+27…001` of `+27820000001`.
fn masked_number(number: &str) -> String {
    let chars: Vec<char> = number.chars().collect();
    if chars.len() < 3 * NUMBER_END_CHARS {
        return "…".to_owned();
    }
    let (head, rest) = chars.split_at(NUMBER_HEAD_CHARS);
    let end = rest.split_at(rest.len() - NUMBER_END_CHARS).1;
    head.iter().chain(&['…']).chain(end).collect()
}

/// `o…@example.com` of `ops@example.com`.
fn masked_address(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((name, domain)) => {
            let first: String = name.chars().take(1).collect();
            format!("{first}…@{domain}")
        }
        None => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_an_address_is_known_by_its_owner_alone() {
        assert_eq!(masked_number("+27820000001"), "+27…001");
        assert_eq!(masked_number("12345"), "…");
        assert_eq!(masked_address("ops@example.com"), "o…@example.com");
        assert_eq!(masked_address("@example.com"), "…@example.com");
        assert_eq!(masked_address("nowhere"), "…");
    }

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
