//! docs/api.md, run word by word: its commands against a platform, its answers against theirs.

use std::process::Command;

use local::platform::Pumps;
use serde_json::Value;

use crate::harness::{Stack, root};

/// A block of commands, and what the last of them answers.
struct Step {
    commands: String,
    answer: Option<Value>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut blocks = text.split("```").skip(1).step_by(2);
    blocks.by_ref().for_each(|block| {
        let (language, body) = block.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step {
                commands: body.to_owned(),
                answer: None,
            }),
            "json" => {
                let answer =
                    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
                steps.last_mut().unwrap().answer = Some(answer);
            }
            other => panic!("a block is sh or json, not {other}"),
        }
    });
    steps
}

/// What is shown must be there, in its place; `…` is any text.
fn fits(shown: &Value, found: &Value) -> bool {
    match (shown, found) {
        (Value::String(shown), Value::String(found)) => match shown.split_once('…') {
            Some((start, end)) => found.starts_with(start) && found.ends_with(end),
            None => shown == found,
        },
        (Value::Object(shown), Value::Object(found)) => shown
            .iter()
            .all(|(key, shown)| found.get(key).is_some_and(|found| fits(shown, found))),
        (Value::Array(shown), Value::Array(found)) => {
            shown.len() == found.len()
                && shown
                    .iter()
                    .zip(found)
                    .all(|(shown, found)| fits(shown, found))
        }
        (shown, found) => shown == found,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_commands_answer_what_the_guide_shows() {
    let stack = Stack::start_with(|options| options.pumps = Pumps::Running).await;
    let text = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let steps = steps(&text);
    assert!(steps.len() > 15 && steps.iter().filter(|step| step.answer.is_some()).count() > 12);
    // One shell, so that a step has the variables of those before it.
    let mark = "\u{1e}";
    let script = steps
        .iter()
        .map(|step| format!("{}\nprintf '{mark}'\n", step.commands))
        .collect::<String>()
        .replace("http://127.0.0.1:9000", &stack.platform.url());
    let run = move || {
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let written = String::from_utf8(output.stdout).unwrap();
    for (step, written) in steps.iter().zip(written.split(mark)) {
        let Some(shown) = &step.answer else {
            assert_eq!(written, "", "{}", step.commands);
            continue;
        };
        let found: Value = serde_json::from_str(written).unwrap_or(Value::Null);
        assert!(fits(shown, &found), "{}\n{written}", step.commands);
    }
}
