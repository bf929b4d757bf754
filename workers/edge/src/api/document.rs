//! The document as it is kept beside the code, and what every resource owes it.

use super::document;
use serde_json::Value;
use std::path::Path;

const METHODS: [&str; 4] = ["get", "put", "post", "delete"];

fn whole() -> Value {
    serde_json::to_value(document()).expect("a document")
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = METHODS
            .iter()
            .filter_map(|method| Some((method, item.get(method)?)));
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    operations.collect()
}

#[test]
fn the_document_that_is_kept_is_the_one_that_is_served() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/openapi.json");
    let mut text = serde_json::to_string_pretty(&whole()).expect("a document");
    text.push('\n');
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).expect("the document, written");
    }
    let kept = std::fs::read_to_string(&file).expect("infra/openapi.json");
    assert!(
        kept == text,
        "infra/openapi.json is not what is served: UPDATE_DOCS=1 cargo test -p edge document"
    );
}

#[test]
fn every_operation_says_what_it_is_and_shows_what_it_takes_and_gives() {
    let document = whole();
    for (name, operation) in operations(&document) {
        for field in ["operationId", "summary", "tags"] {
            assert!(operation.get(field).is_some(), "{name} has no {field}");
        }
        let body = operation.pointer("/requestBody/content/application~1json");
        let answers = operation["responses"].as_object().expect("responses");
        let good = answers.iter().filter(|(status, _)| status.starts_with('2'));
        let contents = good.filter_map(|(_, answer)| answer.pointer("/content/application~1json"));
        for content in contents.chain(body) {
            assert!(is_shown(&document, content), "{name} shows no example: {content}");
        }
    }
}

/// Whether there is an example, where it is used or where its shape is told.
fn is_shown(document: &Value, content: &Value) -> bool {
    let shown = |value: &Value| {
        ["example", "examples"]
            .iter()
            .any(|field| value.get(field).is_some())
    };
    if shown(content) {
        return true;
    }
    let schema = &content["schema"];
    let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) else {
        return schema == &Value::Bool(true)
            || schema.as_object().is_some_and(|it| it.is_empty())
            || shown(schema);
    };
    let Some(schema) = document.pointer(name) else {
        return false;
    };
    if shown(schema) {
        return true;
    }
    // A list's example is its items'.
    let items = &schema["properties"]["items"]["items"];
    let name = items["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    name.and_then(|name| document.pointer(name)).is_some_and(shown) || shown(items)
}

#[test]
fn no_two_operations_bear_one_name() {
    let document = whole();
    let operations = operations(&document);
    let mut names: Vec<_> = operations
        .iter()
        .map(|(_, it)| it["operationId"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), operations.len());
}
