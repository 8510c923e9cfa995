//! Collections and records: schemas, versions, history, what is deleted and restored, limits.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Stack, text};

fn contacts() -> Value {
    json!({ "name": "contacts", "schema": {
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
        "additionalProperties": false,
    } })
}

pub(crate) async fn collection(stack: &Stack) -> Client {
    let owner = stack.tenant("acme").await;
    owner.post("/v1/collections", contacts()).await.status(201);
    owner
}

pub(crate) const RECORDS: &str = "/v1/collections/contacts/records";

pub(crate) async fn made(owner: &Client, data: Value) -> String {
    let answer = owner.post(RECORDS, json!({ "data": data })).await;
    text(&answer.status(201)["id"])
}

pub(crate) async fn changed(
    owner: &Client,
    method: Method,
    path: &str,
    data: Value,
    seen: &str,
) -> Answer {
    let headers = [("if-match", seen)];
    owner
        .request(method, path, Some(json!({ "data": data })), &headers)
        .await
}

#[tokio::test]
async fn a_record_is_made_read_changed_and_removed() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada", "age": 36 })).await;
    let path = format!("{RECORDS}/{id}");
    let first = owner.get(&path).await;
    assert_eq!(
        first.status(200)["data"],
        json!({ "name": "Ada", "age": 36 })
    );
    assert_eq!(first.header("etag"), "\"1\"");
    let merged = changed(
        &owner,
        Method::PATCH,
        &path,
        json!({ "age": null }),
        "\"1\"",
    )
    .await;
    assert_eq!(merged.status(200)["data"], json!({ "name": "Ada" }));
    let put = changed(
        &owner,
        Method::PUT,
        &path,
        json!({ "name": "Grace" }),
        "\"2\"",
    )
    .await;
    assert_eq!(put.status(200)["data"], json!({ "name": "Grace" }));
    let headers = [("if-match", "\"3\"")];
    let gone = owner.request(Method::DELETE, &path, None, &headers).await;
    assert_eq!(gone.code, 204);
    owner.get(&path).await.problem(404, "not-found");
    let trail = owner
        .get(&format!("/v1/audit?target={id}"))
        .await
        .status(200);
    let actions: Vec<&str> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "record.deleted",
            "record.updated",
            "record.updated",
            "record.created"
        ]
    );
}

#[tokio::test]
async fn a_change_says_which_version_it_is_based_on() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let path = format!("{RECORDS}/{id}");
    let body = json!({ "data": { "name": "B" } });
    owner
        .patch(&path, body.clone())
        .await
        .problem(428, "precondition-required");
    owner
        .request(Method::PUT, &path, Some(body), &[])
        .await
        .problem(428, "precondition-required");
    owner
        .delete(&path)
        .await
        .problem(428, "precondition-required");
    owner
        .patch("/v1/collections/contacts", json!({ "schema": {} }))
        .await
        .problem(428, "precondition-required");
    let stale = changed(&owner, Method::PUT, &path, json!({ "name": "B" }), "\"7\"").await;
    stale.problem(412, "version-mismatch");
    changed(&owner, Method::PUT, &path, json!({ "name": "B" }), "*")
        .await
        .status(200);
}

#[tokio::test]
async fn data_that_does_not_fit_is_refused_with_every_place() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let bad = json!({ "data": { "age": "old", "more": 1 } });
    let problem = owner
        .post(RECORDS, bad)
        .await
        .problem(422, "invalid-request");
    let mut pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/data", "/data", "/data/age"]);
    // A merge is held against the schema as a whole.
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let path = format!("{RECORDS}/{id}");
    let answer = changed(&owner, Method::PATCH, &path, json!({ "name": null }), "*").await;
    answer.problem(422, "invalid-request");
    let long = json!({ "data": { "name": "x".repeat(50_000) } });
    owner
        .post(RECORDS, long)
        .await
        .problem(422, "invalid-request");
    owner
        .post("/v1/collections/none/records", json!({ "data": {} }))
        .await
        .problem(404, "not-found");
    for name in ["", "9", "Big", "a-b", "a#b", &"x".repeat(41)] {
        let new = json!({ "name": name, "schema": {} });
        let problem = owner
            .post("/v1/collections", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/name");
    }
    let outside = json!({ "name": "x", "schema": { "$ref": "http://127.0.0.1/" } });
    owner
        .post("/v1/collections", outside)
        .await
        .problem(422, "invalid-request");
    owner
        .post("/v1/collections", contacts())
        .await
        .problem(409, "conflict");
}

#[tokio::test]
async fn pages_follow_on_while_records_come_and_go() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let mut ids = Vec::new();
    for at in 0..5 {
        ids.push(made(&owner, json!({ "name": format!("n{at}") })).await);
        stack.advance_s(1);
    }
    let first = owner.get(&format!("{RECORDS}?limit=2")).await.status(200);
    let headers = [("if-match", "*")];
    let path = format!("{RECORDS}/{}", ids[1]);
    owner.request(Method::DELETE, &path, None, &headers).await;
    made(&owner, json!({ "name": "late" })).await;
    let cursor = text(&first["next_cursor"]);
    let rest = owner
        .get(&format!("{RECORDS}?cursor={cursor}"))
        .await
        .status(200);
    let found: Vec<&str> = rest["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|record| record["data"]["name"].as_str())
        .collect();
    assert_eq!(found, ["n2", "n3", "n4", "late"]);
    let other = json!({ "name": "others", "schema": {} });
    owner.post("/v1/collections", other).await.status(201);
    let elsewhere = format!("/v1/collections/others/records?cursor={cursor}");
    owner.get(&elsewhere).await.problem(422, "invalid-request");
}

#[tokio::test]
async fn a_tenants_names_are_its_own() {
    let stack = Stack::start().await;
    let acme = collection(&stack).await;
    made(&acme, json!({ "name": "Ada" })).await;
    let blue = stack.tenant("blue").await;
    blue.get("/v1/collections/contacts")
        .await
        .problem(404, "not-found");
    blue.get(RECORDS).await.problem(404, "not-found");
    blue.post(RECORDS, json!({ "data": { "name": "B" } }))
        .await
        .problem(404, "not-found");
    blue.post("/v1/collections", contacts()).await.status(201);
    assert_eq!(blue.get(RECORDS).await.status(200)["data"], json!([]));
}

async fn deleted(owner: &Client, path: &str) {
    let headers = [("if-match", "*")];
    let answer = owner.request(Method::DELETE, path, None, &headers).await;
    assert_eq!(answer.code, 204, "{}", answer.body);
}

#[tokio::test]
async fn history_says_who_made_which_change_of_a_record() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada", "age": 36 })).await;
    let path = format!("{RECORDS}/{id}");
    stack.advance_s(5);
    let member = stack.member(&owner, "user", "max@acme.example").await;
    changed(&member, Method::PATCH, &path, json!({ "age": 37 }), "*")
        .await
        .status(200);
    deleted(&owner, &path).await;
    owner
        .post(&format!("{path}:restore"), json!({}))
        .await
        .status(200);
    let history = owner.get(&format!("{path}/history")).await.status(200);
    let versions: Vec<(u64, &str)> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| {
            (
                version["version"].as_u64().unwrap(),
                version["action"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        versions,
        [
            (4, "record.restored"),
            (3, "record.deleted"),
            (2, "record.updated"),
            (1, "record.created"),
        ]
    );
    let update = &history["data"][2];
    assert_eq!(
        update["changes"],
        json!({ "age": { "from": 36, "to": 37 } })
    );
    let me = member.get("/v1/me").await.status(200);
    assert_eq!(update["actor"], me["id"]);
    let first = owner
        .get(&format!("{path}/history?limit=3"))
        .await
        .status(200);
    let cursor = text(&first["next_cursor"]);
    let rest = owner
        .get(&format!("{path}/history?cursor={cursor}"))
        .await
        .status(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    owner
        .get(&format!("{RECORDS}/rec_0000000000000000000000000a/history"))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn a_deleted_record_can_be_restored_until_its_time_is_over() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let retention = json!({ "retention": { "deleted_days": 2, "history_days": 5 } });
    owner
        .request(
            Method::PATCH,
            "/v1/collections/contacts",
            Some(retention),
            &[("if-match", "*")],
        )
        .await
        .status(200);
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let path = format!("{RECORDS}/{id}");
    deleted(&owner, &path).await;
    owner.get(&path).await.problem(404, "not-found");
    assert_eq!(owner.get(RECORDS).await.status(200)["data"], json!([]));
    let listed = owner
        .get(&format!("{RECORDS}?deleted=true"))
        .await
        .status(200);
    assert_eq!(listed["data"][0]["id"], id.as_str());
    assert_eq!(listed["data"][0]["data"], json!({ "name": "Ada" }));
    let restore = format!("{path}:restore");
    let back = owner.post(&restore, json!({})).await;
    assert_eq!(back.status(200)["data"], json!({ "name": "Ada" }));
    assert_eq!(back.header("etag"), "\"3\"");
    owner
        .post(&restore, json!({}))
        .await
        .problem(404, "not-found");
    owner.get(&path).await.status(200);
    deleted(&owner, &path).await;
    stack.advance_s(2 * 86_400 + 1);
    let owner = stack.again("acme").await;
    owner
        .post(&restore, json!({}))
        .await
        .problem(404, "not-found");
    let listed = owner
        .get(&format!("{RECORDS}?deleted=true"))
        .await
        .status(200);
    assert_eq!(listed["data"], json!([]));
    stack.advance_s(3 * 86_400);
    let owner = stack.again("acme").await;
    let history = owner.get(&format!("{path}/history")).await;
    assert!(
        history.code == 404 || history.json()["data"] == json!([]),
        "{}",
        history.body
    );
}

#[tokio::test]
async fn a_restored_record_fits_the_schema_of_its_day() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let path = format!("{RECORDS}/{id}");
    deleted(&owner, &path).await;
    let schema = json!({ "schema": { "required": ["age"] } });
    let headers = [("if-match", "*")];
    owner
        .request(
            Method::PATCH,
            "/v1/collections/contacts",
            Some(schema),
            &headers,
        )
        .await
        .status(200);
    owner
        .post(&format!("{path}:restore"), json!({}))
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_record_dies_at_the_age_that_its_collection_says() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "contacts", "schema": {}, "retention": { "expire_days": 1 },
        "indexes": [{ "fields": [{ "path": "name", "type": "string" }] }] });
    owner.post("/v1/collections", new).await.status(201);
    let id = made(&owner, json!({ "name": "Ada" })).await;
    owner.get(&format!("{RECORDS}/{id}")).await.status(200);
    stack.advance_s(86_401);
    let owner = stack.again("acme").await;
    let gone = owner.get(&format!("{RECORDS}/{id}")).await;
    gone.problem(404, "not-found");
    for list in ["", "?name=Ada"] {
        let page = owner.get(&format!("{RECORDS}{list}")).await.status(200);
        assert_eq!(page["data"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_collection_goes_when_it_is_empty_and_its_name_starts_anew() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let headers = [("if-match", "*")];
    let remove = || owner.request(Method::DELETE, "/v1/collections/contacts", None, &headers);
    remove().await.problem(409, "conflict");
    deleted(&owner, &format!("{RECORDS}/{id}")).await;
    assert_eq!(remove().await.code, 204);
    owner.get(RECORDS).await.problem(404, "not-found");
    owner.post("/v1/collections", contacts()).await.status(201);
    for list in [RECORDS.to_owned(), format!("{RECORDS}?deleted=true")] {
        assert_eq!(owner.get(&list).await.status(200)["data"], json!([]));
    }
    owner
        .post(&format!("{RECORDS}/{id}:restore"), json!({}))
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn limits_are_stated_by_the_refusal() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let field = |path: &str| json!({ "path": path, "type": "string" });
    let nine: Vec<Value> = (0..9)
        .map(|at| json!({ "fields": [field(&format!("f{at}"))] }))
        .collect();
    for (patch, pointer, said) in [
        (json!({ "indexes": nine }), "/indexes", "at most 8"),
        (
            json!({ "indexes": [{ "fields": [] }] }),
            "/indexes/0/fields",
            "length",
        ),
        (
            json!({ "indexes": [{ "fields": [field("limit")] }] }),
            "/indexes/0/fields/0/path",
            "must not be one of",
        ),
        (
            json!({ "indexes": [{ "fields": [field("a b")] }] }),
            "/indexes/0/fields/0/path",
            "1 to 4 names",
        ),
        (
            json!({ "indexes": [{ "fields": [{ "path": "a", "type": "object" }] }] }),
            "/indexes/0/fields/0/type",
            "must be one of",
        ),
        (json!({ "shards": 3 }), "/shards", "1, 4 or 16"),
        (
            json!({ "retention": { "deleted_days": 0 } }),
            "/retention/deleted_days",
            "1",
        ),
        (json!({ "name": "9" }), "/name", "a letter first"),
    ] {
        let mut new = json!({ "name": "things", "schema": {} });
        for (name, value) in patch.as_object().unwrap() {
            new[name] = value.clone();
        }
        let problem = owner
            .post("/v1/collections", new)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail}");
    }
    for at in 0..100 {
        let new = json!({ "name": format!("c{at}"), "schema": {} });
        owner.post("/v1/collections", new).await.status(201);
    }
    let one_more = json!({ "name": "more", "schema": {} });
    let problem = owner
        .post("/v1/collections", one_more.clone())
        .await
        .problem(409, "conflict");
    assert!(
        problem["detail"].as_str().unwrap().contains("at most 100"),
        "{problem}"
    );
    let headers = [("if-match", "*")];
    let removed = owner
        .request(Method::DELETE, "/v1/collections/c7", None, &headers)
        .await;
    assert_eq!(removed.code, 204);
    owner.post("/v1/collections", one_more).await.status(201);
}
