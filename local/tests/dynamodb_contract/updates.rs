//! Updates: expressions, conditions and returned values.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};

use crate::harness::{World, list, number, refusal, text, world};

/// What `ADD hits` returns of `hits` when it goes from 1 to 2.
async fn hits(values: ReturnValue) -> Option<AttributeValue> {
    let world = world().await;
    let put = world.put("a", "1").item("hits", number(1));
    put.send().await.unwrap();
    add_hit(&world, values).await
}

async fn add_hit(world: &World, values: ReturnValue) -> Option<AttributeValue> {
    let update = world.update("a", "ADD hits :one").return_values(values);
    let update = update.expression_attribute_values(":one", number(1));
    update.send().await.unwrap().attributes?.remove("hits")
}

#[tokio::test]
async fn path_under_a_missing_parent_is_refused() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let update = world
        .update("a", "SET #d.#e = :s")
        .expression_attribute_names("#d", "doc")
        .expression_attribute_names("#e", "e")
        .expression_attribute_values(":s", text("x"));
    assert_eq!(refusal(update.send().await), "ValidationException");
}

#[tokio::test]
async fn set_and_add_create_what_is_missing_and_return_what_they_changed() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let expression = "SET cnt = if_not_exists(cnt, :zero) + :one, \
        lst = list_append(if_not_exists(lst, :none), :more) ADD hits :one, tags :tags";
    let tags = AttributeValue::Ss(vec!["q".to_owned()]);
    let out = world
        .update("a", expression)
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":none", list(&[]))
        .expression_attribute_values(":more", list(&[number(1)]))
        .expression_attribute_values(":tags", tags.clone())
        .return_values(ReturnValue::UpdatedNew)
        .send()
        .await
        .unwrap();
    let changed = out.attributes().unwrap();
    assert_eq!(changed.len(), 4, "{changed:?}");
    assert_eq!(changed["cnt"], number(1));
    assert_eq!(changed["hits"], number(1));
    assert_eq!(changed["lst"], list(&[number(1)]));
    assert_eq!(changed["tags"], tags);
}

#[tokio::test]
async fn all_new_returns_the_value_after_the_update() {
    assert_eq!(hits(ReturnValue::AllNew).await, Some(number(2)));
}

#[tokio::test]
async fn all_old_returns_the_value_before_the_update() {
    assert_eq!(hits(ReturnValue::AllOld).await, Some(number(1)));
}

#[tokio::test]
async fn updated_old_returns_the_value_before_the_update() {
    assert_eq!(hits(ReturnValue::UpdatedOld).await, Some(number(1)));
}

#[tokio::test]
async fn condition_may_join_comparison_size_type_and_contents() {
    let world = world().await;
    let tags = AttributeValue::Ss(vec!["q".to_owned()]);
    let put = world.put("a", "1").item("lst", list(&[number(1)]));
    put.item("tags", tags).send().await.unwrap();
    let condition =
        "v = :old AND size(lst) = :one AND attribute_type(tags, :type) AND contains(tags, :tag)";
    let update = |tag| {
        world
            .update("a", "SET v = :new")
            .condition_expression(condition)
            .expression_attribute_values(":new", number(2))
            .expression_attribute_values(":old", number(1))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":type", text("SS"))
            .expression_attribute_values(":tag", text(tag))
            .send()
    };
    assert_eq!(
        refusal(update("other").await),
        "ConditionalCheckFailedException"
    );
    update("q").await.unwrap();
    assert_eq!(world.value("a").await, Some(number(2)));
}

#[tokio::test]
async fn failed_condition_of_an_update_returns_the_item_when_asked() {
    let world = world().await;
    world.put("a", "1").send().await.unwrap();
    let update = world
        .update("a", "SET v = :new")
        .condition_expression("v = :old")
        .expression_attribute_values(":new", number(3))
        .expression_attribute_values(":old", number(2))
        .return_values_on_condition_check_failure(OnFailure::AllOld);
    let error = update.send().await.unwrap_err().into_service_error();
    let UpdateItemError::ConditionalCheckFailedException(failed) = error else {
        panic!("expected a failed condition, got {error:?}");
    };
    assert_eq!(failed.item().unwrap()["v"], number(1));
}

#[tokio::test]
async fn update_on_condition_that_the_item_exists_does_not_create_it() {
    let world = world().await;
    let update = world
        .update("missing", "SET v = :new")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":new", number(3));
    assert_eq!(
        refusal(update.send().await),
        "ConditionalCheckFailedException"
    );
    assert_eq!(world.get("missing").await, None);
}

#[tokio::test]
async fn reserved_word_is_refused_as_a_bare_name() {
    let world = world().await;
    let update = |name| {
        let update = world.update("a", &format!("SET {name} = :new"));
        update.expression_attribute_values(":new", number(3))
    };
    assert_eq!(
        refusal(update("status").send().await),
        "ValidationException"
    );
    let named = update("#s").expression_attribute_names("#s", "status");
    named.send().await.unwrap();
}
