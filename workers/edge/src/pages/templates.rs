//! The pages' templates: compiled once, every value escaped, every text from the catalogue.

use super::catalogue::Catalogue;
use super::language::Language;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, context};
use serde::Serialize;
use std::sync::Arc;

/// Every template, by name.
macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

/// What pages are made of.
pub(super) const SOURCES: &[(&str, &str)] = templates![
    "base.html",
    "buy.html",
    "purchase.html",
    "receipt.html",
    "one-click.html",
    "one-click-off.html",
    "chart.html",
    "form.html",
    "parts.html",
    "auto-topup-card.html",
    "auto-topup-off.html",
    "auto-topup.html",
    "code.html",
    "entries.html",
    "history.html",
    "link-sent.html",
    "link.html",
    "message.html",
    "onward.html",
    "overview.html",
    "password.html",
    "registration.html",
    "second-step.html",
    "settings.html",
    "sign-in.html",
    "sub.html",
    "subs.html",
];

/// All templates.
pub(crate) fn environment(catalogue: &Arc<Catalogue>) -> Result<Environment<'static>, Error> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    templates.set_auto_escape_callback(|_name| AutoEscape::Html);
    let texts = Arc::clone(catalogue);
    templates.add_function(
        "t",
        move |state: &State<'_, '_>, key: &str, values: Kwargs| -> Result<String, Error> {
            let mut args = fluent_bundle::FluentArgs::new();
            for name in values.args() {
                let value: Value = values.get(name)?;
                match i64::try_from(value.clone()) {
                    Ok(number) => args.set(name.to_owned(), number),
                    Err(_) => args.set(name.to_owned(), value.to_string()),
                }
            }
            let page = state.lookup("page").unwrap_or_default();
            let tag = page.get_attr("language").unwrap_or_default().to_string();
            let language = Language::of_tag(&tag).unwrap_or(Language::English);
            Ok(texts.filled(language, key, Some(&args)))
        },
    );
    for (name, source) in SOURCES {
        templates.add_template(name, source)?;
    }
    Ok(templates)
}

/// One page: what is around it (`page`), and what it shows (`v`).
pub(crate) fn render<S: Serialize, V: Serialize>(
    templates: &Environment<'static>,
    name: &str,
    page: &S,
    view: &V,
) -> Result<String, Error> {
    templates
        .get_template(name)?
        .render(context! { page => Value::from(Serde(page)), v => Value::from(Serde(view)) })
}
