//! Messages that are parked, and the one line that says why.

use proptest::prelude::*;
use topup_rules::message::{
    BODY_MAX_BYTES, NESTING_MAX, Notification, PaymentResult, SmsSent, TopupRequested, parse,
};

const EVENT: &str = r#"{"event_id": "0193a5f0-0000-7000-8000-0000000000ab", "account_id": 1001, "service": "sms", "credits": 1.5, "messages": 1, "batch_id": null, "sent_at": "2026-11-22T08:15:00Z"}"#;

#[track_caller]
fn refused(body: impl AsRef<[u8]>, reason: &str) {
    let refusal = parse::<SmsSent>(body.as_ref(), None, None, None).unwrap_err();
    assert_eq!(refusal.to_string(), reason);
}

/// The event with one part of its text replaced.
#[track_caller]
fn refused_with(part: &str, replacement: &str, reason: &str) {
    assert!(EVENT.contains(part), "{part} stands in the event");
    refused(EVENT.replace(part, replacement), reason);
}

#[test]
fn a_body_over_the_limit() {
    let padded = |length: usize| {
        let mut body = EVENT.to_owned();
        body.extend(std::iter::repeat_n(' ', length - EVENT.len()));
        body
    };
    assert!(parse::<SmsSent>(padded(BODY_MAX_BYTES).as_bytes(), None, None, None).is_ok());
    refused(
        padded(BODY_MAX_BYTES + 1),
        "the body is 65,537 bytes, more than the limit of 65,536",
    );
    refused(
        vec![b' '; 1_048_576],
        "the body is 1,048,576 bytes, more than the limit of 65,536",
    );
}

#[test]
fn an_unknown_type() {
    let refused = |kind: &str, reason: &str| {
        let refusal = parse::<SmsSent>(EVENT.as_bytes(), None, Some(kind), None).unwrap_err();
        assert_eq!(refusal.to_string(), reason);
    };
    refused(
        "sms-sent.v9",
        "the type `sms-sent.v9` is not known here (`sms-sent.v1` is)",
    );
    refused(
        "SMS-SENT.V1",
        "the type `SMS-SENT.V1` is not known here (`sms-sent.v1` is)",
    );
    refused("a\nb", "the type `a\\nb` is not known here (`sms-sent.v1` is)");
}

#[test]
fn no_json() {
    refused("", "the body is empty");
    refused(" \r\n\t", "the body is empty");
    refused("hello", "the body is not JSON: expected value at line 1 column 1");
    refused(
        "{\"a\": }",
        "the body is not JSON: expected value at line 1 column 7",
    );
    refused(
        "{\"event_id\"",
        "the body is not JSON: EOF while parsing an object at line 1 column 11",
    );
    refused(
        format!("{EVENT}{EVENT}"),
        "the body is not JSON: trailing characters at line 1 column 175",
    );
    refused(b"{\"a\": \"\xff\"}", "the body is not UTF-8: byte 8 is wrong");
    refused(
        b"\xef\xbb\xbf{}",
        "the body is not JSON: expected value at line 1 column 1",
    );
    refused(
        EVENT.replace("\"sms\"", "\"s\u{0}ms\""),
        "the body is not JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 87",
    );
    let claim = parse::<SmsSent>(b"\x08\x01", None, None, Some("application/x-protobuf")).unwrap_err();
    assert_eq!(
        claim.to_string(),
        "the body is not JSON (its content_type is `application/x-protobuf`): expected value at line 1 column 1"
    );
}

#[test]
fn json_that_is_no_object() {
    for body in ["[]", "null", "1", "\"text\"", "[[1]]"] {
        refused(body, "the body is JSON, but not an object");
    }
    // Fields in their order are no event.
    refused(
        r#"["0193a5f0-0000-7000-8000-0000000000ab", 1001, "sms", 1.5, 1, null, "2026-11-22T08:15:00Z"]"#,
        "the body is JSON, but not an object",
    );
}

#[test]
fn nesting_without_end() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        EVENT.replacen('{', &format!("{{\"more\": {open}{close}, "), 1)
    };
    assert!(parse::<SmsSent>(nested(NESTING_MAX - 1).as_bytes(), None, None, None).is_ok());
    refused(nested(NESTING_MAX), "the body is nested more than 32 deep");
    refused(nested(30_000), "the body is nested more than 32 deep");
    refused(
        "[".repeat(60_000),
        "the body is not JSON: EOF while parsing a list at line 1 column 60000",
    );
    // Brackets in a text are no nesting.
    let text = format!("{{\"more\": \"\\\"{}\", ", "[{".repeat(9_000));
    assert!(parse::<SmsSent>(EVENT.replacen('{', &text, 1).as_bytes(), None, None, None).is_ok());
    // Side by side is no nesting either.
    let wide = format!("{{\"more\": [{}[]], ", "[],".repeat(9_000));
    assert!(parse::<SmsSent>(EVENT.replacen('{', &wide, 1).as_bytes(), None, None, None).is_ok());
}

#[test]
fn a_field_that_is_missing_or_there_twice() {
    refused("{}", "the field `event_id` is missing");
    refused_with("\"credits\": 1.5, ", "", "the field `credits` is missing");
    refused_with("\"account_id\": 1001, ", "", "the field `account_id` is missing");
    refused_with(
        ", \"sent_at\": \"2026-11-22T08:15:00Z\"",
        "",
        "the field `sent_at` is missing",
    );
    refused_with(
        "\"credits\": 1.5",
        "\"credits\": 1.5, \"credits\": 1.5",
        "the field `credits` is there twice",
    );
}

#[test]
fn a_field_of_the_wrong_kind() {
    refused_with("1.5", "1.0005", "field `credits`: has more than 3 decimals");
    refused_with(
        "1.5",
        "1.5000000000000000001",
        "field `credits`: has more than 3 decimals",
    );
    refused_with("1.5", "\"many\"", "field `credits`: is not a decimal number");
    refused_with("1.5", "null", "field `credits`: is neither a number nor a string");
    refused_with(
        "1.5",
        "[1.5]",
        "field `credits`: is neither a number nor a string",
    );
    refused_with("1.5", "true", "field `credits`: is neither a number nor a string");
    refused_with("1.5", "1e400", "field `credits`: is too large");
    refused_with(
        "1.5",
        &"9".repeat(500),
        "field `credits`: is longer than 40 characters",
    );
    let no_id = "field `account_id`: is not a positive 63-bit integer";
    for wrong in [
        "0",
        "-5",
        "9223372036854775808",
        "1001.0",
        "1e3",
        "\"\"",
        "\"x\"",
        "1e999",
    ] {
        refused_with("1001", wrong, no_id);
    }
    refused_with(
        "1001",
        "{}",
        "field `account_id`: is neither a number nor a string",
    );
    refused_with(
        "\"sms\"",
        "\"fax\"",
        "field `service`: `fax` is no service: known are sms, whatsapp",
    );
    refused_with(
        "\"sms\"",
        "7",
        "field `service`: expected a service, found integer",
    );
    refused_with(
        "\"messages\": 1",
        "\"messages\": 0",
        "field `messages`: must be at least 1",
    );
    let whole =
        |found: &str| format!("field `messages`: expected a whole number of 0 to 4294967295, found {found}");
    refused_with("\"messages\": 1", "\"messages\": -1", &whole("integer"));
    refused_with("\"messages\": 1", "\"messages\": 4294967296", &whole("integer"));
    refused_with("\"messages\": 1", "\"messages\": 1.5", &whole("floating point"));
    refused_with(
        "\"messages\": 1",
        "\"messages\": \"+27820000001\"",
        &whole("string"),
    );
}

#[test]
fn an_id_or_a_time_that_is_none() {
    let refusal = |part: &str, replacement: &str| {
        let body = EVENT.replace(part, replacement);
        parse::<SmsSent>(body.as_bytes(), None, None, None)
            .unwrap_err()
            .to_string()
    };
    let id = "\"0193a5f0-0000-7000-8000-0000000000ab\"";
    for wrong in ["\"x\"", "\"\"", "7", "null"] {
        let reason = refusal(id, wrong);
        assert!(reason.starts_with("field `event_id`: "), "{reason}");
    }
    assert!(refusal("null", "\"x\"").starts_with("field `batch_id`: "));
    for wrong in [
        "\"yesterday\"",
        "\"2026-11-22T08:15:00\"",
        "\"2026-02-30T08:15:00Z\"",
        "1763799300",
        "null",
        "\"\"",
    ] {
        let reason = refusal("\"2026-11-22T08:15:00Z\"", wrong);
        assert!(reason.starts_with("field `sent_at`: "), "{reason}");
    }
}

#[test]
fn a_message_id_that_is_not_the_bodys() {
    let refusal = parse::<SmsSent>(EVENT.as_bytes(), Some("42"), None, None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the message_id `42` differs from the body's event_id `0193a5f0-0000-7000-8000-0000000000ab`"
    );
    let request = r#"{"topup_id": "0193a5f0-0000-7000-8000-0000000000ab", "account_id": 1, "requested_at": "2026-11-22T08:15:00Z"}"#;
    let refusal = parse::<TopupRequested>(request.as_bytes(), Some("42"), None, None).unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("the message_id `42` differs from the body's topup_id")
    );
}

#[test]
fn other_messages_name_their_fields_too() {
    let refusal = parse::<Notification>(b"{\"channel\": \"fax\"}", None, None, None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "field `channel`: `fax` is no channel: known are sms, email"
    );
    let refusal = parse::<PaymentResult>(b"{\"reference\": \"a b\"}", None, None, None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "field `reference`: is not 1 to 100 letters, digits, `-`, `.` or `=`"
    );
    let refusal =
        parse::<PaymentResult>(b"{\"reference\": \"a\"}", None, Some("sms-sent.v1"), None).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the type `sms-sent.v1` is not known here (`payment-results.v1` is)"
    );
}

/// A reason is a header of the parked message and a line in a list.
fn is_one_short_line(reason: &str) -> bool {
    reason.chars().count() <= 400 && !reason.chars().any(char::is_control) && !reason.is_empty()
}

proptest! {
    /// Any bytes at all get an answer, and a refusal is one line.
    #[test]
    fn no_body_is_too_strange(body in prop::collection::vec(any::<u8>(), 0..300), id in any::<String>(), kind in any::<Option<String>>()) {
        if let Err(refusal) = parse::<SmsSent>(&body, Some(&id), kind.as_deref(), Some(&id)) {
            prop_assert!(is_one_short_line(&refusal.0), "{:?}", refusal.0);
        }
    }

    /// So does an event with something strange in one place.
    #[test]
    fn no_slip_is_too_strange(start in 0..EVENT.len(), length in 0_usize..12, strange in any::<String>()) {
        let end = (start + length).min(EVENT.len());
        let body = format!("{}{strange}{}", &EVENT[..start], &EVENT[end..]);
        if let Err(refusal) = parse::<SmsSent>(body.as_bytes(), None, None, None) {
            prop_assert!(is_one_short_line(&refusal.0), "{:?}", refusal.0);
        }
    }
}
