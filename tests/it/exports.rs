//! All of a tenant's data as files: complete, without secrets, with hashes that hold, whole after crashes.

use std::{collections::BTreeMap, io::Read};

use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::GzDecoder;
use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, PASSWORD, SECRET, Stack, text},
    routes::Resources,
};

/// Lets the job go on until it has ended.
async fn run(stack: &Stack, owner: &Client, job: &str) -> Value {
    for _ in 0..200 {
        stack.drain().await;
        let manifest = owner
            .get(&format!("/v1/tenant/exports/{job}"))
            .await
            .status(200);
        if manifest["state"] == "completed" {
            return manifest;
        }
        assert!(
            ["queued", "running"].contains(&text(&manifest["state"]).as_str()),
            "{manifest}"
        );
        stack.advance_s(1);
    }
    panic!("the export does not end");
}

/// The lines of all files, after each was held against the manifest.
async fn lines(stack: &Stack, token: &str, manifest: &Value) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in manifest["files"].as_array().unwrap() {
        let path = format!(
            "/v1/tenant/exports/{}/files/{}",
            text(&manifest["job_id"]),
            text(&file["part"])
        );
        let request = stack.http().get(format!("{}{path}", stack.platform.url()));
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/gzip".parse().unwrap())
        );
        let bytes = answer.bytes().await.unwrap();
        let hash: String = digest(&SHA256, &bytes)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            (json!(hash), json!(bytes.len())),
            (file["sha256"].clone(), file["bytes"].clone())
        );
        let mut unpacked = String::new();
        GzDecoder::new(&bytes[..])
            .read_to_string(&mut unpacked)
            .unwrap();
        let found: Vec<Value> = unpacked
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(json!(found.len()), file["lines"]);
        lines.extend(found);
    }
    lines
}

fn count(lines: &[Value]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for line in lines {
        *count.entry(text(&line["kind"])).or_default() += 1;
    }
    count
}

async fn token(stack: &Stack) -> String {
    text(&stack.login("owner@acme.example").await.status(200)["access_token"])
}

#[tokio::test]
async fn an_export_holds_everything_but_secrets_and_nobody_elses() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let theirs = Resources::make(&stack, &blue).await;
    let _own = Resources::make(&stack, &acme).await;
    let started = acme.post("/v1/tenant/export", json!({})).await;
    let job = text(&started.status(202)["id"]);
    let manifest = run(&stack, &acme, &job).await;
    let lines = lines(&stack, &token(&stack).await, &manifest).await;
    assert_eq!(manifest["lines"], json!(lines.len()));
    let found = count(&lines);
    for kind in [
        "tenant",
        "user",
        "role",
        "session",
        "api_key",
        "webhook_endpoint",
        "destination",
        "connection",
        "collection",
        "record",
        "deleted_record",
        "event",
        "delivery",
        "job",
        "sso_connection",
        "audit_entry",
    ] {
        assert!(found.contains_key(kind), "{kind} is missing: {found:?}");
    }
    let all = Value::Array(lines.clone()).to_string();
    for secret in [
        PASSWORD,
        SECRET,
        "argon2",
        "refresh_hash",
        "\"hash\"",
        "sealed",
        "PIECE#",
    ] {
        assert!(!all.contains(secret), "{secret}");
    }
    for mark in theirs.marks() {
        assert!(!all.contains(mark), "{mark}");
    }
    let event = lines.iter().find(|line| line["kind"] == "event").unwrap();
    assert!(
        event["data"]["payload"].is_string() && event["data"]["id"].is_string(),
        "{event}"
    );
    let record = lines.iter().find(|line| line["kind"] == "record").unwrap();
    assert!(
        record["data"]["data"].is_object() && record["data"]["collection"].is_string(),
        "{record}"
    );
    // Nobody else's manifest or files.
    let path = format!("/v1/tenant/exports/{job}");
    blue.get(&path).await.problem(404, "not-found");
    blue.get(&format!("{path}/files/000000-00"))
        .await
        .problem(404, "not-found");
    acme.get(&format!("{path}/files/999999-00"))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn an_export_is_whole_though_each_page_runs_twice_and_workers_die() {
    let stack = Stack::with(Redeliver::Always).await;
    let acme = stack.tenant("acme").await;
    for at in 0..30 {
        let new = json!({ "email": format!("u{at}@acme.example"), "name": "U", "role": "user" });
        acme.post("/v1/users", new).await.status(201);
    }
    let job = text(&acme.post("/v1/tenant/export", json!({})).await.status(202)["id"]);
    let calls = [
        ("PutItem", Answer::LostAnswer),
        ("UpdateItem", Answer::InternalError),
        ("Query", Answer::CrashBefore),
    ];
    for (call, answer) in calls {
        stack
            .faults()
            .add(Fault::on(call, answer).by("job-worker").times(2));
        stack.drain().await;
        stack.advance_s(181);
    }
    let acme = stack.again("acme").await;
    let manifest = run(&stack, &acme, &job).await;
    let lines = lines(&stack, &token(&stack).await, &manifest).await;
    let mut users: Vec<String> = lines
        .iter()
        .filter(|line| line["kind"] == "user")
        .map(|line| text(&line["data"]["id"]))
        .collect();
    users.sort();
    users.dedup();
    assert_eq!((users.len(), count(&lines)["user"]), (31, 31));
}
