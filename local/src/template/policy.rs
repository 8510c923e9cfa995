//! Statements of IAM policies. What the local check could not honour is refused, so that it never says yes where
//! AWS would say no.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::scope::scalar;
use crate::template::storage::name_in_arn;
use crate::template::{Condition, Effect, Operator, Statement, known_only, table_arn};

/// Managed policies that grant nothing the local platform checks.
const MANAGED: &[&str] = &[
    "AWSLambdaBasicExecutionRole",
    "AWSXRayDaemonWriteAccess",
    "AWSXrayWriteOnlyAccess",
];

/// The keys of conditions that a request has a value for.
const KEYS: &[&str] = &[
    "aws:RequestTag/tenant_id",
    "aws:TagKeys",
    "dynamodb:LeadingKeys",
    "sts:RoleSessionName",
];

/// The statements of a policy that belongs to a function.
pub(super) fn statements(policy: &Value) -> anyhow::Result<Vec<Statement>> {
    if let Some(name) = policy.as_str() {
        if MANAGED.contains(&name_in_arn(name)) {
            return Ok(Vec::new());
        }
        bail!(
            "the managed policy {name} is not known to the local platform; write its statements out"
        );
    }
    each(policy, |fields| {
        known_only(
            fields,
            &["Action", "Condition", "Effect", "Resource", "Sid"],
            &[],
        )?;
        read(fields)
    })
}

/// The statements of a table's own policy. Its `*` means the table and its indexes.
pub(super) fn of_table(logical_id: &str, policy: Option<&Value>) -> anyhow::Result<Vec<Statement>> {
    let Some(policy) = policy else {
        return Ok(Vec::new());
    };
    each(
        policy
            .get("PolicyDocument")
            .context("PolicyDocument is missing")?,
        |fields| {
            known_only(
                fields,
                &[
                    "Action",
                    "Condition",
                    "Effect",
                    "Principal",
                    "Resource",
                    "Sid",
                ],
                &[],
            )?;
            if fields.get("Principal").and_then(Value::as_str) != Some("*") {
                bail!("Principal must be \"*\"");
            }
            let mut statement = read(fields)?;
            if statement.resources == ["*"] {
                let arn = table_arn(logical_id);
                statement.resources = vec![arn.clone(), format!("{arn}/index/*")];
            }
            Ok(statement)
        },
    )
}

/// The statements that say who may take a role on.
pub(super) fn of_trust(policy: &Value) -> anyhow::Result<Vec<Statement>> {
    each(policy, |fields| {
        known_only(
            fields,
            &["Action", "Condition", "Effect", "Principal", "Sid"],
            &[],
        )?;
        let mut statement = read(fields)?;
        let principal = fields.get("Principal").and_then(Value::as_object);
        let principal = principal.context("Principal must name AWS roles")?;
        known_only(principal, &["AWS"], &[])?;
        statement.resources = one_or_many(principal.get("AWS"))
            .map(scalar)
            .collect::<anyhow::Result<_>>()?;
        Ok(statement)
    })
}

/// The items of a list, or the one value that stands for a list of one.
pub(super) fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        Some(Value::Array(many)) => many.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
    .iter()
}

fn each(
    policy: &Value,
    read: impl Fn(&Map<String, Value>) -> anyhow::Result<Statement>,
) -> anyhow::Result<Vec<Statement>> {
    let statements = policy.get("Statement");
    let statements = statements.with_context(|| {
        format!("only policies with a Statement are known to the local platform, got {policy}")
    })?;
    let mut all = Vec::new();
    for statement in one_or_many(Some(statements)) {
        let sid = statement
            .get("Sid")
            .and_then(Value::as_str)
            .unwrap_or("without a Sid");
        let fields = statement
            .as_object()
            .context("a statement must be a mapping")?;
        all.push(read(fields).with_context(|| format!("statement {sid}"))?);
    }
    Ok(all)
}

fn read(fields: &Map<String, Value>) -> anyhow::Result<Statement> {
    let effect = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => bail!("Effect must be Allow or Deny"),
    };
    let texts = |name: &'static str| {
        one_or_many(fields.get(name))
            .map(scalar)
            .collect::<anyhow::Result<Vec<_>>>()
            .context(name)
    };
    let actions = texts("Action")?;
    let is_checked = |action: &String| {
        let action = action.to_ascii_lowercase();
        let services = ["*", "dynamodb:", "sqs:", "sts:"];
        services.iter().any(|service| action.starts_with(service))
    };
    // A statement about what is not checked here, such as a key, is never asked.
    let (conditions, condition) = match fields.get("Condition") {
        Some(block) if actions.iter().any(is_checked) => {
            (conditions(block).context("Condition")?, None)
        }
        block => (Vec::new(), block.cloned()),
    };
    Ok(Statement {
        effect,
        actions,
        resources: texts("Resource")?,
        conditions,
        condition,
    })
}

fn conditions(block: &Value) -> anyhow::Result<Vec<Condition>> {
    let mut all = Vec::new();
    for (name, lines) in block.as_object().context("it must be a mapping")? {
        let operator = match name.as_str() {
            "StringEquals" => Operator::StringEquals,
            "StringEqualsIfExists" => Operator::StringEqualsIfExists,
            "StringLike" => Operator::StringLike,
            "ForAllValues:StringEquals" => Operator::ForAllValuesStringEquals,
            "ForAllValues:StringLike" => Operator::ForAllValuesStringLike,
            "Null" => Operator::Null,
            other => bail!("the operator {other} is not known to the local platform"),
        };
        for (key, values) in lines.as_object().with_context(|| name.clone())? {
            if !KEYS.contains(&key.as_str()) {
                bail!("the key {key} is not known to the local platform");
            }
            let values = one_or_many(Some(values)).map(scalar);
            all.push(Condition {
                operator,
                key: key.clone(),
                values: values.collect::<anyhow::Result<_>>()?,
            });
        }
    }
    Ok(all)
}
