//! Transactions: all or nothing, reasons for a cancellation, tokens and limits.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::types::{
    ConditionCheck, Get, ReturnValuesOnConditionCheckFailure as OnFailure, TransactGetItem,
    TransactWriteItem, Update,
};

use crate::harness::{TABLE, World, key, number, refusal, world};

type Written = Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError>>;

fn update(pk: &str, expression: &str, value: i64) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(TABLE)
        .set_key(Some(key(pk, "1")))
        .update_expression(expression)
        .expression_attribute_values(":v", number(value));
    let update = update.build().unwrap();
    TransactWriteItem::builder().update(update).build()
}

fn set(pk: &str, value: i64) -> TransactWriteItem {
    update(pk, "SET v = :v", value)
}

fn check(pk: &str, value: i64) -> TransactWriteItem {
    let check = ConditionCheck::builder()
        .table_name(TABLE)
        .set_key(Some(key(pk, "1")))
        .condition_expression("v = :v")
        .expression_attribute_values(":v", number(value))
        .return_values_on_condition_check_failure(OnFailure::AllOld);
    let check = check.build().unwrap();
    TransactWriteItem::builder().condition_check(check).build()
}

async fn write(world: &World, items: Vec<TransactWriteItem>) -> Written {
    let write = world.client.transact_write_items();
    write.set_transact_items(Some(items)).send().await
}

async fn write_with_token(world: &World, token: &str, item: TransactWriteItem) -> Written {
    let write = world.client.transact_write_items();
    let write = write.client_request_token(token).transact_items(item);
    write.send().await
}

#[tokio::test]
async fn transaction_writes_when_its_checks_hold() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let items = vec![set("tx", 5), check("a", 1)];
    write(&world, items).await.unwrap();
    assert_eq!(world.value("tx").await, Some(number(5)));
}

#[tokio::test]
async fn cancelled_transaction_gives_a_reason_for_each_item() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let items = vec![set("tx", 6), check("a", 99)];
    let error = write(&world, items).await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("expected a cancellation, got {error:?}");
    };
    let [written, checked] = cancelled.cancellation_reasons() else {
        panic!("expected two reasons, got {cancelled:?}");
    };
    assert_eq!(written.code(), Some("None"));
    assert_eq!(checked.code(), Some("ConditionalCheckFailed"));
    assert_eq!(checked.item().unwrap()["v"], number(1));
}

#[tokio::test]
async fn cancelled_transaction_writes_nothing() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    world.put("tx", "1").send().await.unwrap();
    let items = vec![set("tx", 6), check("a", 99)];
    assert_eq!(
        refusal(write(&world, items).await),
        "TransactionCanceledException"
    );
    assert_eq!(world.value("tx").await, Some(number(1)));
}

#[tokio::test]
async fn transaction_with_the_same_token_is_done_once() {
    let world = world().await;
    for _ in 0..2 {
        let add = update("a", "ADD v :v", 1);
        write_with_token(&world, "token", add).await.unwrap();
    }
    assert_eq!(world.value("a").await, Some(number(1)));
}

#[tokio::test]
async fn token_of_another_transaction_is_a_typed_error() {
    let world = world().await;
    let add = update("a", "ADD v :v", 1);
    write_with_token(&world, "token", add).await.unwrap();
    let other = write_with_token(&world, "token", set("a", 9)).await;
    let error = other.unwrap_err().into_service_error();
    assert!(error.is_idempotent_parameter_mismatch_exception());
    assert_eq!(world.value("a").await, Some(number(1)));
}

#[tokio::test]
async fn transaction_on_one_item_twice_is_refused() {
    let world = world().await;
    let items = vec![set("a", 1), check("a", 2)];
    assert_eq!(refusal(write(&world, items).await), "ValidationException");
}

#[tokio::test]
async fn transaction_takes_a_hundred_items_and_no_more() {
    let world = world().await;
    let items = |count| (0..count).map(|i| set(&i.to_string(), 1)).collect();
    assert_eq!(
        refusal(write(&world, items(101)).await),
        "ValidationException"
    );
    assert_eq!(world.get("0").await, None);
    write(&world, items(100)).await.unwrap();
    assert_eq!(world.value("99").await, Some(number(1)));
}

#[tokio::test]
async fn transactional_read_answers_in_order_and_leaves_gaps() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    world.put("b", "1").send().await.unwrap();
    let gets = ["a", "missing", "b"].map(|pk| {
        let get = Get::builder().table_name(TABLE).set_key(Some(key(pk, "1")));
        TransactGetItem::builder().get(get.build().unwrap()).build()
    });
    let read = world.client.transact_get_items();
    let read = read.set_transact_items(Some(gets.to_vec()));
    let out = read.send().await.unwrap();
    let found: Vec<_> = out
        .responses()
        .iter()
        .map(|response| Some(response.item()?["pk"].as_s().unwrap().as_str()))
        .collect();
    assert_eq!(found, [Some("a"), None, Some("b")]);
}
