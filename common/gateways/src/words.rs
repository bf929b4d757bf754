//! Words from outside, made fit for a log line, a reason or a header: one line, bounded.

/// Longest reason that is kept of what another party said, in characters.
pub(crate) const REASON_MAX_CHARS: usize = 200;

/// `text` as one line of at most `max_chars` characters: control characters and runs of white space become one
/// space, what is cut off leaves `...` behind.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max_chars.saturating_mul(4)));
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty());
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    short(&line, max_chars)
}

/// `text` cut to `max_chars` characters, the last three of them `...` where something was cut off.
pub(crate) fn short(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max_chars.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// An error and its causes on one line: `outer: middle: inner`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some errors already repeat their cause.
        if !told.ends_with(&inner_text) {
            told.push_str(": ");
            told.push_str(&inner_text);
        }
        cause = inner.source();
    }
    one_line(&told, REASON_MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::{one_line, short};

    #[test]
    fn a_reason_is_one_bounded_line() {
        assert_eq!(one_line("  a\r\nb\t c\u{0} ", 20), "a b c");
        assert_eq!(one_line("abcdefghij", 8), "abcde...");
        assert_eq!(one_line("", 8), "");
    }

    #[test]
    fn cutting_counts_characters_and_not_bytes() {
        assert_eq!(short("ééééé", 5), "ééééé");
        assert_eq!(short("éééééé", 5), "éé...");
        assert_eq!(short("one two", 7), "one two");
        assert_eq!(short("one twos", 7), "one...");
    }
}
