//! No page in another language says anything in English: a look for the English catalogue's words.

use crate::pages::catalogue::source;
use crate::pages::language::Language;
use std::collections::BTreeSet;

/// Texts that are the same in every language: names.
const SAME: [&str; 1] = ["one-click"];

/// A catalogue's texts by key, choices line by line.
fn texts(language: Language) -> Vec<(&'static str, &'static str)> {
    let mut key = "";
    let mut texts = Vec::new();
    for line in source(language).lines().filter(|line| !line.starts_with('#')) {
        let text = match line.split_once(" = ") {
            Some((name, text)) if line.starts_with(|it: char| it.is_ascii_lowercase()) => {
                key = name;
                text
            }
            Some(_) | None => line
                .trim_start_matches(|it: char| it != ']')
                .trim_start_matches(']'),
        };
        texts.push((key, text.trim()));
    }
    texts
}

/// What stands between the values of a text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, after)| after).trim())
        .filter(|piece| !piece.starts_with('$') && piece.chars().any(char::is_alphabetic))
}

/// English words in a text or a page of another language. A single word counts only where it stands alone.
pub(super) fn leaks(language: Language, said: &str) -> Vec<&'static str> {
    if language == Language::English {
        return Vec::new();
    }
    let said = said.replace("&#x27;", "'").replace("&#39;", "'");
    let read = said.split('>').chain(said.split("aria-label=\"").skip(1));
    let alone: BTreeSet<&str> = read
        .filter_map(|part| part.split(['<', '"']).next())
        .map(str::trim)
        .collect();
    let own: BTreeSet<&str> = texts(language)
        .into_iter()
        .flat_map(|(_, text)| pieces(text))
        .collect();
    let english = texts(Language::English);
    english
        .into_iter()
        .filter(|(key, _)| !SAME.contains(key))
        .flat_map(|(_, text)| pieces(text))
        .filter(|piece| !own.contains(piece))
        .filter(|piece| match piece.contains(' ') {
            true => said.contains(piece),
            false => alone.contains(piece),
        })
        .collect()
}

#[test]
fn no_text_is_the_same_in_two_languages_but_names() {
    let english = texts(Language::English);
    for language in Language::ALL {
        if language == Language::English {
            continue;
        }
        let own = texts(language);
        let same: BTreeSet<&str> = english
            .iter()
            .filter(|it| pieces(it.1).next().is_some() && own.contains(it))
            .map(|(key, _)| *key)
            .collect();
        assert_eq!(same, BTreeSet::from(SAME), "{language:?}");
    }
}

#[test]
fn what_is_left_over_in_english_is_found() {
    let found = |said| leaks(Language::Afrikaans, said);
    assert_eq!(found("<p>Save</p>"), ["Save"]);
    assert_eq!(found("<nav aria-label=\"Save\">"), ["Save"]);
    assert_eq!(found("<p name=\"credits\">Stoor 1-Click</p>"), [""; 0]);
    assert!(found("<p>5 credits were added.</p>").contains(&"credits were added."));
    assert!(leaks(Language::English, "<p>Save</p>").is_empty());
}
