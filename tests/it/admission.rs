//! Where an endpoint takes requests from: the client's true address, and nothing that a client says.

use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, SECRET, Stack, text};

async fn endpoint_with(owner: &Client, extra: Value) -> Endpoint {
    let mut new = json!({ "name": "Vendor", "scheme": "stripe", "secret": SECRET });
    new.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    Endpoint {
        id: text(&made["id"]),
        url: text(&made["url"]),
        scheme: "stripe".to_owned(),
    }
}

#[tokio::test]
async fn only_allowed_addresses_are_heard_and_a_forged_header_changes_nothing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let body = br#"{"id":"evt_1","type":"x"}"#;
    let forged = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.9, 127.0.0.1"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("true-client-ip", "203.0.113.9"),
        ("cf-connecting-ip", "203.0.113.9"),
    ];
    let elsewhere = endpoint_with(&owner, json!({ "allowed_ips": ["203.0.113.0/24"] })).await;
    // The tests' own address, as IPv4 and inside IPv6.
    let near = json!({ "allowed_ips": ["::ffff:127.0.0.0/104", "203.0.113.0/24"] });
    let here = endpoint_with(&owner, near).await;
    let unknown = format!("{}/hooks/{}", stack.platform.url(), "0".repeat(40));
    let answer = stack.post_raw(&unknown, &[], body).await;
    let mut uniform = answer.problem(401, "not-verified");
    uniform["request_id"] = json!(null);
    uniform["instance"] = json!(null);
    for header in [None].into_iter().chain(forged.map(Some)) {
        let said = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut headers = elsewhere.sign("evt_1", stack.now_s(), body);
        headers.extend(said.clone());
        let answer = stack.post_raw(&elsewhere.url, &headers, body).await;
        let mut problem = answer.problem(401, "not-verified");
        problem["request_id"] = json!(null);
        problem["instance"] = json!(null);
        assert_eq!(problem, uniform, "{header:?}");
        let mut headers = here.sign("evt_1", stack.now_s(), body);
        headers.extend(said);
        stack.post_raw(&here.url, &headers, body).await.status(202);
    }
    assert_eq!(stack.queued("EventsQueue"), 7);
}

#[tokio::test]
async fn a_list_is_shown_in_canonical_form_and_changed_by_a_patch() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let given = json!({ "allowed_ips": ["2001:DB8::/32", "203.0.113.7", "::ffff:203.0.113.7"] });
    let endpoint = endpoint_with(&owner, given).await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let shown = owner.get(&path).await.status(200);
    assert_eq!(
        shown["allowed_ips"],
        json!(["2001:db8::/32", "203.0.113.7/32"])
    );
    stack
        .send(&endpoint, "evt_1")
        .await
        .problem(401, "not-verified");
    owner.patch(&path, json!({ "name": "B" })).await.status(200);
    let shown = owner
        .patch(&path, json!({ "allowed_ips": null }))
        .await
        .status(200);
    assert_eq!(shown["allowed_ips"], json!(null));
    stack.advance_s(10);
    stack.send(&endpoint, "evt_2").await.status(202);
    let entries = owner
        .get("/v1/audit?action=webhook_endpoint.updated")
        .await
        .status(200);
    let change = &entries["data"][0]["changes"]["allowed_ips"];
    assert_eq!(change["from"], json!(["2001:db8::/32", "203.0.113.7/32"]));
    assert_eq!(change["to"], json!([]));
}

#[tokio::test]
async fn what_is_no_list_of_networks_is_refused_with_its_place() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = endpoint_with(&owner, json!({})).await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let networks = |count: u8| (0..count).map(|at| json!(format!("10.0.{at}.0/24")));
    let most: Vec<Value> = networks(100).collect();
    let too_many: Vec<Value> = networks(101).collect();
    for (list, pointer) in [
        (json!("10.0.0.0/8"), "/allowed_ips"),
        (json!([]), "/allowed_ips"),
        (json!(too_many), "/allowed_ips"),
        (json!(["10.0.0.0/8", ""]), "/allowed_ips/1"),
        (json!(["10.0.0.1/8"]), "/allowed_ips/0"),
        (json!(["10.0.0.0/33"]), "/allowed_ips/0"),
        (json!(["2001:db8::1/32"]), "/allowed_ips/0"),
        (json!(["localhost"]), "/allowed_ips/0"),
        (json!([["10.0.0.0/8"]]), "/allowed_ips/0"),
        (json!([10]), "/allowed_ips/0"),
    ] {
        let new = json!({ "name": "V", "scheme": "stripe", "allowed_ips": list });
        let created = owner.post("/v1/webhook-endpoints", new).await;
        let patched = owner.patch(&path, json!({ "allowed_ips": list })).await;
        for answer in [created, patched] {
            let problem = answer.problem(422, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{list}");
        }
    }
    let shown = owner
        .patch(&path, json!({ "allowed_ips": most }))
        .await
        .status(200);
    assert_eq!(shown["allowed_ips"].as_array().unwrap().len(), 100);
}
