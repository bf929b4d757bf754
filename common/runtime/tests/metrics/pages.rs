//! The operators' page lists every metric there is, and names no other.

use super::queries::{find, named};
use super::{read, root};
use std::fs;
use topup_runtime::metrics::LIST;
use topup_runtime::telemetry::{Label, Values};

const PAGE: &str = "infra/README.md";
const BEGIN: &str = "<!-- metrics -->\n";
const END: &str = "<!-- /metrics -->";
/// Set to anything, it makes the test write the table instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

fn table() -> String {
    let mut table =
        String::from("| metric | kind | labels | of | meaning |\n| --- | --- | --- | --- | --- |\n");
    for metric in LIST {
        let labels: Vec<String> = metric.labels.iter().map(label).collect();
        let of = match metric.processes {
            ["sms-sent", "topup-requested", "payment-results", "notifications"] => "workers".to_owned(),
            [one] => format!("`{one}`"),
            _ if metric.processes.contains(&"edge") => "all".to_owned(),
            _ => "all but the edge".to_owned(),
        };
        table.push_str(&format!(
            "| `{}` | {} | {} | {of} | {} |\n",
            metric.name,
            metric.kind.as_str(),
            labels.join("; "),
            metric.help.trim()
        ));
    }
    table
}

fn label(label: &Label) -> String {
    let values = match label.values {
        Values::OwnQueue => return "`queue`".to_owned(),
        Values::Open(what) => what.to_owned(),
        Values::These(_) | Values::Names(_) => {
            let closed = label.closed().unwrap_or_default();
            closed
                .iter()
                .map(|value| format!("`{value}`"))
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    format!("`{}`: {values}", label.name)
}

#[test]
fn the_operators_page_lists_every_metric() {
    let page = read(PAGE);
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a place for the table");
    let (listed, after) = rest.split_once(END).expect("the place has an end");
    let wanted = table();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(root().join(PAGE), format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        listed, wanted,
        "run the tests of topup-runtime with {UPDATE}=1 to write the table anew"
    );
}

#[test]
fn no_page_names_a_metric_that_is_not_in_the_list() {
    for page in [PAGE, "README.md"] {
        // Names of databases and folders begin so, too; metrics alone are told between backquotes.
        let text = read(page);
        let told = text.split('`').skip(1).step_by(2);
        for name in told
            .filter(|told| told.starts_with("topup_"))
            .flat_map(named)
            .map(|it| it.name)
        {
            let is_whole = LIST.iter().any(|metric| metric.name == name);
            assert!(is_whole || find(&name).is_some(), "{page} names {name}");
        }
    }
}
