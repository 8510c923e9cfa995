//! API keys: what they open, what they never do, and what ends them.

use reqwest::Method;
use serde_json::{Value, json};
use shared::access::{Permission, Permissions, Role};

use crate::{
    harness::{Client, Stack, root, text},
    routes::{self, Resources},
};

/// Makes a key with further fields.
async fn make(owner: &Client, permissions: &[&str], more: Value) -> Value {
    let mut new = json!({ "name": "Export", "permissions": permissions });
    new.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    owner.post("/v1/tenant/api-keys", new).await.status(201)
}

fn client(stack: &Stack, made: &Value) -> Client {
    stack.client(made["key"].as_str())
}

/// All that an owner can give a key.
fn most() -> Vec<&'static str> {
    let set = Permissions::all().without(Permissions::NOT_FOR_KEYS);
    set.iter().map(Permission::name).collect()
}

/// All that an administrator can give a key.
fn as_admin() -> Vec<&'static str> {
    let set = Permissions::built_in(Role::Admin).without(Permissions::NOT_FOR_KEYS);
    set.iter().map(Permission::name).collect()
}

#[tokio::test]
async fn a_key_opens_what_it_was_made_for_and_nothing_else() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let key = client(&stack, &made);
    key.get("/v1/users").await.status(200);
    key.get("/v1/tenant").await.problem(403, "forbidden");
    key.post(
        "/v1/users",
        json!({ "email": "n@x.example", "name": "N", "role": "user" }),
    )
    .await
    .problem(403, "forbidden");
}

#[tokio::test]
async fn a_keys_text_is_shown_once_and_stored_as_a_hash() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let key = text(&made["key"]);
    assert_eq!((key.len(), &key[..3]), (99, "pk_"));
    let path = format!("/v1/tenant/api-keys/{}", text(&made["id"]));
    for path in ["/v1/tenant/api-keys", &path, "/v1/audit"] {
        let shown = owner.get(path).await;
        shown.status(200);
        assert!(!shown.body.contains(&key[40..]) && !shown.body.contains("hash"));
    }
    let rows = crate::documents::dynamodb(&stack);
    let table = "PlatformTable";
    let rows = rows.scan().table_name(table).send().await.unwrap();
    assert!(!format!("{rows:?}").contains(&key[40..]));
}

#[tokio::test]
async fn a_typing_error_is_refused_without_a_call() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let mut wrong = text(&made["key"]);
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    owner.get("/v1/users").await.status(200);
    let wrong = stack.client(Some(&wrong));
    let calls = stack.calls("users", wrong.get("/v1/users")).await;
    assert!(calls.is_empty(), "{calls:?}");
    wrong.get("/v1/users").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_read_by_key_is_one_call_once_its_row_is_held() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let key = client(&stack, &make(&owner, &["tenant:read"], json!({})).await);
    key.get("/v1/tenant").await.status(200);
    let calls = stack.calls("tenants", key.get("/v1/tenant")).await;
    assert_eq!(calls, [("DynamoDB.GetItem".to_owned(), 1)].into());
    // Once in five seconds: the key, the gate, the resource. Its use is noted once an hour.
    stack.advance_s(5);
    let calls = stack.calls("tenants", key.get("/v1/tenant")).await;
    assert_eq!(calls, [("DynamoDB.GetItem".to_owned(), 3)].into());
    stack.advance_s(3_600);
    let calls = stack.calls("tenants", key.get("/v1/tenant")).await;
    let expected = [
        ("DynamoDB.GetItem".to_owned(), 3),
        ("DynamoDB.UpdateItem".to_owned(), 1),
        // The tenant's credentials last as long.
        ("STS.AssumeRole".to_owned(), 1),
    ];
    assert_eq!(calls, expected.into());
}

#[tokio::test]
async fn its_last_use_is_shown_and_moves_no_version() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let path = format!("/v1/tenant/api-keys/{}", text(&made["id"]));
    let before = owner.get(&path).await;
    assert_eq!(before.status(200)["last_used_at"], Value::Null);
    client(&stack, &made).get("/v1/users").await.status(200);
    let after = owner.get(&path).await;
    assert!(after.status(200)["last_used_at"].is_string());
    assert_eq!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn a_deleted_key_is_out_within_five_seconds_and_on_strict_routes_at_once() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read", "users:write"], json!({})).await;
    let key = client(&stack, &made);
    let me = text(&owner.get("/v1/me").await.status(200)["id"]);
    key.get("/v1/users").await.status(200);
    let path = format!("/v1/tenant/api-keys/{}", text(&made["id"]));
    owner.delete(&path).await.status(204);
    key.patch(&format!("/v1/users/{me}"), json!({ "name": "N" }))
        .await
        .problem(401, "unauthenticated");
    stack.advance_s(5);
    key.get("/v1/users").await.problem(401, "unauthenticated");
    owner.get(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let at = |s: i64| jiff::Timestamp::from_second(stack.now_s() + s).unwrap();
    let made = make(
        &owner,
        &["users:read"],
        json!({ "expires_at": at(60).to_string() }),
    )
    .await;
    let key = client(&stack, &made);
    key.get("/v1/users").await.status(200);
    stack.advance_s(61);
    key.get("/v1/users").await.problem(401, "unauthenticated");
    let late =
        json!({ "name": "N", "permissions": ["users:read"], "expires_at": at(-1).to_string() });
    let problem = owner
        .post("/v1/tenant/api-keys", late)
        .await
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/expires_at");
}

#[tokio::test]
async fn a_rotated_key_overlaps_and_then_only_the_new_text_is_good() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let path = format!("/v1/tenant/api-keys/{}:rotate", text(&made["id"]));
    let rotate = |hours: u32| owner.post(&path, json!({ "overlap_hours": hours }));
    let second = rotate(1).await.status(200);
    assert!(second["previous_good_until"].is_string());
    let (first_key, second_key) = (client(&stack, &made), client(&stack, &second));
    stack.advance_s(6);
    first_key.get("/v1/users").await.status(200);
    second_key.get("/v1/users").await.status(200);
    stack.advance_s(3_600);
    first_key
        .get("/v1/users")
        .await
        .problem(401, "unauthenticated");
    second_key.get("/v1/users").await.status(200);
    let owner = stack.again("acme").await;
    let third = owner
        .post(&path, json!({ "overlap_hours": 0 }))
        .await
        .status(200);
    stack.advance_s(5);
    second_key
        .get("/v1/users")
        .await
        .problem(401, "unauthenticated");
    client(&stack, &third).get("/v1/users").await.status(200);
}

#[tokio::test]
async fn a_key_with_networks_is_good_from_those_only_by_the_gateways_word() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let here = make(
        &owner,
        &["users:read"],
        json!({ "allowed_ips": ["127.0.0.0/8"] }),
    )
    .await;
    client(&stack, &here).get("/v1/users").await.status(200);
    let away = make(
        &owner,
        &["users:read"],
        json!({ "allowed_ips": ["192.0.2.0/24"] }),
    )
    .await;
    let forged = [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
    ];
    client(&stack, &away)
        .request(Method::GET, "/v1/users", None, &forged)
        .await
        .problem(403, "not-allowed");
    let bad = json!({ "name": "N", "permissions": ["users:read"], "allowed_ips": ["nowhere"] });
    owner
        .post("/v1/tenant/api-keys", bad)
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn nobody_gives_a_key_what_they_do_not_hold() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "ada@acme.example").await;
    let ask = |permissions: &[&str]| json!({ "name": "N", "permissions": permissions });
    admin
        .post("/v1/tenant/api-keys", ask(&["owners:write"]))
        .await
        .problem(403, "not-allowed");
    for never in ["me:read", "me:update", "api_keys:write"] {
        let problem = owner
            .post("/v1/tenant/api-keys", ask(&[never]))
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/permissions");
    }
    // An administrator cannot take an owner's key over, but can stop it.
    let made = make(&owner, &["owners:write"], json!({})).await;
    let path = format!("/v1/tenant/api-keys/{}", text(&made["id"]));
    admin
        .post(&format!("{path}:rotate"), json!({}))
        .await
        .problem(403, "not-allowed");
    admin.delete(&path).await.status(204);
}

#[tokio::test]
async fn a_key_outlives_its_maker_and_acts_under_its_own_name() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "ada@acme.example").await;
    let made = make(&admin, &as_admin(), json!({})).await;
    let ada = text(&admin.get("/v1/me").await.status(200)["id"]);
    owner.delete(&format!("/v1/users/{ada}")).await.status(204);
    stack.advance_s(6);
    let key = client(&stack, &made);
    let new = json!({ "email": "n@x.example", "name": "N", "role": "user" });
    key.post("/v1/users", new).await.status(201);
    let entries = owner.get("/v1/audit?action=user.created").await.status(200);
    assert_eq!(entries["data"][0]["actor"], made["id"]);
    let filtered = format!("/v1/audit?actor={}", text(&made["id"]));
    let entries = owner.get(&filtered).await.status(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_the_key_that_sent_it() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let keys = [
        make(&owner, &most(), json!({})).await,
        make(&owner, &most(), json!({})).await,
    ];
    let headers = [("idempotency-key", "one")];
    let new = json!({ "email": "n@x.example", "name": "N", "role": "user" });
    let send = async |key: &Value| {
        let body = Some(new.clone());
        let client = client(&stack, key);
        client
            .request(Method::POST, "/v1/users", body, &headers)
            .await
    };
    send(&keys[0]).await.status(201);
    let again = send(&keys[0]).await;
    again.status(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    send(&keys[1]).await.problem(409, "conflict");
}

#[tokio::test]
async fn the_decision_on_a_key_is_explained() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let made = make(&owner, &["users:read"], json!({})).await;
    let key = client(&stack, &made);
    let asked = json!({ "permission": "users:write" });
    let explained = key.post("/v1/authz/explain", asked).await.status(200);
    assert_eq!(
        (&explained["allowed"], &explained["role"]),
        (&json!(false), &Value::Null)
    );
    let rules = explained["chain"].as_array().unwrap();
    let names: Vec<&Value> = rules.iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(names, ["tenant_active", "key_valid", "permission"]);
}

/// Routes that are about a person, or that make credentials.
fn is_closed_to_keys(method: &Method, path: &str) -> bool {
    let personal = path == "/v1/me"
        || path == "/v1/auth/logout"
        || path.starts_with("/v1/auth/sessions")
        || path == "/v1/auth/session" && *method != Method::POST
        || path.starts_with("/v1/auth/mfa")
        || path == "/v1/auth/memberships"
        || path == "/v1/auth/switch-tenant"
        || path == "/v1/auth/password/change"
        || path == "/v1/auth/email/verification";
    let makes_keys = path.starts_with("/v1/tenant/api-keys") && *method != Method::GET;
    personal || makes_keys
}

#[tokio::test]
async fn a_key_that_may_all_gets_what_an_owner_gets_but_for_what_is_about_a_person() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let key = client(&stack, &make(&owner, &most(), json!({})).await);
    let matrix = std::fs::read_to_string(root().join("tests/it/access_matrix.txt")).unwrap();
    let of_owner = |name: &str| -> u16 {
        let line = matrix
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} has no line in access_matrix.txt"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    for route in routes::all() {
        let target = Resources::make_fresh(&stack, &owner).await;
        let answer = key
            .request(
                route.method.clone(),
                &target.path(&route),
                target.unique(&route),
                &[],
            )
            .await;
        let name = format!("{} {}", route.method, route.path);
        let expected = if is_closed_to_keys(&route.method, route.path) {
            403
        } else {
            of_owner(&name)
        };
        assert_eq!(answer.code.as_u16(), expected, "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_key_reaches_no_other_tenant() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let theirs = Resources::make(&stack, &acme).await;
    let key = client(&stack, &make(&blue, &most(), json!({})).await);
    for route in routes::all() {
        let names_one = route.path.contains("{id}");
        let answer = key
            .request(route.method.clone(), &theirs.path(&route), route.body, &[])
            .await;
        let name = format!("{} {}", route.method, route.path);
        if names_one && !is_closed_to_keys(&route.method, route.path) {
            assert_eq!(answer.code.as_u16(), 404, "{name}");
        }
        let instance = text(&answer.json()["instance"].as_str().unwrap_or("").into());
        let rest = answer.body.replace(&instance, "");
        let marks = theirs.marks();
        let public = route.path.starts_with("/v1/auth/sso/");
        assert!(
            public || marks.iter().all(|mark| !rest.contains(mark)),
            "{name}"
        );
    }
}
