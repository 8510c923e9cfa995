//! An engine in memory with one table in it, and the SDK calls that nearly every test makes.

use std::collections::HashMap;
use std::fmt::Debug;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_dynamodb::{Client, Config};
use local::dynamodb::Engine;

pub(crate) const TABLE: &str = "Things";
pub(crate) const INDEX: &str = "by_group";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct World {
    pub(crate) client: Client,
    engine: Engine,
}

/// The client set-up, in one place: any endpoint, no retries, so that a test sees each answer.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version_latest()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// An engine with the table of [`create_table`].
pub(crate) async fn world() -> World {
    let engine = Engine::start(None).await.unwrap();
    let client = client(engine.url());
    create_table(&client).send().await.unwrap();
    World { client, engine }
}

/// Keys `pk` and `sk`, an index on `gpk` and `gsk`, and a stream.
pub(crate) fn create_table(client: &Client) -> CreateTableFluentBuilder {
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key_part("gpk", KeyType::Hash))
        .key_schema(key_part("gsk", KeyType::Range))
        .projection(projection(ProjectionType::All));
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages);
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(definition("pk", ScalarAttributeType::S))
        .attribute_definitions(definition("sk", ScalarAttributeType::S))
        .attribute_definitions(definition("gpk", ScalarAttributeType::S))
        .attribute_definitions(definition("gsk", ScalarAttributeType::N))
        .key_schema(key_part("pk", KeyType::Hash))
        .key_schema(key_part("sk", KeyType::Range))
        .global_secondary_indexes(index.build().unwrap())
        .stream_specification(stream.build().unwrap())
}

pub(crate) fn definition(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name);
    definition.attribute_type(kind).build().unwrap()
}

pub(crate) fn key_part(name: &str, role: KeyType) -> KeySchemaElement {
    let part = KeySchemaElement::builder().attribute_name(name);
    part.key_type(role).build().unwrap()
}

pub(crate) fn projection(kind: ProjectionType) -> Projection {
    Projection::builder().projection_type(kind).build()
}

impl World {
    pub(crate) fn url(&self) -> &str {
        self.engine.url()
    }

    /// A put of an item whose `v` is 1; the caller adds to it and sends it.
    pub(crate) fn put(&self, pk: &str, sk: &str) -> PutItemFluentBuilder {
        let put = self.client.put_item().table_name(TABLE);
        put.item("pk", text(pk))
            .item("sk", text(sk))
            .item("v", number(1))
    }

    /// An update of the item at `pk` and "1".
    pub(crate) fn update(&self, pk: &str, expression: &str) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(TABLE);
        update
            .set_key(Some(key(pk, "1")))
            .update_expression(expression)
    }

    /// A query whose condition speaks of the partition as `:p`.
    pub(crate) fn query(&self, partition: &str, condition: &str) -> QueryFluentBuilder {
        let query = self.client.query().table_name(TABLE);
        query
            .key_condition_expression(condition)
            .expression_attribute_values(":p", text(partition))
    }

    /// The item at `pk` and "1".
    pub(crate) async fn get(&self, pk: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(TABLE);
        let get = get.set_key(Some(key(pk, "1"))).consistent_read(true);
        get.send().await.unwrap().item
    }

    /// The number in `v` of the item at `pk` and "1".
    pub(crate) async fn value(&self, pk: &str) -> Option<AttributeValue> {
        self.get(pk).await?.remove("v")
    }
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn list(values: &[AttributeValue]) -> AttributeValue {
    AttributeValue::L(values.to_vec())
}

pub(crate) fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

/// The sort keys, in the order of the items.
pub(crate) fn sort_keys(items: &[Item]) -> Vec<String> {
    items
        .iter()
        .map(|item| item["sk"].as_s().unwrap().clone())
        .collect()
}

/// The service's error code of a call that must fail.
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata + Debug, R: Debug>(
    result: Result<T, SdkError<E, R>>,
) -> String {
    let error = result.unwrap_err();
    error.code().unwrap_or("no code").to_owned()
}
