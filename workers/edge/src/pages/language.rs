//! Which language a page is in: the account's, unless the reader chose another.

use axum::http::{HeaderMap, header};

/// A language that the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, which stands in for what is not there.
    English,
    /// Afrikaans.
    Afrikaans,
}

/// The languages of a browser that are looked at.
const ACCEPTED_MAX: usize = 16;

impl Language {
    /// All, in the order in which they are offered.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Afrikaans];

    /// As in an account, a cookie and `lang=""`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Afrikaans => "af",
        }
    }

    /// What its readers call it.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Afrikaans => "Afrikaans",
        }
    }

    /// The one for a tag: `af`, `en-ZA`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What the browser likes best of what there is.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let line = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let wanted = line.split(',').take(ACCEPTED_MAX).filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            (weight > 0.0)
                .then(|| Self::of_tag(tag))
                .flatten()
                .map(|it| (it, weight))
        });
        // The first of equals.
        let best = wanted.fold(None, |best: Option<(Self, f32)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            Some(_) | None => Some(next),
        });
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(line: &str) -> Option<Language> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, line.parse().expect("a header"));
        Language::accepted(&headers)
    }

    #[test]
    fn a_browser_gets_the_language_that_it_likes_best_of_those_there_are() {
        use Language::{Afrikaans, English};
        assert_eq!(accepted("af"), Some(Afrikaans));
        assert_eq!(accepted("af-ZA,en;q=0.8"), Some(Afrikaans));
        assert_eq!(accepted("en;q=0.3, af;q=0.9"), Some(Afrikaans));
        assert_eq!(accepted("zu, en-ZA;q=0.7, af;q=0.7"), Some(English));
        assert_eq!(accepted("af;q=0, en;q=0.1"), Some(English));
        assert_eq!(accepted("zu"), None);
        assert_eq!(accepted("af;q=much"), None);
        assert_eq!(Language::accepted(&HeaderMap::new()), None);
    }
}
