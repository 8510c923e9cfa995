//! What an endpoint's owner is told of the requests that it refused, and what the sender is not.

use local::fault::{Answer as FaultAnswer, Fault};
use serde_json::{Value, json};
use shared::seal::sha256_hex;

use crate::harness::{Client, Endpoint, SECRET, Stack, text};

const BODY: &[u8] = br#"{"id":"evt_1","type":"x","mark":"only-in-the-body"}"#;

async fn rejections(owner: &Client, endpoint: &Endpoint) -> Vec<Value> {
    let path = format!("/v1/webhook-endpoints/{}/rejections", endpoint.id);
    let answer = owner.get(&path).await;
    let page = answer.status(200);
    assert_eq!(page["next_cursor"], json!(null));
    page["data"].as_array().unwrap().clone()
}

fn hints(rejection: &Value) -> String {
    rejection["hints"].to_string()
}

#[tokio::test]
async fn each_refusal_is_explained_to_the_owner_and_not_to_the_sender() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let now = stack.now_s();
    let good = endpoint.sign("evt_1", now, BODY);
    let stale = endpoint.sign("evt_1", now - 400, BODY);
    let as_github = Endpoint {
        scheme: "github".to_owned(),
        ..endpoint.clone()
    };
    let foreign = as_github.sign("evt_1", now, BODY);
    let mut twice = good.clone();
    twice.extend(good.clone());
    let mut reformatted = BODY.to_vec();
    reformatted.push(b'\n');
    let cases = [
        (
            vec![],
            BODY,
            "malformed",
            "`Stripe-Signature` is missing",
            "",
        ),
        (twice, BODY, "malformed", "must be a list", ""),
        (foreign, BODY, "malformed", "is missing", "scheme github"),
        (stale, BODY, "stale", "s ago", "behind"),
        (
            good.clone(),
            b"{}".as_slice(),
            "bad_signature",
            "no signature",
            "made with another secret, or over a body that was changed",
        ),
        (
            good.clone(),
            &reformatted,
            "bad_signature",
            "no signature",
            "white space",
        ),
    ];
    let mut uniform = Vec::new();
    for (headers, body, _, _, _) in &cases {
        let answer = stack.post_raw(&endpoint.url, headers, body).await;
        let mut problem = answer.problem(401, "not-verified");
        problem["request_id"] = json!(null);
        problem["instance"] = json!(null);
        uniform.push(problem);
        stack.advance_s(1);
    }
    assert!(uniform.windows(2).all(|pair| pair[0] == pair[1]));
    let kept = rejections(&owner, &endpoint).await;
    assert_eq!(kept.len(), cases.len());
    let mut last = None;
    for (rejection, (headers, body, reason, detail, hint)) in kept.iter().rev().zip(&cases) {
        assert_eq!(rejection["reason"], *reason, "{rejection}");
        assert!(text(&rejection["detail"]).contains(detail), "{rejection}");
        assert!(hints(rejection).contains(hint), "{rejection}");
        // A clock that is right is no hint.
        let is_late = hints(rejection).contains("behind ours");
        assert_eq!(is_late, *reason == "stale", "{rejection}");
        assert_eq!(rejection["source_ip"], "127.0.0.1");
        assert_eq!(rejection["body_length"], body.len());
        assert_eq!(rejection["body_sha256"], sha256_hex(body));
        let names = rejection["header_names"].to_string();
        assert!(names.contains("content-type"), "{rejection}");
        assert!(
            headers
                .iter()
                .all(|(name, _)| names.contains(&name.to_lowercase()))
        );
        // No body, no secret, no signature.
        let shown = rejection.to_string();
        assert!(!shown.contains("only-in-the-body") && !shown.contains(SECRET));
        assert!(
            headers.iter().all(|(_, value)| !shown.contains(value)),
            "{shown}"
        );
        let at = rejection["at"].as_str().map(str::to_owned);
        assert!(last <= at);
        last = at;
    }
}

#[tokio::test]
async fn addresses_expired_secrets_and_long_bodies_are_told_apart() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let path = format!("/v1/webhook-endpoints/{}", endpoint.id);
    owner
        .post(
            &format!("{path}:rotate-secret"),
            json!({ "overlap_hours": 0 }),
        )
        .await
        .status(200);
    stack
        .send(&endpoint, "evt_1")
        .await
        .problem(401, "not-verified");
    stack.advance_s(1);
    let huge = vec![b'x'; 4 * 1_024 * 1_024 + 1];
    stack
        .send_body(&endpoint, "evt_2", &huge)
        .await
        .problem(413, "too-large");
    let list = json!({ "allowed_ips": ["203.0.113.0/24"] });
    owner.patch(&path, list).await.status(200);
    stack.advance_s(10);
    stack
        .send(&endpoint, "evt_3")
        .await
        .problem(401, "not-verified");
    let kept = rejections(&owner, &endpoint).await;
    let reasons: Vec<&str> = kept
        .iter()
        .map(|rejection| rejection["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        ["address_not_allowed", "too_large", "secret_expired"]
    );
    assert!(text(&kept[0]["detail"]).contains("127.0.0.1"));
    assert_eq!(
        (&kept[1]["body_length"], &kept[1]["body_sha256"]),
        (&json!(huge.len()), &json!(null))
    );
    assert!(text(&kept[2]["detail"]).contains("verifies with a secret that expired at 20"));
}

#[tokio::test]
async fn a_flood_is_counted_and_costs_a_write_a_second_at_most() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    let calls = stack
        .calls("webhooks", async {
            for _ in 0..40 {
                stack.post_raw(&endpoint.url, &[], BODY).await.status(401);
            }
            stack.advance_s(1);
            stack.post_raw(&endpoint.url, &[], BODY).await.status(401);
        })
        .await;
    let kept = rejections(&owner, &endpoint).await;
    let suppressed: u64 = kept
        .iter()
        .map(|rejection| rejection["suppressed"].as_u64().unwrap())
        .sum();
    assert_eq!(kept.len() as u64 + suppressed, 41);
    assert_eq!(calls["DynamoDB.PutItem"], kept.len() as u64);
    assert_eq!(calls["DynamoDB.Query"], 1);
    let at = |rejection: &Value| -> jiff::Timestamp { text(&rejection["at"]).parse().unwrap() };
    for pair in kept.windows(2) {
        let apart = at(&pair[0]).duration_since(at(&pair[1]));
        assert!(apart >= jiff::SignedDuration::from_secs(1), "{apart}");
    }
}

#[tokio::test]
async fn the_last_fifty_are_kept_for_seven_days() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    for at in 0..53 {
        let body = at.to_string();
        stack
            .post_raw(&endpoint.url, &[], body.as_bytes())
            .await
            .status(401);
        stack.advance_s(1);
    }
    let lengths = |kept: &[Value]| -> Vec<Value> {
        kept.iter()
            .map(|rejection| rejection["body_sha256"].clone())
            .collect()
    };
    let expected: Vec<Value> = (3..53)
        .rev()
        .map(|at: u32| json!(sha256_hex(at.to_string().as_bytes())))
        .collect();
    assert_eq!(lengths(&rejections(&owner, &endpoint).await), expected);
    stack.advance_s(7 * 86_400);
    let owner = stack.again("acme").await;
    assert!(rejections(&owner, &endpoint).await.is_empty());
}

#[tokio::test]
async fn a_table_that_is_away_changes_no_answer() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack
        .faults()
        .add(Fault::on("PutItem", FaultAnswer::InternalError).by("webhooks"));
    stack
        .post_raw(&endpoint.url, &[], BODY)
        .await
        .problem(401, "not-verified");
    stack.send(&endpoint, "evt_1").await.status(202);
    assert!(rejections(&owner, &endpoint).await.is_empty());
}
