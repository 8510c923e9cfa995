//! A secret that takes over from another: both are good for a while, to the second.

use serde_json::json;
use shared::webhook::{
    presets,
    sign::{Outgoing, sign},
};

use crate::harness::{Answer, Endpoint, SECRET, Stack, text};

async fn send_with(stack: &Stack, endpoint: &Endpoint, secret: &str, id: &str) -> Answer {
    let body = json!({ "id": id, "type": "x" }).to_string();
    let outgoing = Outgoing {
        id,
        timestamp_unix_s: stack.now_s(),
        method: "POST",
        url: &endpoint.url,
        body: body.as_bytes(),
    };
    let scheme = presets::find(&endpoint.scheme).unwrap();
    let headers = sign(scheme, secret.as_bytes(), &outgoing).unwrap();
    stack
        .post_raw(&endpoint.url, &headers, body.as_bytes())
        .await
}

#[tokio::test]
async fn both_secrets_are_good_until_the_overlap_ends_whatever_is_cached() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    send_with(&stack, &endpoint, SECRET, "evt_0")
        .await
        .status(202);
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let rotation = json!({ "overlap_hours": 1 });
    let made = owner
        .post(&format!("{path}:rotate-secret"), rotation)
        .await
        .status(200);
    let new = text(&made["secret"]);
    assert!(new.len() >= 40 && new != SECRET);
    stack.advance_s(10);
    send_with(&stack, &endpoint, &new, "evt_1")
        .await
        .status(202);
    send_with(&stack, &endpoint, SECRET, "evt_2")
        .await
        .status(202);
    // Four seconds before the end the endpoint is read anew; that copy is fresh for six more.
    stack.advance_s(3_600 - 10 - 4);
    let owner = stack.again("acme").await;
    send_with(&stack, &endpoint, SECRET, "evt_3")
        .await
        .status(202);
    stack.advance_s(5);
    let calls = stack
        .calls("webhooks", async {
            let answer = send_with(&stack, &endpoint, SECRET, "evt_4").await;
            answer.problem(401, "not-verified");
        })
        .await;
    assert!(!calls.contains_key("DynamoDB.GetItem"), "{calls:?}");
    send_with(&stack, &endpoint, &new, "evt_5")
        .await
        .status(202);
    let shown = owner.get(&path).await;
    let secrets = shown.status(200)["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2);
    assert_eq!(
        (&secrets[0]["is_expired"], &secrets[0]["expires_at"]),
        (&json!(false), &json!(null))
    );
    assert_eq!(secrets[1]["is_expired"], true);
    assert!(secrets[0]["created_at"].is_string() && secrets[1]["expires_at"].is_string());
    assert!(!shown.body.contains(SECRET) && !shown.body.contains(&new));
    let entries = owner
        .get("/v1/audit?action=webhook_endpoint.secret_rotated")
        .await;
    let change = &entries.status(200)["data"][0]["changes"]["secrets"];
    assert!(change["to"][1]["expires_at"].is_string(), "{change}");
    assert!(!entries.body.contains(SECRET) && !entries.body.contains(&new));
}

#[tokio::test]
async fn without_an_overlap_the_old_secret_ends_at_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "github").await;
    let path = format!("/v1/webhook-endpoints/{}:rotate-secret", endpoint.id);
    let rotation = json!({ "secret": "the new one", "overlap_hours": 0 });
    let made = owner.post(&path, rotation).await.status(200);
    assert_eq!(made["secret"], "the new one");
    send_with(&stack, &endpoint, SECRET, "1")
        .await
        .problem(401, "not-verified");
    send_with(&stack, &endpoint, "the new one", "2")
        .await
        .status(202);
}

#[tokio::test]
async fn an_endpoint_has_five_good_secrets_at_most_and_two_expired_ones() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let rotate = format!("{path}:rotate-secret");
    for _ in 0..4 {
        owner.post(&rotate, json!({})).await.status(200);
    }
    let problem = owner.post(&rotate, json!({})).await;
    let problem = problem.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/overlap_hours");
    owner
        .post(&rotate, json!({ "overlap_hours": 0 }))
        .await
        .status(200);
    let secrets = owner.get(&path).await.status(200)["secrets"].clone();
    let expired: Vec<bool> = secrets
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| secret["is_expired"].as_bool().unwrap())
        .collect();
    assert_eq!(expired, [false, true, true]);
}

#[tokio::test]
async fn a_rotation_that_makes_no_sense_is_refused() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "standardwebhooks").await;
    let rotate = format!("/v1/webhook-endpoints/{}:rotate-secret", endpoint.id);
    for (rotation, pointer) in [
        (json!({ "overlap_hours": -1 }), "/overlap_hours"),
        (json!({ "overlap_hours": 169 }), "/overlap_hours"),
        (json!({ "overlap_hours": 1.5 }), "/overlap_hours"),
        (json!({ "overlap_hours": "24" }), "/overlap_hours"),
        (json!({ "overlap_hours": null }), "/overlap_hours"),
        (json!({ "secret": "" }), "/secret"),
        (json!({ "secret": 7 }), "/secret"),
        (json!({ "secret": "whsec_!!!" }), "/secret"),
        (json!({ "overlap_days": 1 }), "/overlap_days"),
    ] {
        let problem = owner.post(&rotate, rotation.clone()).await;
        let problem = problem.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{rotation}");
    }
    owner
        .request(
            reqwest::Method::POST,
            &rotate,
            Some(json!({})),
            &[("if-match", "\"7\"")],
        )
        .await
        .problem(412, "version-mismatch");
}
