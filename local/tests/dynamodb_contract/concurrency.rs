//! Many writers at once: no update is lost, and a condition lets one of them through.

use crate::harness::{TABLE, key, number, world};

#[tokio::test]
async fn additions_by_many_writers_are_all_counted() {
    let world = world().await;
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let add = world.update("a", "ADD v :one");
            let add = add.expression_attribute_values(":one", number(1));
            tokio::spawn(async move {
                for _ in 0..10 {
                    add.clone().send().await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.value("a").await, Some(number(320)));
}

#[tokio::test]
async fn one_of_many_conditional_puts_wins() {
    let world = world().await;
    let writers: Vec<_> = (0..32)
        .map(|i| {
            let put = world.client.put_item().table_name(TABLE);
            let put = put.set_item(Some(key("a", "1"))).item("v", number(i));
            let put = put.condition_expression("attribute_not_exists(pk)");
            tokio::spawn(async move { (i, put.send().await) })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (i, Ok(_)) => winners.push(i),
            (_, Err(error)) => assert!(
                error
                    .into_service_error()
                    .is_conditional_check_failed_exception()
            ),
        }
    }
    let [winner] = winners.as_slice() else {
        panic!("expected one winner, got {winners:?}");
    };
    assert_eq!(world.value("a").await, Some(number(*winner)));
}
