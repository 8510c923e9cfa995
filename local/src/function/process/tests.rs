//! Processes that do not become a function.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::function::process::Process;

async fn refused(path: &Path) -> String {
    format!(
        "{:#}",
        Process::start(path, "f", BTreeMap::new())
            .await
            .err()
            .unwrap()
    )
}

#[tokio::test]
async fn a_process_that_ends_before_its_first_event_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "#!/bin/sh\nexit 3\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        refused(&path).await,
        "f ended before its first event: exit status: 3"
    );
}

#[tokio::test]
async fn a_missing_binary_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    assert!(
        refused(&path)
            .await
            .starts_with(&format!("start {}", path.display()))
    );
}
