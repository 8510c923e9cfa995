//! Endpoints that declare their own scheme, and those that take unsigned requests on their owner's word.

use serde_json::{Value, json};
use shared::webhook::{
    scheme::Scheme,
    sign::{Outgoing, sign},
};

use crate::harness::{Client, SECRET, Stack, text};

/// `X-Acme-Signature: t=…,s=<base64>` over `time:body`, the event's id in a header.
fn declared() -> Value {
    json!({
        "name": "acme",
        "title": "Acme's own",
        "key_format": "utf8",
        "wire": {
            "proof": { "signature": {
                "source": { "in": "header", "name": "X-Acme-Signature" },
                "form": { "kind": "key_values", "separator": ",", "signature_key": "s" },
                "algorithm": "hmac_sha256",
                "encoding": "base64",
                "template": ["timestamp", { "literal": ":" }, "body"],
                "timestamp": {
                    "source": { "in": "signature_key", "key": "t" },
                    "unit": "seconds", "past_s": 60, "future_s": 60,
                },
            } },
            "event_id": { "pointer": "/meta/id" },
            "event_type": { "header": "X-Acme-Event" },
        },
        "dedupe_days": 3,
    })
}

fn new(scheme: &Value) -> Value {
    json!({ "name": "V", "scheme": "custom", "custom_scheme": scheme, "secret": SECRET })
}

#[tokio::test]
async fn a_declared_scheme_verifies_dedupes_and_names_the_event() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = owner
        .post("/v1/webhook-endpoints", new(&declared()))
        .await
        .status(201);
    let url = text(&made["url"]);
    let path = format!("/v1/webhook-endpoints/{}", text(&made["id"]));
    let shown = owner.get(&path).await.status(200);
    assert_eq!(shown["scheme"], "custom");
    let scheme: Scheme = serde_json::from_value(declared()).unwrap();
    let held: Scheme = serde_json::from_value(shown["custom_scheme"].clone()).unwrap();
    assert_eq!(held, scheme);
    let body = br#"{"meta":{"id":"order-1"}}"#;
    let signed = |at_s: i64, secret: &str| {
        let outgoing = Outgoing {
            id: "",
            timestamp_unix_s: at_s,
            method: "POST",
            url: &url,
            body,
        };
        let mut headers = sign(&scheme, secret.as_bytes(), &outgoing).unwrap();
        headers.push(("X-Acme-Event".to_owned(), "order.paid".to_owned()));
        headers
    };
    let now = stack.now_s();
    for _ in 0..2 {
        stack
            .post_raw(&url, &signed(now, SECRET), body)
            .await
            .status(202);
    }
    stack
        .post_raw(&url, &signed(now - 120, SECRET), body)
        .await
        .problem(401, "not-verified");
    stack
        .post_raw(&url, &signed(now, "another"), body)
        .await
        .problem(401, "not-verified");
    stack.drain().await;
    let events = owner.get("/v1/events?state=processed").await.status(200)["data"].clone();
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &events[0]["scheme"],
            &events[0]["type"],
            &events[0]["vendor_event_id"]
        ),
        (&json!("custom"), &json!("order.paid"), &json!("order-1"))
    );
    let event = format!("/v1/events/{}", text(&events[0]["id"]));
    owner
        .post(&format!("{event}:replay"), json!({}))
        .await
        .status(202);
    stack.drain().await;
    assert_eq!(owner.get(&event).await.status(200)["state"], "processed");
}

#[tokio::test]
async fn a_replay_does_not_shorten_how_long_an_event_is_remembered() {
    const DAY_S: u64 = 86_400;
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let mut declared = declared();
    declared["dedupe_days"] = json!(90);
    let scheme: Scheme = serde_json::from_value(declared.clone()).unwrap();
    let made = owner.post("/v1/webhook-endpoints", new(&declared)).await;
    let url = text(&made.status(201)["url"]);
    let body = br#"{"meta":{"id":"order-1"}}"#;
    let send = async || {
        let outgoing = Outgoing {
            id: "",
            timestamp_unix_s: stack.now_s(),
            method: "POST",
            url: &url,
            body,
        };
        let headers = sign(&scheme, SECRET.as_bytes(), &outgoing).unwrap();
        let accepted = stack.post_raw(&url, &headers, body).await.status(202);
        stack.drain().await;
        text(&accepted["id"])
    };
    let first = send().await;
    let replay = format!("/v1/events/{first}:replay");
    owner.post(&replay, json!({})).await.status(202);
    stack.drain().await;
    stack.advance_s(60 * DAY_S);
    let second = send().await;
    let path = format!("/v1/events/{second}");
    let owner = stack.again("acme").await;
    let repeat = owner.get(&path).await.status(200);
    assert_eq!(
        (&repeat["state"], &repeat["duplicate_of"]),
        (&json!("ignored"), &json!(first))
    );
}

async fn refused(owner: &Client, new: Value, pointer: &str) {
    let answer = owner.post("/v1/webhook-endpoints", new.clone()).await;
    let problem = answer.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem} {new}");
}

#[tokio::test]
async fn a_scheme_that_cannot_hold_is_refused_with_its_place() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let with = |place: &str, value: Value| {
        let mut scheme = declared();
        *scheme.pointer_mut(place).unwrap() = value;
        new(&scheme)
    };
    let signature = "/wire/proof/signature";
    for (place, value, pointer) in [
        ("/name", json!(""), "/name"),
        ("/dedupe_days", json!(91), "/dedupe_days"),
        ("/key_format", json!("whpk"), "/wire/proof"),
        (
            "/wire/event_id",
            json!({ "pointer": "id" }),
            "/wire/event_id",
        ),
        (
            "/wire/event_type",
            json!({ "header": "no header" }),
            "/wire/event_type",
        ),
        ("/wire/proof", json!("unsigned"), "/wire/proof"),
        (
            &format!("{signature}/template"),
            json!(["timestamp"]),
            "/wire/proof/signature/template",
        ),
        (
            &format!("{signature}/timestamp/past_s"),
            json!(86_401),
            "/wire/proof/signature/timestamp",
        ),
        (
            &format!("{signature}/source/name"),
            json!("a b"),
            "/wire/proof/signature/source",
        ),
        (
            &format!("{signature}/form/signature_key"),
            json!(""),
            "/wire/proof/signature/form",
        ),
    ] {
        refused(
            &owner,
            with(place, value),
            &format!("/custom_scheme{pointer}"),
        )
        .await;
    }
    let mut weaker = declared();
    let mut wire = weaker["wire"].clone();
    wire["proof"] = json!({ "credential": { "in": "basic" } });
    weaker["alternatives"] = json!([wire]);
    refused(&owner, new(&weaker), "/custom_scheme/alternatives/0/proof").await;
    let mut long = declared();
    long["docs"] = json!({ "secret": "x".repeat(9_000) });
    refused(&owner, new(&long), "/custom_scheme").await;
    let mut unknown = declared();
    unknown["fetch"] = json!("https://example.com/keys");
    refused(&owner, new(&unknown), "/custom_scheme/fetch").await;
    let lone = json!({ "name": "V", "scheme": "custom" });
    refused(&owner, lone, "/custom_scheme").await;
    let mut misplaced = new(&declared());
    misplaced["scheme"] = json!("stripe");
    refused(&owner, misplaced, "/custom_scheme").await;
}

#[tokio::test]
async fn unsigned_requests_are_taken_on_the_owners_word_only() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let unsigned = |extra: Value| {
        let mut new = json!({ "name": "V", "scheme": "unsigned" });
        new.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        new
    };
    refused(&owner, unsigned(json!({})), "/allow_unsigned").await;
    refused(
        &owner,
        unsigned(json!({ "allow_unsigned": false })),
        "/allow_unsigned",
    )
    .await;
    refused(
        &owner,
        unsigned(json!({ "allow_unsigned": "true" })),
        "/allow_unsigned",
    )
    .await;
    let with_secret = unsigned(json!({ "allow_unsigned": true, "secret": SECRET }));
    refused(&owner, with_secret, "/secret").await;
    let needless = json!({ "name": "V", "scheme": "stripe", "allow_unsigned": true });
    refused(&owner, needless, "/allow_unsigned").await;
    let made = owner
        .post(
            "/v1/webhook-endpoints",
            unsigned(json!({ "allow_unsigned": true })),
        )
        .await
        .status(201);
    assert_eq!(
        (&made["allow_unsigned"], &made["secret"], &made["secrets"]),
        (&json!(true), &json!(null), &json!([]))
    );
    let url = text(&made["url"]);
    let path = format!("/v1/webhook-endpoints/{}", text(&made["id"]));
    stack.post_raw(&url, &[], b"{}").await.status(202);
    owner
        .post(&format!("{path}:rotate-secret"), json!({}))
        .await
        .problem(422, "invalid-request");
    let withdrawn = json!({ "allow_unsigned": false });
    owner.patch(&path, withdrawn).await.status(200);
    stack.advance_s(10);
    stack
        .post_raw(&url, &[], b"{}")
        .await
        .problem(401, "not-verified");
    let entries = owner.get("/v1/audit?action=webhook_endpoint.created").await;
    let changes = entries.status(200)["data"][0]["changes"].clone();
    assert_eq!(changes["allow_unsigned"]["to"], true);
    let entries = owner.get("/v1/audit?action=webhook_endpoint.updated").await;
    let changes = entries.status(200)["data"][0]["changes"].clone();
    assert_eq!(
        changes["allow_unsigned"],
        json!({ "from": true, "to": false })
    );
}

#[tokio::test]
async fn a_declared_token_is_tied_to_its_request_and_fetches_nothing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let with = |token: Value| {
        let mut declared = declared();
        declared["wire"]["proof"] = json!({ "token": token });
        declared
    };
    let token = json!({
        "header": "X-Acme-Token", "algorithm": "hs256", "expiry": "if_present",
        "bindings": [{ "body_sha256": { "name": "hash", "encoding": "base64" } }],
    });
    for (member, value, pointer) in [
        (
            "bindings",
            json!([]),
            "/custom_scheme/wire/proof/token/bindings",
        ),
        (
            "bindings",
            json!([{ "affirmed": { "name": "ok" } }]),
            "/custom_scheme/wire/proof/token/bindings",
        ),
        ("algorithm", json!("rs256"), "/custom_scheme/wire/proof"),
        (
            "header",
            json!("X Acme"),
            "/custom_scheme/wire/proof/token/header",
        ),
        (
            "key",
            json!({ "fetched": "google" }),
            "/custom_scheme/wire/proof",
        ),
    ] {
        let mut bent = token.clone();
        bent[member] = value;
        refused(&owner, new(&with(bent)), pointer).await;
    }
    let declared = with(token);
    let scheme: Scheme = serde_json::from_value(declared.clone()).unwrap();
    let made = owner.post("/v1/webhook-endpoints", new(&declared)).await;
    let url = text(&made.status(201)["url"]);
    let outgoing = Outgoing {
        id: "1",
        timestamp_unix_s: stack.now_s(),
        method: "POST",
        url: &url,
        body: b"{}",
    };
    let headers = sign(&scheme, SECRET.as_bytes(), &outgoing).unwrap();
    stack.post_raw(&url, &headers, b"{}").await.status(202);
    stack
        .post_raw(&url, &headers, b"{ }")
        .await
        .problem(401, "not-verified");
}
