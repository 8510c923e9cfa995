//! Tables and queues of the template, in the terms of the calls that create them.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::template::scope::scalar;
use crate::template::{IndexSpec, KeyPart, QueueSpec, Redrive, TableSpec, known_only, policy};

/// Durability, encryption and cost: nothing of it changes what a call answers.
const TABLE_WITHOUT_MEANING: &[&str] = &[
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "TableClass",
    "Tags",
    "WarmThroughput",
];
const TABLE_READ: &[&str] = &[
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "ResourcePolicy",
    "TimeToLiveSpecification",
];

const QUEUE_WITHOUT_MEANING: &[&str] = &[
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "Tags",
];
const QUEUE_READ: &[&str] = &[
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
];

pub(super) fn table(
    logical_id: &str,
    properties: &Map<String, Value>,
) -> anyhow::Result<TableSpec> {
    known_only(properties, TABLE_READ, TABLE_WITHOUT_MEANING)?;
    let mut attributes = BTreeMap::new();
    for definition in list(properties.get("AttributeDefinitions")) {
        attributes.insert(
            field(definition, "AttributeName")?,
            field(definition, "AttributeType")?,
        );
    }
    let mut indexes = Vec::new();
    for index in list(properties.get("GlobalSecondaryIndexes")) {
        indexes.push(IndexSpec {
            name: field(index, "IndexName")?,
            keys: keys(index.get("KeySchema"))?,
            projection: index
                .get("Projection")
                .cloned()
                .context("an index needs a Projection")?,
        });
    }
    Ok(TableSpec {
        logical_id: logical_id.to_owned(),
        attributes,
        keys: keys(properties.get("KeySchema"))?,
        indexes,
        ttl: ttl(properties.get("TimeToLiveSpecification"))?,
        policy: policy::of_table(logical_id, properties.get("ResourcePolicy"))
            .context("ResourcePolicy")?,
    })
}

pub(super) fn queue(
    logical_id: String,
    properties: &Map<String, Value>,
) -> anyhow::Result<QueueSpec> {
    known_only(properties, QUEUE_READ, QUEUE_WITHOUT_MEANING)?;
    let mut attributes = BTreeMap::new();
    for name in QUEUE_READ.iter().filter(|name| **name != "RedrivePolicy") {
        if let Some(value) = properties.get(*name) {
            attributes.insert(
                (*name).to_owned(),
                scalar(value).with_context(|| (*name).to_owned())?,
            );
        }
    }
    Ok(QueueSpec {
        logical_id,
        attributes,
        redrive: properties
            .get("RedrivePolicy")
            .map(redrive)
            .transpose()
            .context("RedrivePolicy")?,
    })
}

fn redrive(policy: &Value) -> anyhow::Result<Redrive> {
    let arn = field(policy, "deadLetterTargetArn")?;
    let count = field(policy, "maxReceiveCount")?;
    Ok(Redrive {
        queue: name_in_arn(&arn).to_owned(),
        max_receive_count: count
            .parse()
            .with_context(|| format!("maxReceiveCount must be a number, got {count}"))?,
    })
}

/// The last part of an ARN or URL, which locally is the logical id.
pub(super) fn name_in_arn(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

fn ttl(specification: Option<&Value>) -> anyhow::Result<Option<String>> {
    let Some(specification) = specification else {
        return Ok(None);
    };
    match field(specification, "Enabled")?.as_str() {
        "true" => Ok(Some(field(specification, "AttributeName")?)),
        "false" => Ok(None),
        other => bail!("TimeToLiveSpecification.Enabled must be true or false, got {other}"),
    }
}

fn keys(schema: Option<&Value>) -> anyhow::Result<Vec<KeyPart>> {
    let keys = list(schema)
        .map(|part| {
            Ok(KeyPart {
                attribute: field(part, "AttributeName")?,
                role: field(part, "KeyType")?,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    if keys.is_empty() {
        bail!("a KeySchema is needed");
    }
    Ok(keys)
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn field(value: &Value, name: &str) -> anyhow::Result<String> {
    scalar(
        value
            .get(name)
            .with_context(|| format!("{name} is missing"))?,
    )
    .with_context(|| name.to_owned())
}
