//! What a record holds is kept as JSON has it, whatever the table's items can hold.

use serde_json::json;

use crate::{
    harness::Stack,
    records::{RECORDS, made},
};

#[tokio::test]
async fn whatever_json_can_say_is_kept_as_it_is() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "name": "contacts", "schema": { "default": { "": 1e300 } } });
    owner.post("/v1/collections", new).await.status(201);
    // Each of them is something that an item of the table cannot hold.
    let data = json!({ "": { "": 1e300 }, "long": 18_446_744_073_709_551_615_u64,
        "set": [null, "", [], {}], "\u{0}": "\u{0}" });
    let id = made(&owner, data.clone()).await;
    let path = format!("{RECORDS}/{id}");
    assert_eq!(owner.get(&path).await.status(200)["data"], data);
    let history = owner.get(&format!("{path}/history")).await.status(200);
    assert_eq!(history["data"][0]["changes"]["set"]["to"], data["set"]);
    let trail = owner
        .get(&format!("/v1/audit?target={id}"))
        .await
        .status(200);
    assert_eq!(trail["data"][0]["changes"]["data."]["to"], "{\"\":1e+300}");
}
