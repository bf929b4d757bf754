use crate::pages::catalogue::{Catalogue, source};
use crate::pages::language::Language;
use std::collections::BTreeSet;
use std::path::Path;

fn keys(language: Language) -> BTreeSet<&'static str> {
    let lines = source(language).lines();
    let keys = lines.filter(|line| line.starts_with(|it: char| it.is_ascii_lowercase()));
    keys.filter_map(|line| line.split_once(" ="))
        .map(|(key, _)| key)
        .collect()
}

/// What stands between `before` and the next quotation mark.
fn asked(source: &str, before: &str) -> BTreeSet<String> {
    let parts = source.split(before).skip(1);
    let keys = parts
        .filter_map(|part| part.split_once('"'))
        .map(|(key, _)| key.to_owned());
    keys.filter(|key| !key.is_empty() && key != "…").collect()
}

fn all_asked() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for (folder, before) in [
        ("src/pages", "Key(\""),
        ("templates", " t(\""),
        ("templates", ", t(\""),
        ("templates", "=t(\""),
    ] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let source = std::fs::read_to_string(path).expect("a file");
                found.extend(asked(&source, before));
            }
        }
    }
    found
}

#[test]
fn every_language_has_every_text_once_and_with_the_same_values() {
    let english = keys(Language::English);
    assert!(english.len() > 100);
    for language in Language::ALL {
        let all = keys(language);
        assert_eq!(all, english, "{language:?}");
        let lines = source(language).lines();
        let count = lines
            .filter(|line| line.starts_with(|it: char| it.is_ascii_lowercase()))
            .count();
        assert_eq!(count, all.len(), "{language:?}: a key stands there twice");
        for key in &english {
            assert_eq!(
                values(language, key),
                values(Language::English, key),
                "{language:?}: {key}"
            );
        }
    }
}

/// The names of the values that a text is filled with.
fn values(language: Language, key: &str) -> BTreeSet<String> {
    let (_, from) = source(language)
        .split_once(&format!("\n{key} ="))
        .expect("a text");
    let to = from.find(['\n']).map_or(from.len(), |first| {
        let rest = &from[first..];
        // What is indented, or closes a choice, still belongs to it.
        let end = rest
            .split_inclusive('\n')
            .skip(1)
            .take_while(|line| line.starts_with([' ', '}']));
        first + 1 + end.map(str::len).sum::<usize>()
    });
    let text = from.get(..to).unwrap_or(from);
    text.split('$')
        .skip(1)
        .map(|part| part.chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect()
}

#[test]
fn every_text_that_a_page_asks_for_is_there_and_every_text_is_asked_for() {
    let asked = all_asked();
    let there: BTreeSet<String> = keys(Language::English).into_iter().map(str::to_owned).collect();
    let missing: Vec<_> = asked.difference(&there).collect();
    assert!(missing.is_empty(), "no such text: {missing:?}");
    let unused: Vec<_> = there.difference(&asked).collect();
    assert!(unused.is_empty(), "nobody asks for: {unused:?}");
}

#[test]
fn a_number_of_things_is_said_as_people_say_it() {
    let catalogue = Catalogue::new().expect("texts");
    let said = |language, count: i64| {
        let mut values = fluent_bundle::FluentArgs::new();
        values.set("count", count);
        catalogue.filled(language, "entry-send", Some(&values))
    };
    assert_eq!(said(Language::English, 1), "One message sent");
    assert_eq!(said(Language::English, 3), "3 messages sent");
    assert_eq!(said(Language::Afrikaans, 3), "3 boodskappe gestuur");
}
