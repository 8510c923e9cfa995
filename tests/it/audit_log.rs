//! The sealed audit log: what the platform sealed is proved, and what somebody did to the table shows.

use aws_sdk_dynamodb::{Client as Dynamo, types::AttributeValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared::{
    audit::{Checkpoint, Finding, merkle, verify_export},
    id::AuditId,
};

use crate::{
    documents::dynamodb,
    harness::{Client, Stack, text},
};

/// A tenant with `count` more entries, all of them sealed.
async fn sealed(stack: &Stack, count: usize) -> Client {
    let owner = stack.tenant("acme").await;
    rename(&owner, count).await;
    seal(stack).await;
    owner
}

async fn rename(owner: &Client, count: usize) {
    for at in 0..count {
        let name = json!({ "name": format!("Acme {at}") });
        owner.patch("/v1/tenant", name).await.status(200);
    }
}

/// Lets a few minutes pass, ticking in each.
async fn seal(stack: &Stack) {
    for _ in 0..4 {
        stack.advance_s(60);
        stack.tick().await;
    }
}

/// Every page of both lists, a line each: what the verifier reads.
async fn export(owner: &Client) -> String {
    let mut lines = String::new();
    for list in ["/v1/audit", "/v1/audit/checkpoints"] {
        let mut next = format!("{list}?limit=100");
        loop {
            let answer = owner.get(&next).await;
            let cursor = answer.status(200)["next_cursor"]
                .as_str()
                .map(str::to_owned);
            lines += &answer.body;
            lines += "\n";
            let Some(cursor) = cursor else { break };
            next = format!("{list}?limit=100&cursor={cursor}");
        }
    }
    lines
}

async fn findings(owner: &Client) -> Vec<Finding> {
    verify_export(&export(owner).await, None, &[])
        .unwrap()
        .findings
}

async fn checkpoints(owner: &Client) -> Vec<Value> {
    let list = owner
        .get("/v1/audit/checkpoints?limit=100")
        .await
        .status(200);
    list["data"].as_array().unwrap().clone()
}

/// The table as its administrator sees it, with the tenant's partition.
async fn table(stack: &Stack, owner: &Client) -> (Dynamo, String) {
    let tenant = text(&owner.get("/v1/tenant").await.status(200)["id"]);
    (dynamodb(stack), format!("T#{tenant}"))
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn rows(
    client: &Dynamo,
    pk: &str,
    prefix: &str,
) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let rows = client
        .query()
        .table_name("AuditTable")
        .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
        .expression_attribute_values(":pk", s(pk))
        .expression_attribute_values(":prefix", s(prefix))
        .send()
        .await
        .unwrap();
    rows.items.unwrap()
}

async fn delete(client: &Dynamo, pk: &str, sk: &AttributeValue) {
    let deleted = client
        .delete_item()
        .table_name("AuditTable")
        .key("pk", s(pk));
    deleted.key("sk", sk.clone()).send().await.unwrap();
}

fn id(row: &std::collections::HashMap<String, AttributeValue>) -> AuditId {
    row["sk"].as_s().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_entry_is_sealed_within_minutes_and_proved() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    rename(&owner, 5).await;
    let entries = owner.get("/v1/audit").await.status(200)["data"].clone();
    let entries = entries.as_array().unwrap();
    let path = |entry: &Value| format!("/v1/audit/{}/proof", text(&entry["id"]));
    owner.get(&path(&entries[0])).await.problem(409, "conflict");
    seal(&stack).await;
    for entry in entries {
        let proof = owner.get(&path(entry)).await.status(200);
        let (note, key) = (text(&proof["checkpoint"]), text(&proof["key"]));
        let checkpoint = Checkpoint::open(&note, &key).unwrap();
        assert_eq!(checkpoint.size, 6);
        let path: Vec<merkle::Hash> = proof["path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| STANDARD.decode(text(hash)).unwrap().try_into().unwrap())
            .collect();
        let own: shared::audit::Entry = serde_json::from_value(entry.clone()).unwrap();
        let index = proof["leaf_index"].as_u64().unwrap();
        let root = merkle::root_of_inclusion(index, 6, own.leaf(), &path);
        assert_eq!(root, Some(checkpoint.root));
    }
    let report = verify_export(&export(&owner).await, None, &[]).unwrap();
    assert_eq!((report.sealed, report.pending), (6, 0));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[tokio::test]
async fn sealing_again_seals_nothing_twice_and_parts_follow_each_other() {
    let stack = Stack::start().await;
    sealed(&stack, 3).await;
    for _ in 0..20 {
        stack.advance_s(60);
        stack.tick().await;
    }
    let owner = stack.again("acme").await;
    assert_eq!(checkpoints(&owner).await.len(), 1);
    rename(&owner, 2).await;
    seal(&stack).await;
    let sizes: Vec<u64> = checkpoints(&owner)
        .await
        .iter()
        .map(|part| part["size"].as_u64().unwrap())
        .collect();
    // Sign-in and two changes.
    assert_eq!(sizes, [7, 4]);
    assert!(findings(&owner).await.is_empty());
}

#[tokio::test]
async fn two_tenants_have_logs_of_their_own() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    rename(&acme, 2).await;
    seal(&stack).await;
    assert_eq!(checkpoints(&acme).await[0]["size"], 3);
    assert_eq!(checkpoints(&blue).await[0]["size"], 1);
}

#[tokio::test]
async fn an_entry_that_comes_late_is_sealed_in_a_later_part() {
    let stack = Stack::start().await;
    let owner = sealed(&stack, 2).await;
    // As if its transaction had been on its way all the time.
    let (client, pk) = table(&stack, &owner).await;
    let mut late = rows(&client, &pk, "aud_").await.swap_remove(1);
    let id = late["sk"].as_s().unwrap().clone();
    let last = if id.ends_with('0') { '1' } else { '0' };
    let other = format!("{}{last}", &id[..id.len() - 1]);
    late.insert("sk".to_owned(), s(&other));
    late.insert("id".to_owned(), s(&other));
    let put = client.put_item().table_name("AuditTable");
    put.set_item(Some(late)).send().await.unwrap();
    for _ in 0..16 {
        stack.advance_s(60);
        stack.tick().await;
    }
    let owner = stack.again("acme").await;
    let parts = checkpoints(&owner).await;
    assert_eq!(parts[0]["entries"], json!([other]));
    let proof = owner
        .get(&format!("/v1/audit/{other}/proof"))
        .await
        .status(200);
    assert_eq!(proof["leaf_index"], 3);
    assert!(findings(&owner).await.is_empty());
}

#[tokio::test]
async fn an_edited_entry_is_found() {
    let stack = Stack::start().await;
    let owner = sealed(&stack, 3).await;
    let (client, pk) = table(&stack, &owner).await;
    let row = rows(&client, &pk, "aud_").await.swap_remove(2);
    for (field, value) in [("actor", s("usr_someone")), ("source_ip", s("203.0.113.9"))] {
        let update = client
            .update_item()
            .table_name("AuditTable")
            .key("pk", s(&pk))
            .key("sk", row["sk"].clone())
            .update_expression("SET #field = :value")
            .expression_attribute_names("#field", field)
            .expression_attribute_values(":value", value);
        update.send().await.unwrap();
        assert_eq!(findings(&owner).await, [Finding::Edited(id(&row))]);
        let put = client.put_item().table_name("AuditTable");
        put.set_item(Some(row.clone())).send().await.unwrap();
        assert!(findings(&owner).await.is_empty());
    }
}

#[tokio::test]
async fn a_deleted_entry_is_found() {
    let stack = Stack::start().await;
    let owner = sealed(&stack, 3).await;
    let (client, pk) = table(&stack, &owner).await;
    let row = rows(&client, &pk, "aud_").await.swap_remove(1);
    delete(&client, &pk, &row["sk"]).await;
    assert_eq!(findings(&owner).await, [Finding::Deleted(id(&row))]);
}

#[tokio::test]
async fn entries_in_another_order_are_found() {
    let stack = Stack::start().await;
    let owner = sealed(&stack, 3).await;
    let (client, pk) = table(&stack, &owner).await;
    let mut part = rows(&client, &pk, "SEAL#").await.swap_remove(0);
    for list in ["entries", "leaves"] {
        if let Some(AttributeValue::L(items)) = part.get_mut(list) {
            items.swap(0, 1);
        }
    }
    let put = client.put_item().table_name("AuditTable");
    put.set_item(Some(part)).send().await.unwrap();
    assert_eq!(findings(&owner).await, [Finding::Root(4)]);
}

#[tokio::test]
async fn an_entry_that_was_put_in_behind_the_log_is_found() {
    let stack = Stack::start().await;
    sealed(&stack, 3).await;
    stack.advance_s(1_800);
    let owner = stack.again("acme").await;
    for _ in 0..2 {
        seal(&stack).await;
    }
    let (client, pk) = table(&stack, &owner).await;
    let mut row = rows(&client, &pk, "aud_").await.swap_remove(0);
    let id = row["sk"].as_s().unwrap().clone();
    let last = if id.ends_with('0') { '1' } else { '0' };
    let other = format!("{}{last}", &id[..id.len() - 1]);
    row.insert("sk".to_owned(), s(&other));
    row.insert("id".to_owned(), s(&other));
    let put = client.put_item().table_name("AuditTable");
    put.set_item(Some(row)).send().await.unwrap();
    assert_eq!(
        findings(&owner).await,
        [Finding::Inserted(other.parse().unwrap())]
    );
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found_by_a_checkpoint_that_was_kept() {
    let stack = Stack::start().await;
    sealed(&stack, 3).await;
    let owner = stack.again("acme").await;
    rename(&owner, 2).await;
    seal(&stack).await;
    let owner = stack.again("acme").await;
    let kept = text(&checkpoints(&owner).await[0]["checkpoint"]);
    let verify = |export: String| verify_export(&export, None, std::slice::from_ref(&kept));
    let (client, pk) = table(&stack, &owner).await;
    assert!(verify(export(&owner).await).unwrap().findings.is_empty());
    // Everything that the last part sealed, and the part.
    let parts = rows(&client, &pk, "SEAL#").await;
    for row in rows(&client, &pk, "aud_").await.iter().skip(4) {
        delete(&client, &pk, &row["sk"]).await;
    }
    delete(&client, &pk, &parts[1]["sk"]).await;
    assert!(
        findings(&owner).await.is_empty(),
        "the rest is whole in itself"
    );
    assert_eq!(
        verify(export(&owner).await).unwrap().findings,
        [Finding::CutOff { seen: 7, now: 4 }]
    );
}

#[tokio::test]
async fn a_log_that_another_key_signed_is_found() {
    let (mine, theirs) = (Stack::start().await, Stack::start().await);
    let owner = sealed(&mine, 1).await;
    let other = sealed(&theirs, 1).await;
    let key = text(&checkpoints(&owner).await[0]["key"]);
    let export = export(&other).await;
    let report = verify_export(&export, Some(&key), &[]).unwrap();
    assert_eq!(report.findings, [Finding::Forged(2)]);
}

#[tokio::test]
async fn a_tenant_whose_log_cannot_be_sealed_holds_up_no_other() {
    use local::fault::{Answer, Fault};
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let tenant = text(&acme.get("/v1/tenant").await.status(200)["id"]);
    let fault = Fault::on("TransactWriteItems", Answer::InternalError).by("scheduler");
    stack.faults().add(fault.containing(&tenant));
    seal(&stack).await;
    assert_eq!(checkpoints(&blue).await.len(), 1);
    assert!(checkpoints(&acme).await.is_empty());
    stack.faults().clear();
    seal(&stack).await;
    assert_eq!(checkpoints(&acme).await[0]["size"], 1);
}
