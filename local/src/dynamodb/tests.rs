//! Tables on a real engine, spoken to by the AWS SDK.

use std::collections::BTreeMap;
use std::net::TcpListener;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::dynamodb::{Engine, create_tables};
use crate::template::{TableSpec, Template};
use crate::testing::{SMALL, small};
use crate::upstream::Upstream;

fn client(url: &str, key: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn tables() -> Vec<TableSpec> {
    Template::parse(SMALL, &BTreeMap::new(), "").unwrap().tables
}

#[tokio::test]
async fn a_table_has_the_templates_keys_index_and_ttl() {
    let engine = Engine::start(None).await.unwrap();
    create_tables(&Upstream::plain(engine.url()).unwrap(), &tables())
        .await
        .unwrap();
    let client = client(engine.url(), "operator");
    let table = client
        .describe_table()
        .table_name("Things")
        .send()
        .await
        .unwrap()
        .table
        .unwrap();
    assert_eq!(table.key_schema()[0].attribute_name(), "pk");
    assert_eq!(
        table.global_secondary_indexes()[0].index_name(),
        Some("by_kind")
    );
    let ttl = client
        .describe_time_to_live()
        .table_name("Things")
        .send()
        .await
        .unwrap();
    assert_eq!(
        ttl.time_to_live_description.unwrap().attribute_name(),
        Some("expires_at")
    );
}

#[tokio::test]
async fn creating_again_changes_nothing_and_other_keys_are_refused() {
    let engine = Engine::start(None).await.unwrap();
    let upstream = Upstream::plain(engine.url()).unwrap();
    let mut tables = tables();
    create_tables(&upstream, &tables).await.unwrap();
    create_tables(&upstream, &tables).await.unwrap();
    tables[0].attributes.insert("id".to_owned(), "S".to_owned());
    tables[0].attributes.remove("pk");
    tables[0].keys[0].attribute = "id".to_owned();
    let refused = create_tables(&upstream, &tables).await.unwrap_err();
    assert_eq!(
        format!("{refused:#}"),
        "create the table Things: it exists with other keys than the template's; `cargo local reset` starts afresh"
    );
}

#[tokio::test]
async fn items_outlive_the_engine_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tables.sqlite");
    let engine = Engine::start(Some(&file)).await.unwrap();
    create_tables(&Upstream::plain(engine.url()).unwrap(), &tables())
        .await
        .unwrap();
    let put = client(engine.url(), "operator")
        .put_item()
        .table_name("Things");
    put.item("pk", AttributeValue::S("1".to_owned()))
        .send()
        .await
        .unwrap();
    drop(engine);
    let engine = Engine::start(Some(&file)).await.unwrap();
    let get = client(engine.url(), "operator")
        .get_item()
        .table_name("Things");
    let found = get
        .key("pk", AttributeValue::S("1".to_owned()))
        .send()
        .await
        .unwrap();
    assert!(found.item.is_some());
}

#[tokio::test]
async fn a_dropped_engine_frees_its_port() {
    let engine = Engine::start(None).await.unwrap();
    let address = engine.url().trim_start_matches("http://").to_owned();
    assert!(TcpListener::bind(&address).is_err());
    drop(engine);
    assert!(TcpListener::bind(&address).is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Engine::start(Some(folder.path())).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("open dynamodb at {}", folder.path().display())),
        "{error}"
    );
}

#[tokio::test]
async fn the_sdk_understands_that_access_was_denied() {
    let platform = small(|_, _| Ok(Value::Null)).await;
    let client = client(&platform.dynamodb_url(), "LOCAL-door");
    let put = client
        .put_item()
        .table_name("Things")
        .item("pk", AttributeValue::S("1".to_owned()));
    put.send().await.unwrap();
    let scan = client.scan().table_name("Things").send().await.unwrap_err();
    assert_eq!(scan.code(), Some("AccessDeniedException"));
    platform.stop().await;
}
