//! A line's JSON to a type, or the field that is wrong and why, in words for people who know JSON and not Rust.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// A field (none where the line is no JSON at all), and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// `wallets[0].auto_topup.quantity`.
    pub(crate) field: Option<String>,
    /// What is wrong.
    pub(crate) problem: String,
}

impl Wrong {
    fn line(problem: impl Into<String>) -> Self {
        Self {
            field: None,
            problem: problem.into(),
        }
    }
}

/// Reads one JSON object.
///
/// # Errors
/// The first field that is wrong.
pub(crate) fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, Wrong> {
    let text = std::str::from_utf8(line)
        .map_err(|e| Wrong::line(format!("is not UTF-8: byte {} is wrong", e.valid_up_to() + 1)))?;
    // A list would be taken for an object's fields in their order.
    if !text.trim_start().starts_with('{') {
        return Err(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Wrong::line("is JSON, but not an object"),
            Err(error) => not_json(&error),
        });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        match error.inner().classify() {
            Category::Data => field_problem(&path, &told(error.inner())),
            Category::Io | Category::Syntax | Category::Eof => not_json(error.inner()),
        }
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// Splits the field from a reason that the rules put into one line: ``field `credits`: …`` or
/// ``the field `credits` is missing``.
pub(crate) fn split(reason: &str) -> Wrong {
    let after = |head| {
        let (field, rest) = reason.strip_prefix(head)?.split_once('`')?;
        Some((field.to_owned(), rest))
    };
    let (field, problem) = match (after("field `"), after("the field `")) {
        (Some((field, rest)), _) => (Some(field), rest.strip_prefix(": ").unwrap_or(rest)),
        (None, Some((field, rest))) => (Some(field), rest.trim_start()),
        (None, None) => (None, reason),
    };
    Wrong {
        field,
        problem: problem.to_owned(),
    }
}

fn not_json(error: &serde_json::Error) -> Wrong {
    Wrong::line(format!(
        "is not JSON: {} at column {}",
        told(error),
        error.column()
    ))
}

/// What serde says, with the whole path to the field.
fn field_problem(path: &str, problem: &str) -> Wrong {
    let inside = |field: &str| match path {
        "." => field.to_owned(),
        path => format!("{path}.{field}"),
    };
    let quoted = |said: &str| {
        let (field, rest) = problem.strip_prefix(said)?.strip_prefix('`')?.split_once('`')?;
        Some((field.to_owned(), rest.to_owned()))
    };
    if let Some((field, _)) = quoted("missing field ") {
        return Wrong {
            field: Some(inside(&field)),
            problem: "is missing".to_owned(),
        };
    }
    if let Some((field, _)) = quoted("duplicate field ") {
        return Wrong {
            field: Some(inside(&field)),
            problem: "is there twice".to_owned(),
        };
    }
    if let Some((field, rest)) = quoted("unknown field ") {
        // The path names the field already where it was read as a key.
        let named = path == field || path.ends_with(&format!(".{field}"));
        let whole = if named { path.to_owned() } else { inside(&field) };
        let known = rest
            .trim_start_matches(", expected one of ")
            .trim_start_matches(", expected ");
        return Wrong {
            field: Some(whole),
            problem: format!("is not known here: known are {known}"),
        };
    }
    let problem = match mismatch(problem) {
        Some((found, expected)) => format!("expected {}, found {found}", in_words(expected)),
        None => problem.to_owned(),
    };
    Wrong {
        field: (path != ".").then(|| path.to_owned()),
        problem,
    }
}

/// `invalid type: string "x", expected i64` → (`string "x"`, `i64`).
fn mismatch(problem: &str) -> Option<(&str, &str)> {
    let rest = problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "))?;
    rest.rsplit_once(", expected ")
}

/// A Rust type's name, for people.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        expected if expected.starts_with("struct ") => "an object",
        expected => expected,
    }
}

/// An error's text on one line, without the position that serde appends.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text
        .rfind(" at line ")
        .and_then(|end| text.get(..end))
        .unwrap_or(&text);
    problem
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod at_random;
#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        id: i64,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        count: u32,
        #[serde(default)]
        on: bool,
    }

    fn wrong(line: &[u8]) -> String {
        let Wrong { field, problem } = read::<Outer>(line).unwrap_err();
        format!("{}: {problem}", field.unwrap_or_default())
    }

    #[test]
    fn a_mistake_names_its_field_with_the_whole_path() {
        for (line, expected) in [
            (
                r#"{"id": 1, "list": [{"count": 1}, {}]}"#,
                "list[1].count: is missing",
            ),
            (r"{}", "id: is missing"),
            (
                r#"{"id": "x"}"#,
                "id: expected a whole number, found string \"x\"",
            ),
            (
                r#"{"id": 1.5}"#,
                "id: expected a whole number, found floating point `1.5`",
            ),
            (r#"{"id": 1, "id": 2}"#, "id: is there twice"),
            (r#"{"id": 1, "list": {}}"#, "list: expected a list, found map"),
            (
                r#"{"id": 1, "list": [7]}"#,
                "list[0]: expected an object, found integer `7`",
            ),
            (
                r#"{"id": 1, "list": [{"count": -1}]}"#,
                "list[0].count: expected a whole number that is not negative, found integer `-1`",
            ),
            (
                r#"{"id": 1, "list": [{"count": 1, "on": 1}]}"#,
                "list[0].on: expected true or false, found integer `1`",
            ),
            (
                r#"{"id": 1, "list": [{"count": 1, "off": 1}]}"#,
                "list[0].off: is not known here: known are `count` or `on`",
            ),
            (
                r#"{"id": 1, "lists": []}"#,
                "lists: is not known here: known are `id` or `list`",
            ),
        ] {
            assert_eq!(wrong(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_no_object_is_told_as_a_whole() {
        for (line, expected) in [
            (
                &b"{\"id\": 1"[..],
                ": is not JSON: EOF while parsing an object at column 8",
            ),
            (
                b"{\"id\": 1} x",
                ": is not JSON: trailing characters at column 11",
            ),
            (b"nonsense", ": is not JSON: expected ident at column 2"),
            (b"[1]", ": is JSON, but not an object"),
            (b"{\"id\": \xFF}", ": is not UTF-8: byte 8 is wrong"),
        ] {
            assert_eq!(wrong(line), expected);
        }
    }

    #[test]
    fn a_reason_of_the_rules_is_split_at_its_field() {
        let split = |reason| {
            let Wrong { field, problem } = split(reason);
            (field, problem)
        };
        assert_eq!(
            split("field `credits`: too many"),
            (Some("credits".into()), "too many".into())
        );
        assert_eq!(
            split("the field `sent_at` is missing"),
            (Some("sent_at".into()), "is missing".into())
        );
        assert_eq!(split("the body is empty"), (None, "the body is empty".into()));
    }
}
