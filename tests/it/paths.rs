//! A path reaches the resource that it names, or none: what the gateway decodes must not be read as another path.

use reqwest::Method;
use serde_json::json;

use crate::{
    harness::{Stack, text},
    records::{RECORDS, collection, made},
};

#[tokio::test]
async fn a_path_with_encoded_delimiters_reaches_no_other_resource() {
    let stack = Stack::start().await;
    let owner = collection(&stack).await;
    let id = made(&owner, json!({ "name": "Ada" })).await;
    let seen = [("if-match", "\"1\"")];
    // Each but the first would be the collection's own path or the record's, to who reads it decoded as a URL.
    for path in [
        "/v1/collections/contact/records/rec_1".to_owned(),
        format!("/v1/collections/contacts%23/records/{id}"),
        format!("/v1/collections/contacts%3F/records/{id}"),
        "/v1/collections/contacts%23".to_owned(),
        "/v1/collections/contacts%3Fx=1".to_owned(),
        "/v1/collections/other%2F..%2Fcontacts".to_owned(),
        "/v1/collections/other%2F%2E%2E%2Fcontacts".to_owned(),
        "/v1/collections/con%09tacts".to_owned(),
        "/v1/collections/contacts%0A".to_owned(),
        format!("/v1/collections/contacts%5Crecords%5C{id}"),
        format!("{RECORDS}/{id}%23"),
        format!("{RECORDS}/{id}%3F"),
    ] {
        for method in [Method::DELETE, Method::GET] {
            let answer = owner.request(method, &path, None, &seen).await;
            answer.problem(404, "not-found");
        }
    }
    let record = owner.get(&format!("{RECORDS}/{id}")).await.status(200);
    assert_eq!(text(&record["id"]), id);
    // Encoded without need, it is the same path.
    let encoded = "/v1/collections/%63ontacts/records";
    let list = owner.get(encoded).await.status(200);
    assert_eq!(text(&list["data"][0]["id"]), id);
}

#[tokio::test]
async fn a_hooks_address_with_encoded_delimiters_is_no_hook() {
    let stack = Stack::start().await;
    for path in [
        "/hooks/%3Fabc",
        "/hooks/%23abc",
        "/hooks/abc%23def",
        "/hooks/%C3%A9%20",
    ] {
        let answer = stack.anonymous().post(path, json!({})).await;
        answer.problem(404, "not-found");
    }
}
