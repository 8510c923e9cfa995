//! Wrong states that do not compile. Each file of `tests/compile_fail` names, in its first line, a
//! part of the error that the compiler must give; the control file must compile.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::root;

#[test]
fn code_that_breaks_isolation_does_not_compile() {
    let mut tried = 0;
    for entry in std::fs::read_dir(root().join("tests/compile_fail")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//~ "))
            .map(str::to_owned);
        let errors = compile(&path);
        match expected {
            Some(expected) => assert!(errors.contains(&expected), "{}:\n{errors}", path.display()),
            None => assert_eq!(errors, "", "{}", path.display()),
        }
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
}

/// What the compiler says of a file that uses `shared` as it was built for these tests.
fn compile(file: &Path) -> String {
    let deps = std::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .to_owned();
    let output = Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "--cap-lints",
            "allow",
            "-o",
        ])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file.file_stem().unwrap()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("shared={}", library(&deps).display()))
        .arg(file)
        .output()
        .expect("rustc runs");
    if output.status.success() {
        return String::new();
    }
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The newest build of `shared`: this test was linked with it.
fn library(deps: &Path) -> PathBuf {
    let files = std::fs::read_dir(deps)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let libraries = files.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("libshared-") && name.ends_with(".rlib")
    });
    libraries
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .expect("shared was built")
}
