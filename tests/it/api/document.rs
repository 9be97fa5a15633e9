//! The API's document: the same as its snapshot, the same as the operation table, and strict about what it takes.

use std::collections::BTreeSet;
use std::path::Path;

use api::OPERATIONS;
use serde_json::Value;

/// The web client's types are made from this file.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/openapi.json");

fn document() -> Value {
    serde_json::to_value(api::openapi()).unwrap()
}

/// `(METHOD, path below /api/v1, operation)` of all operations.
pub(super) fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut all = Vec::new();
    for (path, item) in paths {
        let below = path.strip_prefix("/api/v1").unwrap_or(path).to_owned();
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), below.clone(), operation));
        }
    }
    all
}

#[test]
fn the_snapshot_is_the_document() {
    let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(SNAPSHOT, &now).unwrap();
    }
    let kept = std::fs::read_to_string(Path::new(SNAPSHOT)).unwrap_or_default();
    assert!(
        kept == now,
        "web/openapi.json is not what the code says. Look at the change, then `make openapi`, or run this test with \
         UPDATE_OPENAPI=1."
    );
}

#[test]
fn every_operation_is_in_the_table_and_the_table_has_no_others() {
    let document = document();
    let routed: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    let listed: BTreeSet<(String, String)> = OPERATIONS
        .iter()
        .map(|operation| (operation.method.to_owned(), operation.path.to_owned()))
        .collect();
    assert_eq!(listed.len(), OPERATIONS.len(), "an operation is listed twice");
    let missing: Vec<_> = routed.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "add a line to api/src/operations.rs for {missing:?}"
    );
    let stale: Vec<_> = listed.difference(&routed).collect();
    assert!(
        stale.is_empty(),
        "no route for these lines of api/src/operations.rs: {stale:?}"
    );
}

#[test]
fn every_body_refuses_fields_it_does_not_know() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if body.is_null() {
            continue;
        }
        let named = body["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        let schema = named.map_or(body, |name| &document["components"]["schemas"][name]);
        assert_eq!(
            schema["additionalProperties"], false,
            "{method} {path}: its body needs #[serde(deny_unknown_fields)]"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_summary() {
    let document = document();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(
            !name.is_empty() && names.insert(name.to_owned()),
            "{method} {path}: operation_id {name:?}"
        );
        assert!(
            operation["summary"].is_string(),
            "{method} {path}: its first doc line is the summary"
        );
    }
}
