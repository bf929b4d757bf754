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

    /// A decimal as people type it here, as plain as `12345.5`: with its groups or without, by a comma in English, by
    /// spaces in any. `None`: it is no such decimal, or could mean two. The other languages' point is understood where it
    /// can mean nothing else: `352,47` in English, and not `1,000`, which is a thousand; `352.47` in Afrikaans, and not
    /// `1.000`, which is nobody knows what.
    #[must_use]
    pub fn plain(self, typed: &str) -> Option<String> {
        let typed = typed.trim();
        let (minus, digits) = match typed.strip_prefix(['-', '\u{2212}']) {
            Some(digits) => ("-", digits),
            None => ("", typed),
        };
        let (whole, part) = match digits.split_once(self.point()) {
            Some((whole, part)) => (whole, Some(part)),
            None => match digits.split_once(self.foreign_point()) {
                Some((whole, part)) if is_part(part) && !is_group(whole, part) => (whole, Some(part)),
                Some(_) | None => (digits, None),
            },
        };
        let whole = self.without_groups(whole)?;
        match part {
            None => Some(format!("{minus}{whole}")),
            Some(part) if is_part(part) => Some(format!("{minus}{whole}.{part}")),
            Some(_) => None,
        }
    }

    /// Whole digits alone; or in groups, all of them three digits but the first.
    fn without_groups(self, whole: &str) -> Option<String> {
        let spaced = whole.replace(['\u{a0}', '\u{202f}'], " ");
        let between = match spaced.contains(' ') {
            true => ' ',
            false => self.between_groups(),
        };
        let mut groups = spaced.split(between);
        let first = groups.next()?;
        let rest: Vec<&str> = groups.collect();
        let is_first = is_part(first) && (rest.is_empty() || first.len() <= GROUP_DIGITS);
        let is_rest = rest
            .iter()
            .all(|group| is_part(group) && group.len() == GROUP_DIGITS);
        (is_first && is_rest).then(|| format!("{first}{}", rest.concat()))
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

    /// What is the point elsewhere.
    const fn foreign_point(self) -> char {
        match self.point() {
            ',' => '.',
            _ => ',',
        }
    }

    fn push_part(self, written: &mut String, part: &str) {
        if !part.is_empty() {
            written.push(self.point());
            written.push_str(part);
        }
    }
}

/// Digits, and nothing else.
fn is_part(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands behind a sign could be a group of digits as well as decimals.
fn is_group(whole: &str, part: &str) -> bool {
    part.len() == GROUP_DIGITS && whole.bytes().any(|byte| byte != b'0')
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
    use proptest::prelude::{prop_assert_eq, proptest};

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

    #[test]
    fn figures_are_read_as_they_are_typed_in_the_language_and_what_could_mean_two_is_none() {
        for (typed, english, afrikaans) in [
            ("500", Some("500"), Some("500")),
            (" 500 ", Some("500"), Some("500")),
            ("1,000", Some("1000"), Some("1.000")),
            ("1.000", Some("1.000"), None),
            ("12,345,678.5", Some("12345678.5"), None),
            ("12 345 678,5", Some("12345678.5"), Some("12345678.5")),
            ("1\u{a0}234,5", Some("1234.5"), Some("1234.5")),
            ("1\u{202f}234.5", Some("1234.5"), Some("1234.5")),
            ("352.47", Some("352.47"), Some("352.47")),
            ("352,47", Some("352.47"), Some("352.47")),
            ("0,125", Some("0.125"), Some("0.125")),
            ("0.125", Some("0.125"), Some("0.125")),
            ("00,125", Some("00.125"), Some("00.125")),
            ("1234,5", Some("1234.5"), Some("1234.5")),
            ("1234,500", None, Some("1234.500")),
            ("1,00,000", None, None),
            ("1,0000", Some("1.0000"), Some("1.0000")),
            ("1 00", None, None),
            ("1 2 3", None, None),
            ("1,000 000", None, None),
            ("1.000.000", None, None),
            ("-5", Some("-5"), Some("-5")),
            ("\u{2212}5", Some("-5"), Some("-5")),
            ("", None, None),
            (".5", None, None),
            ("5.", None, None),
            ("1e3", None, None),
            ("R 5", None, None),
            ("five", None, None),
            ("\u{661}", None, None),
        ] {
            assert_eq!(English.plain(typed).as_deref(), english, "{typed:?}");
            assert_eq!(Afrikaans.plain(typed).as_deref(), afrikaans, "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_in_every_language(plain in "-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,6})?") {
            for language in Language::ALL {
                for written in [language.decimal(&plain), language.short_decimal(&plain)] {
                    prop_assert_eq!(language.plain(&written), Some(plain.clone()), "{:?}", written);
                }
            }
        }
    }
}
