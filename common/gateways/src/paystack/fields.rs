//! Fields read one by one and tolerantly: in real answers the same field is a number, a string, null, padded or
//! missing, and none of that may turn money taken into an unreadable answer.

use crate::words;
use serde_json::Value;

/// Longest name or id of the gateway's that is kept, in characters.
pub(super) const NAME_MAX_CHARS: usize = 100;

/// Longest address of a page that is kept, in characters.
const URL_MAX_CHARS: usize = 500;

/// A text that is not empty, or a number as text, trimmed.
pub(super) fn text(object: &Value, field: &str) -> Option<String> {
    let found = match object.get(field)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// A name or an id: one bounded line.
pub(super) fn name(object: &Value, field: &str) -> Option<String> {
    text(object, field).map(|found| words::one_line(&found, NAME_MAX_CHARS))
}

/// The gateway's own words: one bounded line in which nobody can be found.
pub(super) fn said(object: &Value, field: &str) -> Option<String> {
    let said = words::foreign(&text(object, field)?, words::REASON_MAX_CHARS);
    (!said.is_empty()).then_some(said)
}

/// A whole number, or the same as a string, or with a fraction of nothing but zeros.
pub(super) fn integer(object: &Value, field: &str) -> Option<i64> {
    let text = text(object, field)?;
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) | None => &text,
    };
    whole.parse().ok()
}

/// A truth value, or the same as a string or 0 and 1.
pub(super) fn flag(object: &Value, field: &str) -> Option<bool> {
    if let Some(Value::Bool(flag)) = object.get(field) {
        return Some(*flag);
    }
    match text(object, field)?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The address of a page that a customer may be sent to: HTTP, and not absurdly long.
pub(super) fn page_url(object: &Value, field: &str) -> Option<String> {
    let url = text(object, field)?;
    let parsed = reqwest::Url::parse(&url).ok()?;
    let fits = url.chars().count() <= URL_MAX_CHARS;
    (fits && matches!(parsed.scheme(), "http" | "https")).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_whole_number_is_read_in_any_shape() {
        for (given, wanted) in [
            (json!(35_247), Some(35_247)),
            (json!(" 35247 "), Some(35_247)),
            (json!("35247.00"), Some(35_247)),
            (json!(35_247.0), Some(35_247)),
            (json!(-1), Some(-1)),
            (json!("352.47"), None),
            (json!(1e30), None),
            (json!(u64::MAX), None),
            (json!("35 247"), None),
            (json!(""), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&json!({"amount": given}), "amount"), wanted, "{given}");
        }
    }

    #[test]
    fn a_customer_is_sent_to_pages_alone() {
        for (given, wanted) in [
            (json!("https://checkout.example/x"), true),
            (json!(" https://checkout.example/x "), true),
            (json!("http://127.0.0.1:1/pay/x"), true),
            (json!("javascript:alert(1)"), false),
            (json!("/pay/x"), false),
            (
                json!(format!("https://checkout.example/{}", "x".repeat(500))),
                false,
            ),
            (json!(7), false),
            (json!(null), false),
        ] {
            assert_eq!(
                page_url(&json!({"url": given}), "url").is_some(),
                wanted,
                "{given}"
            );
        }
    }
}
