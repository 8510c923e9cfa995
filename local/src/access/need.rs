//! What a call needs: the IAM actions inside it, each with the ARN it touches and the keys it names. A call that
//! is not understood needs its own action on `*`, so that no ordinary grant lets it through.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::template::{TableSpec, queue_arn, table_arn};

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Need {
    pub action: String,
    pub resource: String,
    /// The partition keys of all items that the action touches, as `dynamodb:LeadingKeys` has them; `None` when the
    /// call names none.
    pub leading_keys: Option<Vec<String>>,
}

/// The name of the partition key of each table and index, by its ARN.
#[derive(Clone, Debug, Default)]
pub struct Schemas(BTreeMap<String, String>);

type Row<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The parts of a request body that decide; everything else is skipped without being built.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow, rename = "TableName")]
    table: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "IndexName")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "Key")]
    key: Row<'a>,
    #[serde(borrow, rename = "Item")]
    item: Row<'a>,
    #[serde(borrow, rename = "KeyConditionExpression")]
    condition: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "ExpressionAttributeNames")]
    names: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, rename = "ExpressionAttributeValues")]
    values: Row<'a>,
    #[serde(borrow, rename = "RequestItems")]
    tables: BTreeMap<Cow<'a, str>, &'a RawValue>,
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
    #[serde(borrow, default, rename = "Key")]
    key: Row<'a>,
    #[serde(borrow, default, rename = "Item")]
    item: Row<'a>,
}

/// One table's share of a batch that reads.
#[derive(Deserialize)]
struct Reads<'a> {
    #[serde(borrow, rename = "Keys")]
    keys: Vec<Row<'a>>,
}

/// One row of a batch that writes.
#[derive(Deserialize)]
enum Write<'a> {
    #[serde(borrow)]
    PutRequest(PutRequest<'a>),
    #[serde(borrow)]
    DeleteRequest(DeleteRequest<'a>),
}

#[derive(Deserialize)]
struct PutRequest<'a> {
    #[serde(borrow, rename = "Item")]
    item: Row<'a>,
}

#[derive(Deserialize)]
struct DeleteRequest<'a> {
    #[serde(borrow, rename = "Key")]
    key: Row<'a>,
}

impl Schemas {
    pub fn new(tables: &[TableSpec]) -> Self {
        let mut schemas = BTreeMap::new();
        for table in tables {
            let arn = table_arn(&table.logical_id);
            let indexes = table.indexes.iter();
            let indexes = indexes.map(|index| (format!("{arn}/index/{}", index.name), &index.keys));
            for (arn, keys) in indexes.chain([(arn.clone(), &table.keys)]) {
                let hash = keys.iter().find(|key| key.role == "HASH");
                schemas.extend(hash.map(|key| (arn, key.attribute.clone())));
            }
        }
        Self(schemas)
    }

    /// The partition key in a row of the table or index.
    fn key(&self, arn: &str, row: &Row<'_>) -> Option<String> {
        scalar(row.get(self.0.get(arn)?.as_str())?)
    }

    /// All rows' keys, or `None` if one has none.
    fn keys<'a>(&self, arn: &str, rows: impl Iterator<Item = &'a Row<'a>>) -> Option<Vec<String>> {
        rows.map(|row| self.key(arn, row)).collect()
    }
}

/// The needs of one call, given its `X-Amz-Target` header and its body.
pub fn needs(schemas: &Schemas, target: &str, body: &[u8]) -> Vec<Need> {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let body: Body<'_> = serde_json::from_slice(body).unwrap_or_default();
    let needs = if service.starts_with("DynamoDB_") {
        merged(table_needs(schemas, operation, &body))
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
        return vec![need(prefix, operation, "*".to_owned(), None)];
    }
    needs
}

fn table_needs(schemas: &Schemas, operation: &str, body: &Body<'_>) -> Vec<Need> {
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body.tables.iter();
            tables
                .map(|(table, share)| {
                    let arn = arn_of_table(table);
                    let keys = batch_keys(schemas, &arn, share);
                    need("dynamodb", operation, arn, keys)
                })
                .collect()
        }
        // A transaction needs the actions of its items: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        "TransactGetItems" | "TransactWriteItems" => {
            let items = body.items.iter().flatten();
            items
                .filter_map(|(kind, item)| transaction_need(schemas, kind, item))
                .collect()
        }
        _ => {
            let Some(table) = &body.table else {
                return Vec::new();
            };
            let arn = arn_of_table(table);
            let arn = match &body.index {
                Some(index) => format!("{arn}/index/{index}"),
                None => arn,
            };
            let key = match operation {
                "Query" => queried_key(schemas, &arn, body),
                "PutItem" => schemas.key(&arn, &body.item),
                "GetItem" | "UpdateItem" | "DeleteItem" => schemas.key(&arn, &body.key),
                _ => None,
            };
            vec![need("dynamodb", operation, arn, key.map(|key| vec![key]))]
        }
    }
}

/// An action on one table is decided once, over all the keys it names there: AWS does not say that it looks at each
/// item by itself, and what passes so passes either way.
fn merged(needs: Vec<Need>) -> Vec<Need> {
    let mut all: Vec<Need> = Vec::new();
    for need in needs {
        let same = all
            .iter_mut()
            .find(|other| other.action == need.action && other.resource == need.resource);
        match same {
            None => all.push(need),
            Some(same) => {
                same.leading_keys = match (same.leading_keys.take(), need.leading_keys) {
                    (Some(mut keys), Some(more)) => {
                        keys.extend(more);
                        Some(keys)
                    }
                    (None, _) | (_, None) => None,
                };
            }
        }
    }
    all
}

fn batch_keys(schemas: &Schemas, arn: &str, share: &RawValue) -> Option<Vec<String>> {
    if let Ok(reads) = serde_json::from_str::<Reads<'_>>(share.get()) {
        return schemas.keys(arn, reads.keys.iter());
    }
    let writes: Vec<Write<'_>> = serde_json::from_str(share.get()).ok()?;
    let rows = writes.iter().map(|write| match write {
        Write::PutRequest(put) => &put.item,
        Write::DeleteRequest(delete) => &delete.key,
    });
    schemas.keys(arn, rows)
}

fn transaction_need(schemas: &Schemas, kind: &str, item: &Item<'_>) -> Option<Need> {
    let (operation, row) = match kind {
        "Get" => ("GetItem", &item.key),
        "Put" => ("PutItem", &item.item),
        "Update" => ("UpdateItem", &item.key),
        "Delete" => ("DeleteItem", &item.key),
        "ConditionCheck" => ("ConditionCheckItem", &item.key),
        _ => return None,
    };
    let arn = arn_of_table(item.table.as_deref()?);
    let key = schemas.key(&arn, row).map(|key| vec![key]);
    Some(need("dynamodb", operation, arn, key))
}

/// The partition that a query is about, if its condition says so plainly: `name = :value`, alone or beside others
/// after AND, in parentheses or not.
fn queried_key(schemas: &Schemas, arn: &str, body: &Body<'_>) -> Option<String> {
    let hash = schemas.0.get(arn)?;
    let condition = body.condition.as_deref()?;
    let words: Vec<&str> = condition.split_whitespace().collect();
    let terms = words.split(|word| word.eq_ignore_ascii_case("and"));
    let mut found = terms.filter_map(|words| {
        let term = words.concat();
        let (name, value) = term.trim_matches(['(', ')']).split_once('=')?;
        let name = body.names.get(name).map_or(name, AsRef::as_ref);
        (name == hash).then(|| body.values.get(value)).flatten()
    });
    let only = found.next()?;
    match found.next() {
        None => scalar(only),
        Some(_) => None,
    }
}

/// The text of `{"S": "…"}`.
fn scalar(value: &RawValue) -> Option<String> {
    let mut value: BTreeMap<String, String> = serde_json::from_str(value.get()).ok()?;
    value.remove("S")
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
    name.map(|name| need("sqs", action, queue_arn(name), None))
        .into_iter()
        .collect()
}

fn need(
    service: &str,
    operation: &str,
    resource: String,
    leading_keys: Option<Vec<String>>,
) -> Need {
    Need {
        action: format!("{service}:{operation}"),
        resource,
        leading_keys,
    }
}

/// A table may be named by its ARN, whose account and region are then those of the emulator.
fn arn_of_table(table: &str) -> String {
    table_arn(table.rsplit('/').next().unwrap_or(table))
}
