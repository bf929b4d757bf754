//! Which language a page is in: the account's, unless the reader chose another.

use axum::http::{HeaderMap, header};
pub(crate) use topup_rules::language::Language;

/// The languages of a browser that are looked at.
const ACCEPTED_MAX: usize = 16;

/// What the browser likes best of what there is.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Language> {
    let line = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let wanted = line.split(',').take(ACCEPTED_MAX).filter_map(|part| {
        let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
        (weight > 0.0)
            .then(|| Language::of_tag(tag))
            .flatten()
            .map(|it| (it, weight))
    });
    // The first of equals.
    let best = wanted.fold(None, |best: Option<(Language, f32)>, next| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        Some(_) | None => Some(next),
    });
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Language> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, line.parse().expect("a header"));
        accepted(&headers)
    }

    #[test]
    fn a_browser_gets_the_language_that_it_likes_best_of_those_there_are() {
        use Language::{Afrikaans, English};
        assert_eq!(of("af"), Some(Afrikaans));
        assert_eq!(of("af-ZA,en;q=0.8"), Some(Afrikaans));
        assert_eq!(of("en;q=0.3, af;q=0.9"), Some(Afrikaans));
        assert_eq!(of("zu, en-ZA;q=0.7, af;q=0.7"), Some(English));
        assert_eq!(of("af;q=0, en;q=0.1"), Some(English));
        assert_eq!(of("zu"), None);
        assert_eq!(of("af;q=much"), None);
        assert_eq!(accepted(&HeaderMap::new()), None);
    }
}
