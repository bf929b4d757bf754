//! Where settings come from, and what is said when one is wrong.
//!
//! Every setting is named once, where it is read; the same reading, with nothing given, makes the reference.

use super::values::Parse;
use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};
use secrecy::SecretString;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// All variables begin so.
pub(super) const PREFIX: &str = "TOPUP";
/// Names the settings files, separated by colons; later ones win, and the environment wins over all.
pub const FILES_VARIABLE: &str = "TOPUP_CONFIG";
/// Largest file that a `*_FILE` variable may name.
const SECRET_MAX_BYTES: u64 = 64 * 1024;
/// How many changed letters still make a name a likely slip.
const SLIP_MAX: usize = 3;

/// One clear line about a wrong setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub(super) String);

impl SettingsError {
    /// A setting that turned out to be unusable when it was used: `about("http.listen", "…")`.
    #[must_use]
    pub fn about(path: &str, wrong: &str) -> Self {
        Self(format!("{}: {wrong}", variable(path)))
    }
}

/// One setting, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDoc {
    /// `TOPUP__RULES__CARD_SPACING`.
    pub variable: String,
    /// What holds when nothing is given; `None`: nothing does.
    pub default: Option<&'static str>,
    /// What it is, with its unit.
    pub meaning: &'static str,
    /// Also read from the file that `<variable>_FILE` names, and never printed.
    pub secret: bool,
}

/// A setting's text as somebody gave it.
#[derive(Debug, Clone)]
struct Given {
    text: String,
    /// How to name it: the variable, or the file and the key in it.
    name: String,
}

/// What was given, and the settings that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    given: BTreeMap<String, Given>,
    docs: Vec<SettingDoc>,
}

impl Reader {
    /// Reads the files that [`FILES_VARIABLE`] names, then the environment.
    pub(super) fn from_process() -> Result<Self, SettingsError> {
        let mut environment = HashMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(PREFIX) {
                continue;
            }
            let value = value
                .into_string()
                .map_err(|_| SettingsError(format!("{name}: is not valid UTF-8")))?;
            environment.insert(name, value);
        }
        let files: Vec<PathBuf> = match environment.get(FILES_VARIABLE) {
            Some(list) => std::env::split_paths(list)
                .filter(|p| !p.as_os_str().is_empty())
                .collect(),
            None => Vec::new(),
        };
        Self::from_sources(&files, environment)
    }

    /// The same from given files and variables.
    pub(super) fn from_sources(
        files: &[PathBuf],
        environment: HashMap<String, String>,
    ) -> Result<Self, SettingsError> {
        // A single underscore after the prefix is the likeliest slip, and would otherwise go unseen.
        let slip = format!("{PREFIX}_");
        let right = format!("{PREFIX}__");
        for name in environment.keys() {
            if name.starts_with(&slip) && !name.starts_with(&right) && name.contains("__") {
                let meant = name.replacen(&slip, &right, 1);
                return Err(SettingsError(format!(
                    "{name} is no setting; did you mean {meant}?"
                )));
            }
        }
        let mut reader = Self::default();
        for path in files {
            reader.add_file(path)?;
        }
        let variables = Environment::with_prefix(PREFIX)
            .separator("__")
            .source(Some(environment));
        let built = build(variables).map_err(|e| SettingsError(e.to_string()))?;
        reader.add("", &built, &|key| variable(key))?;
        Ok(reader)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| SettingsError(format!("{file}: {e}")))?;
        let built = build(File::from_str(&text, FileFormat::Toml))
            .map_err(|e| SettingsError(format!("{file}: {}", one_line(&e.to_string()))))?;
        self.add("", &built, &|key| format!("{file}: {key}"))
    }

    fn add(
        &mut self,
        prefix: &str,
        table: &HashMap<String, Value>,
        name: &dyn Fn(&str) -> String,
    ) -> Result<(), SettingsError> {
        for (key, value) in table {
            let path = if prefix.is_empty() {
                key.clone()
            } else {
                format!("{prefix}.{key}")
            };
            match &value.kind {
                ValueKind::Table(inner) => self.add(&path, inner, name)?,
                ValueKind::Nil | ValueKind::Array(_) => {
                    return Err(SettingsError(format!(
                        "{}: is neither text nor a number",
                        name(&path)
                    )));
                }
                ValueKind::Boolean(_)
                | ValueKind::I64(_)
                | ValueKind::I128(_)
                | ValueKind::U64(_)
                | ValueKind::U128(_)
                | ValueKind::Float(_)
                | ValueKind::String(_) => {
                    let text = value
                        .clone()
                        .into_string()
                        .map_err(|e| SettingsError(e.to_string()))?;
                    let name = name(&path);
                    self.given.insert(path, Given { text, name });
                }
            }
        }
        Ok(())
    }

    /// The first name given that is no setting, with the nearest that is.
    pub(super) fn refuse_unknown(&self, reference: &[SettingDoc]) -> Result<(), SettingsError> {
        let known: Vec<String> = reference
            .iter()
            .flat_map(|doc| {
                let file = doc.secret.then(|| format!("{}_FILE", doc.variable));
                std::iter::once(doc.variable.clone()).chain(file)
            })
            .collect();
        for (path, given) in &self.given {
            let asked = variable(path);
            if known.contains(&asked) {
                continue;
            }
            let nearest = known
                .iter()
                .map(|name| (strsim::damerau_levenshtein(name, &asked), name))
                .filter(|(distance, _)| *distance <= SLIP_MAX)
                .min();
            let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"));
            return Err(SettingsError(format!("{} is no setting{hint}", given.name)));
        }
        Ok(())
    }

    /// The settings that were asked for.
    pub(super) fn into_docs(self) -> Vec<SettingDoc> {
        self.docs
    }

    /// A setting with a default.
    pub(super) fn value<T: Parse>(
        &mut self,
        path: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Result<T, SettingsError> {
        self.document(path, Some(default), meaning, false);
        match self.given.get(path) {
            Some(given) => parse(given),
            None => T::parse(default)
                .map_err(|wrong| SettingsError(format!("{}: the default: {wrong}", variable(path)))),
        }
    }

    /// A setting that may be left out.
    pub(super) fn optional<T: Parse>(
        &mut self,
        path: &'static str,
        meaning: &'static str,
    ) -> Result<Option<T>, SettingsError> {
        self.document(path, None, meaning, false);
        self.given.get(path).map(parse).transpose()
    }

    /// A secret that may be left out: its text, or what stands in the file that `<path>_file` names.
    pub(super) fn secret(
        &mut self,
        path: &'static str,
        meaning: &'static str,
    ) -> Result<Option<SecretString>, SettingsError> {
        self.document(path, None, meaning, true);
        let file = self.given.get(&format!("{path}_file"));
        let (text, name) = match (self.given.get(path), file) {
            (None, None) => return Ok(None),
            (Some(given), None) => (given.text.clone(), &given.name),
            (None, Some(file)) => (read_secret(file)?, &file.name),
            (Some(given), Some(file)) => {
                return Err(SettingsError(format!(
                    "{} and {} are both given; one must go",
                    given.name, file.name
                )));
            }
        };
        match text.trim() {
            "" => Err(SettingsError(format!("{name}: is empty"))),
            secret => Ok(Some(SecretString::from(secret))),
        }
    }

    fn document(&mut self, path: &str, default: Option<&'static str>, meaning: &'static str, secret: bool) {
        self.docs.push(SettingDoc {
            variable: variable(path),
            default,
            meaning,
            secret,
        });
    }
}

/// `rules.card_spacing` → `TOPUP__RULES__CARD_SPACING`.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}__{}", path.replace('.', "__").to_uppercase())
}

fn parse<T: Parse>(given: &Given) -> Result<T, SettingsError> {
    T::parse(&given.text).map_err(|wrong| SettingsError(format!("{}: {wrong}", given.name)))
}

fn read_secret(file: &Given) -> Result<String, SettingsError> {
    let wrong = |e: &dyn std::fmt::Display| SettingsError(format!("{}: {}: {e}", file.name, file.text));
    let length = std::fs::metadata(&file.text).map_err(|e| wrong(&e))?.len();
    if length > SECRET_MAX_BYTES {
        return Err(wrong(&format_args!("{length} bytes are too long for a secret")));
    }
    std::fs::read_to_string(&file.text).map_err(|e| wrong(&e))
}

fn build(source: impl Source + Send + Sync + 'static) -> Result<HashMap<String, Value>, config::ConfigError> {
    let collected = Config::builder().add_source(source).build()?.collect()?;
    Ok(collected.into_iter().collect())
}

fn one_line(text: &str) -> String {
    text.split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}
