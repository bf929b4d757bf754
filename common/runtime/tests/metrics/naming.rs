//! What metrics and labels are called.

use std::collections::BTreeSet;
use topup_runtime::metrics::LIST;
use topup_runtime::telemetry::Kind;

#[test]
fn a_metric_is_named_after_its_unit_and_a_counter_says_that_it_is_one() {
    let mut names = BTreeSet::new();
    for metric in LIST {
        let name = metric.name;
        assert!(names.insert(name), "{name} is twice in the list");
        assert!(name.starts_with("topup_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        assert_eq!(
            !metric.buckets.is_empty(),
            metric.kind == Kind::Histogram,
            "{name}"
        );
        assert!(metric.buckets.is_sorted(), "{name}");
        for suffix in ["_bucket", "_sum", "_count", "_ms", "_millis", "_minutes"] {
            assert!(!name.ends_with(suffix), "{name}");
        }
        assert!(!metric.help.trim().is_empty(), "{name}");
        assert!(!metric.processes.is_empty(), "{name}");
    }
}

#[test]
fn no_label_says_whose_something_is_and_none_has_many_values() {
    for metric in LIST {
        for label in metric.labels {
            let name = label.name;
            for whose in [
                "account",
                "wallet",
                "topup",
                "payment",
                "message",
                "reference",
                "mobile",
                "email",
            ] {
                assert!(!name.contains(whose), "{} has a label {name}", metric.name);
            }
            for every_sample_has in ["process", "version", "job", "instance", "le"] {
                assert_ne!(name, every_sample_has, "{}", metric.name);
            }
            let values = label.closed().unwrap_or_default();
            assert!(
                values.len() <= 16,
                "{}: {name} has {} values",
                metric.name,
                values.len()
            );
        }
    }
}
