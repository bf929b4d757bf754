//! Reading numbers from JSON by their text, so that no digit is lost on the way.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Display;
use std::str::FromStr;

/// A JSON number, or a string that holds one, parsed from its text.
pub(crate) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let json = raw.get();
    let parsed = match (plain_number(json), json.as_bytes().first()) {
        (Some(text), _) => text.parse(),
        (None, Some(b'"')) => serde_json::from_str::<String>(json)
            .map_err(serde::de::Error::custom)?
            .parse(),
        (None, Some(_) | None) => return Err(serde::de::Error::custom("is neither a number nor a string")),
    };
    parsed.map_err(serde::de::Error::custom)
}

/// The text inside a JSON number, or inside a string without escapes; `None` for anything else.
pub(crate) fn plain_number(json: &str) -> Option<&str> {
    match json.as_bytes() {
        [b'-' | b'0'..=b'9', ..] => Some(json),
        [b'"', text @ .., b'"'] if !text.contains(&b'\\') => json.get(1..json.len() - 1),
        _ => None,
    }
}
