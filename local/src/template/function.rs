//! A function of the template: how it is called and what it may do.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::policy::one_or_many;
use crate::template::scope::{Scope, scalar};
use crate::template::storage::name_in_arn;
use crate::template::{
    FunctionSpec, QueueTrigger, Route, ScheduleSpec, Statement, known_only, policy,
};

const READ: &[&str] = &[
    "Environment",
    "Events",
    "MemorySize",
    "PermissionsBoundary",
    "Policies",
    "Timeout",
];

/// How a function is packed, logged and scaled: its answers do not depend on it.
const WITHOUT_MEANING: &[&str] = &[
    "Architectures",
    "AutoPublishAlias",
    "CodeUri",
    "DeploymentPreference",
    "Description",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Handler",
    "LoggingConfig",
    "ReservedConcurrentExecutions",
    "Runtime",
    "Tags",
    "Tracing",
];

/// Lambda's defaults: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html>.
const DEFAULT_TIMEOUT_S: u64 = 3;
const DEFAULT_MEMORY_MB: u64 = 128;

pub(super) fn read(
    scope: &Scope<'_>,
    logical_id: &str,
    resource: &Value,
    properties: &Map<String, Value>,
) -> anyhow::Result<FunctionSpec> {
    known_only(properties, READ, WITHOUT_MEANING)?;
    let binary = resource
        .pointer("/Metadata/BuildProperties/Binary")
        .and_then(Value::as_str);
    let mut function = FunctionSpec {
        logical_id: logical_id.to_owned(),
        binary: binary
            .context("Metadata.BuildProperties.Binary must name its binary")?
            .to_owned(),
        timeout_s: number(properties, "Timeout")?.unwrap_or(DEFAULT_TIMEOUT_S),
        memory_mb: number(properties, "MemorySize")?.unwrap_or(DEFAULT_MEMORY_MB),
        env: environment(properties.get("Environment")).context("Environment.Variables")?,
        routes: Vec::new(),
        queues: Vec::new(),
        schedules: Vec::new(),
        statements: Vec::new(),
        boundary: boundary(scope, properties.get("PermissionsBoundary"))
            .context("PermissionsBoundary")?,
    };
    for (name, event) in properties
        .get("Events")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        read_event(&mut function, name, event).with_context(|| format!("Events.{name}"))?;
    }
    for policy in one_or_many(properties.get("Policies")) {
        function
            .statements
            .extend(policy::statements(policy).context("Policies")?);
    }
    Ok(function)
}

fn environment(environment: Option<&Value>) -> anyhow::Result<BTreeMap<String, String>> {
    let variables = environment
        .and_then(|environment| environment.get("Variables"))
        .and_then(Value::as_object);
    let pairs = variables.into_iter().flatten();
    pairs
        .map(|(name, value)| Ok((name.clone(), scalar(value).with_context(|| name.clone())?)))
        .collect()
}

fn read_event(function: &mut FunctionSpec, name: &str, event: &Value) -> anyhow::Result<()> {
    let kind = event
        .get("Type")
        .and_then(Value::as_str)
        .context("Type is missing")?;
    let properties = event
        .get("Properties")
        .and_then(Value::as_object)
        .context("Properties are missing")?;
    let get = |name: &str| {
        properties
            .get(name)
            .with_context(|| format!("{name} is missing"))
            .and_then(scalar)
    };
    match kind {
        "HttpApi" => {
            known_only(
                properties,
                &["ApiId", "Method", "Path", "PayloadFormatVersion"],
                &[],
            )?;
            if properties
                .get("PayloadFormatVersion")
                .is_some_and(|version| version != "2.0")
            {
                bail!("PayloadFormatVersion must be 2.0");
            }
            let method = get("Method")?.to_ascii_uppercase();
            let method = if method == "*" {
                "ANY".to_owned()
            } else {
                method
            };
            function.routes.push(Route {
                method,
                path: route_path(get("Path")?)?,
            });
        }
        "SQS" => {
            known_only(
                properties,
                &["BatchSize", "FunctionResponseTypes", "Queue"],
                &["MaximumBatchingWindowInSeconds", "ScalingConfig"],
            )?;
            let types = properties
                .get("FunctionResponseTypes")
                .and_then(Value::as_array);
            function.queues.push(QueueTrigger {
                queue: name_in_arn(&get("Queue")?).to_owned(),
                batch_size: number(properties, "BatchSize")?
                    .unwrap_or(10)
                    .try_into()
                    .context("BatchSize")?,
                report_batch_item_failures: types
                    .is_some_and(|types| types.iter().any(|t| t == "ReportBatchItemFailures")),
            });
        }
        "Schedule" => {
            known_only(properties, &["Schedule"], &["Description", "RetryPolicy"])?;
            function.schedules.push(ScheduleSpec {
                rule: format!("{}{name}", function.logical_id),
                every: rate(&get("Schedule")?)?,
            });
        }
        other => bail!(
            "the local platform does not know the event type {other}; HttpApi, SQS and Schedule are known"
        ),
    }
    Ok(())
}

/// `rate(5 minutes)`: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>.
fn rate(expression: &str) -> anyhow::Result<Duration> {
    let inner = expression.strip_prefix("rate(");
    let inner = inner.and_then(|rest| rest.strip_suffix(')'));
    let (count, unit) = inner
        .and_then(|rate| rate.split_once(' '))
        .with_context(|| {
            format!("only rate(…) is known to the local platform, got {expression}")
        })?;
    let count: u64 = count.parse().context("a rate must be a whole number")?;
    let unit_s = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        other => bail!("the unit of a rate must be minutes, hours or days, got {other}"),
    };
    if count == 0 {
        bail!("a rate must be at least 1");
    }
    Ok(Duration::from_secs(count * unit_s))
}

/// A greedy variable may only end a path, as API Gateway demands.
fn route_path(path: String) -> anyhow::Result<String> {
    let before_last = path.rsplit_once('/').map_or("", |(before, _)| before);
    if !path.starts_with('/') || before_last.contains("+}") {
        bail!("a path must start with / and hold {{name+}} only at its end, got {path}");
    }
    Ok(path)
}

pub(super) fn boundary(
    scope: &Scope<'_>,
    policy: Option<&Value>,
) -> anyhow::Result<Option<Vec<Statement>>> {
    let Some(policy) = policy else {
        return Ok(None);
    };
    let logical_id = scalar(policy)?;
    let resource = scope
        .resource(&logical_id)
        .context("a boundary must be a policy of this template")?;
    let document = resource
        .pointer("/Properties/PolicyDocument")
        .context("the policy has no PolicyDocument")?;
    let document = scope
        .resolve(document, &logical_id)?
        .context("the policy has no PolicyDocument")?;
    Ok(Some(policy::statements(&document)?))
}

fn number(properties: &Map<String, Value>, name: &str) -> anyhow::Result<Option<u64>> {
    let Some(value) = properties.get(name) else {
        return Ok(None);
    };
    let text = scalar(value)?;
    Ok(Some(text.parse().with_context(|| {
        format!("{name} must be a whole number, got {text}")
    })?))
}
