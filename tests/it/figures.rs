//! The dashboard and the alerts show figures that exist: their names are those the code counts by, their labels those a
//! scrape has; and no label names a tenant, a row or a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hub::testing::World;
use serde_json::Value;

use crate::api::Api;
use crate::jobs::{Log, Worker, chore, enqueue, eventually, noting};

/// Labels that Prometheus adds by itself.
const ADDED: [&str; 3] = ["instance", "job", "le"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn expressions(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

/// What the dashboard shows and the alerts look at.
fn watched() -> Vec<String> {
    let text = fs::read_to_string(root().join("deploy/grafana/switchboard.json")).unwrap();
    let mut found = Vec::new();
    expressions(&serde_json::from_str(&text).unwrap(), &mut found);
    let alerts = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    found.extend(alerts.map(str::to_owned));
    assert!(found.len() > 30, "expressions are not found any more: {found:?}");
    found
}

/// The figures of an expression, as the code names them.
fn figures(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("switchboard_"))
        .map(|word| {
            let ends = ["_bucket", "_count", "_sum"];
            ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
        })
        .collect()
}

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_figure_of_the_dashboard_is_counted_somewhere() {
    let mut code = String::new();
    for member in ["hub", "api", "calls", "worker", "shard-worker", "connectors", "."] {
        sources(&root().join(member).join("src"), &mut code);
    }
    let missing: BTreeSet<String> = watched()
        .iter()
        .flat_map(|expression| figures(expression))
        .filter(|name| !code.contains(&format!("\"{name}\"")))
        .map(str::to_owned)
        .collect();
    assert!(
        missing.is_empty(),
        "the dashboard shows what nobody counts: {missing:?}"
    );
}

/// One line of a scrape: the figure, and its labels.
fn series(line: &str) -> (String, BTreeMap<String, String>) {
    let (name, rest) = line
        .split_once('{')
        .unwrap_or((line.split(' ').next().unwrap(), "}"));
    let labels = rest.rsplit_once('}').unwrap().0;
    let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
    let labels = pairs.map(|(key, value)| (key.trim().to_owned(), value.trim_end_matches('"').to_owned()));
    (
        figures(name).first().copied().unwrap_or(name).to_owned(),
        labels.collect(),
    )
}

/// The labels that an expression sums by.
fn sums_by(expression: &str) -> BTreeSet<&str> {
    let groups = expression
        .split("by (")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    groups
        .flat_map(|group| group.split(','))
        .map(str::trim)
        .filter(|label| !ADDED.contains(label))
        .collect()
}

#[tokio::test]
async fn labels_are_those_that_the_dashboard_sums_by_and_name_nobody() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let at = |path: &str| format!("http://{}{path}", api.address);
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    enqueue(&world.hub, acme, [chore("counted")]).await;
    eventually("the job is done", async || log.count("counted") == 1).await;
    let unsigned = [("From", "+15550100"), ("To", "+15550199"), ("AccountSid", "AC0")];
    let refused = api
        .client
        .post(at("/webhooks/twilio/sms"))
        .form(&unsigned)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let unknown = format!("/api/v1/calls/{acme}");
    api.client.get(at(&unknown)).send().await.unwrap();
    worker.stop().await;
    let scrape = api
        .client
        .get(at("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let lines = scrape.lines().filter(|line| line.starts_with("switchboard_"));
    let all: Vec<_> = lines.map(series).collect();
    for (name, labels) in &all {
        for (label, value) in labels {
            let is_somebody =
                uuid::Uuid::try_parse(value).is_ok() || value.contains("+1555") || value.contains('@');
            assert!(!is_somebody, "{name} has {label}={value}");
            assert!(
                !["tenant", "tenant_id", "staff", "call", "id"].contains(&label.as_str()),
                "{name} has {label}"
            );
        }
    }
    let mut compared = 0;
    for expression in watched() {
        let wanted = sums_by(&expression);
        let Some(figure) = figures(&expression).first().map(|name| (*name).to_owned()) else {
            continue;
        };
        for (_, labels) in all.iter().filter(|(name, _)| *name == figure) {
            let missing: Vec<_> = wanted
                .iter()
                .filter(|label| !labels.contains_key(**label))
                .collect();
            assert!(
                missing.is_empty(),
                "{expression}: {missing:?} is no label of it: {labels:?}"
            );
            compared += wanted.len();
        }
    }
    assert!(compared > 5, "too little was counted: {scrape}");
}
