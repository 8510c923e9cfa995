//! What vendors ask for before events flow: answered to the vendor, and to nobody else.

use serde_json::{Value, json};

use crate::harness::{Client, Endpoint, Stack, text};

const PLANTED: &str = "b537207f20cbfa02357cf448134da559";

async fn create(owner: &Client, new: Value) -> Endpoint {
    let made = owner.post("/v1/webhook-endpoints", new).await.status(201);
    Endpoint {
        id: text(&made["id"]),
        url: text(&made["url"]),
        scheme: text(&made["scheme"]),
    }
}

fn header(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

async fn audited(owner: &Client, action: &str) -> usize {
    let entries = owner
        .get(&format!("/v1/audit?action={action}"))
        .await
        .status(200);
    entries["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn asanas_first_secret_is_planted_and_no_second_one() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, json!({ "name": "V", "scheme": "asana" })).await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let body = br#"{"events":[]}"#;
    let signed = endpoint.sign_with(PLANTED, "x", stack.now_s(), body);
    stack
        .post_raw(&endpoint.url, &signed, body)
        .await
        .problem(401, "not-verified");
    let answer = stack
        .post_raw(&endpoint.url, &header("x-hook-secret", PLANTED), b"")
        .await;
    assert_eq!(
        (answer.code.as_u16(), answer.header("x-hook-secret")),
        (200, PLANTED.to_owned())
    );
    stack.drain().await;
    stack.advance_s(10);
    assert_eq!(audited(&owner, "webhook_endpoint.secret_planted").await, 1);
    stack
        .post_raw(&endpoint.url, &signed, body)
        .await
        .status(202);
    // From now on nobody plants another.
    stack
        .post_raw(&endpoint.url, &header("x-hook-secret", "attacker"), b"")
        .await
        .problem(401, "not-verified");
    let secrets = owner.get(&path).await.status(200)["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1);
    for answer in [
        owner.get(&path).await.body,
        owner.get("/v1/audit").await.body,
    ] {
        assert!(!answer.contains(PLANTED), "{answer}");
    }
}

#[tokio::test]
async fn two_secrets_at_once_leave_the_first() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = create(&owner, json!({ "name": "V", "scheme": "asana" })).await;
    for secret in [PLANTED, "another"] {
        let answer = stack
            .post_raw(&endpoint.url, &header("x-hook-secret", secret), b"")
            .await;
        assert_eq!(answer.code.as_u16(), 200);
        stack.drain().await;
    }
    stack.advance_s(10);
    assert_eq!(audited(&owner, "webhook_endpoint.secret_planted").await, 1);
    let body = br#"{"events":[]}"#;
    let signed = endpoint.sign_with(PLANTED, "x", stack.now_s(), body);
    stack
        .post_raw(&endpoint.url, &signed, body)
        .await
        .status(202);
}

#[tokio::test]
async fn an_endpoint_with_a_secret_takes_none_from_a_vendor() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for scheme in ["asana", "notion"] {
        let endpoint = Endpoint::create(&owner, scheme).await;
        stack
            .post_raw(
                &endpoint.url,
                &header("x-hook-secret", PLANTED),
                br#"{"verification_token":"secret_x"}"#,
            )
            .await
            .problem(401, "not-verified");
        assert_eq!(stack.queued("EventsQueue"), 0);
    }
}

#[tokio::test]
async fn notions_token_is_shown_to_who_may_change_secrets_and_trusted_when_they_say_so() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let viewer = stack.member(&owner, "user", "user@acme.example").await;
    let endpoint = create(&owner, json!({ "name": "V", "scheme": "notion" })).await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    let handshake = format!("{path}/handshake");
    assert_eq!(
        owner.get(&handshake).await.status(200),
        json!({ "pending": true, "verify_token": null, "offered_token": null })
    );
    let token = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
    let offer = json!({ "verification_token": token }).to_string();
    let answer = stack.post_raw(&endpoint.url, &[], offer.as_bytes()).await;
    assert_eq!(answer.code.as_u16(), 200);
    stack.drain().await;
    viewer.get(&handshake).await.problem(403, "forbidden");
    let shown = owner.get(&handshake).await.status(200);
    assert_eq!(
        (&shown["pending"], &shown["offered_token"]),
        (&json!(true), &json!(token))
    );
    assert_eq!(audited(&owner, "webhook_endpoint.token_offered").await, 1);
    let body = br#"{"id":"1","type":"page.created"}"#;
    let signed = endpoint.sign_with(token, "1", stack.now_s(), body);
    stack.advance_s(10);
    stack
        .post_raw(&endpoint.url, &signed, body)
        .await
        .problem(401, "not-verified");
    owner
        .patch(&path, json!({ "secret": token }))
        .await
        .status(200);
    stack.advance_s(10);
    stack
        .post_raw(&endpoint.url, &signed, body)
        .await
        .status(202);
    assert_eq!(
        owner.get(&handshake).await.status(200),
        json!({ "pending": false, "verify_token": null, "offered_token": null })
    );
}

#[tokio::test]
async fn woocommerces_ping_is_answered_while_the_endpoint_is_new_and_is_no_event() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "woocommerce").await;
    let form = header("content-type", "application/x-www-form-urlencoded");
    let answer = stack
        .post_with(&endpoint.url, &form, b"webhook_id=17")
        .await;
    assert_eq!((answer.code.as_u16(), answer.body.as_str()), (200, ""));
    stack.advance_s(24 * 3_600);
    stack
        .post_with(&endpoint.url, &form, b"webhook_id=17")
        .await
        .problem(401, "not-verified");
    assert_eq!(stack.queued("EventsQueue"), 0);
}

#[tokio::test]
async fn vendors_read_what_they_want_to_read() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (scheme, content_type, body) in [
        ("salesforce", "text/xml", "<Ack>true</Ack>"),
        ("twilio", "text/xml", "<Response/>"),
        ("xero", "text/plain", ""),
    ] {
        let endpoint = Endpoint::create(&owner, scheme).await;
        let answer = stack.dispatch(&endpoint, "id_1").await;
        assert_eq!(
            (answer.code.as_u16(), answer.header("content-type").as_str()),
            (200, content_type)
        );
        assert!(answer.body.contains(body), "{}", answer.body);
    }
    assert_eq!(stack.queued("EventsQueue"), 3);
}

#[tokio::test]
async fn a_get_is_answered_as_the_vendor_agreed() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let meta = Endpoint::create(&owner, "meta").await;
    let path = format!("/v1/webhook-endpoints/{}/handshake", meta.id);
    let token = text(&owner.get(&path).await.status(200)["verify_token"]);
    let ask = |token: &str| {
        format!(
            "{}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}",
            meta.url
        )
    };
    let answer = stack.get_raw(&ask(&token), &[]).await;
    assert_eq!(
        (answer.code.as_u16(), answer.body.as_str()),
        (200, "1158201444")
    );
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let stranger = stack.get_raw(&ask("guess"), &[]).await;
    stranger.problem(401, "not-verified");
    let dropbox = Endpoint::create(&owner, "dropbox").await;
    let answer = stack
        .get_raw(&format!("{}?challenge=abc", dropbox.url), &[])
        .await;
    assert_eq!((answer.code.as_u16(), answer.body.as_str()), (200, "abc"));
    let okta = Endpoint::create(&owner, "okta").await;
    let challenge = header("x-okta-verification-challenge", "abc");
    let answer = stack.get_raw(&okta.url, &challenge).await;
    assert_eq!(answer.status(200), json!({ "verification": "abc" }));
    let github = Endpoint::create(&owner, "github").await;
    let url = format!("{}?challenge=abc", github.url);
    stack
        .get_raw(&url, &challenge)
        .await
        .problem(401, "not-verified");
    let elsewhere = format!(
        "{}/hooks/{}?challenge=abc",
        stack.platform.url(),
        "0".repeat(40)
    );
    stack
        .get_raw(&elsewhere, &challenge)
        .await
        .problem(401, "not-verified");
}
