//! What every refusal has to be: it becomes a header, a line of a log, a line of a list.

/// Longest refusal, in characters.
const REFUSAL_MAX_CHARS: usize = 600;

/// One line, bounded, and not empty.
pub fn is_one_line(refusal: &str) {
    assert!(!refusal.is_empty(), "a refusal says something");
    assert!(
        refusal.chars().count() <= REFUSAL_MAX_CHARS,
        "too long: {} characters",
        refusal.chars().count()
    );
    assert!(
        !refusal.chars().any(char::is_control),
        "more than a line: {refusal:?}"
    );
}
