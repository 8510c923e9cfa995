//! Puts and deletes: conditions, and what an item may not be.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};

use crate::harness::{TABLE, key, number, refusal, text, world};

const ABSENT: &str = "attribute_not_exists(pk)";

#[tokio::test]
async fn conditional_put_of_a_new_item_succeeds() {
    let world = world().await;
    let put = world.put("a", "1").condition_expression(ABSENT);
    put.send().await.unwrap();
    assert_eq!(world.value("a").await, Some(number(1)));
}

#[tokio::test]
async fn failed_condition_of_a_put_is_a_typed_error_and_changes_nothing() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let put = world.put("a", "1").item("v", number(2));
    let error = put.condition_expression(ABSENT).send().await.unwrap_err();
    assert!(
        error
            .into_service_error()
            .is_conditional_check_failed_exception()
    );
    assert_eq!(world.value("a").await, Some(number(1)));
}

#[tokio::test]
async fn failed_condition_of_a_put_returns_the_item_when_asked() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let put = world.put("a", "1").condition_expression(ABSENT);
    let put = put.return_values_on_condition_check_failure(OnFailure::AllOld);
    let error = put.send().await.unwrap_err().into_service_error();
    let PutItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("expected a failed condition, got {error:?}");
    };
    assert_eq!(failed.item().unwrap()["v"], number(1));
}

#[tokio::test]
async fn empty_string_is_accepted_outside_the_key() {
    let world = world().await;
    let put = world.put("a", "1").item("empty", text(""));
    put.send().await.unwrap();
    assert_eq!(world.get("a").await.unwrap()["empty"], text(""));
}

#[tokio::test]
async fn empty_string_is_refused_in_the_key() {
    let world = world().await;
    let put = world.put("", "1").send();
    assert_eq!(refusal(put.await), "ValidationException");
}

#[tokio::test]
async fn item_over_400_kib_is_refused() {
    let world = world().await;
    let body = |kib: usize| text(&"x".repeat(kib * 1_024));
    let put = world.put("a", "1").item("body", body(400)).send();
    assert_eq!(refusal(put.await), "ValidationException");
    let put = world.put("a", "1").item("body", body(399));
    put.send().await.unwrap();
}

#[tokio::test]
async fn delete_returns_the_old_item_when_asked() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let delete = world.client.delete_item().table_name(TABLE);
    let delete = delete.set_key(Some(key("a", "1")));
    let out = delete
        .return_values(ReturnValue::AllOld)
        .send()
        .await
        .unwrap();
    assert_eq!(out.attributes().unwrap()["v"], number(1));
    assert_eq!(world.get("a").await, None);
}
