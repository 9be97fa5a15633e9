//! The rules of the tree that no compiler checks: who may know whom, where SQL and Redis keys live, how files are named.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this needs a reason in [`LONG_FILES`].
const LINES_MAX: usize = 500;
/// Files that may be longer, each with its reason. None so far.
const LONG_FILES: [(&str, &str); 0] = [];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] = [
    "common", "helper", "helpers", "manager", "misc", "shared", "types", "util", "utils",
];
/// Which of our crates each crate may build on. What is missing here is not allowed.
const MAY_USE: [(&str, &[&str]); 9] = [
    ("hub", &[]),
    ("connectors", &[]),
    ("loadtest", &[]),
    ("fake-wa", &["loadtest"]),
    ("api", &["hub", "connectors"]),
    ("calls", &["hub", "connectors"]),
    ("worker", &["hub", "connectors"]),
    ("shard-worker", &["hub", "connectors"]),
    (
        ".",
        &["hub", "connectors", "api", "calls", "worker", "shard-worker"],
    ),
];
/// Libraries that only these crates may use outside of their tests: the doors to the stores, and what is not Apache-2.0.
const DOORS: [(&str, &[&str]); 4] = [
    ("sqlx", &["hub"]),
    ("fred", &["hub"]),
    ("object_store", &["connectors"]),
    ("whatsapp-rust", &["fake-wa", "shard-worker"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Tests may look behind the curtain.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || ["tests.rs", "testing.rs"].contains(&name)
    }

    /// The product's part of the text: what comes before the unit tests at the end, without comments.
    fn code(&self) -> String {
        let product = self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = product
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn crate_name(&self) -> &str {
        match self.path.split_once("/src/") {
            Some((name, _)) => name,
            None => ".",
        }
    }
}

fn members() -> impl Iterator<Item = &'static str> {
    MAY_USE.into_iter().map(|(name, _)| name)
}

fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    for member in members() {
        for folder in ["src", "tests", "benches", "examples"] {
            files_below(&root().join(member).join(folder), "rs", &mut paths);
        }
    }
    paths.sort();
    paths.dedup();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("read a source file"),
        path: path
            .strip_prefix(root())
            .expect("it was found below the root")
            .to_string_lossy()
            .trim_start_matches("./")
            .to_owned(),
    };
    paths.into_iter().map(read).collect()
}

fn manifest(member: &str) -> toml::Table {
    let path = root().join(member).join("Cargo.toml");
    let text = fs::read_to_string(path).expect("read a Cargo.toml");
    text.parse().expect("a Cargo.toml is TOML")
}

fn dependencies(manifest: &toml::Table, section: &str) -> Vec<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

/// Fails with every fault, not just the first.
fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn crates_know_only_those_below_them() {
    let ours: Vec<_> = members().filter(|name| *name != ".").collect();
    let mut faults = Vec::new();
    for (name, allowed) in MAY_USE {
        for dependency in dependencies(&manifest(name), "dependencies") {
            if ours.contains(&dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                faults.push(format!("{name} must not build on {dependency}"));
            }
        }
        // Tests of a role may use the emulators; what is below the roles must not know the roles even there.
        for dependency in dependencies(&manifest(name), "dev-dependencies") {
            let fine = allowed.contains(&dependency.as_str())
                || ["hub", "loadtest", "fake-wa"].contains(&dependency.as_str());
            if ours.contains(&dependency.as_str()) && !fine {
                faults.push(format!("tests of {name} must not build on {dependency}"));
            }
        }
    }
    assert_none("the crate graph", &faults);
}

#[test]
fn every_member_of_the_workspace_has_its_place_in_the_crate_graph() {
    let workspace = manifest(".");
    let listed = workspace["workspace"]["members"].as_array().unwrap();
    let known: Vec<_> = members().collect();
    let unknown: Vec<_> = listed
        .iter()
        .filter_map(|name| name.as_str())
        .filter(|name| !known.contains(name))
        .map(str::to_owned)
        .collect();
    assert_none("crates without a line in MAY_USE", &unknown);
}

#[test]
fn only_hub_has_sql_and_redis_keys() {
    let mut faults = Vec::new();
    for (library, allowed) in DOORS {
        for name in members().filter(|name| !allowed.contains(name)) {
            if dependencies(&manifest(name), "dependencies").contains(&library.to_owned()) {
                faults.push(format!("{name}/Cargo.toml: {library} belongs to {allowed:?}"));
            }
        }
    }
    let statements = [
        "\"SELECT ",
        "\"INSERT INTO ",
        "\"UPDATE ",
        "\"DELETE FROM ",
        "\"WITH ",
    ];
    for source in sources()
        .iter()
        .filter(|source| !source.is_test() && source.crate_name() != "loadtest")
    {
        let code = source.code();
        let in_hub = source.crate_name() == "hub";
        if !in_hub && statements.iter().any(|statement| code.contains(statement)) {
            faults.push(format!("{}: SQL outside hub", source.path));
        }
        // Keys and channels begin with the product's prefix; hub/src/keys.rs lists them all.
        if code.contains("\"sb:") && source.path != "hub/src/keys.rs" {
            faults.push(format!("{}: a Redis key outside hub/src/keys.rs", source.path));
        }
    }
    assert_none("SQL and Redis keys", &faults);
}

#[test]
fn hub_does_not_know_the_words_of_providers() {
    let words = ["TwiML", "CallSid", "AccountSid", "whatsapp_web", "async_openai"];
    let mut faults = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.crate_name() == "hub" && !source.is_test())
    {
        let code = source.code();
        faults.extend(
            words
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{}: {word}", source.path)),
        );
    }
    assert_none("words that stop in connectors and the roles", &faults);
}

#[test]
fn every_file_opens_by_saying_what_it_is_about_and_is_short() {
    let mut faults = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            faults.push(format!("{}: the first line must be a `//!` line", source.path));
        }
        let lines = source.text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        if lines > LINES_MAX && !excused {
            faults.push(format!("{}: {lines} lines, {LINES_MAX} at most", source.path));
        }
    }
    assert_none("files", &faults);
}

#[test]
fn names_of_modules_say_something() {
    let mut faults = Vec::new();
    for source in sources() {
        let parts: Vec<_> = source.path.trim_end_matches(".rs").split('/').collect();
        if parts.last() == Some(&"mod") {
            faults.push(format!("{}: foo.rs beside foo/, not mod.rs", source.path));
        }
        faults.extend(
            parts
                .iter()
                .filter(|part| EMPTY_NAMES.contains(part))
                .map(|part| format!("{}: {part} says nothing", source.path)),
        );
    }
    assert_none("names", &faults);
}

#[test]
fn what_is_left_to_do_names_its_issue() {
    let mut faults = Vec::new();
    let markers = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X"].concat(),
    ];
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let marked = markers.iter().any(|marker| {
                line.split(|character: char| !character.is_ascii_alphanumeric())
                    .any(|word| word == marker)
            });
            if marked && !line.contains("(#") {
                faults.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("unfinished work without an issue", &faults);
}

#[test]
fn migrations_are_numbered_without_gaps_and_say_what_they_are_for() {
    let mut paths = Vec::new();
    files_below(&root().join("migrations"), "sql", &mut paths);
    paths.sort();
    let mut numbers = BTreeMap::new();
    let mut faults = Vec::new();
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (number, deed) = name.split_once('_').unwrap_or_default();
        let plain = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || "_.".contains(character)
        };
        if number.len() != 4 || !deed.chars().all(plain) {
            faults.push(format!("{name}: NNNN_what_it_does.sql"));
        }
        if let Some(other) = numbers.insert(number.to_owned(), name.clone()) {
            faults.push(format!("{name} and {other} have the same number"));
        }
        if !fs::read_to_string(path).unwrap().starts_with("-- ") {
            faults.push(format!("{name}: the first line must say what it is for"));
        }
    }
    for (expected, number) in (1..).zip(numbers.keys()) {
        if number.parse() != Ok(expected) {
            faults.push(format!("{number} comes where {expected:04} is expected"));
            break;
        }
    }
    assert_none("migrations", &faults);
}

#[test]
fn the_map_names_files_that_exist() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("read ARCHITECTURE.md");
    let is_path = |word: &&str| {
        word.contains('/')
            && [".rs", ".ts", ".tsx", ".md", ".toml", ".sql"]
                .iter()
                .any(|end| word.ends_with(end))
    };
    let words = map.split(|c: char| c.is_whitespace() || "`(),;:|".contains(c));
    let missing: Vec<_> = words
        .filter(is_path)
        .filter(|path| !root().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names files that are not there: {missing:?}"
    );
}

#[test]
fn the_page_of_threats_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/threats.md")).expect("read docs/threats.md");
    let sources = sources();
    // A test's name is a sentence; in backticks, three words at least.
    let is_test = |word: &&str| {
        word.matches('_').count() > 1
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let named: Vec<_> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 100, "the page names {} tests only", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| {
            !sources
                .iter()
                .any(|source| source.text.contains(&format!("fn {name}(")))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "docs/threats.md names tests that are not there: {missing:?}"
    );
}
