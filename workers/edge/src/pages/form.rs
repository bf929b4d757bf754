//! What somebody typed, and what is wrong with it.

use serde::Serialize;
use std::collections::BTreeMap;
use topup_rules::credits::Credits;
use topup_rules::language::Language;

/// Fields of one form, at most.
const FIELDS_MAX: usize = 64;

/// What was sent, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The first of each name; what is too many is left out.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs.into_iter().take(FIELDS_MAX) {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// A field as it was typed; empty where it was not there.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field without the spaces around it.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A number as people type it in their language, plain; `None` where it is none, or could mean two.
    pub(crate) fn number(&self, name: &str, language: Language) -> Option<String> {
        language.plain(self.get(name))
    }

    /// The same, of credits.
    pub(crate) fn credits(&self, name: &str, language: Language) -> Option<Credits> {
        self.number(name, language)?.parse().ok()
    }
}

/// A form as it is shown: what was typed last, and what was wrong with it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Form {
    /// In front of each field's name, to make its id: pages with more than one form tell them apart by it.
    pub(crate) prefix: &'static str,
    values: BTreeMap<&'static str, String>,
    /// By field.
    wrong: BTreeMap<&'static str, String>,
    errors: Vec<Mistake>,
    has_errors: bool,
}

#[derive(Debug, Clone, Serialize)]
struct Mistake {
    field: Option<&'static str>,
    text: String,
}

impl Form {
    /// An empty one.
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            ..Self::default()
        }
    }

    /// Shown in the field.
    pub(crate) fn value(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.insert(name, value.into());
        self
    }

    /// What was typed is shown again.
    pub(crate) fn typed(mut self, fields: &Fields, names: &[&'static str]) -> Self {
        for name in names {
            self.values.insert(name, fields.get(name).to_owned());
        }
        self
    }

    /// This field is wrong. The first thing that is wrong with it is told.
    pub(crate) fn wrong(&mut self, name: &'static str, text: String) {
        if !self.wrong.contains_key(name) {
            self.wrong.insert(name, text.clone());
            self.push(Some(name), text);
        }
    }

    /// The whole of it is refused.
    pub(crate) fn refuse(&mut self, text: String) {
        self.push(None, text);
    }

    /// Something is shown in the field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains_key(name)
    }

    /// What is wrong, by field.
    pub(crate) fn into_wrong(self) -> BTreeMap<&'static str, String> {
        self.wrong
    }

    pub(crate) const fn is_fine(&self) -> bool {
        !self.has_errors
    }

    fn push(&mut self, field: Option<&'static str>, text: String) {
        self.errors.push(Mistake { field, text });
        self.has_errors = true;
    }
}
