//! Who may trust the fake server, and who does not.
use std::path::Path;

/// Reads all manifests: the feature that skips the certificate check may stand in one place only.
#[test]
fn the_dangerous_feature_is_a_dev_dependencys_and_nobody_elses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut manifests = vec![root.join("Cargo.toml")];
    for entry in std::fs::read_dir(&root).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        if manifest.is_file() {
            manifests.push(manifest);
        }
    }
    let mut found = Vec::new();
    for manifest in manifests {
        let text = std::fs::read_to_string(&manifest).unwrap();
        let mut section = String::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.starts_with('[') {
                line.clone_into(&mut section);
            }
            if line.contains("danger-skip-cert-chain-verify") {
                let folder = manifest
                    .parent()
                    .unwrap()
                    .file_name()
                    .unwrap_or_default()
                    .to_owned();
                found.push((folder.into_string().unwrap(), section.clone()));
            }
        }
    }
    found.retain(|place| *place != ("fake-wa".to_owned(), "[dev-dependencies]".to_owned()));
    assert!(
        found.is_empty(),
        "the product could be built to trust anybody: {found:?}"
    );
}

/// The tests of pairing mean something only in a build that skips the check, as this one has to be.
#[test]
fn a_test_build_skips_the_check() {
    assert!(!fake_wa::certificates_are_checked());
}
