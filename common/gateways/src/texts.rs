//! The words of the notices.
//!
//! One template per notice and language, in `texts/<language>/`, each a handful of blocks: the SMS, the mail's
//! subject, what happened, the facts, what to do. The words of a mail are written once: both its parts, plain
//! and HTML, are laid out from the same blocks by `texts/mail.txt` and `texts/mail.html`. Which languages there are
//! stands in the rules (`topup_rules::language`); here each is a folder and a row in [`said`].
//!
//! Templates are part of the binary and are compiled once, at start. A value that a template needs and doesn't
//! get is an error, not a gap in a sentence: a notice with a hole in it is parked for a person instead of sent.
//!
//! What a template may use: the notice's own parameters (`service` by its name as people write it, figures as the
//! language writes them, `reason` in the language's words), `platform` and `account_url` where they are set, `link` (the account page, in an SMS that has room for it). `own_url` is where the
//! mail's button leads, where that is not the account page.
//!
//! Not in here: whom to tell and when (the rules), and anything that must be computed. Numbers come as text.

use crate::gsm::{fits_one_sms, to_gsm};
use crate::reasons::{Figures, Reasons};
use crate::words;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use topup_rules::credits::Credits;
use topup_rules::language::Language;
use topup_rules::message::{Channel, Template};
use topup_rules::money::Money;
use topup_rules::notices;

/// Longest value that is put into a text, in characters.
const VALUE_MAX_CHARS: usize = 1_000;

/// What a reason is cut to in an SMS that would not fit otherwise, in characters.
pub(crate) const SHORT_REASON_CHARS: usize = 22;

/// What the platform's name is cut to in an SMS that would not fit otherwise, in characters.
const SHORT_PLATFORM_CHARS: usize = 16;

/// The value that a mail's button leads to, where that is not the account page.
pub const OWN_URL: &str = "own_url";

/// Why something was not done: a parameter, in English as it was written down.
const REASON: &str = "reason";

/// The same in few words, for an SMS that has no room for more.
const SHORT_REASON: &str = "short_reason";

/// The parameters that are figures: credits, money, counts.
const FIGURES: [&str; 8] = [
    "amount",
    "balance",
    "credits",
    "has",
    "limit",
    "quantity",
    "tax",
    "threshold",
];

/// What a language says.
struct Said {
    /// What all notices share.
    notice: &'static str,
    source: fn(Template) -> &'static str,
}

/// `include_str!` of every notice in one language's folder. Alerts are written in the operators' language alone.
macro_rules! said {
    ($tag:literal) => {
        Said {
            notice: text!($tag, "notice"),
            source: |template| match template {
                Template::TopupSucceeded => text!($tag, "topup-succeeded"),
                Template::TopupFailed => text!($tag, "topup-failed"),
                Template::LowCredit => text!($tag, "low-credit"),
                Template::PurchaseSucceeded => text!($tag, "purchase-succeeded"),
                Template::PurchaseFailed => text!($tag, "purchase-failed"),
                Template::RegistrationEnabled => text!($tag, "registration-enabled"),
                Template::RegistrationNotEnabled => text!($tag, "registration-not-enabled"),
                Template::RegistrationFailed => text!($tag, "registration-failed"),
                Template::PaymentReversed => text!($tag, "payment-reversed"),
                Template::CapReached => text!($tag, "cap-reached"),
                Template::CardExpiring => text!($tag, "card-expiring"),
                Template::SignInLink => text!($tag, "sign-in-link"),
                Template::OperatorAlert => text!("en", "operator-alert"),
            },
        }
    };
}

macro_rules! text {
    ($tag:literal, $name:literal) => {
        include_str!(concat!("../texts/", $tag, "/", $name))
    };
}

/// What each language says.
const fn said(language: Language) -> Said {
    match language {
        Language::English => said!("en"),
        Language::Afrikaans => said!("af"),
    }
}

/// Why a notice's text can't be made. Told once, and the notice is parked with it.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// A template of ours is broken; found at start.
    #[error("the text {name} can't be read: {problem}")]
    Template {
        /// Which: `en/topup-failed`.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value is missing, or of a kind that no sentence can hold.
    #[error("the text {name} can't be written with these values: {problem}")]
    Values {
        /// Which: `en/topup-failed`.
        name: String,
        /// What is wrong with them.
        problem: String,
    },
}

/// A notice, ready for its carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// One text message, in GSM characters and short enough for one part wherever the values allow.
    Sms {
        /// One line.
        text: String,
    },
    /// An e-mail.
    Email {
        /// One line.
        subject: String,
        /// The plain part.
        text: String,
        /// The HTML part, saying the same.
        html: String,
    },
}

/// All texts, ready to be filled in.
#[derive(Debug)]
pub struct Texts {
    templates: Environment<'static>,
    reasons: Reasons,
    platform: Option<String>,
    account_url: Option<String>,
}

impl Texts {
    /// `platform_name` is who speaks, put in front of an SMS and at the head of a mail; `account_url` is where
    /// an account holder buys credits and changes settings.
    ///
    /// # Errors
    /// A template that can't be compiled.
    pub fn new(platform_name: Option<&str>, account_url: Option<&str>) -> Result<Self, TextError> {
        let mut templates = Environment::new();
        // `if` may ask for a value that isn't there; printing one that isn't is an error.
        templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let layouts = [
            ("mail.txt".to_owned(), include_str!("../texts/mail.txt")),
            ("mail.html".to_owned(), include_str!("../texts/mail.html")),
        ];
        let notices = Language::ALL.into_iter().flat_map(|language| {
            let said = said(language);
            let named = Template::ALL
                .iter()
                .map(move |&t| (name(language, t), (said.source)(t)));
            named.chain([(format!("{}/notice", language.tag()), said.notice)])
        });
        for (name, source) in layouts.into_iter().chain(notices) {
            let added = templates.add_template_owned(name.clone(), source);
            added.map_err(|e| TextError::Template {
                name,
                problem: words::chain(&e),
            })?;
        }
        let given = |value: Option<&str>| {
            let line = words::one_line(value.unwrap_or_default(), VALUE_MAX_CHARS);
            (!line.is_empty()).then_some(line)
        };
        Ok(Self {
            templates,
            reasons: Reasons::new()?,
            platform: given(platform_name),
            account_url: given(account_url),
        })
    }

    /// Writes one notice for one channel, for an account whose language is `tag` (`en`, `en-ZA`).
    ///
    /// # Errors
    /// A value that the text needs is missing from `params`, or is a list or an object.
    pub fn render(
        &self,
        template: Template,
        channel: Channel,
        tag: &str,
        params: &Map<String, Json>,
    ) -> Result<Rendered, TextError> {
        let language = notices::language(template, tag);
        let notice = Notice {
            texts: self,
            name: name(language, template),
            language,
            channel,
        };
        let values = notice.values(params)?;
        match channel {
            Channel::Sms => notice.sms(values),
            Channel::Email => notice.mail(&values),
        }
    }
}

/// A notice's template by name: `en/topup-failed`.
fn name(language: Language, template: Template) -> String {
    format!("{}/{}", language.tag(), template.as_str())
}

type Values = BTreeMap<String, Value>;

/// One notice that is being written.
struct Notice<'a> {
    texts: &'a Texts,
    name: String,
    language: Language,
    channel: Channel,
}

impl Notice<'_> {
    /// The parameters as templates see them: one line each, bounded; what is null is not there.
    fn values(&self, params: &Map<String, Json>) -> Result<Values, TextError> {
        let mut values = Values::new();
        for (key, param) in params {
            let value = match param {
                Json::Null => continue,
                Json::Bool(flag) => Value::from(*flag),
                Json::Number(number) => Value::from(number.to_string()),
                Json::String(text) if key == "service" => Value::from(service_name(text)),
                Json::String(text) if FIGURES.contains(&key.as_str()) => Value::from(self.figure(text)),
                Json::String(text) => Value::from(words::one_line(text, VALUE_MAX_CHARS)),
                Json::Array(_) | Json::Object(_) => {
                    return Err(self.wrong(format!("`{key}` is a list or an object")));
                }
            };
            values.insert(key.clone(), value);
        }
        if let Some(words) = values.get(REASON).map(Value::to_string) {
            let (reasons, language) = (&self.texts.reasons, self.language);
            let told = reasons.reason(language, &words, self);
            let short = reasons.short(language, &words, self);
            values.insert(
                SHORT_REASON.to_owned(),
                Value::from(short.unwrap_or_else(|| words.clone())),
            );
            values.insert(REASON.to_owned(), Value::from(told.unwrap_or(words)));
        }
        for (key, ours) in [
            ("platform", &self.texts.platform),
            ("account_url", &self.texts.account_url),
            ("link", &self.texts.account_url),
        ] {
            values.remove(key);
            if let Some(value) = ours {
                values.insert(key.to_owned(), Value::from(value.as_str()));
            }
        }
        Ok(values)
    }

    /// `-1234.5`, `ZAR 352.47`, as the language writes it by this channel. A currency keeps its code: by SMS not every
    /// sign of one can be sent, and a code is read the same everywhere.
    fn figure(&self, text: &str) -> String {
        let line = words::one_line(text, VALUE_MAX_CHARS);
        let (code, number) = line.split_once(' ').unwrap_or(("", &line));
        if number.is_empty() || number.chars().any(|c| !matches!(c, '0'..='9' | '.' | '-')) {
            return line;
        }
        let written = self.decimal(number);
        match code {
            "" => written,
            code => format!("{code} {written}"),
        }
    }

    fn decimal(&self, plain: &str) -> String {
        match self.channel {
            Channel::Sms => self.language.short_decimal(plain),
            Channel::Email => self.language.decimal(plain),
        }
    }

    /// The SMS: with everything if that fits into one part; else without the link; else with what is long cut
    /// short. What does not fit even then goes out in more parts than one.
    fn sms(&self, mut values: Values) -> Result<Rendered, TextError> {
        let mut text = to_gsm(&self.line("sms", &values)?);
        if !fits_one_sms(&text) {
            values.remove("link");
            text = to_gsm(&self.line("sms", &values)?);
        }
        if !fits_one_sms(&text) {
            if let Some(short) = values.remove(SHORT_REASON) {
                values.insert(REASON.to_owned(), short);
            }
            for (key, max_chars) in [(REASON, SHORT_REASON_CHARS), ("platform", SHORT_PLATFORM_CHARS)] {
                if let Some(value) = values.get_mut(key) {
                    let long = value.to_string();
                    // What stands in parentheses behind the plain words goes first.
                    let plainly = long.split(" (").next().unwrap_or_default();
                    *value = Value::from(words::short(plainly, max_chars));
                }
            }
            text = to_gsm(&self.line("sms", &values)?);
        }
        Ok(Rendered::Sms { text })
    }

    fn mail(&self, values: &Values) -> Result<Rendered, TextError> {
        let subject = self.line("subject", values)?;
        let colour = match self.line("tone", values)?.as_str() {
            "good" => "#15803d",
            "bad" => "#b91c1c",
            _ => "#b45309",
        };
        let content = context! {
            language => self.language.tag(),
            subject => subject.as_str(),
            colour,
            platform => self.texts.platform.as_deref(),
            account_url => values.get(OWN_URL).cloned().or_else(|| self.texts.account_url.as_deref().map(Value::from)),
            greeting => self.line("greeting", values)?,
            lead => self.paragraphs("lead", values)?,
            facts => self.facts(values)?,
            todo => self.paragraphs("todo", values)?,
            button => self.line("button", values)?,
            footer => self.line("footer", values)?,
        };
        Ok(Rendered::Email {
            text: single_blank_lines(&self.fill("mail.txt", &content)?),
            html: self.fill("mail.html", &content)?,
            subject,
        })
    }

    /// One part of the notice as it comes.
    fn part(&self, part: &str, values: &Values) -> Result<String, TextError> {
        let mut values = values.clone();
        values.insert("part".to_owned(), Value::from(part));
        self.fill(&self.name, &Value::from_pairs(values))
    }

    /// One part as one line.
    fn line(&self, part: &str, values: &Values) -> Result<String, TextError> {
        Ok(words::one_line(&self.part(part, values)?, usize::MAX))
    }

    /// One part as paragraphs, which blank lines part.
    fn paragraphs(&self, part: &str, values: &Values) -> Result<Vec<String>, TextError> {
        let text = self.part(part, values)?;
        let mut paragraphs = vec![String::new()];
        for line in text.lines() {
            match (line.trim(), paragraphs.last_mut()) {
                ("", Some(last)) if last.is_empty() => {}
                ("", _) | (_, None) => paragraphs.push(String::new()),
                (line, Some(last)) => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(line);
                }
            }
        }
        paragraphs.retain(|p| !p.is_empty());
        Ok(paragraphs)
    }

    /// The facts: a label and a value a line.
    fn facts(&self, values: &Values) -> Result<Vec<(String, String)>, TextError> {
        let text = self.part("facts", values)?;
        let rows = text.lines().filter_map(|line| line.trim().split_once(": "));
        Ok(rows
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .collect())
    }

    fn fill(&self, template: &str, values: &Value) -> Result<String, TextError> {
        let template = self.texts.templates.get_template(template);
        template
            .and_then(|t| t.render(values))
            .map_err(|e| self.wrong(words::chain(&e)))
    }

    fn wrong(&self, problem: String) -> TextError {
        TextError::Values {
            name: self.name.clone(),
            problem,
        }
    }
}

/// As in the notice's other figures.
impl Figures for Notice<'_> {
    fn credits(&self, credits: Credits) -> String {
        self.decimal(&credits.to_string())
    }

    fn money(&self, money: Money) -> String {
        self.figure(&money.to_string())
    }
}

/// A service as people write it; the same in every language.
pub(crate) fn service_name(service: &str) -> String {
    match service {
        "sms" => "SMS".to_owned(),
        "whatsapp" => "WhatsApp".to_owned(),
        other => words::one_line(other, VALUE_MAX_CHARS),
    }
}

/// Runs of blank lines become one, so that a layout may leave parts out.
fn single_blank_lines(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        if !(blank && line.is_empty()) {
            tidy.push_str(line);
            tidy.push('\n');
        }
        blank = line.is_empty();
    }
    tidy
}

#[cfg(test)]
mod tests;
