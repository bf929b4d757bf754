//! Nothing is counted that is not in the list, and everything in it is counted.

use super::{files, read, root};
use std::fs;

const LIST: &str = "common/runtime/src/telemetry/metrics.rs";
/// How a metric of the list is counted.
const WAYS: [&str; 5] = ["add(", "set(", "set_bool(", "record(", "took("];

/// All sources of the fleet, each with its path.
fn sources() -> Vec<(String, String)> {
    ["common", "workers", "infra"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), ".rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source");
            (path.display().to_string(), text)
        })
        .collect()
}

#[test]
fn nothing_is_counted_past_the_list() {
    for (path, text) in sources() {
        let is_test = path.contains("/tests/");
        for macro_name in ["counter!(", "gauge!(", "histogram!("] {
            assert!(
                is_test || !text.contains(macro_name),
                "{path} has {macro_name}…): put the metric into {LIST}"
            );
        }
    }
}

#[test]
fn every_metric_of_the_list_is_counted_somewhere() {
    let list = read(LIST);
    let names: Vec<&str> = list
        .lines()
        .map(str::trim)
        .filter(|line| {
            ["counter ", "gauge ", "histogram "]
                .iter()
                .any(|kind| line.starts_with(kind))
        })
        .filter_map(|line| line.split_once(' ')?.1.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names.len(), topup_runtime::metrics::LIST.len());
    let sources: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !path.ends_with(LIST))
        .map(|(_, text)| text)
        .collect();
    for name in names {
        let is_counted = WAYS
            .iter()
            .map(|way| format!("{name}.{way}"))
            .any(|call| sources.iter().any(|text| text.contains(&call)));
        assert!(is_counted, "nobody counts {name}");
    }
}
