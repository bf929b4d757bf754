//! What the pages say, by key and language: `messages/*.ftl`, in Fluent's notation; and why something was not done, in the
//! words that notices have for it, too.
//!
//! Every language has every key, and every key that code or a template asks for is there; tests hold both. A language
//! more is a file more and a line in [`source`].

use super::language::Language;
use fluent_bundle::FluentArgs;
use topup_gateways::catalogue;
use topup_gateways::reasons::Reasons;
use topup_gateways::texts::TextError;

/// The name of a text. Keys that code asks for are written `Key("…")`, templates write `t("…")`: tests look for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) &'static str);

/// All texts, ready to be filled in.
#[derive(Debug)]
pub(crate) struct Catalogue {
    texts: catalogue::Catalogue,
    pub(super) reasons: Reasons,
}

/// The source of a language's texts.
pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../../messages/en.ftl"),
        Language::Afrikaans => include_str!("../../messages/af.ftl"),
    }
}

impl Catalogue {
    /// Reads all languages.
    ///
    /// # Errors
    /// What in which language can't be read.
    pub(crate) fn new() -> Result<Self, TextError> {
        Ok(Self {
            texts: catalogue::Catalogue::new("pages", source)?,
            reasons: Reasons::new()?,
        })
    }

    /// A text without values.
    pub(crate) fn text(&self, language: Language, key: Key) -> String {
        self.filled(language, key.0, None)
    }

    /// A text with values, by name.
    pub(crate) fn with(&self, language: Language, key: Key, values: &[(&'static str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, *value);
        }
        self.filled(language, key.0, Some(&args))
    }

    /// A text with values; in English where the language has none, and the key where nobody has.
    pub(crate) fn filled(&self, language: Language, key: &str, values: Option<&FluentArgs<'_>>) -> String {
        self.found(language, key, values)
            .or_else(|| self.found(Language::English, key, values))
            .unwrap_or_else(|| key.to_owned())
    }

    /// A text, if the language has it whole.
    fn found(&self, language: Language, key: &str, values: Option<&FluentArgs<'_>>) -> Option<String> {
        let found = self.texts.found(language, key, None, values);
        found.unwrap_or_else(|error| {
            tracing::error!(%error, "a text of the pages lacks a value");
            None
        })
    }
}
