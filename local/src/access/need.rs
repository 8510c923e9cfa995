//! What a call needs: the IAM actions inside it, each with the ARN it touches. A call that is not understood
//! needs its own action on `*`, so that no ordinary grant lets it through.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::template::{queue_arn, table_arn};

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    pub action: String,
    pub resource: String,
}

/// The parts of a request body that decide; everything else is skipped without being built.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow, rename = "TableName")]
    table: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "IndexName")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "RequestItems")]
    tables: BTreeMap<Cow<'a, str>, IgnoredAny>,
    #[serde(borrow, rename = "TransactItems")]
    items: Vec<BTreeMap<Cow<'a, str>, Item<'a>>>,
    #[serde(borrow, rename = "QueueUrl")]
    queue_url: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "QueueName")]
    queue_name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "SourceArn")]
    source_arn: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "TableName")]
    table: Option<Cow<'a, str>>,
}

/// The needs of one call, given its `X-Amz-Target` header and its body.
pub fn needs(target: &str, body: &[u8]) -> Vec<Need> {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let body: Body<'_> = serde_json::from_slice(body).unwrap_or_default();
    let needs = if service.starts_with("DynamoDB_") {
        table_needs(operation, &body)
    } else if service == "AmazonSQS" {
        queue_needs(operation, &body)
    } else {
        Vec::new()
    };
    if needs.is_empty() {
        let prefix = if service == "AmazonSQS" {
            "sqs"
        } else {
            "dynamodb"
        };
        return vec![need(prefix, operation, "*".to_owned())];
    }
    needs
}

fn table_needs(operation: &str, body: &Body<'_>) -> Vec<Need> {
    match operation {
        "BatchGetItem" | "BatchWriteItem" => body
            .tables
            .keys()
            .map(|table| need("dynamodb", operation, arn_of_table(table)))
            .collect(),
        // A transaction needs the actions of its items: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        "TransactGetItems" | "TransactWriteItems" => {
            let items = body.items.iter().flatten();
            items
                .filter_map(|(kind, item)| transaction_need(kind, item.table.as_deref()?))
                .collect()
        }
        _ => match (&body.table, &body.index) {
            (Some(table), Some(index)) => {
                vec![need(
                    "dynamodb",
                    operation,
                    format!("{}/index/{index}", arn_of_table(table)),
                )]
            }
            (Some(table), None) => vec![need("dynamodb", operation, arn_of_table(table))],
            (None, _) => Vec::new(),
        },
    }
}

fn transaction_need(kind: &str, table: &str) -> Option<Need> {
    let operation = match kind {
        "Get" => "GetItem",
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        _ => return None,
    };
    Some(need("dynamodb", operation, arn_of_table(table)))
}

fn queue_needs(operation: &str, body: &Body<'_>) -> Vec<Need> {
    // A batch needs the action of its entries; there is no action of the batch.
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    let name = match (&body.queue_url, &body.queue_name, &body.source_arn) {
        (Some(url), _, _) => url.trim_end_matches('/').rsplit('/').next(),
        (None, Some(name), _) => Some(name.as_ref()),
        (None, None, Some(arn)) => arn.rsplit(':').next(),
        (None, None, None) => None,
    };
    name.map(|name| need("sqs", action, queue_arn(name)))
        .into_iter()
        .collect()
}

fn need(service: &str, operation: &str, resource: String) -> Need {
    Need {
        action: format!("{service}:{operation}"),
        resource,
    }
}

/// A table may be named by its ARN, whose account and region are then those of the emulator.
fn arn_of_table(table: &str) -> String {
    table_arn(table.rsplit('/').next().unwrap_or(table))
}
