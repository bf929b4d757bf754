//! N4: the languages that account holders are spoken to in, and how figures are written in them.
//!
//! The one list of them. Notices and pages have their words by it, each for itself; a language that is added here does not
//! compile until both have theirs. Left out: the words.

/// Digits that stand together in a large number.
const GROUP_DIGITS: usize = 3;

/// A language that account holders are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, which stands in for what is not there.
    English,
    /// Afrikaans.
    Afrikaans,
}

impl Language {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Afrikaans];

    /// As in an account, a cookie and `lang=""`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Afrikaans => "af",
        }
    }

    /// What its readers call it.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Afrikaans => "Afrikaans",
        }
    }

    /// The one for a tag: `af`, `en-ZA`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The one for an account's tag; English where there is none of it.
    #[must_use]
    pub fn nearest(tag: &str) -> Self {
        Self::of_tag(tag).unwrap_or(Self::English)
    }

    /// A decimal such as `-12345.5` as it is written here: `−12,345.5`; in Afrikaans `−12 345,5`.
    #[must_use]
    pub fn decimal(self, plain: &str) -> String {
        let (minus, whole, part) = parts(plain);
        let mut written = String::from(if minus { "\u{2212}" } else { "" });
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(GROUP_DIGITS) {
                written.push(self.between_groups());
            }
            written.push(digit);
        }
        self.push_part(&mut written, part);
        written
    }

    /// The same where every character counts, and none may be outside the alphabet of an SMS: `-12345.5`; in Afrikaans
    /// `-12345,5`.
    #[must_use]
    pub fn short_decimal(self, plain: &str) -> String {
        let (minus, whole, part) = parts(plain);
        let mut written = format!("{}{whole}", if minus { "-" } else { "" });
        self.push_part(&mut written, part);
        written
    }

    const fn between_groups(self) -> char {
        match self {
            Self::English => ',',
            // As South Africa's standard has it: a space that does not break.
            Self::Afrikaans => '\u{a0}',
        }
    }

    const fn point(self) -> char {
        match self {
            Self::English => '.',
            Self::Afrikaans => ',',
        }
    }

    fn push_part(self, written: &mut String, part: &str) {
        if !part.is_empty() {
            written.push(self.point());
            written.push_str(part);
        }
    }
}

/// Whether it is below zero, its whole digits and those behind the point.
fn parts(plain: &str) -> (bool, &str, &str) {
    let (minus, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    (minus, whole, part)
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Afrikaans, English};

    #[test]
    fn n4_a_language_that_is_not_there_is_english() {
        for (tag, language) in [
            ("en", English),
            ("en-ZA", English),
            ("af", Afrikaans),
            ("AF_ZA", Afrikaans),
            (" af", Afrikaans),
            ("afr", English),
            ("sw", English),
            ("", English),
            ("-", English),
        ] {
            assert_eq!(Language::nearest(tag), language, "{tag:?}");
        }
    }

    #[test]
    fn every_language_is_found_by_its_own_tag() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.tag()), Some(language));
        }
    }

    #[test]
    fn figures_are_written_as_the_language_writes_them() {
        for (plain, english, afrikaans, short) in [
            ("0", "0", "0", "0"),
            ("999", "999", "999", "999"),
            ("1000", "1,000", "1\u{a0}000", "1000"),
            ("352.47", "352.47", "352,47", "352,47"),
            ("-88.5", "\u{2212}88.5", "\u{2212}88,5", "-88,5"),
            ("1234567.5", "1,234,567.5", "1\u{a0}234\u{a0}567,5", "1234567,5"),
        ] {
            assert_eq!(English.decimal(plain), english);
            assert_eq!(Afrikaans.decimal(plain), afrikaans);
            assert_eq!(English.short_decimal(plain), plain);
            assert_eq!(Afrikaans.short_decimal(plain), short);
        }
    }
}
