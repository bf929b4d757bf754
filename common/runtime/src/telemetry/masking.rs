//! The last net under a log line: what looks like a secret, a token, an address or a number is masked.
//!
//! Nothing of ours writes such a thing. But a reason may be in somebody else's words (a mail relay repeats the address
//! that it does not know, a parser the value that it stumbled over), and a line that is written cannot be taken back.

use std::borrow::Cow;
use std::io::{self, Write};

/// Stands for what is left out.
const MASK: &str = "…";
/// What begins a secret or a token; it reaches as far as letters, digits and `_` do.
const TOKENS: [&str; 3] = ["sk_live_", "sk_test_", "AUTH_"];
/// Fewest digits behind a `+` that make a telephone number.
const NUMBER_MIN_DIGITS: usize = 8;

/// Writes masked lines.
#[derive(Debug)]
pub(super) struct Masked<W> {
    to: W,
}

impl Masked<io::Stderr> {
    /// To standard error.
    pub(super) fn standard_error() -> Self {
        Self { to: io::stderr() }
    }
}

/// A line comes in one piece, which is how the log hands it over.
impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.to.write_all(masked(text).as_bytes())?,
            // No line of the log is anything but UTF-8.
            Err(_) => self.to.write_all(MASK.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A text without what must not be in it.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(['@', '+']) && !TOKENS.iter().any(|token| text.contains(token)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let (keep, skip) = sensitive(rest, before).unwrap_or((first.len_utf8(), 0));
        let (kept, behind) = rest.split_at(keep);
        out.push_str(kept);
        if skip > 0 {
            out.push_str(MASK);
        }
        rest = behind.get(skip..).unwrap_or_default();
        before = Some(first);
    }
    Cow::Owned(out)
}

/// Where something begins that must not be told: how many bytes of it may stay, and how many may not.
fn sensitive(text: &str, before: Option<char>) -> Option<(usize, usize)> {
    if let Some(token) = TOKENS.iter().find(|token| text.starts_with(**token)) {
        let behind = &text[token.len()..];
        return Some((token.len(), length(behind, is_word)));
    }
    if let Some(behind) = text.strip_prefix("://") {
        // A user and a password, as far as they reach.
        let authority = length(behind, |c| !c.is_whitespace() && !matches!(c, '/' | '"' | '\\'));
        let user = behind.get(..authority)?.rfind('@')?;
        return Some(("://".len(), user));
    }
    if let Some(behind) = text.strip_prefix('+') {
        let digits = length(behind, |c| c.is_ascii_digit());
        return (digits >= NUMBER_MIN_DIGITS).then_some((1, digits));
    }
    if before.is_some_and(is_local) {
        return None;
    }
    mail_address(text).map(|bytes| (0, bytes))
}

/// How long the mail address is that begins here, in bytes.
fn mail_address(text: &str) -> Option<usize> {
    let local = length(text, is_local);
    let domain = text.get(local..)?.strip_prefix('@')?;
    let bytes = length(domain, |c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let domain = domain.get(..bytes)?.trim_end_matches('.');
    let behind = text.get(local + 1 + domain.len()..)?;
    // Connections are named `process@machine#pid`.
    let is_address = local > 0 && domain.contains('.') && !behind.starts_with('#');
    is_address.then_some(local + 1 + domain.len())
}

/// Bytes at the beginning of `text` whose characters are all such.
fn length(text: &str, is_such: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_such(c)).unwrap_or(text.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_told_is_masked_wherever_it_stands() {
        for (line, told) in [
            ("key sk_test_abc123, again", "key sk_test_…, again"),
            (r#"{"code":"AUTH_ok_7"}"#, r#"{"code":"AUTH_…"}"#),
            ("to +27820000001.", "to +…."),
            ("550 <ops@example.com>: unknown", "550 <…>: unknown"),
            ("a.b+c@mail.example.co.za said no", "… said no"),
            ("amqp://user:pa@ss@host:5672/v", "amqp://…@host:5672/v"),
            (
                "postgres://u:p@h1,h2/d and amqps://x:y@z",
                "postgres://…@h1,h2/d and amqps://…@z",
            ),
            ("é sk_live_é!", "é sk_live_…!"),
            ("ops@example.com, +2782000000122", "…, +…"),
        ] {
            assert_eq!(masked(line), told);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for line in [
            "sms-sent@host-1.example.net#4711 v0.1.0 publishing",
            "2026-11-22T08:15:00.123+02:00 account 278200000011",
            "topup-1001-0193f2a0-7000-7000-8000-000000000001",
            "retry @ 5 s, a+b, +1234567, user@host",
            "https://api.example.com/x?y=1",
            "",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn a_line_counts_as_written_whole() {
        let mut masked = Masked { to: Vec::new() };
        let line = "mail to ops@example.com\n".as_bytes();
        assert_eq!(masked.write(line).unwrap(), line.len());
        assert_eq!(String::from_utf8(masked.to).unwrap(), "mail to …\n");
    }
}
