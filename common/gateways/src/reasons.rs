//! Why something was not done, in the reader's language: for notices, and for pages.
//!
//! A reason is written down once, in English. The rules' own are known again by their words
//! (`topup_rules::phrases`), those that banks use everywhere by theirs, and both have words here in every other language:
//! `texts/<language>/reasons.ftl`, `reason-…` and `bank-…`. Whatever else somebody said is quoted as it came. A text's
//! attribute `.short` stands in for it in an SMS that has no room, in English as well.
//!
//! Left out: the English words, which are the rules' own, and how a reason stands in a sentence.

use crate::catalogue::Catalogue;
use crate::texts::{TextError, service_name};
use fluent_bundle::FluentArgs;
use std::collections::BTreeSet;
use topup_rules::credits::Credits;
use topup_rules::language::Language;
use topup_rules::money::Money;
use topup_rules::phrases::{Figure, Phrase, understood};

/// How the keys begin of what the rules say.
const PHRASE: &str = "reason-";
/// How the keys begin of what banks say.
const BANK: &str = "bank-";
/// What somebody says in English.
const QUOTED: &str = "quoted";
/// The attribute of a text in fewer words.
const SHORT: &str = "short";

/// How figures stand in what is read.
pub trait Figures {
    /// `12,345.5`.
    fn credits(&self, credits: Credits) -> String;
    /// `R 352.47`.
    fn money(&self, money: Money) -> String;
}

/// The reasons' words in each language.
#[derive(Debug)]
pub struct Reasons(Catalogue);

/// With everything, or in as few words as there are for it.
#[derive(Clone, Copy)]
enum Length {
    Full,
    Short,
}

impl Reasons {
    /// Reads all languages.
    ///
    /// # Errors
    /// What in which language can't be read.
    pub fn new() -> Result<Self, TextError> {
        Ok(Self(Catalogue::new("reasons", source)?))
    }

    /// What the rules say, without their number. `None` in English, which has no other words for it than the rules' own.
    #[must_use]
    pub fn phrase(&self, language: Language, phrase: &Phrase, figures: &impl Figures) -> Option<String> {
        self.said(language, phrase, figures, Length::Full)
    }

    /// What was written down in English: the rules' words, a bank's, both (`The payment was not completed (Declined)`), or
    /// as a quotation. `None` in English.
    #[must_use]
    pub fn reason(&self, language: Language, words: &str, figures: &impl Figures) -> Option<String> {
        let words = words.trim();
        if words.is_empty() {
            return None;
        }
        self.known(language, words, figures)
            .or_else(|| self.quoted(language, words))
    }

    /// The same in as few words as there are for it. `None` of what has none of its own here: a quotation, and in English
    /// what is short enough.
    #[must_use]
    pub fn short(&self, language: Language, words: &str, figures: &impl Figures) -> Option<String> {
        let words = words.trim();
        // What stands in parentheses behind the plain words goes first.
        let ours = || both(words).and_then(|(ours, _)| understood(ours));
        match understood(words).or_else(ours) {
            Some(phrase) => self.said(language, &phrase, figures, Length::Short),
            None => self.bank(language, words, Length::Short),
        }
    }

    /// The rules' words or a bank's, as far as there are others for all of it.
    fn known(&self, language: Language, words: &str, figures: &impl Figures) -> Option<String> {
        let ours = |words: &str| {
            let phrase = understood(words)?;
            self.said(language, &phrase, figures, Length::Full)
        };
        let bank = |words: &str| self.bank(language, words, Length::Full);
        ours(words)
            .or_else(|| {
                let (first, theirs) = both(words)?;
                let theirs = bank(theirs).or_else(|| self.quoted(language, theirs))?;
                Some(format!("{} ({theirs})", ours(first)?))
            })
            .or_else(|| bank(words))
    }

    fn said(
        &self,
        language: Language,
        phrase: &Phrase,
        figures: &impl Figures,
        length: Length,
    ) -> Option<String> {
        let mut values = FluentArgs::new();
        for (name, figure) in &phrase.figures {
            values.set(*name, written(figure, figures));
        }
        self.found(language, &format!("{PHRASE}{}", phrase.key), length, &values)
    }

    /// Banks say the same in the same words.
    fn bank(&self, language: Language, words: &str, length: Length) -> Option<String> {
        let lower = words.to_lowercase();
        let parts = lower.split(|it: char| !it.is_ascii_alphanumeric());
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let key = format!("{BANK}{}", parts.join("-"));
        self.found(language, &key, length, &FluentArgs::new())
    }

    fn quoted(&self, language: Language, words: &str) -> Option<String> {
        let mut values = FluentArgs::new();
        values.set("words", words);
        self.found(language, QUOTED, Length::Full, &values)
    }

    /// A text that lacks a value is as good as none: the English words are whole.
    fn found(
        &self,
        language: Language,
        key: &str,
        length: Length,
        values: &FluentArgs<'_>,
    ) -> Option<String> {
        let found = |attribute| {
            self.0
                .found(language, key, attribute, Some(values))
                .ok()
                .flatten()
        };
        match length {
            Length::Full => found(None),
            Length::Short => found(Some(SHORT)).or_else(|| found(None)),
        }
    }
}

/// Keys of what the rules say that the language has words for, without their beginning.
#[must_use]
pub fn phrases(language: Language) -> BTreeSet<&'static str> {
    source(language)
        .lines()
        .filter_map(|line| line.strip_prefix(PHRASE)?.split_once(" = "))
        .map(|(key, _)| key)
        .collect()
}

/// A language's words; in English the short ones alone.
const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../texts/en/reasons.ftl"),
        Language::Afrikaans => include_str!("../texts/af/reasons.ftl"),
    }
}

/// The rules' words, and a bank's in parentheses behind them.
fn both(words: &str) -> Option<(&str, &str)> {
    words.strip_suffix(')')?.split_once(" (")
}

fn written(figure: &Figure, figures: &impl Figures) -> String {
    match figure {
        Figure::Credits(credits) => figures.credits(*credits),
        Figure::Money(money) => figures.money(*money),
        Figure::Service(service) => service_name(service.as_str()),
        Figure::Wallet(wallet) => format!("{} ({})", wallet.account, service_name(wallet.service.as_str())),
        // Texts choose their words by it.
        Figure::Method(method) => method.as_str().to_owned(),
        Figure::Count(_) | Figure::Currency(_) | Figure::Account(_) | Figure::Name(_) => figure.to_string(),
    }
}

#[cfg(test)]
mod tests;
