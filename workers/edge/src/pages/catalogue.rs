//! What the pages say, by key and language: `messages/*.ftl`, in Fluent's notation.
//!
//! Every language has every key, and every key that code or a template asks for is there; tests hold both. A language
//! more is a file more and a line in [`Language`].

use super::language::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// The name of a text. Keys that code asks for are written `Key("…")`, templates write `t("…")`: tests look for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) &'static str);

/// All texts, ready to be filled in.
pub(crate) struct Catalogue {
    bundles: Vec<(Language, FluentBundle<FluentResource>)>,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").finish_non_exhaustive()
    }
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
    pub(crate) fn new() -> Result<Self, String> {
        let bundles = Language::ALL.into_iter().map(|language| {
            let tag: LanguageIdentifier = language.tag().parse().map_err(|e| format!("{e}"))?;
            let resource = FluentResource::try_new(source(language).to_owned())
                .map_err(|(_, errors)| format!("{}: {errors:?}", language.tag()))?;
            let mut bundle = FluentBundle::new_concurrent(vec![tag]);
            // Marks of direction around values are for languages that mix directions; none of these does.
            bundle.set_use_isolating(false);
            bundle
                .add_resource(resource)
                .map_err(|errors| format!("{}: {errors:?}", language.tag()))?;
            Ok::<_, String>((language, bundle))
        });
        Ok(Self {
            bundles: bundles.collect::<Result<_, _>>()?,
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

    /// A text, if the language has it.
    pub(crate) fn found(
        &self,
        language: Language,
        key: &str,
        values: Option<&FluentArgs<'_>>,
    ) -> Option<String> {
        let (_, bundle) = self.bundles.iter().find(|(it, _)| *it == language)?;
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, values, &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::error!(key, ?errors, "a text of the pages lacks a value");
        }
        Some(text)
    }
}
