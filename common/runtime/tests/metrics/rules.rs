//! The alert rules, their tests, and the dashboard.

use super::queries::{faults, named};
use super::{files, read, root};
use serde_json::Value;
use std::fs;
use topup_runtime::metrics::LIST;

const ALERTS: &str = "infra/prometheus/rules/alerts.yml";
const RECORDED: &str = "infra/prometheus/rules/recorded.yml";
const DASHBOARD: &str = "infra/grafana/dashboard.json";
const PAGE: &str = "infra/README.md";

struct Rule {
    name: String,
    text: String,
}

impl Rule {
    /// What stands behind a key, on its line.
    fn value(&self, key: &str) -> Option<&str> {
        let line = self
            .text
            .lines()
            .find(|line| line.trim_start().starts_with(key))?;
        Some(line.trim_start().strip_prefix(key)?.trim())
    }

    /// Its query, on one line or on several.
    fn query(&self) -> String {
        let lines = self
            .text
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("expr:"));
        let mut query = String::new();
        for (at, line) in lines.enumerate() {
            let is_over = ["for:", "labels:", "- "]
                .iter()
                .any(|key| line.trim_start().starts_with(key));
            if at > 0 && is_over {
                break;
            }
            let line = line.trim_start();
            let line = line.strip_prefix("expr:").unwrap_or(line).trim();
            query.push_str(line.strip_prefix('|').unwrap_or(line));
            query.push('\n');
        }
        query
    }
}

/// The rules of a file: what begins with `- alert: ` or `- record: `.
fn rules(text: &str, begin: &str) -> Vec<Rule> {
    let parts = text.split(begin).skip(1);
    parts
        .map(|part| Rule {
            name: part.lines().next().unwrap_or_default().trim().to_owned(),
            text: part.to_owned(),
        })
        .collect()
}

fn alerts() -> Vec<Rule> {
    rules(&read(ALERTS), "- alert: ")
}

fn recorded() -> Vec<String> {
    let rules = rules(&read(RECORDED), "- record: ");
    rules.into_iter().map(|rule| rule.name).collect()
}

#[test]
fn every_metric_and_label_of_a_rule_is_in_the_list() {
    let recorded = recorded();
    assert!(recorded.len() >= 5);
    let all = alerts().into_iter().chain(rules(&read(RECORDED), "- record: "));
    for rule in all {
        let query = rule.query();
        assert!(!named(&query).is_empty(), "{}: {query}", rule.name);
        assert_eq!(faults(&query, &recorded), Vec::<String>::new(), "{}", rule.name);
    }
}

#[test]
fn every_alert_says_how_urgent_it_is_what_happened_and_under_which_heading_it_is_told_what_to_do() {
    let page = read(PAGE);
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(anchor)
        .collect();
    let mut named: Vec<String> = Vec::new();
    for alert in alerts() {
        let name = &alert.name;
        let severity = alert.value("severity:");
        assert!(
            matches!(severity, Some("page" | "ticket")),
            "{name}: {severity:?}"
        );
        for key in ["summary:", "description:"] {
            assert!(
                alert.value(key).is_some_and(|value| !value.is_empty()),
                "{name} has no {key}"
            );
        }
        let runbook = alert.value("runbook:").unwrap_or_default();
        let heading = runbook.strip_prefix("infra/README.md#").unwrap_or_default();
        assert!(
            headings.iter().any(|it| it == heading),
            "{name}: {PAGE} has no heading {runbook:?}"
        );
        named.push(heading.to_owned());
    }
    // The other way round: nothing is advised for an alert that is gone.
    let (_, section) = page
        .split_once("\n## What to be woken by\n")
        .expect("the page tells of alerts");
    let section = section.split("\n## ").next().unwrap_or_default();
    for heading in section.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(named.contains(&anchor(heading)), "no alert names {heading:?}");
    }
}

/// As a heading is linked to.
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_alert_is_tested_silent_and_firing_and_every_series_of_a_test_can_be() {
    let recorded = recorded();
    let tests: String = files(&root().join("infra/prometheus/tests"), ".yml")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let queries = tests.lines().filter_map(|line| {
        let behind = |key| line.trim_start().strip_prefix(key);
        behind("- series: ").or_else(|| behind("- expr: "))
    });
    for query in queries {
        assert_eq!(faults(query, &recorded), Vec::<String>::new(), "{query}");
    }
    for alert in alerts() {
        let asked = format!("ALERTS{{alertname=\"{}\", alertstate=\"firing\"}}", alert.name);
        let checks: Vec<&str> = tests
            .split("- expr: ")
            .filter(|check| check.lines().next().is_some_and(|query| query.contains(&asked)))
            .collect();
        let silent = checks.iter().any(|check| check.contains("exp_samples: []"));
        let firing = checks
            .iter()
            .any(|check| check.contains(&format!("- labels: '{{alertname=\"{}\"", alert.name)));
        assert!(
            silent && firing,
            "{}: silent {silent}, firing {firing}",
            alert.name
        );
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_the_list_and_no_other() {
    let board: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let recorded = recorded();
    let panels = board["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries: Vec<&str> = targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .collect();
    assert!(queries.len() > 40);
    for query in &queries {
        assert_eq!(faults(query, &recorded), Vec::<String>::new(), "{query}");
    }
    let mut shown: String = queries.join("\n");
    shown.push_str(&read(RECORDED));
    for metric in LIST {
        assert!(shown.contains(metric.name), "no panel shows {}", metric.name);
    }
}
