//! Global secondary indexes: ranges, pages, consistency, and an index added to a table with items.

use aws_sdk_dynamodb::types::{
    CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, KeyType, ProjectionType,
    ScalarAttributeType,
};

use crate::harness::{
    INDEX, TABLE, World, definition, key_part, number, projection, refusal, sort_keys, world,
};

/// 25 items in the index, 0 to 24, and one that is not.
async fn indexed_items() -> World {
    let world = world().await;
    for i in 0..25 {
        let put = world.put("q", &format!("{i:03}"));
        let put = put.item("gpk", crate::harness::text("G"));
        put.item("gsk", number(i)).send().await.unwrap();
    }
    world.put("q", "not in the index").send().await.unwrap();
    world
}

#[tokio::test]
async fn index_is_queried_by_a_range_of_numbers() {
    let world = indexed_items().await;
    let query = world
        .query("G", "gpk = :p AND gsk >= :from")
        .index_name(INDEX)
        .expression_attribute_values(":from", number(20));
    let out = query.send().await.unwrap();
    assert_eq!(sort_keys(out.items()), ["020", "021", "022", "023", "024"]);
}

#[tokio::test]
async fn pages_of_an_index_continue_by_the_keys_of_index_and_table() {
    let world = indexed_items().await;
    let mut found = Vec::new();
    let mut start = None;
    for _ in 0..4 {
        let query = world.query("G", "gpk = :p").index_name(INDEX).limit(7);
        let query = query.set_exclusive_start_key(start);
        let page = query.send().await.unwrap();
        found.extend(sort_keys(page.items()));
        start = page.last_evaluated_key;
        if let Some(start) = &start {
            let mut names: Vec<_> = start.keys().collect();
            names.sort();
            assert_eq!(names, ["gpk", "gsk", "pk", "sk"]);
        }
    }
    let expected: Vec<String> = (0..25).map(|i| format!("{i:03}")).collect();
    assert_eq!(found, expected);
    assert_eq!(start, None);
}

#[tokio::test]
async fn consistent_read_of_an_index_is_refused() {
    let world = indexed_items().await;
    let query = world.query("G", "gpk = :p").index_name(INDEX);
    let out = query.consistent_read(true).send().await;
    assert_eq!(refusal(out), "ValidationException");
}

#[tokio::test]
async fn index_added_later_holds_the_items_that_were_there() {
    let world = indexed_items().await;
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name("by_value")
        .key_schema(key_part("v", KeyType::Hash))
        .projection(projection(ProjectionType::KeysOnly))
        .build()
        .unwrap();
    let update = world.client.update_table().table_name(TABLE);
    update
        .attribute_definitions(definition("v", ScalarAttributeType::N))
        .global_secondary_index_updates(
            GlobalSecondaryIndexUpdate::builder().create(create).build(),
        )
        .send()
        .await
        .unwrap();
    let query = world.client.query().table_name(TABLE);
    let query = query
        .index_name("by_value")
        .key_condition_expression("v = :v");
    let query = query.expression_attribute_values(":v", number(1));
    assert_eq!(query.send().await.unwrap().count(), 26);
}
