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

/// What another party said, as one bounded line in which nobody can be found: mail addresses, card and phone numbers,
/// tokens and keys are hidden, since the line ends up in logs and in mails to operators.
pub(crate) fn foreign(text: &str, max_chars: usize) -> String {
    let of_word = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '+' | '-' | '%');
    let mut safe = String::with_capacity(text.len().min(max_chars.saturating_mul(4)));
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|c| !of_word(c)) {
            Some(0) => first.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        let (word, after) = rest.split_at(length);
        safe.push_str(if is_private(word) { HIDDEN } else { word });
        rest = after;
    }
    one_line(&safe, max_chars)
}

/// What stands in for what is hidden.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Fewest digits of what may be a phone or card number.
const NUMBER_MIN_DIGITS: usize = 9;

/// Heads of secrets, in lower case: the payment gateway's tokens and keys.
const SECRET_HEADS: &[&str] = &["auth_", "sk_live_", "sk_test_"];

fn is_private(word: &str) -> bool {
    let address = word.trim_matches('@').contains('@');
    let lower = word.to_lowercase();
    let secret = SECRET_HEADS.iter().any(|head| lower.contains(head));
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let number = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-'));
    address || secret || (number && digits >= NUMBER_MIN_DIGITS)
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
    use super::{foreign, one_line, short};

    #[test]
    fn nobody_can_be_found_in_another_partys_words() {
        for (said, kept) in [
            (
                "550 5.1.1 <holder@example.com>: no such user",
                "550 5.1.1 <(hidden)>: no such user",
            ),
            ("AUTH_8dfhjjdt was declined", "(hidden) was declined"),
            ("key 'sk_test_abc' is wrong", "key '(hidden)' is wrong"),
            ("to +27820000001, not 27-82-000-0001", "to (hidden), not (hidden)"),
            ("wait until 1440 minutes", "wait until 1440 minutes"),
            ("Nicht möglich: 100.50 ZAR @ 5", "Nicht möglich: 100.50 ZAR @ 5"),
        ] {
            assert_eq!(foreign(said, 100), kept);
        }
    }

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
