//! Whose directory it is, and what a reset deletes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::platform::data::{DataDirectory, reset};

#[test]
fn a_reset_deletes_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let data = DataDirectory::open(&path).unwrap();
    DataDirectory::key_variable(Some(&data)).unwrap();
    fs::write(data.dynamodb_file(), "").unwrap();
    fs::write(path.join("dynamodb.sqlite-wal"), "").unwrap();
    drop(data);
    assert!(reset(&path).unwrap());
    assert!(!path.exists());
    assert!(!reset(&path).unwrap());
}

#[test]
fn a_reset_leaves_alone_what_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let error = reset(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("is not a portico data directory, so it was left alone"),
        "{error}"
    );
    assert!(
        DataDirectory::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("is not a portico data directory")
    );
    assert!(folder.path().join("thesis.txt").exists());
}

#[test]
fn a_reset_deletes_nothing_beside_a_file_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::open(folder.path()).unwrap();
    fs::write(data.sqs_file(), "").unwrap();
    drop(data);
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    let error = reset(folder.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("holds notes.txt, which portico did not write; nothing was deleted"),
        "{error}"
    );
    assert!(folder.path().join("sqs.sqlite").exists());
}

#[test]
fn a_directory_in_use_is_not_reset() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::open(folder.path()).unwrap();
    assert!(
        reset(folder.path())
            .unwrap_err()
            .to_string()
            .contains("is in use by process")
    );
    drop(data);
    assert!(reset(folder.path()).unwrap());
}

#[test]
fn the_master_key_lasts_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::open(folder.path()).unwrap();
    let (name, file) = DataDirectory::key_variable(Some(&data)).unwrap();
    assert_eq!(name, "PORTICO_LOCAL_KEY_FILE");
    let key = fs::read_to_string(&file).unwrap();
    assert!(
        key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{key}"
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    DataDirectory::key_variable(Some(&data)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), key);
    assert_ne!(
        DataDirectory::key_variable(None).unwrap().1,
        DataDirectory::key_variable(None).unwrap().1
    );
}
