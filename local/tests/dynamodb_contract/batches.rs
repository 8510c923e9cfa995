//! Batches: their size, and what is found of what was asked for.

use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};

use crate::harness::{TABLE, key, refusal, world};

fn puts(count: usize) -> Vec<WriteRequest> {
    (0..count)
        .map(|i| {
            let put = PutRequest::builder().set_item(Some(key("b", &i.to_string())));
            WriteRequest::builder()
                .put_request(put.build().unwrap())
                .build()
        })
        .collect()
}

#[tokio::test]
async fn batch_of_25_writes_is_processed_and_the_items_are_found() {
    let world = world().await;
    let write = world.client.batch_write_item();
    let written = write.request_items(TABLE, puts(25)).send().await.unwrap();
    assert!(
        written
            .unprocessed_items()
            .is_none_or(|items| items.is_empty())
    );
    let keys = (0..30).map(|i| key("b", &i.to_string())).collect();
    let keys = KeysAndAttributes::builder().set_keys(Some(keys));
    let get = world.client.batch_get_item();
    let get = get.request_items(TABLE, keys.build().unwrap());
    let found = get.send().await.unwrap();
    assert_eq!(found.responses().unwrap()[TABLE].len(), 25);
}

#[tokio::test]
async fn batch_of_26_writes_is_refused() {
    let world = world().await;
    let write = world.client.batch_write_item();
    let write = write.request_items(TABLE, puts(26));
    assert_eq!(refusal(write.send().await), "ValidationException");
}
