//! What the whole run of `it` saw, held against what it must have seen: this binary runs after it, by its name.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::SystemTime,
};

/// They take nothing of a request, so that nothing in one can be wrong.
const WITHOUT_INPUT: [&str; 7] = [
    "GET /.well-known/jwks.json",
    "GET /docs",
    "GET /docs/page.css",
    "GET /docs/page.js",
    "GET /health",
    "GET /openapi.json",
    "GET /ready",
];

/// The lines that `tests/it/sightings.rs` has written, by their first word.
fn seen() -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("seen.txt");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let is_recent = written_at(&path) > written_at(&template);
    assert!(
        is_recent,
        "no whole run of the tests has seen this template.yaml: run all with `cargo test --workspace`"
    );
    let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let (kind, rest) = line.split_once(' ').unwrap();
        lines
            .entry(kind.to_owned())
            .or_default()
            .insert(rest.to_owned());
    }
    lines
}

fn written_at(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

#[test]
fn a_function_may_do_exactly_what_it_does() {
    let seen = seen();
    let (may, does) = (&seen["may"], &seen["call"]);
    let functions: BTreeSet<_> = may
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(functions.len() >= 11 && may.len() > 100, "{may:?}");
    let needless: Vec<_> = may.difference(does).collect();
    assert!(
        needless.is_empty(),
        "template.yaml allows what no test has seen a function call; take it away or test it:\n{needless:#?}"
    );
    let missing: Vec<_> = does.difference(may).collect();
    assert!(
        missing.is_empty(),
        "functions need what template.yaml does not allow:\n{missing:#?}"
    );
}

#[test]
fn every_route_is_answered_well_and_badly() {
    let seen = seen();
    let (mut well, mut badly) = (BTreeSet::new(), BTreeSet::new());
    for answer in &seen["answer"] {
        let (status, route) = answer.split_once(' ').unwrap();
        let kind = if status < "400" {
            &mut well
        } else {
            &mut badly
        };
        kind.insert(route.to_owned());
    }
    let routes = &seen["route"];
    assert!(routes.len() > 80, "{}", routes.len());
    let never_well: Vec<_> = routes.difference(&well).collect();
    let badly_or_never: BTreeSet<_> = badly
        .iter()
        .map(String::as_str)
        .chain(WITHOUT_INPUT)
        .collect();
    let never_badly: Vec<_> = routes
        .iter()
        .filter(|route| !badly_or_never.contains(route.as_str()))
        .collect();
    assert!(
        never_well.is_empty(),
        "no test succeeds with {never_well:#?}"
    );
    assert!(
        never_badly.is_empty(),
        "no test fails with {never_badly:#?}"
    );
}
