//! Reading numbers from JSON by their text, so that no digit is lost on the way.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of a JSON number, or of a string (which its reader then parses as a number).
pub(crate) fn number_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let text = raw.get().trim();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).map_err(serde::de::Error::custom),
        Some(b'-' | b'0'..=b'9') => Ok(text.to_owned()),
        Some(_) | None => Err(serde::de::Error::custom("is neither a number nor a string")),
    }
}
