//! Members of a tenant, and the tenant itself.

use reqwest::Method;
use serde_json::json;

use crate::harness::{PASSWORD, Stack, text};

#[tokio::test]
async fn a_member_is_made_read_changed_and_removed() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let new = json!({ "email": "Grace@Acme.example", "name": "Grace", "role": "user" });
    let made = owner.post("/v1/users", new).await.status(201);
    assert_eq!(
        (&made["email"], &made["status"]),
        (&json!("grace@acme.example"), &json!("active"))
    );
    let path = format!("/v1/users/{}", text(&made["id"]));
    owner.get(&path).await.status(200);
    let changed = owner
        .patch(&path, json!({ "name": "Grace H." }))
        .await
        .status(200);
    assert_eq!(changed["name"], "Grace H.");
    owner.delete(&path).await.status(204);
    owner.get(&path).await.problem(404, "not-found");
    owner.delete(&path).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let tag = owner.get("/v1/tenant").await.header("etag");
    let patch = |name: &str, tag: &str| {
        let (owner, body, tag) = (owner.clone(), json!({ "name": name }), tag.to_owned());
        async move {
            owner
                .request(
                    Method::PATCH,
                    "/v1/tenant",
                    Some(body),
                    &[("if-match", &tag)],
                )
                .await
        }
    };
    let changed = patch("Acme Ltd", &tag).await;
    changed.status(200);
    assert_ne!(changed.header("etag"), tag);
    patch("Acme Inc", &tag)
        .await
        .problem(412, "version-mismatch");
    patch("Acme Inc", "\"nonsense\"")
        .await
        .problem(412, "version-mismatch");
    assert_eq!(
        owner.get("/v1/tenant").await.status(200)["name"],
        "Acme Ltd"
    );
    patch("Acme Inc", "*").await.status(200);
}

#[tokio::test]
async fn of_two_changes_of_one_version_one_wins() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let tag = owner.get("/v1/tenant").await.header("etag");
    let change = |name: &'static str| {
        let (owner, tag) = (owner.clone(), tag.clone());
        async move {
            let body = Some(json!({ "name": name }));
            owner
                .request(Method::PATCH, "/v1/tenant", body, &[("if-match", &tag)])
                .await
                .code
                .as_u16()
        }
    };
    let (a, b, c) = tokio::join!(change("A"), change("B"), change("C"));
    let won = [a, b, c].iter().filter(|code| **code == 200).count();
    assert_eq!(won, 1, "{a} {b} {c}");
}

#[tokio::test]
async fn a_list_is_read_page_by_page_without_gap_or_repeat() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for at in 0..7 {
        let new = json!({ "email": format!("u{at}@acme.example"), "name": "U", "role": "user" });
        owner.post("/v1/users", new).await.status(201);
    }
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = owner
            .get(&format!("/v1/users?limit=3{cursor}"))
            .await
            .status(200);
        ids.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| text(&user["id"])),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((ids.len(), unique.len()), (8, 8));
}

#[tokio::test]
async fn a_filter_narrows_the_list_across_pages() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (at, role) in ["admin", "user", "user", "admin", "user"]
        .iter()
        .enumerate()
    {
        let new = json!({ "email": format!("u{at}@acme.example"), "name": "U", "role": role });
        owner.post("/v1/users", new).await.status(201);
    }
    let first = owner.get("/v1/users?role=user&limit=2").await.status(200);
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let next = text(&first["next_cursor"]);
    let second = owner
        .get(&format!("/v1/users?role=user&limit=2&cursor={next}"))
        .await
        .status(200);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!(second["data"][0]["role"], "user");
}

#[tokio::test]
async fn bad_list_parameters_are_named() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=abc", "cursor"),
        ("colour=red", "colour"),
        ("role=boss", "role"),
    ] {
        let problem = owner
            .get(&format!("/v1/users?{query}"))
            .await
            .problem(422, "invalid-request");
        let error = &problem["errors"][0];
        let named = text(&error["pointer"]) == name || text(&error["detail"]).contains(name);
        assert!(named, "{query}: {problem}");
    }
}

#[tokio::test]
async fn nobody_grants_a_role_above_their_own() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let admin = stack.member(&owner, "admin", "admin@acme.example").await;
    let new = json!({ "email": "x@acme.example", "name": "X", "role": "owner" });
    admin
        .post("/v1/users", new)
        .await
        .problem(403, "not-allowed");
    let owner_id = text(&owner.get("/v1/me").await.status(200)["id"]);
    let path = format!("/v1/users/{owner_id}");
    admin
        .patch(&path, json!({ "role": "user" }))
        .await
        .problem(403, "not-allowed");
    admin.delete(&path).await.problem(403, "not-allowed");
    let own = format!(
        "/v1/users/{}",
        text(&admin.get("/v1/me").await.status(200)["id"])
    );
    admin
        .patch(&own, json!({ "role": "owner" }))
        .await
        .problem(403, "not-allowed");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let path = format!(
        "/v1/users/{}",
        text(&owner.get("/v1/me").await.status(200)["id"])
    );
    owner
        .patch(&path, json!({ "role": "user" }))
        .await
        .problem(409, "conflict");
    owner.delete(&path).await.problem(409, "conflict");
    stack.member(&owner, "owner", "second@acme.example").await;
    owner
        .patch(&path, json!({ "role": "user" }))
        .await
        .status(200);
}

#[tokio::test]
async fn a_new_role_is_in_force_after_the_next_refresh() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "admin", "admin@acme.example").await;
    let signed_in = stack.login("admin@acme.example").await.status(200);
    let path = format!("/v1/users/{}", text(&signed_in["user"]["id"]));
    owner
        .patch(&path, json!({ "role": "user" }))
        .await
        .status(200);
    let body = json!({ "refresh_token": signed_in["refresh_token"] });
    let fresh = stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .status(200);
    let demoted = stack.client(fresh["access_token"].as_str());
    demoted.get("/v1/audit").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_removed_member_can_neither_refresh_nor_sign_in() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.member(&owner, "user", "max@acme.example").await;
    let signed_in = stack.login("max@acme.example").await.status(200);
    owner
        .delete(&format!("/v1/users/{}", text(&signed_in["user"]["id"])))
        .await
        .status(204);
    let body = json!({ "refresh_token": signed_in["refresh_token"] });
    stack
        .anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .problem(401, "unauthenticated");
    stack
        .login("max@acme.example")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn one_person_can_be_a_member_of_two_tenants() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let new = |password: &str| json!({ "email": "both@x.example", "name": "B", "role": "user", "password": password });
    let first = acme.post("/v1/users", new(PASSWORD)).await.status(201);
    let second = blue
        .post("/v1/users", new("another password"))
        .await
        .status(201);
    assert_eq!(first["id"], second["id"]);
    blue.post("/v1/users", new(PASSWORD))
        .await
        .problem(409, "conflict");
    let signed_in = stack.login("both@x.example").await.status(200);
    let both = stack.client(signed_in["access_token"].as_str());
    stack.verify_email(&both, "both@x.example").await;
    let problem = stack
        .login("both@x.example")
        .await
        .problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/tenant_id");
    let tenant = text(&blue.get("/v1/tenant").await.status(200)["id"]);
    let login = json!({ "email": "both@x.example", "password": PASSWORD, "tenant_id": tenant });
    let signed_in = stack
        .anonymous()
        .post("/v1/auth/login", login)
        .await
        .status(200);
    assert_eq!(signed_in["tenant"]["id"], json!(tenant));
    blue.delete(&format!("/v1/users/{}", text(&first["id"])))
        .await
        .status(204);
    stack.login("both@x.example").await.status(200);
}

#[tokio::test]
async fn the_caller_changes_their_own_name_and_nothing_else() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let user = stack.member(&owner, "user", "max@acme.example").await;
    assert_eq!(
        user.patch("/v1/me", json!({ "name": "Maxine" }))
            .await
            .status(200)["name"],
        "Maxine"
    );
    user.patch("/v1/me", json!({ "role": "owner" }))
        .await
        .problem(422, "invalid-request");
}
