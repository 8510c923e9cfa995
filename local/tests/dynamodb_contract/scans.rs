//! Reads without a key condition: scans in segments, and a PartiQL statement.

use crate::harness::{Item, TABLE, World, number, text, world};

async fn scan_segment(world: &World, segment: i32, of: i32) -> Vec<String> {
    let scan = world.client.scan().table_name(TABLE);
    let scan = scan.segment(segment).total_segments(of);
    let pages = scan.into_paginator().items().send();
    let items: Vec<Item> = pages.collect::<Result<_, _>>().await.unwrap();
    items
        .iter()
        .map(|item| item["pk"].as_s().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn segments_of_a_scan_share_out_every_item_once() {
    let world = world().await;
    let mut expected: Vec<String> = (0..60).map(|i| format!("p{i:02}")).collect();
    for pk in &expected {
        world.put(pk, "1").send().await.unwrap();
    }
    let mut found = Vec::new();
    let mut filled = 0;
    for segment in 0..4 {
        let items = scan_segment(&world, segment, 4).await;
        filled += usize::from(!items.is_empty());
        found.extend(items);
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(filled > 1, "all items in one segment");
}

#[tokio::test]
async fn partiql_statement_selects_an_item_by_its_key() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    world.put("a", "2").send().await.unwrap();
    let statement = format!("SELECT * FROM \"{TABLE}\" WHERE pk = ? AND sk = ?");
    let execute = world.client.execute_statement().statement(statement);
    let execute = execute.parameters(text("a")).parameters(text("1"));
    let out = execute.send().await.unwrap();
    let [item] = out.items() else {
        panic!("expected one item, got {:?}", out.items());
    };
    assert_eq!((&item["sk"], &item["v"]), (&text("1"), &number(1)));
}
