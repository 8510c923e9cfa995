//! Queries of a table: ranges, pages, filters and projections.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};

use crate::harness::{TABLE, World, number, sort_keys, text, world};

/// `s#000` to `s#024`, every other one `even`, and `z#0` to `z#4`.
async fn thirty_items() -> World {
    let world = world().await;
    for i in 0..25 {
        let put = world.put("q", &format!("s#{i:03}"));
        let even = AttributeValue::Bool(i % 2 == 0);
        put.item("even", even).send().await.unwrap();
    }
    for i in 0..5 {
        world.put("q", &format!("z#{i}")).send().await.unwrap();
    }
    world
}

#[tokio::test]
async fn pages_of_a_prefix_are_complete_and_in_order() {
    let world = thirty_items().await;
    let mut found = Vec::new();
    let mut sizes = Vec::new();
    let mut start = None;
    loop {
        let query = world
            .query("q", "pk = :p AND begins_with(sk, :prefix)")
            .expression_attribute_values(":prefix", text("s#"))
            .limit(10)
            .set_exclusive_start_key(start);
        let page = query.send().await.unwrap();
        sizes.push(page.count());
        found.extend(sort_keys(page.items()));
        start = page.last_evaluated_key;
        if start.is_none() || sizes.len() > 3 {
            break;
        }
    }
    let expected: Vec<String> = (0..25).map(|i| format!("s#{i:03}")).collect();
    assert_eq!(found, expected);
    assert_eq!(sizes, [10, 10, 5]);
}

#[tokio::test]
async fn range_includes_both_ends_and_may_be_read_backwards() {
    let world = thirty_items().await;
    let query = world
        .query("q", "pk = :p AND sk BETWEEN :from AND :to")
        .expression_attribute_values(":from", text("s#005"))
        .expression_attribute_values(":to", text("s#010"))
        .scan_index_forward(false);
    let out = query.send().await.unwrap();
    let expected: Vec<String> = (5..=10).rev().map(|i| format!("s#{i:03}")).collect();
    assert_eq!(sort_keys(out.items()), expected);
}

#[tokio::test]
async fn filter_is_applied_after_the_limit() {
    let world = thirty_items().await;
    let query = world
        .query("q", "pk = :p")
        .filter_expression("even = :true")
        .expression_attribute_values(":true", AttributeValue::Bool(true))
        .limit(10);
    let out = query.send().await.unwrap();
    assert_eq!((out.count(), out.scanned_count()), (5, 10));
    assert!(out.last_evaluated_key().is_some());
}

#[tokio::test]
async fn count_comes_without_items() {
    let world = thirty_items().await;
    let query = world.query("q", "pk = :p").select(Select::Count);
    let out = query.send().await.unwrap();
    assert_eq!(out.count(), 30);
    assert!(out.items().is_empty());
}

#[tokio::test]
async fn projection_returns_only_the_attributes_it_names() {
    let world = thirty_items().await;
    let query = world
        .query("q", "pk = :p")
        .projection_expression("sk, #v")
        .expression_attribute_names("#v", "v");
    let out = query.send().await.unwrap();
    assert_eq!(out.count(), 30);
    for item in out.items() {
        let mut names: Vec<_> = item.keys().collect();
        names.sort();
        assert_eq!(names, ["sk", "v"]);
    }
}

#[tokio::test]
async fn consumed_capacity_is_told_when_asked() {
    let world = thirty_items().await;
    let silent = world.query("q", "pk = :p").send().await.unwrap();
    assert_eq!(silent.consumed_capacity(), None);
    let query = world.query("q", "pk = :p");
    let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
    let out = query.send().await.unwrap();
    let consumed = out.consumed_capacity().unwrap();
    assert_eq!(consumed.table_name(), Some(TABLE));
    assert!(consumed.capacity_units().unwrap() > 0.0);
}

#[tokio::test]
async fn page_ends_at_one_mebibyte() {
    let world = world().await;
    for i in 0..8 {
        let put = world.put("big", &i.to_string());
        let body = text(&"y".repeat(300 * 1_024));
        put.item("body", body).send().await.unwrap();
    }
    let first = world.query("big", "pk = :p").send().await.unwrap();
    assert!((1..8).contains(&first.count()), "{}", first.count());
    let last = sort_keys(first.items()).pop().unwrap();
    let start = first.last_evaluated_key().unwrap();
    assert_eq!(start["sk"], text(&last));
    assert_eq!(first.items()[0]["v"], number(1));
}
