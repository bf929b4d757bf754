//! The headers and properties that are carried on; all others end with the message they came with.
//!
//! A republished message that bore the broker's own headers (`x-death` and its like) would look like a cycle and be
//! dropped; a sender's `user_id`, `CC` or `expiration` would close the channel, multiply the message or make it
//! vanish. So nothing is copied that is not named here, and nothing without a bound: headers that do not fit into a
//! frame close the connection.

use jiff::Timestamp;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

/// The trace that a message belongs to, as the W3C writes it.
pub const TRACEPARENT: &str = "traceparent";
/// Tries of a message before this one.
pub const ATTEMPTS: &str = "x-topup-attempts";
/// The moment that a delayed message waits for, RFC 3339.
pub const NOT_BEFORE: &str = "x-topup-not-before";
/// Why a message was parked: one line for a person.
pub const REASON: &str = "x-topup-reason";
/// Which queue a parked message came from.
pub const QUEUE: &str = "x-topup-queue";
/// Who parked it.
pub const WORKER: &str = "x-topup-worker";
/// When it was parked, RFC 3339.
pub const FAILED_AT: &str = "x-topup-failed-at";

/// Longest reason, in bytes.
pub const REASON_MAX_BYTES: usize = 1_000;
/// Longest text of AMQP's short strings, in bytes.
const SHORT_MAX_BYTES: usize = 255;

/// A short string of the protocol, or nothing when the text does not fit.
pub(crate) fn short(text: &str) -> Option<ShortString> {
    (text.len() <= SHORT_MAX_BYTES)
        .then(|| ShortString::try_new(text).ok())
        .flatten()
}

/// Text of a header, whatever string type its sender chose.
pub(crate) fn text<'a>(headers: &'a FieldTable, name: &str) -> Option<&'a str> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(long) => std::str::from_utf8(long.as_bytes()).ok(),
        AMQPValue::ShortString(short) => Some(short.as_str()),
        AMQPValue::Boolean(_)
        | AMQPValue::ShortShortInt(_)
        | AMQPValue::ShortShortUInt(_)
        | AMQPValue::ShortInt(_)
        | AMQPValue::ShortUInt(_)
        | AMQPValue::LongInt(_)
        | AMQPValue::LongUInt(_)
        | AMQPValue::LongLongInt(_)
        | AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::Timestamp(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::ByteArray(_)
        | AMQPValue::Void => None,
    }
}

/// A count, whatever integer type its sender chose; anything else counts as 0.
pub(crate) fn count(headers: &FieldTable, name: &str) -> u32 {
    let wide: i64 = match headers.inner().get(name) {
        Some(AMQPValue::ShortShortInt(n)) => (*n).into(),
        Some(AMQPValue::ShortShortUInt(n)) => (*n).into(),
        Some(AMQPValue::ShortInt(n)) => (*n).into(),
        Some(AMQPValue::ShortUInt(n)) => (*n).into(),
        Some(AMQPValue::LongInt(n)) => (*n).into(),
        Some(AMQPValue::LongUInt(n)) => (*n).into(),
        Some(AMQPValue::LongLongInt(n)) => *n,
        Some(
            AMQPValue::Boolean(_)
            | AMQPValue::Float(_)
            | AMQPValue::Double(_)
            | AMQPValue::DecimalValue(_)
            | AMQPValue::ShortString(_)
            | AMQPValue::LongString(_)
            | AMQPValue::FieldArray(_)
            | AMQPValue::Timestamp(_)
            | AMQPValue::FieldTable(_)
            | AMQPValue::ByteArray(_)
            | AMQPValue::Void,
        )
        | None => 0,
    };
    u32::try_from(wide.max(0)).unwrap_or(u32::MAX)
}

/// A header's moment, if it is one.
pub(crate) fn moment(headers: &FieldTable, name: &str) -> Option<Timestamp> {
    text(headers, name)?.parse().ok()
}

/// A `traceparent` of the only shape there is: `00-<32 hex>-<16 hex>-<2 hex>`.
pub(crate) fn traceparent(headers: &FieldTable) -> Option<String> {
    let text = text(headers, TRACEPARENT)?;
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    match parts.as_slice() {
        [version, trace, span, flags]
            if hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2) =>
        {
            Some(text.to_ascii_lowercase())
        }
        _ => None,
    }
}

/// Adds a text.
pub(crate) fn put(table: &mut FieldTable, name: &'static str, text: &str) {
    table.insert(name.into(), AMQPValue::LongString(LongString::from(text)));
}

/// Adds a count.
pub(crate) fn put_count(table: &mut FieldTable, name: &'static str, count: u32) {
    table.insert(name.into(), AMQPValue::LongLongInt(count.into()));
}

/// One line without control characters, cut to [`REASON_MAX_BYTES`].
#[must_use]
pub fn reason_line(reason: &str) -> String {
    const CUT: char = '…';
    let mut line = String::with_capacity(reason.len().min(REASON_MAX_BYTES));
    let blank = |c: char| c.is_control() || c.is_whitespace();
    for c in reason.trim_matches(blank).chars() {
        let c = if blank(c) { ' ' } else { c };
        if line.len() + c.len_utf8() + CUT.len_utf8() > REASON_MAX_BYTES {
            line.push(CUT);
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(name: &'static str, value: AMQPValue) -> FieldTable {
        let mut table = FieldTable::default();
        table.insert(name.into(), value);
        table
    }

    #[test]
    fn a_count_is_read_from_any_integer_and_is_0_otherwise() {
        for (value, expected) in [
            (AMQPValue::LongLongInt(7), 7),
            (AMQPValue::ShortShortUInt(3), 3),
            (AMQPValue::LongInt(-1), 0),
            (AMQPValue::LongLongInt(i64::MAX), u32::MAX),
            (AMQPValue::LongString("7".into()), 0),
            (AMQPValue::Void, 0),
        ] {
            assert_eq!(count(&table(ATTEMPTS, value), ATTEMPTS), expected);
        }
        assert_eq!(count(&FieldTable::default(), ATTEMPTS), 0);
    }

    #[test]
    fn a_traceparent_is_carried_only_in_its_own_shape() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(
            traceparent(&table(TRACEPARENT, AMQPValue::LongString(good.into()))).as_deref(),
            Some(good)
        );
        for wrong in [
            "",
            "00",
            &good[1..],
            &format!("{good}-x"),
            &good.replace('a', "g"),
            &"0".repeat(100_000),
        ] {
            assert_eq!(
                traceparent(&table(TRACEPARENT, AMQPValue::LongString(wrong.into()))),
                None
            );
        }
        assert_eq!(traceparent(&table(TRACEPARENT, AMQPValue::LongLongInt(1))), None);
        assert_eq!(
            traceparent(&table(
                TRACEPARENT,
                AMQPValue::LongString(vec![0xff, 0xfe].into())
            )),
            None
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_reason_is_one_line(reason in any::<String>(), times in 1_usize..200) {
            let line = reason_line(&reason.repeat(times));
            prop_assert!(line.len() <= REASON_MAX_BYTES && !line.chars().any(char::is_control));
            prop_assert_eq!(reason_line(&line), line.trim());
        }

        #[test]
        fn any_text_in_a_header_of_ours_is_read_or_left(text in "[0-9a-fA-FTZ:+. -]{0,60}|00-[0-9A-F]{32}-[0-9a-f]{16}-01") {
            let headers = |name| table(name, AMQPValue::LongString(text.as_str().into()));
            let trace = traceparent(&headers(TRACEPARENT));
            prop_assert!(trace.is_none_or(|trace| trace.len() == 55 && trace.eq_ignore_ascii_case(&text)));
            prop_assert_eq!(count(&headers(ATTEMPTS), ATTEMPTS), 0);
            if let Some(moment) = moment(&headers(NOT_BEFORE), NOT_BEFORE) {
                prop_assert_eq!(moment.to_string().parse::<Timestamp>().ok(), Some(moment));
            }
        }
    }

    #[test]
    fn a_reason_is_one_line_within_its_bound() {
        assert_eq!(reason_line(" two\nlines\t\u{7} "), "two lines");
        let long = reason_line(&"ü".repeat(REASON_MAX_BYTES));
        assert!(long.len() <= REASON_MAX_BYTES && long.ends_with('…'));
    }
}
