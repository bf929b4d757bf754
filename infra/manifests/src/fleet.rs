//! What the code knows: which processes there are, which settings, how long an end may take.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use topup_runtime::Settings;

/// What the end of a process takes at most after the grace period of what is in hand: the outbox is flushed for 5 s, and
/// the broker is told goodbye for 2 s.
pub(crate) const END_AFTER_GRACE: Duration = Duration::from_secs(7);
/// The setting that says how long what is in hand may take.
const GRACE: &str = "TOPUP__SHUTDOWN__GRACE";

/// `infra`.
pub(crate) fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file's text.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file's YAML documents.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every process of the fleet: the folders of `workers`.
pub(crate) fn processes() -> BTreeSet<String> {
    let folders = fs::read_dir(infra().join("../workers")).unwrap();
    let names: BTreeSet<String> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains("sms-sent") && names.contains("edge"), "{names:?}");
    names
}

/// Every variable has to be a setting, or the file of a secret one.
pub(crate) fn are_settings<'a>(who: &str, variables: impl IntoIterator<Item = &'a String>) {
    let settings = Settings::reference();
    for variable in variables {
        let is_plain = settings.iter().any(|it| it.variable == *variable);
        let of_file = variable.strip_suffix("_FILE");
        let is_file = settings
            .iter()
            .any(|it| it.secret && Some(it.variable.as_str()) == of_file);
        assert!(is_plain || is_file, "{who}: {variable} is no setting");
    }
}

/// The secrets that a process is given in files: `TOPUP__AMQP__URL_FILE` and so on.
pub(crate) fn secret_files(variables: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let files = variables.iter().filter(|(name, _)| name.ends_with("_FILE"));
    files
        .filter(|(name, _)| !name.ends_with("CA_FILE"))
        .map(|(name, path)| (name.as_str(), path.as_str()))
        .collect()
}

/// A process that is told to end has to be left in peace for longer than it takes.
pub(crate) fn ends_in_time(who: &str, variables: &BTreeMap<String, String>, left: Duration) {
    let grace = variables
        .get(GRACE)
        .unwrap_or_else(|| panic!("{who} is not told {GRACE}"));
    let needed = seconds(grace) + END_AFTER_GRACE;
    assert!(
        left > needed,
        "{who} has {left:?} to end, and may take {needed:?}"
    );
}

/// `30s`.
pub(crate) fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("{text:?} is no number of seconds")))
}
