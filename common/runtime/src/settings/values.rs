//! Values of settings, parsed from text at the edge.

use crate::telemetry::masked;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Whether real customers are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Fakes are refused: a sandbox for a payment gateway, the broker's guest user.
    Production,
    /// Anything goes.
    Development,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Coloured lines, for people.
    Human,
}

/// An `http://` or `https://` address without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The address, to which a path that begins with `/` can be appended.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without encryption, or on this very machine: a sandbox at best.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        !self.is_encrypted() || self.is_on_this_machine()
    }

    /// Without encryption, to another machine: for everybody in between to read.
    #[must_use]
    pub fn is_in_the_clear(&self) -> bool {
        !self.is_encrypted() && !self.is_on_this_machine()
    }

    fn is_encrypted(&self) -> bool {
        self.0.starts_with("https://")
    }

    fn is_on_this_machine(&self) -> bool {
        self.0.split("://").nth(1).is_some_and(|rest| {
            let authority = rest.split('/').next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
        })
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// From 0 to 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// How far a process stands behind others for the processors of its machine: from 0, not at all, to 19.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Niceness(i32);

impl Niceness {
    /// From 0 to 19, as `setpriority(2)` takes it.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that can be read from a setting's text.
pub(super) trait Parse: Sized {
    /// `Err` says what is wrong, so that it can follow the setting's name and a colon.
    fn parse(text: &str) -> Result<Self, String>;
}

impl Parse for String {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("is empty".to_owned()),
            text => Ok(text.to_owned()),
        }
    }
}

/// A file that is there and may be read.
impl Parse for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        let path = Self::from(String::parse(text)?);
        std::fs::File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }
}

impl Parse for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| format!("{text:?} is neither true nor false"))
    }
}

/// A number that has to be 1 at least: every bound of the fleet.
macro_rules! parse_bound {
    ($($number:ty),*) => {$(
        impl Parse for $number {
            fn parse(text: &str) -> Result<Self, String> {
                match text.trim().parse::<$number>() {
                    Ok(0) => Err("0 is too small; it has to be 1 at least".to_owned()),
                    Ok(number) => Ok(number),
                    Err(_) => Err(format!("{text:?} is no whole number from 1 to {}", <$number>::MAX)),
                }
            }
        }
    )*};
}
parse_bound!(u16, u32, usize);

/// A limit that may be lifted: 0 is none.
impl Parse for Option<u32> {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().parse() {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(format!("{text:?} is no whole number from 0 to {}", u32::MAX)),
        }
    }
}

/// Addresses without ports, separated by commas; nothing is an empty list.
impl Parse for Vec<IpAddr> {
    fn parse(text: &str) -> Result<Self, String> {
        let addresses = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let read = |part: &str| {
            let address = part.parse::<IpAddr>();
            address.map_err(|_| format!("{part:?} is no IP address, like 192.0.2.1"))
        };
        addresses.map(read).collect()
    }
}

impl Parse for Share {
    fn parse(text: &str) -> Result<Self, String> {
        let share = text.trim().parse().ok();
        let share = share.filter(|share| (0.0..=1.0).contains(share)).map(Self);
        share.ok_or_else(|| format!("{text:?} is no number from 0 to 1, like 0.05"))
    }
}

impl Parse for Niceness {
    fn parse(text: &str) -> Result<Self, String> {
        let nice = text.trim().parse().ok();
        let nice = nice.filter(|nice| (0..=19).contains(nice)).map(Self);
        nice.ok_or_else(|| format!("{text:?} is no whole number from 0 to 19"))
    }
}

impl Parse for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| format!("{text:?} is no IP address with a port, like 127.0.0.1:9100"))
    }
}

impl Parse for TimeZone {
    fn parse(text: &str) -> Result<Self, String> {
        Self::get(text.trim()).map_err(|_| format!("{text:?} is no time zone, like Africa/Nairobi or UTC"))
    }
}

impl Parse for Mode {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            other => Err(format!("{other:?} is neither production nor development")),
        }
    }
}

impl Parse for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            other => Err(format!("{other:?} is neither json nor human")),
        }
    }
}

impl Parse for HttpUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest)
                if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace) =>
            {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            // It may hold a password all the same.
            Some(_) | None => Err(format!("{:?} is no http:// or https:// address", masked(text))),
        }
    }
}

/// Longest duration that a setting may name: ten years. Anything longer is a slip.
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

impl Parse for SignedDuration {
    /// `90d`, `2160h`, `30m`, `20s`, `500ms`, and sums such as `1h30m`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no duration; write 30m, 20s or 500ms");
        let trimmed = text.trim();
        let duration = match trimmed.strip_suffix('d').map(str::parse::<u32>) {
            Some(Ok(days)) => Self::from_hours(i64::from(days) * 24),
            Some(Err(_)) | None => trimmed.parse::<Self>().map_err(|_| wrong())?,
        };
        if duration.is_negative() || duration > DURATION_MAX {
            return Err(wrong());
        }
        Ok(duration)
    }
}

impl Parse for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(SignedDuration::parse(text)?.unsigned_abs())
    }
}

/// One text as every kind of value that needs no file. What stands against it.
#[cfg(fuzzing)]
pub(crate) fn read_as_any(text: &str) -> Vec<String> {
    fn wrong<T: Parse>(text: &str) -> Option<String> {
        T::parse(text).err()
    }
    let kinds = [
        wrong::<bool>,
        wrong::<u16>,
        wrong::<u32>,
        wrong::<usize>,
        wrong::<Option<u32>>,
        wrong::<Vec<IpAddr>>,
        wrong::<Share>,
        wrong::<SocketAddr>,
        wrong::<TimeZone>,
        wrong::<Mode>,
        wrong::<LogFormat>,
        wrong::<HttpUrl>,
        wrong::<SignedDuration>,
        wrong::<Duration>,
        wrong::<String>,
    ];
    kinds.into_iter().filter_map(|kind| kind(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_bears_its_unit() {
        let parse = SignedDuration::parse;
        assert_eq!(parse("30m"), Ok(SignedDuration::from_mins(30)));
        assert_eq!(parse("20s"), Ok(SignedDuration::from_secs(20)));
        assert_eq!(parse("500ms"), Ok(SignedDuration::from_millis(500)));
        assert_eq!(parse(" 90d "), parse("2160h"));
        assert_eq!(parse("1h30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(parse("0s"), Ok(SignedDuration::ZERO));
        for wrong in [
            "",
            "30",
            "30x",
            "-5s",
            "m",
            "1y",
            "9999999h",
            "99999999999d",
            "half an hour",
        ] {
            assert_eq!(
                parse(wrong),
                Err(format!("{wrong:?} is no duration; write 30m, 20s or 500ms"))
            );
        }
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let parse = |text| Option::<u32>::parse(text);
        assert_eq!(parse("0"), Ok(None));
        assert_eq!(parse("1200"), Ok(Some(1200)));
        for wrong in ["", "-1", "many", "4294967296"] {
            let told = format!("{wrong:?} is no whole number from 0 to 4294967295");
            assert_eq!(parse(wrong), Err(told));
        }
    }

    #[test]
    fn a_share_is_from_none_to_all() {
        let parse = |text| Share::parse(text);
        for (text, share) in [("0", 0.0), (" 1 ", 1.0), ("0.05", 0.05)] {
            assert_eq!(parse(text), Ok(Share(share)));
        }
        for wrong in ["", "-0.1", "1.01", "NaN", "inf", "5%"] {
            let told = format!("{wrong:?} is no number from 0 to 1, like 0.05");
            assert_eq!(parse(wrong), Err(told));
        }
    }

    #[test]
    fn a_niceness_is_what_the_kernel_takes_from_anybody() {
        for (text, nice) in [("0", 0), (" 10 ", 10), ("19", 19)] {
            assert_eq!(Niceness::parse(text).map(Niceness::get), Ok(nice));
        }
        for wrong in ["", "-1", "20", "256", "ten", "1.5"] {
            let told = format!("{wrong:?} is no whole number from 0 to 19");
            assert_eq!(Niceness::parse(wrong), Err(told));
        }
    }

    #[test]
    fn a_list_of_addresses_may_be_empty() {
        let parse = |text| Vec::<IpAddr>::parse(text);
        assert_eq!(parse(" "), Ok(vec![]));
        assert_eq!(
            parse("192.0.2.1, 2001:db8::1,"),
            Ok(vec![IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().unwrap()])
        );
        assert_eq!(
            parse("192.0.2.1,gateway.example.com"),
            Err("\"gateway.example.com\" is no IP address, like 192.0.2.1".to_owned())
        );
    }

    #[test]
    fn an_http_address_loses_its_last_slash_and_knows_a_sandbox() {
        let parse = |text| HttpUrl::parse(text);
        assert_eq!(
            parse("https://api.example.com/").map(|u| u.to_string()),
            Ok("https://api.example.com".into())
        );
        for (url, sandbox, in_the_clear) in [
            ("https://api.paystack.co", false, false),
            ("http://api.paystack.co", true, true),
            ("https://127.0.0.1:8443/x", true, false),
            ("http://127.0.0.1:4318", true, false),
            ("https://localhost", true, false),
            ("https://[::1]:1", true, false),
        ] {
            let url = parse(url).unwrap();
            assert_eq!(url.is_sandbox(), sandbox, "{url}");
            assert_eq!(url.is_in_the_clear(), in_the_clear, "{url}");
        }
        assert_eq!(
            parse("ftp://user:secret@host"),
            Err("\"ftp://…@host\" is no http:// or https:// address".to_owned())
        );
        for wrong in [
            "",
            "api.example.com",
            "ftp://x",
            "https://",
            "https:///x",
            "http://a b",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
