//! The trail for other systems: whole, in order, in parts, in three forms.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::{
    documents::dynamodb,
    harness::{Client, Stack, text},
};

fn parsed(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn some_changes(stack: &Stack) -> Client {
    let owner = stack.tenant("acme").await;
    let name = "=1+1, \"Ltd\"";
    owner
        .patch("/v1/tenant", json!({ "name": name }))
        .await
        .status(200);
    let wrong = json!({ "email": "owner@acme.example", "password": "wrong password" });
    stack
        .anonymous()
        .post("/v1/auth/login", wrong)
        .await
        .status(401);
    // Whether there is somebody to tell of it is looked up behind the queue.
    stack.drain().await;
    stack.again("acme").await
}

#[tokio::test]
async fn each_form_holds_every_entry_oldest_first() {
    let stack = Stack::start().await;
    let owner = some_changes(&stack).await;
    let shown = owner.get("/v1/audit?limit=100").await.status(200);
    let mut shown: Vec<Value> = shown["data"].as_array().unwrap().clone();
    shown.reverse();
    assert_eq!(shown.len(), 4);

    let answer = owner.get("/v1/audit/export").await;
    assert_eq!(
        (answer.code.as_u16(), answer.header("content-type").as_str()),
        (200, "application/jsonl")
    );
    assert_eq!(parsed(&answer.body), shown);
    assert_eq!(answer.header("next-cursor"), "");

    let answer = owner.get("/v1/audit/export?format=csv").await;
    assert!(answer.header("content-type").starts_with("text/csv"));
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    assert_eq!(
        (lines.len(), lines[0]),
        (6, "id,at,actor,action,target,request_id,source_ip,changes")
    );
    assert!(lines[2].starts_with(&text(&shown[1]["id"])) && lines[2].contains("tenant.updated"));

    let answer = owner.get("/v1/audit/export?format=ocsf").await;
    let events = parsed(&answer.body);
    let pairs = events.iter().zip(&shown);
    for (event, entry) in pairs {
        assert_eq!(
            (&event["metadata"]["uid"], &event["metadata"]["version"]),
            (&entry["id"], &json!("1.6.0"))
        );
    }
    let classes: Vec<u64> = events
        .iter()
        .map(|event| event["type_uid"].as_u64().unwrap())
        .collect();
    assert_eq!(classes, [300_401, 300_403, 300_201, 300_201]);
    assert_eq!(
        (&events[2]["status"], &events[3]["status"]),
        (&json!("Failure"), &json!("Success"))
    );
    owner
        .get("/v1/audit/export?format=xml")
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_span_of_time_is_exported_without_its_end() {
    let stack = Stack::start().await;
    let owner = some_changes(&stack).await;
    stack.advance_s(60);
    let at = jiff::Timestamp::from_second(stack.now_s()).unwrap();
    stack.advance_s(60);
    owner
        .patch("/v1/tenant", json!({ "name": "later" }))
        .await
        .status(200);
    let since = parsed(
        &owner
            .get(&format!("/v1/audit/export?since={at}"))
            .await
            .body,
    );
    assert_eq!(
        (since.len(), &since[0]["action"]),
        (1, &json!("tenant.updated"))
    );
    let until = parsed(
        &owner
            .get(&format!("/v1/audit/export?until={at}"))
            .await
            .body,
    );
    assert_eq!(until.len(), 4);
    let path = format!("/v1/audit/export?since={at}&until={at}");
    assert_eq!(owner.get(&path).await.body, "");
}

#[tokio::test]
async fn a_log_of_more_than_a_megabyte_comes_in_parts() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let first = parsed(&owner.get("/v1/audit/export").await.body).remove(0);
    let tenant = text(&first["tenant_id"]);
    let client = dynamodb(&stack);
    let own = text(&first["id"]);
    let others = "123456".chars().filter(|last| !own.ends_with(*last));
    for last in others.take(5) {
        let id = format!("{}{last}", &own[..29]);
        let row = json!({ "pk": format!("T#{tenant}"), "sk": id, "id": id, "tenant_id": tenant, "at": first["at"],
            "actor": "system", "action": "user.updated", "target": "x".repeat(300_000), "request_id": "r" });
        let row = row
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), AttributeValue::S(text(value))));
        client
            .put_item()
            .table_name("AuditTable")
            .set_item(Some(row.collect()))
            .send()
            .await
            .unwrap();
    }
    let (mut found, mut parts, mut path) = (Vec::new(), 0, "/v1/audit/export".to_owned());
    loop {
        let answer = owner.get(&path).await;
        found.extend(parsed(&answer.body));
        parts += 1;
        let next = answer.header("next-cursor");
        if next.is_empty() {
            break;
        }
        path = format!("/v1/audit/export?cursor={next}");
    }
    let mut ids: Vec<String> = found.iter().map(|entry| text(&entry["id"])).collect();
    let in_order = ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), parts >= 2), (6, true));
    assert_eq!(in_order, ids);
    // A cursor is the tenant's and the export's own.
    let blue = stack.tenant("blue").await;
    blue.get(&path).await.problem(422, "invalid-request");
    let cursor = path.rsplit('=').next().unwrap();
    owner
        .get(&format!("/v1/audit?cursor={cursor}"))
        .await
        .problem(422, "invalid-request");
}
