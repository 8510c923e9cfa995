//! The audit trail: every change is in it, and a change that failed is not.

use local::fault::{Answer, Fault};
use serde_json::json;

use crate::harness::{Endpoint, Stack, text};

#[tokio::test]
async fn every_change_leaves_one_entry_with_actor_target_and_values() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let me = text(&owner.get("/v1/me").await.status(200)["id"]);
    owner
        .patch("/v1/tenant", json!({ "name": "Acme Ltd" }))
        .await
        .status(200);
    let new = json!({ "email": "g@acme.example", "name": "G", "role": "user" });
    let user = text(&owner.post("/v1/users", new).await.status(201)["id"]);
    owner
        .patch(&format!("/v1/users/{user}"), json!({ "role": "admin" }))
        .await
        .status(200);
    owner.delete(&format!("/v1/users/{user}")).await.status(204);
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    owner
        .patch(&path, json!({ "enabled": false }))
        .await
        .status(200);
    owner.delete(&path).await.status(204);
    let again = stack.login("owner@acme.example").await.status(200);
    let wrong = json!({ "email": "owner@acme.example", "password": "wrong password" });
    stack
        .anonymous()
        .post("/v1/auth/login", wrong)
        .await
        .status(401);
    stack.drain().await;
    owner.post("/v1/auth/logout", json!({})).await.status(204);
    let owner = stack.client(again["access_token"].as_str());
    let entries = owner.get("/v1/audit?limit=100").await.status(200)["data"]
        .as_array()
        .unwrap()
        .clone();
    let mut actions: Vec<String> = entries.iter().map(|entry| text(&entry["action"])).collect();
    actions.sort();
    assert_eq!(
        actions,
        [
            "session.sign_in_failed",
            "session.signed_in",
            "session.signed_out",
            "tenant.created",
            "tenant.updated",
            "user.created",
            "user.deleted",
            "user.updated",
            "webhook_endpoint.created",
            "webhook_endpoint.deleted",
            "webhook_endpoint.updated",
        ]
    );
    let updated = entries
        .iter()
        .find(|entry| entry["action"] == "user.updated")
        .unwrap();
    assert_eq!(
        (&updated["actor"], &updated["target"]),
        (&json!(me), &json!(user))
    );
    assert_eq!(
        updated["changes"],
        json!({ "role": { "from": "user", "to": "admin" } })
    );
    let shown = owner
        .get(&format!("/v1/audit/{}", text(&updated["id"])))
        .await
        .status(200);
    assert_eq!(&shown, updated);
}

#[tokio::test]
async fn a_change_whose_entry_cannot_be_written_does_not_happen() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack
        .faults()
        .add(Fault::on("TransactWriteItems", Answer::InternalError).containing("tenant.updated"));
    owner
        .patch("/v1/tenant", json!({ "name": "Acme Ltd" }))
        .await
        .problem(503, "unavailable");
    stack.faults().clear();
    assert_eq!(owner.get("/v1/tenant").await.status(200)["name"], "acme");
    assert!(!owner.get("/v1/audit").await.body.contains("tenant.updated"));
}

#[tokio::test]
async fn the_trail_is_filtered_by_actor_action_target_and_time() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "admin@acme.example").await;
    stack.advance_s(60);
    admin
        .patch("/v1/tenant", json!({ "name": "B" }))
        .await
        .status(200);
    let me = text(&admin.get("/v1/me").await.status(200)["id"]);
    let count = async |query: &str| {
        owner.get(&format!("/v1/audit?{query}")).await.status(200)["data"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&format!("actor={me}&action=tenant.updated")).await, 1);
    assert_eq!(count(&format!("target={me}")).await, 1);
    let at = jiff::Timestamp::from_second(stack.now_s() - 30).unwrap();
    assert_eq!(count(&format!("since={at}")).await, 1);
    assert_eq!(count(&format!("until={at}")).await, 3);
    // A range that ends before it starts holds nothing.
    assert_eq!(
        count(&format!("since={at}&until=1007-05-25T00:00:00Z")).await,
        0
    );
    let problem = owner
        .get("/v1/audit?action=cake.eaten")
        .await
        .problem(422, "invalid-request");
    assert!(text(&problem["errors"][0]["detail"]).contains("tenant.updated"));
}

#[tokio::test]
async fn no_function_may_update_or_delete_an_entry() {
    let stack = Stack::start().await;
    for function in &stack.platform.template().functions {
        for statement in &function.statements {
            let touches_audit = statement
                .resources
                .iter()
                .any(|resource| resource.contains("AuditTable"));
            for action in statement.actions.iter().filter(|_| touches_audit) {
                let allowed = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"];
                assert!(
                    allowed.contains(&action.as_str()),
                    "{}: {action}",
                    function.binary
                );
            }
        }
    }
}
