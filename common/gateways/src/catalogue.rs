//! Texts by key and language, in Fluent's notation: a file a language, each text filled in with values.
//!
//! Left out: the texts themselves, and what stands in for one that is not there.

use crate::texts::TextError;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use topup_rules::language::Language;
use unic_langid::LanguageIdentifier;

/// Texts, ready to be filled in.
pub struct Catalogue {
    name: &'static str,
    bundles: Vec<(Language, FluentBundle<FluentResource>)>,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Catalogue {
    /// Reads what `source` has for each language. `name` is told where something is wrong with it.
    ///
    /// # Errors
    /// What in which language can't be read.
    pub fn new(name: &'static str, source: impl Fn(Language) -> &'static str) -> Result<Self, TextError> {
        let bundles = Language::ALL.into_iter().map(|language| {
            let broken = |problem: String| TextError::Template {
                name: format!("{}/{name}", language.tag()),
                problem,
            };
            let tag: LanguageIdentifier = language.tag().parse().map_err(|e| broken(format!("{e}")))?;
            let resource = FluentResource::try_new(source(language).to_owned())
                .map_err(|(_, errors)| broken(format!("{errors:?}")))?;
            let mut bundle = FluentBundle::new_concurrent(vec![tag]);
            // Marks of direction around values are for languages that mix directions; none of these does.
            bundle.set_use_isolating(false);
            bundle
                .add_resource(resource)
                .map_err(|errors| broken(format!("{errors:?}")))?;
            Ok((language, bundle))
        });
        Ok(Self {
            name,
            bundles: bundles.collect::<Result<_, _>>()?,
        })
    }

    /// A text, if the language has it: that of `key`, or of an attribute of it.
    ///
    /// # Errors
    /// It lacks a value.
    pub fn found(
        &self,
        language: Language,
        key: &str,
        attribute: Option<&str>,
        values: Option<&FluentArgs<'_>>,
    ) -> Result<Option<String>, TextError> {
        let pattern = self
            .bundles
            .iter()
            .find(|(it, _)| *it == language)
            .and_then(|(_, bundle)| {
                let message = bundle.get_message(key)?;
                let pattern = match attribute {
                    None => message.value()?,
                    Some(name) => message.get_attribute(name)?.value(),
                };
                Some((bundle, pattern))
            });
        let Some((bundle, pattern)) = pattern else {
            return Ok(None);
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, values, &mut errors).into_owned();
        match errors.is_empty() {
            true => Ok(Some(text)),
            false => Err(TextError::Values {
                name: format!("{}/{}: {key}", language.tag(), self.name),
                problem: format!("{errors:?}"),
            }),
        }
    }
}
