//! The SAM template, read for what runs on one machine. Nothing in it is skipped in silence: a resource or a
//! property that the local platform does not know is an error that names it.

mod document;
mod function;
mod policy;
mod role;
mod scope;
mod storage;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::scope::Scope;

pub use crate::template::scope::function_arn;
pub(crate) use crate::template::scope::role_arn;

/// The account that every local ARN carries.
pub const ACCOUNT: &str = "000000000000";
/// The region that every local ARN carries and every function is told.
pub const REGION: &str = "us-east-1";

/// What the template declares, with every intrinsic function resolved to its local value.
#[derive(Clone, Debug)]
pub struct Template {
    pub functions: Vec<FunctionSpec>,
    pub tables: Vec<TableSpec>,
    pub queues: Vec<QueueSpec>,
    pub roles: Vec<RoleSpec>,
}

#[derive(Clone, Debug)]
pub struct FunctionSpec {
    pub logical_id: String,
    pub binary: String,
    pub timeout_s: u64,
    pub memory_mb: u64,
    pub env: BTreeMap<String, String>,
    pub routes: Vec<Route>,
    pub queues: Vec<QueueTrigger>,
    pub schedules: Vec<ScheduleSpec>,
    pub statements: Vec<Statement>,
    /// The permissions boundary: what it does not allow is denied, whatever `statements` say.
    pub boundary: Option<Vec<Statement>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// `ANY` or one method, in capitals.
    pub method: String,
    pub path: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueTrigger {
    /// The logical id of the queue.
    pub queue: String,
    pub batch_size: usize,
    pub report_batch_item_failures: bool,
}

/// A timer that invokes a function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScheduleSpec {
    /// The logical id that SAM gives the rule: the function's, then the event's.
    pub rule: String,
    pub every: Duration,
}

/// A role that others take on.
#[derive(Clone, Debug)]
pub struct RoleSpec {
    pub logical_id: String,
    pub arn: String,
    /// Who may take it on, and on what conditions; the principals stand in the place of resources.
    pub trust: Vec<Statement>,
    pub statements: Vec<Statement>,
    pub boundary: Option<Vec<Statement>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    pub effect: Effect,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// The block as the template has it, where it is about what is not checked here.
    pub condition: Option<Value>,
}

/// One line of a `Condition` block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    pub operator: Operator,
    pub key: String,
    pub values: Vec<String>,
}

/// The operators of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
/// that the template uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    StringEquals,
    /// As `StringEquals`, and met by a request without the key.
    StringEqualsIfExists,
    StringLike,
    ForAllValuesStringEquals,
    ForAllValuesStringLike,
    Null,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableSpec {
    pub logical_id: String,
    /// Attribute name to type, for every attribute that a key names.
    pub attributes: BTreeMap<String, String>,
    pub keys: Vec<KeyPart>,
    pub indexes: Vec<IndexSpec>,
    pub ttl: Option<String>,
    /// The table's own policy, with the table's ARNs as its resources.
    pub policy: Vec<Statement>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyPart {
    pub attribute: String,
    /// `HASH` or `RANGE`.
    pub role: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexSpec {
    pub name: String,
    pub keys: Vec<KeyPart>,
    /// The projection as the template writes it, which is as `CreateTable` takes it.
    pub projection: Value,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueSpec {
    /// With `.fifo` at the end for a FIFO queue.
    pub logical_id: String,
    /// Attributes of `CreateQueue` without the redrive policy, by their API names.
    pub attributes: BTreeMap<String, String>,
    pub redrive: Option<Redrive>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redrive {
    /// The logical id of the dead-letter queue.
    pub queue: String,
    pub max_receive_count: u64,
}

/// Types that have no local counterpart, and why nothing is lost by that.
const WITHOUT_COUNTERPART: &[(&str, &str)] = &[
    (
        "AWS::ApiGatewayV2::ApiMapping",
        "a laptop has an address and no domain",
    ),
    (
        "AWS::ApiGatewayV2::DomainName",
        "a laptop has an address and no domain",
    ),
    (
        "AWS::Logs::MetricFilter",
        "metrics are read off the log of a deployment",
    ),
    (
        "AWS::Route53::RecordSet",
        "a laptop has an address and no domain",
    ),
    ("AWS::CloudWatch::Alarm", "nothing watches a laptop"),
    (
        "AWS::CloudWatch::CompositeAlarm",
        "nothing watches a laptop",
    ),
    ("AWS::CloudWatch::Dashboard", "nothing watches a laptop"),
    (
        "AWS::IAM::ManagedPolicy",
        "read where a function names it as its boundary",
    ),
    ("AWS::KMS::Alias", "the local key needs no name"),
    ("AWS::KMS::Key", "a key of the platform stands in for it"),
    ("AWS::Logs::LogGroup", "logs go to the terminal"),
    ("AWS::SNS::Topic", "only alarms publish to it"),
    (
        "AWS::SQS::QueuePolicy",
        "no second account reaches a local queue",
    ),
];

/// Properties of the API that change nothing on one machine.
const API_PROPERTIES: &[&str] = &[
    "AccessLogSettings",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "Domain",
    "FailOnWarnings",
    "Name",
    "PropagateTags",
    "RouteSettings",
    "StageName",
    "Tags",
];

impl Template {
    /// Reads a template; `parameters` override the defaults that it declares, and queue URLs start with `queue_base`.
    pub fn parse(
        text: &str,
        parameters: &BTreeMap<String, String>,
        queue_base: &str,
    ) -> anyhow::Result<Self> {
        let document = document::read(text)?;
        let scope = Scope::new(&document, parameters, queue_base)?;
        let globals = function_globals(&document)?;
        let mut template = Self {
            functions: Vec::new(),
            tables: Vec::new(),
            queues: Vec::new(),
            roles: Vec::new(),
        };
        for (logical_id, resource) in scope.resources() {
            if !scope.is_created(logical_id)? {
                continue;
            }
            let kind = scope.kind(logical_id)?;
            let at = format!("{logical_id} ({kind})");
            match kind {
                "AWS::Serverless::Function" => {
                    let merged = document::merge(globals.clone(), properties(resource));
                    let properties =
                        resolve_properties(&scope, &merged, logical_id).context(at.clone())?;
                    let function =
                        function::read(&scope, logical_id, resource, &properties).context(at)?;
                    template.functions.push(function);
                }
                "AWS::DynamoDB::Table" => {
                    let properties = resolve_properties(&scope, &properties(resource), logical_id)?;
                    template
                        .tables
                        .push(storage::table(logical_id, &properties).context(at)?);
                }
                "AWS::SQS::Queue" => {
                    let properties = resolve_properties(&scope, &properties(resource), logical_id)?;
                    template.queues.push(
                        storage::queue(scope.queue_name(logical_id)?, &properties).context(at)?,
                    );
                }
                "AWS::IAM::Role" => {
                    let properties = resolve_properties(&scope, &properties(resource), logical_id)?;
                    template
                        .roles
                        .push(role::read(&scope, logical_id, &properties).context(at)?);
                }
                "AWS::Serverless::HttpApi" => check_api(&properties(resource)).context(at)?,
                other if WITHOUT_COUNTERPART.iter().any(|(kind, _)| *kind == other) => {}
                other => bail!(
                    "{logical_id}: the local platform does not know the resource type {other}; \
                     teach it in local/src/template.rs, or list it there as having no local counterpart"
                ),
            }
        }
        template.check()?;
        Ok(template)
    }

    pub fn function(&self, binary: &str) -> Option<&FunctionSpec> {
        self.functions
            .iter()
            .find(|function| function.binary == binary)
    }

    /// Names must meet: every trigger and dead-letter queue exists, and no two functions share a binary or a route.
    fn check(&self) -> anyhow::Result<()> {
        let known = |queue: &str| self.queues.iter().any(|spec| spec.logical_id == queue);
        let mut binaries = BTreeMap::new();
        let mut routes = BTreeMap::new();
        for function in &self.functions {
            let id = &function.logical_id;
            if let Some(other) = binaries.insert(&function.binary, id) {
                bail!(
                    "{id}: the binary {} already belongs to {other}",
                    function.binary
                );
            }
            for route in &function.routes {
                if let Some(other) = routes.insert((&route.method, &route.path), id) {
                    bail!(
                        "{id}: the route {} {} already belongs to {other}",
                        route.method,
                        route.path
                    );
                }
            }
            if let Some(trigger) = function
                .queues
                .iter()
                .find(|trigger| !known(&trigger.queue))
            {
                bail!(
                    "{id}: its trigger names the queue {}, which the template lacks",
                    trigger.queue
                );
            }
        }
        for queue in &self.queues {
            if let Some(redrive) = queue
                .redrive
                .as_ref()
                .filter(|redrive| !known(&redrive.queue))
            {
                bail!(
                    "{}: its dead-letter queue {} is not in the template",
                    queue.logical_id,
                    redrive.queue
                );
            }
        }
        Ok(())
    }
}

/// The ARN of a table, as the templates's permissions name it.
pub fn table_arn(logical_id: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{logical_id}")
}

/// The ARN of a queue, as the templates's permissions name it.
pub fn queue_arn(logical_id: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{logical_id}")
}

/// The URL of a queue on the server at `base`.
pub fn queue_url(base: &str, logical_id: &str) -> String {
    format!("{base}/{ACCOUNT}/{logical_id}")
}

fn properties(resource: &Value) -> Value {
    resource
        .get("Properties")
        .cloned()
        .unwrap_or_else(|| Value::Object(Map::new()))
}

fn resolve_properties(
    scope: &Scope<'_>,
    properties: &Value,
    at: &str,
) -> anyhow::Result<Map<String, Value>> {
    match scope.resolve(properties, at)? {
        Some(Value::Object(properties)) => Ok(properties),
        _ => bail!("{at}: Properties must be a mapping"),
    }
}

fn function_globals(document: &Value) -> anyhow::Result<Value> {
    let Some(globals) = document.get("Globals") else {
        return Ok(Value::Object(Map::new()));
    };
    let sections = globals.as_object().context("Globals must be a mapping")?;
    if let Some(section) = sections.keys().find(|section| *section != "Function") {
        bail!("Globals.{section} is not known to the local platform; Function is");
    }
    Ok(globals
        .get("Function")
        .cloned()
        .unwrap_or_else(|| Value::Object(Map::new())))
}

fn check_api(properties: &Value) -> anyhow::Result<()> {
    known_only(
        properties
            .as_object()
            .context("Properties must be a mapping")?,
        API_PROPERTIES,
        &[],
    )?;
    match properties.get("StageName").and_then(Value::as_str) {
        None | Some("$default") => Ok(()),
        Some(other) => bail!(
            "StageName must be $default, got {other}: the local gateway puts no stage into paths"
        ),
    }
}

/// Fails on the first property that is neither read nor known to mean nothing locally.
fn known_only(
    properties: &Map<String, Value>,
    read: &[&str],
    without_meaning: &[&str],
) -> anyhow::Result<()> {
    match properties
        .keys()
        .find(|name| !read.contains(&name.as_str()) && !without_meaning.contains(&name.as_str()))
    {
        Some(name) => bail!("the property {name} is not known to the local platform"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
