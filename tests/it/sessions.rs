//! A user's sessions, and what ends them.

use serde_json::json;

use crate::harness::{Client, Stack, text};

async fn signed_in(stack: &Stack, email: &str) -> (Client, serde_json::Value) {
    let answer = stack.login(email).await.status(200);
    (stack.client(answer["access_token"].as_str()), answer)
}

async fn refresh(stack: &Stack, signed_in: &serde_json::Value) -> u16 {
    let body = json!({ "refresh_token": signed_in["refresh_token"] });
    let answer = stack.anonymous().post("/v1/auth/refresh", body).await;
    answer.code.as_u16()
}

#[tokio::test]
async fn a_session_is_listed_and_ended_from_another() {
    let stack = Stack::start().await;
    let phone = stack.tenant("acme").await;
    let (laptop, tokens) = signed_in(&stack, "owner@acme.example").await;
    let list = phone.get("/v1/auth/sessions").await.status(200);
    let sessions = list["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let other = sessions
        .iter()
        .find(|one| one["is_current"] == false)
        .unwrap();
    assert!(!list.to_string().contains("hash"));
    let path = format!("/v1/auth/sessions/{}", text(&other["id"]));
    phone.delete(&path).await.status(204);
    phone.delete(&path).await.problem(404, "not-found");
    assert_eq!(refresh(&stack, &tokens).await, 401);
    stack.advance_s(5);
    laptop
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    phone.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn revoking_all_ends_every_session_of_the_user_and_nobody_elses() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let max = stack.member(&owner, "user", "max@acme.example").await;
    let (second, tokens) = signed_in(&stack, "owner@acme.example").await;
    owner.get("/v1/tenant").await.status(200);
    owner
        .post("/v1/auth/sessions:revoke-all", json!({}))
        .await
        .status(204);
    assert_eq!(refresh(&stack, &tokens).await, 401);
    for client in [&owner, &second] {
        let path = "/v1/auth/sessions/ses_00000000000000000000000000";
        client.delete(path).await.problem(401, "unauthenticated");
    }
    stack.advance_s(5);
    for client in [&owner, &second] {
        client
            .get("/v1/tenant")
            .await
            .problem(401, "unauthenticated");
    }
    max.get("/v1/tenant").await.status(200);
    let (back, _) = signed_in(&stack, "owner@acme.example").await;
    back.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn a_suspended_member_is_out_until_reactivated() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let max = stack.member(&owner, "user", "max@acme.example").await;
    let (_, tokens) = signed_in(&stack, "max@acme.example").await;
    let path = format!(
        "/v1/users/{}",
        text(&max.get("/v1/me").await.status(200)["id"])
    );
    let suspended = owner
        .post(&format!("{path}:suspend"), json!({}))
        .await
        .status(200);
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(refresh(&stack, &tokens).await, 401);
    stack
        .login("max@acme.example")
        .await
        .problem(401, "unauthenticated");
    stack.advance_s(5);
    max.get("/v1/tenant").await.problem(401, "unauthenticated");
    // A new role does not let them in.
    owner
        .patch(&path, json!({ "role": "admin" }))
        .await
        .status(200);
    stack.advance_s(5);
    max.get("/v1/tenant").await.problem(401, "unauthenticated");
    owner
        .post(&format!("{path}:reactivate"), json!({}))
        .await
        .status(200);
    let (back, _) = signed_in(&stack, "max@acme.example").await;
    stack.advance_s(5);
    back.get("/v1/audit").await.status(200);
}

#[tokio::test]
async fn the_last_active_owner_cannot_be_suspended() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let second = stack.member(&owner, "owner", "second@acme.example").await;
    let of = async |client: &Client| text(&client.get("/v1/me").await.status(200)["id"]);
    let (first_path, second_path) = (
        format!("/v1/users/{}", of(&owner).await),
        format!("/v1/users/{}", of(&second).await),
    );
    owner
        .post(&format!("{second_path}:suspend"), json!({}))
        .await
        .status(200);
    owner
        .post(&format!("{first_path}:suspend"), json!({}))
        .await
        .problem(409, "conflict");
    owner.delete(&first_path).await.problem(409, "conflict");
    // The suspended one is not counted twice.
    owner
        .patch(&second_path, json!({ "role": "user" }))
        .await
        .status(200);
    owner
        .patch(&first_path, json!({ "role": "user" }))
        .await
        .problem(409, "conflict");
    let admin = stack.member(&owner, "admin", "adm@acme.example").await;
    admin
        .post(&format!("{first_path}:suspend"), json!({}))
        .await
        .problem(403, "not-allowed");
}
