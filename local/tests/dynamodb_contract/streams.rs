//! The change stream of a table: every kind of change, its images, in order. The SDK for streams is
//! a crate of its own, so these calls are the protocol's.

use local::upstream::Upstream;
use serde_json::{Value, json};

use crate::harness::{TABLE, World, number, world};

async fn call(world: &World, operation: &str, input: Value) -> Value {
    let upstream = Upstream::plain(world.url()).unwrap();
    let target = format!("DynamoDBStreams_20120810.{operation}");
    upstream.call(&target, &input).await.unwrap()
}

/// Every record of the table's stream, from the first.
async fn records(world: &World) -> Vec<Value> {
    let table = world.client.describe_table().table_name(TABLE).send().await;
    let table = table.unwrap().table.unwrap();
    let arn = table.latest_stream_arn().unwrap();
    let stream = call(world, "DescribeStream", json!({ "StreamArn": arn })).await;
    let mut found = Vec::new();
    for shard in stream["StreamDescription"]["Shards"].as_array().unwrap() {
        let input = json!({
            "StreamArn": arn,
            "ShardId": shard["ShardId"],
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut iterator = call(world, "GetShardIterator", input).await["ShardIterator"].take();
        while iterator.is_string() {
            let mut page = call(world, "GetRecords", json!({ "ShardIterator": iterator })).await;
            let records = page["Records"].as_array().unwrap().clone();
            if records.is_empty() {
                break;
            }
            found.extend(records);
            iterator = page["NextShardIterator"].take();
        }
    }
    found
}

#[tokio::test]
async fn a_stream_tells_of_each_change_in_order_with_both_images() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let update = world.update("a", "SET v = :v");
    let update = update.expression_attribute_values(":v", number(2));
    update.send().await.unwrap();
    let delete = world.client.delete_item().table_name(TABLE);
    let key = crate::harness::key("a", "1");
    delete.set_key(Some(key)).send().await.unwrap();

    let records = records(&world).await;
    let kinds: Vec<&Value> = records.iter().map(|record| &record["eventName"]).collect();
    assert_eq!(kinds, ["INSERT", "MODIFY", "REMOVE"]);
    let image = |at: usize, name: &str| records[at]["dynamodb"][name]["v"]["N"].clone();
    assert_eq!(
        (image(0, "OldImage"), image(0, "NewImage")),
        (json!(null), json!("1"))
    );
    assert_eq!(
        (image(1, "OldImage"), image(1, "NewImage")),
        (json!("1"), json!("2"))
    );
    assert_eq!(
        (image(2, "OldImage"), image(2, "NewImage")),
        (json!("2"), json!(null))
    );
}

#[tokio::test]
async fn sequence_numbers_of_a_stream_grow() {
    let world = world().await;
    for at in 0..20 {
        world.put("s", &format!("{at:02}")).send().await.unwrap();
    }
    let records = records(&world).await;
    let numbers: Vec<u128> = records
        .iter()
        .map(|record| {
            record["dynamodb"]["SequenceNumber"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers.len(), 20);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}
