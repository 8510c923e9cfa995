//! IAM's decisions, and what each kind of call needs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::access::{Access, Need, Schemas, access_key_id, binary_of, matches, needs};
use crate::template::{Effect, FunctionSpec, Statement, Template};
use crate::testing::{SMALL, project_template};

fn statement(effect: Effect, action: &str, resource: &str) -> Statement {
    Statement {
        effect,
        actions: vec![action.to_owned()],
        resources: vec![resource.to_owned()],
        condition: None,
        conditions: Vec::new(),
    }
}

fn access(statements: Vec<Statement>, boundary: Option<Vec<Statement>>) -> Access {
    Access::new(&Template {
        functions: vec![FunctionSpec {
            logical_id: "F".to_owned(),
            binary: "f".to_owned(),
            timeout_s: 3,
            memory_mb: 128,
            env: BTreeMap::new(),
            routes: Vec::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            statements,
            boundary,
        }],
        tables: Vec::new(),
        queues: Vec::new(),
        roles: Vec::new(),
    })
}

fn need(action: &str, resource: &str) -> Need {
    Need {
        action: action.to_owned(),
        resource: resource.to_owned(),
        leading_keys: None,
    }
}

fn needed(target: &str, body: &Value) -> Vec<(String, String)> {
    let needs = needs(&Schemas::default(), target, body.to_string().as_bytes());
    needs
        .into_iter()
        .map(|need| {
            (
                need.action,
                need.resource
                    .rsplit("000000000000:")
                    .next()
                    .unwrap()
                    .to_owned(),
            )
        })
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned()))
        .collect()
}

#[test]
fn what_no_statement_allows_is_denied() {
    let access = access(
        vec![statement(Effect::Allow, "dynamodb:GetItem", "arn:t")],
        None,
    );
    assert_eq!(
        access.check("f", &[need("dynamodb:GetItem", "arn:t")]),
        Ok(())
    );
    let denied = access
        .check(
            "f",
            &[
                need("dynamodb:GetItem", "arn:t"),
                need("dynamodb:PutItem", "arn:t"),
            ],
        )
        .unwrap_err();
    assert_eq!(
        denied,
        "User: arn:aws:sts::000000000000:assumed-role/f/f is not authorized to perform: dynamodb:PutItem on resource: \
         arn:t because no identity-based policy allows the dynamodb:PutItem action"
    );
    assert!(
        access
            .check("f", &[need("dynamodb:GetItem", "arn:other")])
            .is_err()
    );
    assert!(access.check("stranger", &[]).is_err());
}

#[test]
fn an_explicit_deny_wins_over_any_allow() {
    let allow = statement(Effect::Allow, "*", "*");
    let deny = statement(Effect::Deny, "dynamodb:Delete*", "*");
    let access = access(vec![allow, deny], None);
    assert!(
        access
            .check("f", &[need("dynamodb:PutItem", "arn:t")])
            .is_ok()
    );
    assert!(
        access
            .check("f", &[need("dynamodb:DeleteItem", "arn:t")])
            .unwrap_err()
            .contains("explicit deny")
    );
}

#[test]
fn a_boundary_cuts_down_what_the_policy_allows() {
    let allow = vec![statement(Effect::Allow, "sqs:*", "*")];
    let access = access(
        allow,
        Some(vec![statement(Effect::Allow, "sqs:SendMessage", "*")]),
    );
    assert!(
        access
            .check("f", &[need("sqs:SendMessage", "arn:q")])
            .is_ok()
    );
    let denied = access
        .check("f", &[need("sqs:PurgeQueue", "arn:q")])
        .unwrap_err();
    assert!(
        denied.ends_with("no permissions boundary allows the sqs:PurgeQueue action"),
        "{denied}"
    );
}

#[test]
fn a_tables_own_policy_denies_what_a_function_was_allowed() {
    let mut template = Template::parse(SMALL, &BTreeMap::new(), "").unwrap();
    let put = need(
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:000000000000:table/Things",
    );
    let access = |template: &Template| Access::new(template);
    assert!(
        access(&template)
            .check("door", std::slice::from_ref(&put))
            .is_ok()
    );
    template.tables[0].policy = vec![statement(Effect::Deny, "dynamodb:PutItem", &put.resource)];
    let denied = access(&template).check("door", &[put]).unwrap_err();
    assert!(
        denied.ends_with("because of an explicit deny in a resource-based policy"),
        "{denied}"
    );
}

#[test]
fn an_index_is_a_resource_of_its_own() {
    let template = Template::parse(SMALL, &BTreeMap::new(), "").unwrap();
    let access = Access::new(&template);
    let query =
        |index: Value| access.needs("DynamoDB_20120810.Query", index.to_string().as_bytes());
    assert!(
        access
            .check(
                "door",
                &query(json!({"TableName": "Things", "IndexName": "by_kind"}))
            )
            .is_ok()
    );
    assert!(
        access
            .check("door", &query(json!({"TableName": "Things"})))
            .is_err()
    );
}

#[test]
fn no_function_of_the_project_may_change_the_audit_log() {
    let template = Template::parse(&project_template(), &BTreeMap::new(), "").unwrap();
    let access = Access::new(&template);
    for function in &template.functions {
        for operation in ["UpdateItem", "DeleteItem", "BatchWriteItem", "Scan"] {
            let need = need(
                &format!("dynamodb:{operation}"),
                "arn:aws:dynamodb:us-east-1:000000000000:table/AuditTable",
            );
            assert!(
                access.check(&function.binary, &[need]).is_err(),
                "{} {operation}",
                function.binary
            );
        }
    }
}

#[test]
fn a_transaction_needs_the_actions_of_its_items() {
    let items = json!({"TransactItems": [
        {"Put": {"TableName": "A", "Item": {"pk": {"S": "1"}}}},
        {"Update": {"TableName": "A"}},
        {"Delete": {"TableName": "B"}},
        {"ConditionCheck": {"TableName": "B"}},
    ]});
    let expected = [
        ("dynamodb:PutItem", "table/A"),
        ("dynamodb:UpdateItem", "table/A"),
        ("dynamodb:DeleteItem", "table/B"),
        ("dynamodb:ConditionCheckItem", "table/B"),
    ];
    assert_eq!(
        needed("DynamoDB_20120810.TransactWriteItems", &items),
        pairs(&expected)
    );
    let items = json!({"TransactItems": [{"Get": {"TableName": "A"}}]});
    assert_eq!(
        needed("DynamoDB_20120810.TransactGetItems", &items),
        pairs(&[("dynamodb:GetItem", "table/A")])
    );
}

#[test]
fn a_batch_needs_its_action_on_every_table() {
    let body = json!({"RequestItems": {"A": {"Keys": []}, "B": {"Keys": []}}});
    let expected = pairs(&[
        ("dynamodb:BatchGetItem", "table/A"),
        ("dynamodb:BatchGetItem", "table/B"),
    ]);
    assert_eq!(needed("DynamoDB_20120810.BatchGetItem", &body), expected);
}

#[test]
fn a_batch_of_messages_needs_the_action_of_one() {
    let body = json!({"QueueUrl": "http://127.0.0.1:1/000000000000/Work", "Entries": []});
    assert_eq!(
        needed("AmazonSQS.SendMessageBatch", &body),
        pairs(&[("sqs:SendMessage", "Work")])
    );
    assert_eq!(
        needed("AmazonSQS.GetQueueUrl", &json!({"QueueName": "Work"})),
        pairs(&[("sqs:GetQueueUrl", "Work")])
    );
}

#[test]
fn a_call_that_is_not_understood_needs_a_grant_on_everything() {
    let statement = json!({"Statement": "SELECT * FROM \"A\""});
    assert_eq!(
        needed("DynamoDB_20120810.ExecuteStatement", &statement),
        pairs(&[("dynamodb:ExecuteStatement", "*")])
    );
    assert_eq!(
        needed("AmazonSQS.SendMessage", &json!("noise")),
        pairs(&[("sqs:SendMessage", "*")])
    );
    assert_eq!(needed("", &json!({})), pairs(&[("dynamodb:", "*")]));
}

#[test]
fn a_key_with_the_local_prefix_belongs_to_a_function() {
    assert_eq!(
        binary_of(&access_key_id("webhook-worker")),
        Some("webhook-worker")
    );
    assert_eq!(binary_of("AKIAEXAMPLE"), None);
}

#[test]
fn stars_and_question_marks_match_as_in_iam() {
    for (pattern, text) in [
        ("a*c", "abbc"),
        ("*", ""),
        ("a?c", "abc"),
        ("*b*", "abc"),
        ("ab", "ab"),
        ("a*", "a"),
    ] {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("a?c", "ac"),
        ("a*c", "abd"),
        ("", "a"),
        ("ab", "abc"),
        ("*b", "abc"),
    ] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}

proptest! {
    #[test]
    fn a_pattern_without_wildcards_matches_itself_only(left in "[a-z:/]{0,12}", right in "[a-z:/]{0,12}") {
        prop_assert_eq!(matches(&left, &right), left == right);
        let around = format!("*{}*", left);
        let longer = format!("{}{}", left, right);
        prop_assert!(matches(&around, &longer));
    }
}
