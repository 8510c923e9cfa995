//! Rules: what they match, how often, and what they answer.

use http::StatusCode;
use serde_json::json;

use crate::fault::{Answer, Fault, Faults};

#[test]
fn a_rule_strikes_as_often_as_it_says() {
    let faults = Faults::default();
    let id = faults.add(Fault::on("PutItem", Answer::Throttling).times(2));
    assert_eq!(faults.strike(None, "GetItem", b""), None);
    assert_eq!(
        faults.strike(None, "PutItem", b""),
        Some(Answer::Throttling)
    );
    assert_eq!(
        faults.strike(None, "PutItem", b""),
        Some(Answer::Throttling)
    );
    assert_eq!(faults.strike(None, "PutItem", b""), None);
    assert_eq!(faults.hits(id), 2);
}

#[test]
fn a_rule_strikes_only_what_all_its_fields_match() {
    let faults = Faults::default();
    faults.add(
        Fault::on("PutItem", Answer::InternalError)
            .by("auth")
            .containing("usr_1"),
    );
    assert_eq!(faults.strike(Some("users"), "PutItem", b"usr_1"), None);
    assert_eq!(faults.strike(None, "PutItem", b"usr_1"), None);
    assert_eq!(faults.strike(Some("auth"), "PutItem", b"usr_2"), None);
    assert_eq!(
        faults.strike(Some("auth"), "PutItem", b"key usr_1"),
        Some(Answer::InternalError)
    );
}

#[test]
fn a_removed_rule_strikes_no_more() {
    let faults = Faults::default();
    let id = faults.add(Fault::on("PutItem", Answer::Throttling));
    assert!(faults.remove(id));
    assert!(!faults.remove(id));
    assert_eq!(faults.strike(None, "PutItem", b""), None);
}

#[test]
fn a_cancelled_transaction_names_a_reason_for_every_item() {
    let body = json!({"TransactItems": [{}, {}]}).to_string();
    let (status, answer) =
        Answer::ConditionFailed.error("DynamoDB_20120810.TransactWriteItems", body.as_bytes());
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer["__type"],
        "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    );
    assert_eq!(
        answer["CancellationReasons"][0]["Code"],
        "ConditionalCheckFailed"
    );
    assert_eq!(answer["CancellationReasons"][1], json!({"Code": "None"}));
}

#[test]
fn each_service_answers_in_its_own_words() {
    let kind = |answer: Answer, target: &str| answer.error(target, b"{}").1["__type"].clone();
    assert_eq!(
        kind(Answer::Throttling, "DynamoDB_20120810.GetItem"),
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    );
    assert_eq!(
        kind(Answer::Throttling, "AmazonSQS.SendMessage"),
        "com.amazonaws.sqs#RequestThrottled"
    );
    assert_eq!(
        Answer::InternalError.error("AmazonSQS.SendMessage", b"").0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}
