//! The bench as a program. That it is built with the tests is why `.ci/run` has it at hand.

use std::process::Command;

#[test]
fn it_says_what_it_can_do() {
    let answer = Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("--help")
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    assert!(
        answer.status.success() && text.contains("--check"),
        "{text}"
    );
}
