//! Destinations: made, changed, rotated and tested; what they are sent verifies with the key they show.

use serde_json::{Value, json};
use shared::webhook::{
    keys::Keys,
    presets,
    request::{Headers, RawRequest},
    vendor_key::VendorKeys,
    verify::verify,
};

use crate::{
    harness::{Client, Endpoint, Stack, text},
    http_request::Request,
    receiver::Receiver,
};

/// Makes a destination at this receiver, with further fields.
pub(crate) async fn create(owner: &Client, receiver: &Receiver, more: Value) -> Value {
    let mut new = json!({ "name": "Billing", "url": receiver.url });
    new.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    owner.post("/v1/destinations", new).await.status(201)
}

/// Whether the request is authentic by our own verifier of Standard Webhooks.
pub(crate) fn verifies(stack: &Stack, scheme: &str, secret: &str, request: &Request) -> bool {
    let scheme = presets::find(scheme).unwrap();
    let keys = Keys::prepare(scheme, &[secret]).unwrap();
    let pairs: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let raw = RawRequest {
        method: "POST",
        url: "https://hooks.example.com/",
        headers: Headers::Pairs(&pairs),
        body: &request.body,
    };
    verify(scheme, &raw, &keys, &VendorKeys::none(), stack.now_s()).is_ok()
}

#[tokio::test]
async fn a_destination_is_made_changed_and_removed_with_its_trail() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let receiver = Receiver::start().await;
    let more = json!({
        "event_types": ["invoice.*", "customer.created"],
        "endpoint_ids": [endpoint.id],
        "headers": { "Authorization": "Bearer 1234567890" },
    });
    let made = create(&owner, &receiver, more).await;
    assert!(text(&made["secret"]).starts_with("whsec_"));
    assert_eq!(made["header_names"], json!(["authorization"]));
    let path = format!("/v1/destinations/{}", text(&made["id"]));
    let read = owner.get(&path).await;
    let shown = read.status(200);
    assert_eq!(
        shown["event_types"],
        json!(["invoice.*", "customer.created"])
    );
    assert!(!read.body.contains("1234567890") && !read.body.contains("whsec_"));
    assert_eq!(
        owner.get("/v1/destinations").await.status(200)["data"],
        json!([shown])
    );
    let patch = json!({ "name": "B", "enabled": false, "event_types": null, "headers": null });
    let changed = owner.patch(&path, patch).await.status(200);
    assert_eq!(changed["enabled"], false);
    assert_eq!(changed["event_types"], json!([]));
    assert_eq!(changed["header_names"], json!([]));
    assert_eq!(changed["endpoint_ids"], json!([endpoint.id]));
    let stale = [("if-match", "\"1\"")];
    owner
        .request(reqwest::Method::DELETE, &path, None, &stale)
        .await
        .problem(412, "version-mismatch");
    owner.delete(&path).await;
    owner.get(&path).await.problem(404, "not-found");
    let trail = owner.get("/v1/audit").await;
    for action in ["created", "updated", "deleted"] {
        assert!(trail.body.contains(&format!("destination.{action}")));
    }
    assert!(!trail.body.contains("1234567890") && !trail.body.contains("whsec_"));
}

#[tokio::test]
async fn what_a_destination_cannot_be_is_refused_by_name() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let url = "https://hooks.example.com/";
    let many: Vec<String> = (0..51).map(|at| format!("t{at}")).collect();
    for (field, value, pointer) in [
        ("url", json!("ftp://hooks.example.com/"), "/url"),
        ("url", json!("http://hooks.example.com@10.0.0.1/"), "/url"),
        ("name", json!(" "), "/name"),
        ("event_types", json!(many), "/event_types"),
        ("event_types", json!(["a*b"]), "/event_types/0"),
        (
            "endpoint_ids",
            json!(["whe_00000000000000000000000000"]),
            "/endpoint_ids/0",
        ),
        ("headers", json!({ "Host": "a" }), "/headers/Host"),
        (
            "headers",
            json!({ "webhook-id": "a" }),
            "/headers/webhook-id",
        ),
        ("headers", json!({ "x-a": "a\r\nx-b: c" }), "/headers/x-a"),
        ("headers", json!({ "a b": "a" }), "/headers/a b"),
        ("secret", json!("whsec_AAAA"), "/secret"),
        ("signing", json!("rsa"), "/signing"),
    ] {
        let mut new = json!({ "name": "N", "url": url });
        new[field] = value.clone();
        let problem = owner
            .post("/v1/destinations", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field} {value}");
    }
    let given = json!({ "name": "N", "url": url, "signing": "ed25519", "secret": "whsec_AAAA" });
    owner
        .post("/v1/destinations", given)
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn nothing_inside_can_be_entered_or_called() {
    let stack = Stack::strict().await;
    let owner = stack.tenant("acme").await;
    for url in [
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://localhost/",
        "https://metadata.internal/",
        "https://hooks.example.com:8443/",
        "http://hooks.example.com/",
    ] {
        let new = json!({ "name": "N", "url": url });
        let problem = owner
            .post("/v1/destinations", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
    }
}

#[tokio::test]
async fn a_test_event_arrives_signed_with_the_custom_headers() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let receiver = Receiver::start().await;
    let more = json!({ "headers": { "Authorization": "Bearer 1" } });
    let made = create(&owner, &receiver, more).await;
    let path = format!("/v1/destinations/{}:test", text(&made["id"]));
    let answer = owner.post(&path, json!({})).await.status(200);
    assert_eq!(answer["delivered"], true);
    assert_eq!(
        (answer["status"].as_u64(), answer["response"].as_str()),
        (Some(200), Some("ok"))
    );
    let sent = receiver.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].headers["authorization"], "Bearer 1");
    assert_eq!(sent[0].headers["portico-event-type"], "portico.test");
    let secret = text(&made["secret"]);
    assert!(verifies(&stack, "standardwebhooks", &secret, &sent[0]));
    let mut forged = sent[0].clone();
    forged.body.push(b' ');
    assert!(!verifies(&stack, "standardwebhooks", &secret, &forged));

    receiver.answer(500, "", "broken");
    let answer = owner.post(&path, json!({})).await.status(200);
    assert_eq!(
        (answer["delivered"].as_bool(), answer["status"].as_u64()),
        (Some(false), Some(500))
    );
    // A redirect is not followed, and a long answer still counts.
    receiver.answer(302, "location: http://169.254.169.254/\r\n", "");
    let answer = owner.post(&path, json!({})).await.status(200);
    assert_eq!(answer["status"], 302);
    receiver.answer(200, "", &"x".repeat(100_000));
    let answer = owner.post(&path, json!({})).await.status(200);
    assert_eq!(answer["delivered"], true);
    assert_eq!(answer["response"].as_str().unwrap().len(), 1_024);
    let gone = json!({ "url": "http://127.0.0.1:9/" });
    let destination = path.trim_end_matches(":test");
    owner.patch(destination, gone).await.status(200);
    let answer = owner.post(&path, json!({})).await.status(200);
    assert_eq!(answer["delivered"], false);
    assert!(text(&answer["error"]).contains("no connection"), "{answer}");
}

#[tokio::test]
async fn both_keys_sign_until_the_overlap_ends() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let receiver = Receiver::start().await;
    let made = create(&owner, &receiver, json!({})).await;
    let path = format!("/v1/destinations/{}", text(&made["id"]));
    let rotation = json!({ "signing": "ed25519", "overlap_hours": 1 });
    let rotated = owner
        .post(&format!("{path}:rotate-secret"), rotation)
        .await
        .status(200);
    assert_eq!(rotated["secret"], Value::Null);
    let public = text(&rotated["keys"][0]["public_key"]);
    assert!(public.starts_with("whpk_"));
    let test = format!("{path}:test");
    owner.post(&test, json!({})).await.status(200);
    let sent = receiver.take();
    let signature = &sent[0].headers["webhook-signature"];
    let versions: Vec<&str> = signature
        .split(' ')
        .filter_map(|signature| Some(signature.split_once(',')?.0))
        .collect();
    assert_eq!(versions, ["v1a", "v1"]);
    assert!(verifies(
        &stack,
        "standardwebhooks",
        &text(&made["secret"]),
        &sent[0]
    ));
    stack.advance_s(3_601);
    let owner = stack.again("acme").await;
    owner.post(&test, json!({})).await.status(200);
    let sent = receiver.take();
    let signature = &sent[0].headers["webhook-signature"];
    assert!(signature.starts_with("v1a,") && !signature.contains(' '));
}

#[tokio::test]
async fn a_tenant_has_at_most_fifty() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = || json!({ "name": "N", "url": "https://hooks.example.com/" });
    let mut last = String::new();
    for _ in 0..50 {
        last = text(&owner.post("/v1/destinations", new()).await.status(201)["id"]);
    }
    owner
        .post("/v1/destinations", new())
        .await
        .problem(409, "conflict");
    owner.delete(&format!("/v1/destinations/{last}")).await;
    owner.post("/v1/destinations", new()).await.status(201);
}
