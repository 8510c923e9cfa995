//! Tables: what a description says of a new table, and what cannot be created.

use aws_sdk_dynamodb::types::{
    BillingMode, IndexStatus, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};

use crate::harness::{INDEX, TABLE, World, create_table, world};

async fn described(world: &World) -> TableDescription {
    let describe = world.client.describe_table().table_name(TABLE);
    describe.send().await.unwrap().table.unwrap()
}

#[tokio::test]
async fn new_table_and_its_index_are_active() {
    let world = world().await;
    let table = described(&world).await;
    assert_eq!(table.table_status(), Some(&TableStatus::Active));
    let [index] = table.global_secondary_indexes() else {
        panic!("expected one index, got {table:?}");
    };
    assert_eq!(index.index_name(), Some(INDEX));
    assert_eq!(index.index_status(), Some(&IndexStatus::Active));
}

#[tokio::test]
async fn table_keeps_its_billing_mode() {
    let world = world().await;
    let table = described(&world).await;
    let billing = table.billing_mode_summary().unwrap();
    assert_eq!(billing.billing_mode(), Some(&BillingMode::PayPerRequest));
}

#[tokio::test]
async fn table_with_a_stream_names_it() {
    let world = world().await;
    let table = described(&world).await;
    let arn = table.latest_stream_arn().unwrap();
    assert!(arn.contains(&format!("table/{TABLE}/stream/")), "{arn}");
}

#[tokio::test]
async fn creating_a_table_again_is_a_typed_error() {
    let world = world().await;
    let error = create_table(&world.client).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_in_use_exception());
}

#[tokio::test]
async fn time_to_live_is_switched_on_and_described() {
    let world = world().await;
    let specification = TimeToLiveSpecification::builder()
        .attribute_name("ttl")
        .enabled(true);
    let update = world.client.update_time_to_live().table_name(TABLE);
    let update = update.time_to_live_specification(specification.build().unwrap());
    update.send().await.unwrap();
    let describe = world.client.describe_time_to_live().table_name(TABLE);
    let out = describe.send().await.unwrap();
    let described = out.time_to_live_description().unwrap();
    assert_eq!(described.attribute_name(), Some("ttl"));
    assert_eq!(
        described.time_to_live_status(),
        Some(&TimeToLiveStatus::Enabled)
    );
}
