//! Rules of the project that no lint checks.

use std::path::{Path, PathBuf};

use crate::harness::root;

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["shared", "functions", "local", "tests"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 80, "{}", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("compile_fail") {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// Files whose path, from the root, starts with `prefix`.
fn within(prefix: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let prefix = root().join(prefix);
    sources()
        .into_iter()
        .filter(move |(path, _)| path.starts_with(&prefix))
}

#[test]
fn every_file_starts_by_saying_what_it_is() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{}", path.display());
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_behind() {
    let marks =
        ["TO", "FIX"].map(|half| format!("{half}{}", if half == "TO" { "DO" } else { "ME" }));
    for (path, text) in sources() {
        for mark in marks
            .iter()
            .map(String::as_str)
            .chain(["#[ignore", "#[allow("])
        {
            let is_here = path.ends_with("tidy.rs");
            assert!(
                is_here || !text.contains(mark),
                "{}: {mark}",
                path.display()
            );
        }
    }
}

#[test]
fn a_tenants_store_is_opened_in_four_files_only() {
    let mut openers: Vec<String> = within("shared/src")
        .chain(within("functions"))
        .filter(|(_, text)| text.contains("TenantStore::open("))
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    openers.sort();
    assert_eq!(
        openers,
        ["caller.rs", "job.rs", "schedule.rs", "sign_in.rs"]
    );
}

#[test]
fn only_shared_names_an_aws_sdk_crate() {
    for entry in std::fs::read_dir(root().join("functions")).unwrap() {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(!text.contains("aws-"), "{}", manifest.display());
    }
}

#[test]
fn statuses_are_decided_in_one_file() {
    for (path, text) in within("shared/src") {
        let decides = text.contains("StatusCode::");
        assert!(
            !decides || path.ends_with("problem.rs"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_package_takes_the_workspaces_lints() {
    let mut manifests: Vec<PathBuf> = ["shared", "local", "tests"]
        .map(|name| root().join(name))
        .into();
    manifests.extend(
        std::fs::read_dir(root().join("functions"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for folder in manifests {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}",
            folder.display()
        );
    }
}
