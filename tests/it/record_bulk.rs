//! Bulk changes of records: a result for each, and no second effect of a repeated request.

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Client, Stack, text},
    records::{RECORDS, collection, made},
};

async fn bulk(owner: &Client, operations: Value) -> Answer {
    let path = format!("{RECORDS}:bulk");
    owner.post(&path, json!({ "operations": operations })).await
}

#[tokio::test]
async fn each_operation_has_its_own_result() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let mut ids = Vec::new();
    for at in 0..4 {
        ids.push(made(&owner, json!({ "name": format!("n{at}"), "age": at })).await);
    }
    let answer = bulk(
        &owner,
        json!([
            { "op": "create", "data": { "name": "new" } },
            { "op": "create", "data": { "age": "old" } },
            { "op": "merge", "id": ids[0], "data": { "age": null } },
            { "op": "replace", "id": ids[1], "if_match": 1, "data": { "name": "other" } },
            { "op": "replace", "id": ids[2], "if_match": 7, "data": { "name": "stale" } },
            { "op": "delete", "id": ids[3] },
            { "op": "delete", "id": "rec_0000000000000000000000000a" },
        ]),
    )
    .await;
    let body = answer.status(200);
    assert_eq!(
        (&body["succeeded"], &body["failed"]),
        (&json!(4), &json!(3))
    );
    let results = body["results"].as_array().unwrap();
    let statuses: Vec<u64> = results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 422, 200, 200, 412, 204, 404]);
    let errors = results[1]["error"]["errors"].as_array().unwrap();
    let mut pointers: Vec<&str> = errors
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/operations/1/data", "/operations/1/data/age"]);
    assert_eq!(
        results[4]["error"]["type"],
        "urn:portico:problem:version-mismatch"
    );
    assert_eq!(results[2]["version"], 2);
    let page = owner.get(RECORDS).await.status(200);
    let mut names: Vec<String> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| text(&record["data"]["name"]))
        .collect();
    names.sort();
    assert_eq!(names, ["n0", "n2", "new", "other"]);
    // Each has its own entry in the trail.
    let trail = owner.get("/v1/audit?limit=4").await.status(200);
    let mut actions: Vec<String> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| text(&entry["action"]))
        .collect();
    actions.sort();
    assert_eq!(
        actions,
        [
            "record.created",
            "record.deleted",
            "record.updated",
            "record.updated"
        ]
    );
}

#[tokio::test]
async fn a_request_that_makes_no_sense_changes_nothing() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let create = json!({ "op": "create", "data": { "name": "x" } });
    for (operations, pointer) in [
        (json!([]), "/operations"),
        (json!(vec![create.clone(); 101]), "/operations"),
        (json!([create, { "op": "delete" }]), "/operations/1/id"),
        (json!([create, { "op": "create" }]), "/operations/1/data"),
        (
            json!([create, { "op": "create", "id": id, "data": {} }]),
            "/operations/1/id",
        ),
        (
            json!([create, { "op": "delete", "id": id, "data": {} }]),
            "/operations/1/data",
        ),
        (
            json!([create, { "op": "merge", "id": id }]),
            "/operations/1/data",
        ),
        (
            json!([create, { "op": "drop", "id": id }]),
            "/operations/1/op",
        ),
        (
            json!([create, { "op": "delete", "id": "x" }]),
            "/operations/1/id",
        ),
        (
            json!([{ "op": "delete", "id": id }, { "op": "merge", "id": id, "data": {} }]),
            "/operations/1/id",
        ),
    ] {
        let problem = bulk(&owner, operations)
            .await
            .problem(422, "invalid-request");
        let found = problem["errors"][0]["pointer"].as_str().unwrap();
        assert_eq!(found, pointer, "{problem}");
    }
    let page = owner.get(RECORDS).await.status(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let long = json!([{ "op": "create", "data": { "name": "x".repeat(2_200_000) } }]);
    let problem = bulk(&owner, long).await.problem(413, "too-large");
    assert!(
        problem["detail"].as_str().unwrap().contains("2097152"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_repeated_key_changes_nothing_and_gets_the_same_results() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let path = format!("{RECORDS}:bulk");
    let body = json!({ "operations": [
        { "op": "create", "data": { "name": "a" } },
        { "op": "create", "data": { "nothing": 1 } },
        { "op": "create", "data": { "name": "b" } },
    ] });
    let headers = [("idempotency-key", "k-1")];
    let post = |body: Value| owner.request(reqwest::Method::POST, &path, Some(body), &headers);
    let first = post(body.clone()).await.status(200);
    assert_eq!(first["succeeded"], 2);
    let again = post(body).await;
    assert_eq!(again.status(200), first);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let page = owner.get(RECORDS).await.status(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let other = json!({ "operations": [{ "op": "create", "data": { "name": "c" } }] });
    post(other).await.problem(422, "idempotency-key-reused");
}

#[tokio::test]
async fn changes_of_many_records_are_one_read_and_a_transaction_each() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let operations = json!([
        { "op": "create", "data": { "name": "a" } },
        { "op": "create", "data": { "name": "b" } },
        { "op": "merge", "id": id, "data": { "age": 1 } },
    ]);
    let calls = stack.calls("records", bulk(&owner, operations)).await;
    let expected = [
        ("DynamoDB.BatchGetItem".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 3),
    ];
    assert_eq!(calls, expected.into());
}
