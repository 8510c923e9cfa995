//! What the project says of itself is what it does: OpenAPI, problem types, vectors, samples.

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;
use shared::{problem::ApiError, webhook::doctor};

use crate::harness::{Stack, root};

/// An SQS client of an operator's own.
pub(crate) fn sqs(stack: &Stack) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("operator", "local", None, None, "test"))
        .endpoint_url(stack.platform.sqs_url())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

/// A DynamoDB client of an operator's own.
pub(crate) fn dynamodb(stack: &Stack) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
            "operator", "local", None, None, "test",
        ))
        .endpoint_url(stack.platform.dynamodb_url())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

#[test]
fn the_committed_openapi_document_is_the_codes() {
    let committed = std::fs::read_to_string(root().join("docs/openapi.json")).unwrap();
    let is_same = committed == local::openapi::text().unwrap();
    assert!(
        is_same,
        "write it anew: cargo local openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let stack = Stack::start().await;
    let document = stack.anonymous().get("/openapi.json").await.status(200);
    assert_eq!(document["openapi"], "3.1.0");
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .collect();
    assert_eq!(operations.len(), crate::routes::in_code().len());
}

#[test]
fn every_problem_type_has_a_section_in_the_documentation() {
    let text = std::fs::read_to_string(root().join("docs/problems.md")).unwrap();
    for kind in ApiError::kinds() {
        assert!(
            text.contains(&format!("\n## {kind}\n")),
            "docs/problems.md has no section {kind}"
        );
    }
}

#[test]
fn all_vectors_get_their_verdict_from_the_production_verifier() {
    let json = std::fs::read_to_string(root().join("tests/vectors/webhooks.json")).unwrap();
    let outcomes = doctor::run_vectors(&json).unwrap();
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    let of = |scheme: &str| {
        outcomes
            .iter()
            .filter(|outcome| outcome.scheme == scheme)
            .count()
    };
    assert_eq!(
        ["stripe", "github", "slack", "standardwebhooks"].map(of),
        [14, 7, 8, 16]
    );
}

#[tokio::test]
async fn every_sample_event_is_handled_by_its_function() {
    let stack = Stack::start().await;
    let mut handled = 0;
    for entry in std::fs::read_dir(root().join("events")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let event: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let functions = &stack.platform.template().functions;
        let mut all = functions.iter();
        let function = all.find(|function| local::function::is_for(function, &event));
        let function =
            function.unwrap_or_else(|| panic!("{path:?} fits no trigger of template.yaml"));
        let answer = stack
            .platform
            .functions()
            .invoke(&function.binary, event)
            .await
            .unwrap();
        let status = answer["statusCode"].as_u64().unwrap_or(200);
        assert!(status < 500, "{path:?}: {answer}");
        assert!(
            answer["batchItemFailures"]
                .as_array()
                .is_none_or(Vec::is_empty),
            "{path:?}: {answer}"
        );
        handled += 1;
    }
    assert!(handled >= 9, "{handled}");
}
