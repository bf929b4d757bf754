//! What a query names: metrics, with the labels and values that it picks. As much of Prometheus's language as that
//! takes.

use topup_runtime::metrics::LIST;
use topup_runtime::telemetry::{Kind, Metric};

/// Labels of every sample, by the process itself or by Prometheus.
const EVERYWHERE: [&str; 4] = ["process", "version", "job", "instance"];
/// Labels of Prometheus's own `ALERTS`.
const OF_ALERTS: [&str; 3] = ["alertname", "alertstate", "severity"];

/// One metric in a query.
#[derive(Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Label, operator, value.
    pub(crate) picks: Vec<(String, String, String)>,
}

/// A metric of the list by the name of one of its series, which of a histogram are three.
pub(crate) fn find(series: &str) -> Option<&'static Metric> {
    LIST.iter().copied().find(|metric| match metric.kind {
        Kind::Counter | Kind::Gauge => metric.name == series,
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|suffix| series.strip_suffix(suffix) == Some(metric.name)),
    })
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

/// Every name in a text that begins like one of the fleet's metrics or recorded series.
pub(crate) fn named(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of_name) {
        let word = &rest[start..];
        let end = word.find(|c| !is_of_name(c)).unwrap_or(word.len());
        let (name, behind) = word.split_at(end);
        rest = behind;
        if !name.starts_with("topup_") && !name.contains(':') {
            continue;
        }
        let picks = match behind.strip_prefix('{').and_then(|inside| inside.split_once('}')) {
            Some((inside, after)) => {
                rest = after;
                picks(inside)
            }
            None => Vec::new(),
        };
        found.push(Named {
            name: name.to_owned(),
            picks,
        });
    }
    found
}

fn picks(inside: &str) -> Vec<(String, String, String)> {
    let mut picks = Vec::new();
    let mut rest = inside;
    while let Some((label, after)) = rest.split_once(['=', '!']) {
        let operator_end = after.find('"').unwrap_or(after.len());
        let operator = &rest[label.len()..label.len() + 1 + operator_end];
        let value = after[operator_end..].trim_start_matches('"');
        let (value, behind) = value.split_once('"').unwrap_or((value, ""));
        let label = label.trim_matches([',', ' ']);
        picks.push((label.to_owned(), operator.to_owned(), value.to_owned()));
        rest = behind;
    }
    picks
}

/// The labels that a query sums up by.
fn groupings(query: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for part in query.split("by (").skip(1) {
        let inside = part.split(')').next().unwrap_or_default();
        labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
    }
    labels
}

/// Holds a query to the list; `recorded` are series that rules compute. What is wrong with it.
pub(crate) fn faults(query: &str, recorded: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known: Vec<&str> = EVERYWHERE.to_vec();
    let mut computes_on_recorded = false;
    for Named { name, picks } in named(query) {
        if name.contains(':') {
            computes_on_recorded = true;
            if !recorded.contains(&name) {
                faults.push(format!("no rule computes {name}"));
            }
            continue;
        }
        let Some(metric) = find(&name) else {
            faults.push(format!("there is no metric {name}"));
            continue;
        };
        known.extend(metric.labels.iter().map(|label| label.name));
        if name.ends_with("_bucket") {
            known.push("le");
        }
        for (label, operator, value) in picks {
            if EVERYWHERE.contains(&label.as_str()) || label == "le" && name.ends_with("_bucket") {
                continue;
            }
            let Some(of_metric) = metric.labels.iter().find(|it| it.name == label) else {
                faults.push(format!("{name} has no label {label}"));
                continue;
            };
            let values: Vec<&str> = match operator.as_str() {
                "=~" | "!~" => value.split('|').collect(),
                _ => vec![&value],
            };
            let closed = of_metric.closed();
            for value in values {
                if closed.as_ref().is_some_and(|closed| !closed.contains(&value)) {
                    faults.push(format!("{name} has no {label}={value:?}"));
                }
            }
        }
    }
    if query.contains("ALERTS") {
        known.extend(OF_ALERTS);
        // An alert's own labels are those of its query.
        known.extend(
            LIST.iter()
                .flat_map(|metric| metric.labels)
                .map(|label| label.name),
        );
    }
    for label in groupings(query) {
        if !computes_on_recorded && !known.contains(&label.as_str()) {
            faults.push(format!("nothing in {query:?} has a label {label}"));
        }
    }
    faults
}

#[test]
fn what_is_wrong_with_a_query_is_found() {
    let recorded = ["queue:x:rate5m".to_owned()];
    for good in [
        r#"sum by (queue, class) (increase(topup_parked_total{class="missing"}[15m])) > 0"#,
        r#"sum(rate(topup_charges_total{outcome=~"failed|success", process!="x"}[5m])) / queue:x:rate5m"#,
        "histogram_quantile(0.9, sum by (queue, le) (rate(topup_message_age_seconds_bucket[5m])))",
        r#"sum by (queue, severity) (ALERTS{alertname="X"})"#,
    ] {
        assert_eq!(faults(good, &recorded), Vec::<String>::new(), "{good}");
    }
    for (bad, fault) in [
        ("topup_parked", "there is no metric topup_parked"),
        (
            "rate(topup_publish_seconds[5m])",
            "there is no metric topup_publish_seconds",
        ),
        (
            r#"topup_parked_total{reason="x"}"#,
            "topup_parked_total has no label reason",
        ),
        (
            r#"topup_charges_total{outcome=~"success|lost"}"#,
            r#"topup_charges_total has no outcome="lost""#,
        ),
        ("queue:y:rate5m", "no rule computes queue:y:rate5m"),
        (
            "sum by (queue) (topup_topups_open)",
            r#"nothing in "sum by (queue) (topup_topups_open)" has a label queue"#,
        ),
    ] {
        assert_eq!(faults(bad, &recorded), [fault], "{bad}");
    }
}
