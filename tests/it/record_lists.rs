//! Lists of records: indexes, order, cursors under writes, shards, and what a page costs.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Client, Stack, text},
    records::{RECORDS, changed, collection, made},
};

async fn indexed(stack: &Stack, shards: u8) -> Client {
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "contacts", "schema": {}, "shards": shards, "indexes": [
        { "fields": [{ "path": "status", "type": "string" }, { "path": "age", "type": "number" }] },
        { "fields": [{ "path": "age", "type": "number" }] },
        { "fields": [{ "path": "address.city", "type": "string" }] },
        { "fields": [{ "path": "seen", "type": "time" }] },
    ] });
    owner.post("/v1/collections", new).await.status(201);
    owner
}

fn names(page: &Value) -> Vec<String> {
    let records = page["data"].as_array().unwrap();
    records
        .iter()
        .map(|record| text(&record["data"]["name"]))
        .collect()
}

async fn listed(owner: &Client, query: &str) -> Vec<String> {
    names(&owner.get(&format!("{RECORDS}?{query}")).await.status(200))
}

/// All pages of a list.
async fn walked(owner: &Client, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{RECORDS}?{query}{cursor}");
        let page = owner.get(&path).await.status(200);
        found.extend(names(&page));
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn indexed_fields_filter_and_sort() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 1).await;
    for data in [
        json!({ "name": "a", "status": "open", "age": 30, "address": { "city": "Paris" }, "seen": "2026-01-01T10:00:00+02:00" }),
        json!({ "name": "b", "status": "open", "age": -5.5, "address": { "city": "Parma" }, "seen": "2026-01-01T09:00:00Z" }),
        json!({ "name": "c", "status": "closed", "age": 30, "address": { "city": "Lyon" } }),
        json!({ "name": "d", "status": "open", "age": 100 }),
        json!({ "name": "e" }),
    ] {
        made(&owner, data).await;
        stack.advance_s(1);
    }
    for (query, expected) in [
        ("", &["a", "b", "c", "d", "e"][..]),
        ("sort=-created_at", &["e", "d", "c", "b", "a"]),
        ("sort=age", &["e", "b", "a", "c", "d"]),
        ("sort=-age", &["d", "c", "a", "b", "e"]),
        ("status=open", &["b", "a", "d"]),
        ("status=open&sort=-age", &["d", "a", "b"]),
        ("status=open&age:gte=0&age:lt=100", &["a"]),
        ("age=30&sort=-created_at", &["c", "a"]),
        ("age:gt=30", &["d"]),
        ("age:lte=30", &["b", "a", "c"]),
        ("age:gt=50&age:lt=40", &[]),
        ("address.city=Lyon", &["c"]),
        ("address.city:prefix=Par", &["a", "b"]),
        ("seen:gte=2026-01-01T08:30:00Z", &["b"]),
        ("sort=seen&seen:lt=2027-01-01T00:00:00Z", &["a", "b"]),
    ] {
        assert_eq!(listed(&owner, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_no_index_serves_is_refused_by_its_name() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 1).await;
    for (query, pointer) in [
        ("colour=red", "colour"),
        ("tenant_id=x", "tenant_id"),
        ("sort=name", "sort"),
        ("status=open&address.city=Paris", "address.city"),
        ("age=old", "age"),
        ("age:like=1", "age:like"),
        ("age=1&age=2", "age"),
        ("seen:gt=yesterday", "seen:gt"),
        ("limit=0", "limit"),
        ("deleted=maybe", "deleted"),
        ("deleted=true&age=1", "deleted"),
    ] {
        let answer = owner.get(&format!("{RECORDS}?{query}")).await;
        let problem = answer.problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let bad = json!({ "data": { "name": "x", "age": "old", "status": "s".repeat(129) } });
    let problem = owner
        .post(RECORDS, bad)
        .await
        .problem(422, "invalid-request");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/data/age", "/data/status"]);
}

#[tokio::test]
async fn indexes_stay_as_they_were_made() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 1).await;
    let path = "/v1/collections/contacts";
    let patch = |body: Value| owner.request(Method::PATCH, path, Some(body), &[("if-match", "*")]);
    let other = json!({ "indexes": [{ "fields": [{ "path": "name", "type": "string" }] }] });
    let problem = patch(other).await.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/indexes");
    let present = owner.get(path).await.status(200)["indexes"].clone();
    patch(json!({ "indexes": present })).await.status(200);
}

#[tokio::test]
async fn an_index_follows_every_change_of_a_record() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 4).await;
    let id = made(&owner, json!({ "name": "a", "status": "open", "age": 1 })).await;
    let path = format!("{RECORDS}/{id}");
    assert_eq!(listed(&owner, "status=open").await, ["a"]);
    changed(
        &owner,
        Method::PATCH,
        &path,
        json!({ "status": "closed" }),
        "*",
    )
    .await
    .status(200);
    assert!(listed(&owner, "status=open").await.is_empty());
    assert_eq!(listed(&owner, "status=closed").await, ["a"]);
    assert_eq!(listed(&owner, "age=1").await, ["a"]);
    let headers = [("if-match", "*")];
    owner.request(Method::DELETE, &path, None, &headers).await;
    assert!(listed(&owner, "status=closed").await.is_empty());
    owner
        .post(&format!("{path}:restore"), json!({}))
        .await
        .status(200);
    assert_eq!(listed(&owner, "status=closed").await, ["a"]);
}

#[tokio::test]
async fn a_sharded_collection_is_one_list() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 16).await;
    let mut expected = Vec::new();
    for at in 0..60 {
        let name = format!("n{at:02}");
        // In tens, so that ages repeat and ties are met.
        let data = json!({ "name": name, "age": at / 10 });
        made(&owner, data).await;
        expected.push(name);
        stack.advance_s(1);
    }
    assert_eq!(walked(&owner, "limit=7").await, expected);
    assert_eq!(walked(&owner, "limit=7&sort=age").await, expected);
    expected.reverse();
    assert_eq!(walked(&owner, "limit=9&sort=-created_at").await, expected);
    assert_eq!(walked(&owner, "limit=100&sort=-age").await, expected);
    assert_eq!(
        walked(&owner, "limit=3&age:gte=4&sort=-age").await,
        expected[..20]
    );
}

#[tokio::test]
async fn an_indexs_cursor_stays_good_while_records_come_and_go() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 4).await;
    let mut ids = BTreeMap::new();
    for age in [10, 20, 30, 40, 50] {
        let name = format!("n{age}");
        ids.insert(age, made(&owner, json!({ "name": name, "age": age })).await);
    }
    let first = owner
        .get(&format!("{RECORDS}?sort=age&limit=2"))
        .await
        .status(200);
    assert_eq!(names(&first), ["n10", "n20"]);
    // The record that the cursor stands on goes, one comes before it and one behind it.
    let headers = [("if-match", "*")];
    owner
        .request(
            Method::DELETE,
            &format!("{RECORDS}/{}", ids[&20]),
            None,
            &headers,
        )
        .await;
    made(&owner, json!({ "name": "n15", "age": 15 })).await;
    made(&owner, json!({ "name": "n35", "age": 35 })).await;
    let cursor = text(&first["next_cursor"]);
    let rest = listed(&owner, &format!("sort=age&cursor={cursor}")).await;
    assert_eq!(rest, ["n30", "n35", "n40", "n50"]);
    // A cursor belongs to its filters and its order.
    for query in ["sort=-age", "age:gte=0", ""] {
        let path = format!("{RECORDS}?{query}&cursor={cursor}");
        owner
            .get(path.trim_end_matches('&'))
            .await
            .problem(422, "invalid-request");
    }
}

/// Fifty records in a request.
async fn filled(stack: &Stack, from: usize, to: usize) {
    let all: Vec<usize> = (from..to).collect();
    let mut owner = stack.again("acme").await;
    for (at, part) in all.chunks(50).enumerate() {
        // Tokens end while a large collection is filled.
        if at % 100 == 99 {
            owner = stack.again("acme").await;
        }
        let create = |at: &usize| json!({ "op": "create", "data": { "name": format!("n{at:06}"), "age": at } });
        let operations: Vec<Value> = part.iter().map(create).collect();
        let answer = owner
            .post(
                &format!("{RECORDS}:bulk"),
                json!({ "operations": operations }),
            )
            .await;
        assert_eq!(answer.status(200)["failed"], 0, "{}", answer.body);
    }
}

/// `PORTICO_TEST_RECORDS=100000` makes it the proof of docs/records.md; the calls are counted always.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "asked to, it is also a measurement"
)]
#[tokio::test]
async fn a_page_costs_the_same_whatever_the_size_of_the_collection() {
    let most: usize =
        std::env::var("PORTICO_TEST_RECORDS").map_or(400, |text| text.parse().unwrap());
    let stack = Stack::start().await;
    indexed(&stack, 1).await;
    let mut seen: Vec<BTreeMap<String, u64>> = Vec::new();
    let (mut filled_to, sizes) = (0, [most / 100, most / 10, most]);
    for size in sizes {
        filled(&stack, filled_to, size).await;
        filled_to = size;
        let owner = stack.again("acme").await;
        let middle = size / 2;
        for (query, calls) in [
            ("limit=50".to_owned(), 1),
            (format!("limit=50&age:gte={middle}"), 2),
            ("limit=50&sort=-age".to_owned(), 2),
        ] {
            let path = format!("{RECORDS}?{query}");
            owner.get(&path).await.status(200);
            let mut took_us = Vec::new();
            for _ in 0..21 {
                let started = std::time::Instant::now();
                owner.get(&path).await.status(200);
                took_us.push(started.elapsed().as_micros());
            }
            took_us.sort_unstable();
            println!("{size} records, {query}: p50 {} us", took_us[10]);
            let mut counted = stack.calls("records", owner.get(&path)).await;
            // Beside them a lease of permits, and gate and collection anew, whenever one is due.
            counted.retain(|call, _| call.ends_with("Query") || call.ends_with("BatchGetItem"));
            assert_eq!(counted.values().sum::<u64>(), calls, "{query}: {counted:?}");
            seen.push(counted);
        }
    }
    assert!(seen.chunks(3).all(|size| size == &seen[..3]), "{seen:?}");
}

#[tokio::test]
async fn a_write_is_one_transaction_however_many_indexes_there_are() {
    let stack = Stack::start().await;
    let owner = indexed(&stack, 4).await;
    let id = made(&owner, json!({ "name": "a", "status": "open", "age": 1 })).await;
    let path = format!("{RECORDS}/{id}");
    let calls = stack
        .calls("records", made(&owner, json!({ "name": "b", "age": 2 })))
        .await;
    assert_eq!(
        calls,
        [("DynamoDB.TransactWriteItems".to_owned(), 1)].into()
    );
    let change = changed(&owner, Method::PATCH, &path, json!({ "age": 3 }), "*");
    let calls = stack.calls("records", change).await;
    let expected = [
        ("DynamoDB.GetItem".to_owned(), 1),
        ("DynamoDB.TransactWriteItems".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
    let calls = stack.calls("records", owner.get(&path)).await;
    assert_eq!(calls, [("DynamoDB.GetItem".to_owned(), 1)].into());
    let calls = stack.calls("records", owner.get(RECORDS)).await;
    assert_eq!(calls, [("DynamoDB.Query".to_owned(), 4)].into());
}

#[tokio::test]
async fn another_instance_sees_a_new_schema_after_five_seconds() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    made(&owner, json!({ "name": "Ada" })).await;
    // As another instance would: behind this one's back.
    let table = crate::documents::dynamodb(&stack);
    let tables = table.list_tables().send().await.unwrap();
    let platform = tables
        .table_names()
        .iter()
        .find(|name| name.to_lowercase().contains("platform"))
        .unwrap();
    let tenant = text(&owner.get("/v1/tenant").await.status(200)["id"]);
    let string = aws_sdk_dynamodb::types::AttributeValue::S;
    table
        .update_item()
        .table_name(platform)
        .key("pk", string(format!("T#{tenant}")))
        .key("sk", string("COL#contacts".to_owned()))
        .update_expression("SET #s = :s")
        .expression_attribute_names("#s", "schema")
        .expression_attribute_values(":s", string(r#"{"required":["age"]}"#.to_owned()))
        .send()
        .await
        .unwrap();
    made(&owner, json!({ "name": "Ada" })).await;
    stack.advance_s(5);
    owner
        .post(RECORDS, json!({ "data": { "name": "Ada" } }))
        .await
        .problem(422, "invalid-request");
}
