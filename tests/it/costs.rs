//! The units of docs/costs.md are those that are really used.

use serde_json::json;

use crate::{
    harness::{Client, Endpoint, Stack, root},
    meter::{Meter, Units},
};

/// What the table of docs/costs.md says of a path.
fn documented(path: &str) -> Units {
    let text = std::fs::read_to_string(root().join("docs/costs.md")).unwrap();
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("| {path}")));
    let row = row.unwrap_or_else(|| panic!("docs/costs.md has no row of {path}"));
    let cell = row.split('|').nth(4).unwrap().trim();
    let units = cell.split(':').next().unwrap();
    let of = |kind: &str| {
        let part = units.split(", ").find(|part| part.contains(kind));
        let number = part.and_then(|part| part.split(' ').next());
        number.map_or(0.0, |number| number.parse().unwrap())
    };
    Units {
        reads: of("read"),
        writes: of("write"),
    }
}

async fn metered() -> (Meter, Stack, Client) {
    let meter = Meter::start().await;
    let url = meter.url();
    let stack = Stack::start_with(|options| options.dynamodb_url = Some(url)).await;
    let owner = stack.tenant("acme").await;
    (meter, stack, owner)
}

#[tokio::test]
async fn requests_use_the_units_that_the_cost_model_counts() {
    let (meter, stack, owner) = metered().await;
    // Caches are warm.
    let key = json!({ "kind": "api_key", "key": "sk_1" });
    let new = json!({ "name": "N", "connector": "stripe", "credentials": key });
    let create = |headers: &'static [(&'static str, &'static str)]| {
        let (owner, new) = (&owner, new.clone());
        async move {
            let path = "/v1/connections";
            let answer = owner.request(reqwest::Method::POST, path, Some(new), headers);
            answer.await.status(201);
        }
    };
    create(&[]).await;
    owner.get("/v1/tenant").await.status(200);
    let read = meter.read(owner.get("/v1/tenant")).await;
    assert_eq!(read, documented("authenticated reads"));
    let change = owner.patch("/v1/tenant", json!({ "name": "B" }));
    assert_eq!(meter.read(change).await, documented("changes"));
    assert_eq!(meter.read(create(&[])).await, documented("creates"));
    let keyed = create(&[("idempotency-key", "\"k-1\"")]);
    let keyed = meter.read(keyed).await;
    assert_eq!(keyed, documented("the same with an `Idempotency-Key`"));
    let session = stack.login("owner@acme.example").await.status(200);
    let body = json!({ "refresh_token": session["refresh_token"] });
    let anonymous = stack.anonymous();
    let rotated = meter.read(anonymous.post("/v1/auth/refresh", body)).await;
    assert_eq!(rotated, documented("refresh tokens rotated"));
}

#[tokio::test]
async fn events_use_the_units_that_the_cost_model_counts() {
    let (meter, stack, owner) = metered().await;
    let endpoint = Endpoint::create(&owner, "stripe").await;
    stack.send(&endpoint, "evt_0").await.status(202);
    stack.drain().await;
    let accepted = meter.read(stack.send(&endpoint, "evt_1")).await;
    assert_eq!(accepted, documented("webhooks accepted"));
    let applied = meter.read(stack.drain()).await;
    assert_eq!(applied, documented("events applied"));
    stack.send(&endpoint, "evt_1").await.status(202);
    // A cancelled transaction is billed as if it were not, and says nothing of it.
    let cancelled = documented("events applied").writes;
    let mut dropped = meter.read(stack.drain()).await;
    dropped.writes += cancelled;
    assert_eq!(dropped, documented("duplicates dropped"));
}
