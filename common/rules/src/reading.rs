//! From a delivery's bytes and properties to a body, or to the reason why not.

use crate::message::Message;
use crate::names::quoted;
use serde::de::IgnoredAny;
use serde_json::error::Category;

/// Largest body that is looked at, in bytes.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// Deepest nesting of lists and objects that is looked at, the body itself counted.
pub const NESTING_MAX: usize = 32;

/// Longest part of a reason that a parser of ours words itself, in characters.
const DETAIL_MAX_CHARS: usize = 160;

/// Fewest digits of what may be a telephone number.
const NUMBER_MIN_DIGITS: usize = 7;

/// What stands in for what is left out.
const HIDDEN: &str = "…";

/// Why a message's body can't be used: one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Reads a delivery. Checked in this order: its size, its type (`kind`), UTF-8, JSON, nesting, fields, and that
/// `message_id` is the body's own id. A missing (or empty) type means version 1; a missing `message_id` is fine.
/// `content_type` decides nothing, since senders are careless with it; it helps to say what came instead of JSON.
///
/// # Errors
/// One line that says what is wrong, and where.
pub fn parse<M: Message>(
    body: &[u8],
    message_id: Option<&str>,
    kind: Option<&str>,
    content_type: Option<&str>,
) -> Result<M, Unreadable> {
    let text = checked_text::<M>(body, kind, content_type)?;
    let message = match M::from_json(text) {
        Some(message) => message,
        None => explained(text, content_type)?,
    };
    message.check()?;
    match (M::ID_FIELD, message_id.filter(|id| !id.is_empty())) {
        (Some(field), Some(id)) if !message.is_named(id) => Err(Unreadable(format!(
            "the message_id {} differs from the body's {field} `{}`",
            quoted(id),
            message.id()
        ))),
        (Some(_) | None, Some(_) | None) => Ok(message),
    }
}

/// The body's text, of a known type, an object, of bounded size and nesting.
fn checked_text<'a, M: Message>(
    body: &'a [u8],
    kind: Option<&str>,
    content_type: Option<&str>,
) -> Result<&'a str, Unreadable> {
    if body.len() > BODY_MAX_BYTES {
        return Err(Unreadable(format!(
            "the body is {} bytes, more than the limit of {}",
            grouped(body.len()),
            grouped(BODY_MAX_BYTES)
        )));
    }
    match kind {
        None | Some("") => {}
        Some(kind) if kind == M::TYPE => {}
        Some(kind) => {
            return Err(Unreadable(format!(
                "the type {} is not known here (`{}` is)",
                quoted(kind),
                M::TYPE
            )));
        }
    }
    let text = std::str::from_utf8(body).map_err(|e| {
        Unreadable(format!(
            "the body is not UTF-8: byte {} is wrong",
            grouped(e.valid_up_to() + 1)
        ))
    })?;
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(Unreadable("the body is empty".to_owned())),
        Some(b'{') => {}
        Some(_) => {
            return Err(match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => Unreadable("the body is JSON, but not an object".to_owned()),
                Err(error) => not_json(&error, content_type),
            });
        }
    }
    if nests_deeper_than(text, NESTING_MAX) {
        return Err(Unreadable(format!(
            "the body is nested more than {NESTING_MAX} deep"
        )));
    }
    Ok(text)
}

/// Reads the body once more, slowly, to say which field is wrong. Only ever on the way to a refusal, or for an
/// unusual spelling that the fast way leaves alone.
fn explained<M: Message>(text: &str, content_type: Option<&str>) -> Result<M, Unreadable> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let message = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        match error.inner().classify() {
            Category::Data => Unreadable(field_problem(&path, &told(error.inner()))),
            Category::Io | Category::Syntax | Category::Eof => not_json(error.inner(), content_type),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| not_json(&error, content_type))?;
    Ok(message)
}

fn not_json(error: &serde_json::Error, content_type: Option<&str>) -> Unreadable {
    let problem = told(error);
    let (line, column) = (error.line(), error.column());
    let claim = match content_type {
        None | Some("" | "application/json") => String::new(),
        Some(other) => format!(" (its content_type is {})", quoted(other)),
    };
    Unreadable(format!(
        "the body is not JSON{claim}: {problem} at line {line} column {column}"
    ))
}

/// What serde says of one field, in words for its sender.
fn field_problem(path: &str, problem: &str) -> String {
    for (said, meant) in [
        ("missing field ", "is missing"),
        ("duplicate field ", "is there twice"),
    ] {
        if let Some(field) = problem.strip_prefix(said) {
            return format!("the field {field} {meant}");
        }
    }
    let problem = match problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "))
        .and_then(|mismatch| mismatch.rsplit_once(", expected "))
    {
        // The value itself stays out of the reason: it may be somebody's number or address.
        Some((found, expected)) => {
            let kind = found.split(['`', '"']).next().unwrap_or_default().trim();
            format!("expected {}, found {kind}", in_words(expected))
        }
        None => problem.to_owned(),
    };
    format!("field `{path}`: {problem}")
}

/// A Rust type's name, for people who know JSON.
fn in_words(expected: &str) -> &str {
    match expected {
        "u32" => "a whole number of 0 to 4294967295",
        "i64" => "a whole number",
        other => other,
    }
}

/// An error's text on one line, without the position that serde appends, cut, and without what may be somebody's.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text),
        None => &text,
    };
    let one_line: String = problem
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(DETAIL_MAX_CHARS)
        .collect();
    let between = |c: char| c.is_whitespace() || matches!(c, '`' | '"' | ',' | ';');
    one_line
        .split_inclusive(between)
        .map(|word| match word.trim_end_matches(between) {
            bare if is_private(bare) => word.replacen(bare, HIDDEN, 1),
            _ => word.to_owned(),
        })
        .collect()
}

/// Whether a word may be a telephone number or an address: some parsers repeat what they were given.
fn is_private(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let number = word
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'(' | b')' | b'.'));
    word.contains('@') || (number && digits >= NUMBER_MIN_DIGITS)
}

/// Whether lists and objects stand deeper in each other than `limit`. Brackets inside strings do not count.
fn nests_deeper_than(text: &str, limit: usize) -> bool {
    let opening = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if opening <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// A count with its thousands set apart: `65,537`.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
