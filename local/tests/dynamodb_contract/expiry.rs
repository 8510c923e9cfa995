//! Expiry: a sweep deletes what has expired. The engine's own sweep runs by the clock, so this test calls it.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use dynoxide::Database;

use crate::harness::{TABLE, client, create_table, key, number, text};

#[expect(
    clippy::disallowed_methods,
    reason = "the engine compares expiry times with the machine's clock"
)]
fn seconds_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[tokio::test]
async fn sweep_deletes_expired_items_and_no_others() {
    let database = Database::memory().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    create_table(&client).send().await.unwrap();
    let specification = TimeToLiveSpecification::builder()
        .attribute_name("ttl")
        .enabled(true);
    let update = client.update_time_to_live().table_name(TABLE);
    let update = update.time_to_live_specification(specification.build().unwrap());
    update.send().await.unwrap();
    for (sk, offset) in [("past", -60), ("future", 3_600)] {
        let put = client.put_item().table_name(TABLE);
        let put = put.set_item(Some(key("a", sk)));
        let put = put.item("ttl", number(seconds_now() + offset));
        put.send().await.unwrap();
    }

    assert_eq!(database.sweep_ttl().unwrap(), 1);
    let query = client.query().table_name(TABLE);
    let query = query.key_condition_expression("pk = :p");
    let query = query.expression_attribute_values(":p", text("a"));
    let left = query.send().await.unwrap();
    assert_eq!(crate::harness::sort_keys(left.items()), ["future"]);
}
