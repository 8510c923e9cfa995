//! The smoke test of shipped binaries: each starts against a platform and answers its sample events.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::function::Invoke as _;
use crate::function::process::Process;
use crate::platform::Platform;
use crate::template::FunctionSpec;

/// Runs every function of the platform's template from `folder` on its events, by their file names. It fails
/// when a function has no event, does not start, or answers one with an error.
pub async fn smoke(
    platform: &Platform,
    folder: &Path,
    events: &BTreeMap<String, Value>,
) -> anyhow::Result<()> {
    let functions = &platform.template().functions;
    let is_known = |event: &Value| functions.iter().any(|function| is_for(function, event));
    if let Some((name, _)) = events.iter().find(|(_, event)| !is_known(event)) {
        bail!("the event {name} fits no trigger of the template");
    }
    let mut failed = Vec::new();
    for function in functions {
        if let Err(error) = run(platform, folder, function, events).await {
            platform
                .progress()
                .line(format!("{:<16} failed: {error:#}", function.binary));
            failed.push(function.binary.as_str());
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("failed: {}", failed.join(", ")),
    }
}

/// By its route, or by its queue or timer, whose deployed names hold the logical ids.
pub fn is_for(function: &FunctionSpec, event: &Value) -> bool {
    let route = event.get("routeKey").and_then(Value::as_str);
    let arn = event
        .pointer("/Records/0/eventSourceARN")
        .and_then(Value::as_str);
    let queue = arn.and_then(|arn| arn.rsplit(':').next());
    let mut routes = function.routes.iter();
    let mut queues = function.queues.iter();
    route.is_some_and(|key| routes.any(|route| key == format!("{} {}", route.method, route.path)))
        || queue.is_some_and(|name| {
            queues.any(|trigger| name.split('-').any(|part| part == trigger.queue))
        })
        || rule(event).is_some_and(|name| {
            let mut schedules = function.schedules.iter();
            schedules.any(|schedule| name.split('-').any(|part| part == schedule.rule))
        })
}

/// The name of the rule whose timer sent the event.
fn rule(event: &Value) -> Option<&str> {
    let arn = event.pointer("/resources/0").and_then(Value::as_str)?;
    arn.rsplit('/').next()
}

async fn run(
    platform: &Platform,
    folder: &Path,
    function: &FunctionSpec,
    events: &BTreeMap<String, Value>,
) -> anyhow::Result<()> {
    let binary = function.binary.as_str();
    let mut events = events
        .iter()
        .filter(|(_, event)| is_for(function, event))
        .peekable();
    if events.peek().is_none() {
        bail!("there is no event for it");
    }
    let process =
        Process::start(&folder.join(binary), binary, platform.environment(binary)?).await?;
    platform.progress().line(format!(
        "{binary:<16} first poll {}",
        ms(process.started_in())
    ));
    let deadline = Duration::from_secs(function.timeout_s);
    for (name, event) in events {
        let asked = Instant::now();
        let answer = tokio::time::timeout(deadline, process.invoke(event.clone(), deadline)).await;
        let took = asked.elapsed();
        let answer = answer.with_context(|| format!("{name}: no answer within {deadline:?}"))?;
        let status =
            status(&answer.with_context(|| name.clone())?).with_context(|| name.clone())?;
        platform.progress().line(format!(
            "{binary:<16} answer     {}  {status:<4} {name}",
            ms(took)
        ));
    }
    process.stop().await
}

fn status(answer: &Value) -> anyhow::Result<String> {
    match answer.get("statusCode").and_then(Value::as_i64) {
        Some(status) if status >= 500 => bail!("it answered {answer}"),
        Some(status) => Ok(status.to_string()),
        None => Ok("ok".to_owned()),
    }
}

fn ms(duration: Duration) -> String {
    format!("{:>7.1} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests;
