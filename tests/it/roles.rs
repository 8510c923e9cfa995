//! Custom roles: what they allow, who may give them, and how soon a change is in force.

use serde_json::{Value, json};

use crate::harness::{Client, Stack, text};

async fn role(owner: &Client, permissions: &[&str]) -> String {
    let new = json!({ "name": "Support", "permissions": permissions });
    text(&owner.post("/v1/tenant/roles", new).await.status(201)["id"])
}

async fn own_path(member: &Client) -> String {
    format!(
        "/v1/users/{}",
        text(&member.get("/v1/me").await.status(200)["id"])
    )
}

#[tokio::test]
async fn a_member_with_a_custom_role_may_do_what_it_says_and_nothing_else() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let auditor = role(&owner, &["audit:read"]).await;
    let member = stack.member(&owner, &auditor, "ann@acme.example").await;
    assert_eq!(
        member.get("/v1/me").await.status(200)["role"],
        json!(auditor)
    );
    member.get("/v1/audit").await.status(200);
    member.get("/v1/users").await.problem(403, "forbidden");
    member.post("/v1/auth/logout", json!({})).await.status(204);
}

#[tokio::test]
async fn a_changed_role_is_in_force_within_five_seconds_without_a_new_token() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let id = role(&owner, &["audit:read"]).await;
    let member = stack.member(&owner, &id, "ann@acme.example").await;
    member.get("/v1/audit").await.status(200);
    let path = format!("/v1/tenant/roles/{id}");
    let patch = json!({ "permissions": ["users:read"] });
    owner.patch(&path, patch).await.status(200);
    stack.advance_s(5);
    member.get("/v1/audit").await.problem(403, "forbidden");
    member.get("/v1/users").await.status(200);
}

#[tokio::test]
async fn a_demoted_or_removed_member_is_out_within_five_seconds_and_at_once_on_strict_routes() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "adm@acme.example").await;
    let other = stack.member(&owner, "user", "max@acme.example").await;
    let (admin_path, other_path) = (own_path(&admin).await, own_path(&other).await);
    owner
        .patch(&admin_path, json!({ "role": "user" }))
        .await
        .status(200);
    admin
        .patch(&other_path, json!({ "name": "X" }))
        .await
        .problem(403, "forbidden");
    owner.delete(&admin_path).await.status(204);
    admin
        .patch(&other_path, json!({ "name": "X" }))
        .await
        .problem(401, "unauthenticated");
    stack.advance_s(5);
    admin
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    other.get("/v1/tenant").await.status(200);
}

#[tokio::test]
async fn a_member_who_comes_back_is_let_in() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let new = json!({ "email": "b@x.example", "name": "B", "role": "user", "password": "correct horse battery" });
    acme.post("/v1/users", new.clone()).await.status(201);
    let made = blue.post("/v1/users", new.clone()).await.status(201);
    blue.delete(&format!("/v1/users/{}", text(&made["id"])))
        .await
        .status(204);
    blue.post("/v1/users", new).await.status(201);
    let tenant = text(&blue.get("/v1/tenant").await.status(200)["id"]);
    let at_home = stack.login("b@x.example").await.status(200);
    let at_home = stack.client(at_home["access_token"].as_str());
    stack.verify_email(&at_home, "b@x.example").await;
    let login =
        json!({ "email": "b@x.example", "password": "correct horse battery", "tenant_id": tenant });
    let signed_in = stack
        .anonymous()
        .post("/v1/auth/login", login)
        .await
        .status(200);
    let back = stack.client(signed_in["access_token"].as_str());
    back.get("/v1/me").await.status(200);
}

#[tokio::test]
async fn a_signed_out_session_and_a_reused_family_are_out_within_five_seconds() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    owner.get("/v1/tenant").await.status(200);
    owner.post("/v1/auth/logout", json!({})).await.status(204);
    stack.advance_s(5);
    owner
        .get("/v1/tenant")
        .await
        .problem(401, "unauthenticated");
    stack
        .again("acme")
        .await
        .get("/v1/tenant")
        .await
        .status(200);
}

#[tokio::test]
async fn nobody_makes_changes_or_gives_a_role_beyond_their_own() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let manager = role(&owner, &["users:read", "users:write", "roles:write"]).await;
    let strong = role(&owner, &["audit:read", "owners:write"]).await;
    let member = stack.member(&owner, &manager, "ann@acme.example").await;
    let tried = json!({ "name": "X", "permissions": ["audit:read"] });
    member
        .post("/v1/tenant/roles", tried)
        .await
        .problem(403, "not-allowed");
    let own = format!("/v1/tenant/roles/{manager}");
    let tried = json!({ "permissions": ["users:write", "roles:write", "audit:read"] });
    member.patch(&own, tried).await.problem(403, "not-allowed");
    let path = format!("/v1/tenant/roles/{strong}");
    member
        .patch(&path, json!({ "permissions": ["users:read"] }))
        .await
        .problem(403, "not-allowed");
    member.delete(&path).await.problem(403, "not-allowed");
    let me = own_path(&member).await;
    for role in ["owner", "admin", "user", &strong] {
        member
            .patch(&me, json!({ "role": role }))
            .await
            .problem(403, "not-allowed");
        let new = json!({ "email": "n@acme.example", "name": "N", "role": role });
        member
            .post("/v1/users", new)
            .await
            .problem(403, "not-allowed");
    }
    // What they hold they may pass on.
    let lesser = json!({ "name": "Y", "permissions": ["users:read"] });
    let lesser = text(&member.post("/v1/tenant/roles", lesser).await.status(201)["id"]);
    let new = json!({ "email": "n@acme.example", "name": "N", "role": lesser });
    member.post("/v1/users", new).await.status(201);
    let admin = stack.member(&owner, "admin", "adm@acme.example").await;
    let tried = json!({ "name": "X", "permissions": ["owners:write"] });
    admin
        .post("/v1/tenant/roles", tried)
        .await
        .problem(403, "not-allowed");
}

#[tokio::test]
async fn a_role_in_use_stays_and_one_of_another_tenant_is_none() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let id = role(&acme, &["users:read"]).await;
    let new = |email: &str| json!({ "email": email, "name": "N", "role": id });
    let member = acme
        .post("/v1/users", new("n@acme.example"))
        .await
        .status(201);
    let path = format!("/v1/tenant/roles/{id}");
    acme.delete(&path).await.problem(409, "conflict");
    assert_eq!(acme.get(&path).await.status(200)["members"], json!(1));
    blue.post("/v1/users", new("n@blue.example"))
        .await
        .problem(422, "invalid-request");
    let user = format!("/v1/users/{}", text(&member["id"]));
    acme.patch(&user, json!({ "role": "user" }))
        .await
        .status(200);
    acme.delete(&path).await.status(204);
    acme.get(&path).await.problem(404, "not-found");
    stack.advance_s(5);
    acme.post("/v1/users", new("m@acme.example"))
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn the_list_of_roles_names_the_built_in_ones_and_bad_permissions_are_named() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    role(&owner, &["users:read"]).await;
    let roles = owner.get("/v1/tenant/roles").await.status(200);
    let ids: Vec<&Value> = roles["built_in"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["id"])
        .collect();
    assert_eq!(ids, ["user", "admin", "owner"]);
    assert_eq!(roles["data"].as_array().unwrap().len(), 1);
    let new = json!({ "name": "X", "permissions": ["users:read", "world:rule"] });
    let problem = owner
        .post("/v1/tenant/roles", new)
        .await
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/permissions/1");
}

#[tokio::test]
async fn a_decision_is_explained_rule_by_rule() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let id = role(&owner, &["audit:read"]).await;
    let member = stack.member(&owner, &id, "ann@acme.example").await;
    let why = member
        .post("/v1/authz/explain", json!({ "permission": "users:write" }))
        .await
        .status(200);
    assert_eq!((&why["allowed"], &why["role"]), (&json!(false), &json!(id)));
    let rules: Vec<&Value> = why["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["rule"])
        .collect();
    assert_eq!(
        rules,
        ["tenant_active", "session_valid", "role", "permission"]
    );
    let asked = json!({ "permission": "audit:read", "role": id });
    assert_eq!(
        owner
            .post("/v1/authz/explain", asked.clone())
            .await
            .status(200)["allowed"],
        true
    );
    member
        .post("/v1/authz/explain", asked)
        .await
        .problem(403, "forbidden");
}
