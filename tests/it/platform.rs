//! Operators of the platform: what they see of tenants, and how they close and open their doors.

use local::platform::Storage;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Client, Endpoint, PASSWORD, Stack, text},
    routes,
};

/// A platform whose operators' tenant is "ops", and its owner. The deployment names a tenant that is there already:
/// the platform is started once without, and again with it.
async fn operated(folder: &tempfile::TempDir) -> (Stack, Client) {
    let path = folder.path().to_owned();
    let stack = Stack::start_with(|options| options.storage = Storage::Dir(path.clone())).await;
    let owner = stack.tenant("ops").await;
    let id = text(&owner.get("/v1/tenant").await.status(200)["id"]);
    stack.platform.stop().await;
    let stack = Stack::start_with(|options| {
        options.storage = Storage::Dir(path);
        options.parameters.insert("OperatorTenant".to_owned(), id);
    })
    .await;
    let owner = stack.again("ops").await;
    (stack, owner)
}

fn why(reason: &str) -> Value {
    json!({ "reason": reason })
}

#[tokio::test]
async fn only_people_of_the_operators_tenant_get_through() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, operator) = operated(&folder).await;
    let acme = stack.tenant("acme").await;
    let id = text(&acme.get("/v1/tenant").await.status(200)["id"]);
    let one = format!("/v1/platform/tenants/{id}");
    // An owner elsewhere holds no such permission, and can give none.
    acme.get(&one).await.problem(403, "forbidden");
    let asked = json!({ "permission": "platform:read" });
    let explained = acme.post("/v1/authz/explain", asked).await.status(200);
    assert_eq!(explained["allowed"], false);
    let role = json!({ "name": "R", "permissions": ["platform:read"] });
    acme.post("/v1/tenant/roles", role)
        .await
        .problem(403, "not-allowed");
    // An admin of the operators sees, an owner acts, a user and a key do neither.
    let admin = stack.member(&operator, "admin", "admin@ops.example").await;
    let user = stack.member(&operator, "user", "user@ops.example").await;
    assert_eq!(admin.get(&one).await.status(200)["name"], "acme");
    user.get(&one).await.problem(403, "forbidden");
    let suspend = format!("{one}:suspend");
    admin
        .post(&suspend, why("x"))
        .await
        .problem(403, "forbidden");
    let key = json!({ "name": "K", "permissions": ["platform:read"] });
    assert!(
        operator
            .post("/v1/tenant/api-keys", key)
            .await
            .code
            .is_client_error()
    );
    let listed = admin.get("/v1/platform/tenants?limit=1").await.status(200);
    assert_eq!(listed["data"][0]["name"], "ops");
    let next = format!(
        "/v1/platform/tenants?limit=1&cursor={}",
        text(&listed["next_cursor"])
    );
    assert_eq!(
        admin.get(&next).await.status(200)["data"][0]["id"],
        id.as_str()
    );
    for route in routes::all() {
        if route.path.starts_with("/v1/platform/tenants/") {
            let path = route
                .path
                .replace("{tenant_id}", "ten_00000000000000000000000000");
            let answer = operator.request(route.method, &path, route.body, &[]).await;
            answer.problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn an_operators_cookie_is_as_good_as_their_token() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, _) = operated(&folder).await;
    stack.tenant("acme").await;
    let origin = stack.platform.url();
    for (tenant, status) in [("ops", 200), ("acme", 403)] {
        let email = format!("owner@{tenant}.example");
        let body = json!({ "email": email, "password": PASSWORD });
        let path = "/v1/auth/session";
        let headers = [("origin", origin.as_str())];
        let client = stack.anonymous();
        let opened = client
            .request(Method::POST, path, Some(body), &headers)
            .await;
        opened.status(200);
        let set = opened.header("set-cookie");
        let cookie = [("cookie", set.split(';').next().unwrap())];
        let path = "/v1/platform/tenants";
        let listed = client.request(Method::GET, path, None, &cookie).await;
        listed.status(status);
    }
}

#[tokio::test]
async fn a_suspended_tenants_doors_close_and_open_again() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, operator) = operated(&folder).await;
    let acme = stack.tenant("acme").await;
    let id = text(&acme.get("/v1/tenant").await.status(200)["id"]);
    let endpoint = Endpoint::create(&acme, "stripe").await;
    stack.send(&endpoint, "evt_1").await.status(202);
    let new = json!({ "name": "K", "permissions": ["users:read"] });
    let key = acme.post("/v1/tenant/api-keys", new).await.status(201);
    let key = stack.client(key["key"].as_str());
    key.get("/v1/users").await.status(200);

    let one = format!("/v1/platform/tenants/{id}");
    let answer = operator
        .post(&format!("{one}:suspend"), why("unpaid"))
        .await;
    assert_eq!(answer.status(200)["status"], "suspended");
    stack.advance_s(10);
    acme.get("/v1/tenant").await.problem(403, "not-allowed");
    key.get("/v1/users").await.problem(403, "not-allowed");
    stack
        .login("owner@acme.example")
        .await
        .problem(401, "unauthenticated");
    stack
        .send(&endpoint, "evt_2")
        .await
        .problem(401, "not-verified");
    // Twice is once.
    operator
        .post(&format!("{one}:suspend"), why("unpaid"))
        .await
        .status(200);

    let answer = operator
        .post(&format!("{one}:reactivate"), why("paid"))
        .await;
    assert_eq!(answer.status(200)["status"], "active");
    stack.advance_s(10);
    stack.send(&endpoint, "evt_3").await.status(202);
    let acme = stack.again("acme").await;
    let entries = acme
        .get("/v1/audit?action=tenant.suspended")
        .await
        .status(200);
    let entries = entries["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["changes"]["reason"]["to"], "unpaid");
    assert!(text(&entries[0]["actor"]).starts_with("operator:usr_"));
    let entries = operator
        .get("/v1/audit?action=platform.tenant_suspended")
        .await
        .status(200);
    assert_eq!(entries["data"][0]["target"], id.as_str());
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_operators_own_tenant_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let (_stack, operator) = operated(&folder).await;
    let id = text(&operator.get("/v1/tenant").await.status(200)["id"]);
    let answer = operator
        .post(&format!("/v1/platform/tenants/{id}:suspend"), why("x"))
        .await;
    answer.problem(403, "not-allowed");
}

#[tokio::test]
async fn plans_and_limits_are_the_operators_to_give() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, operator) = operated(&folder).await;
    let acme = stack.tenant("acme").await;
    let id = text(&acme.get("/v1/tenant").await.status(200)["id"]);
    let one = format!("/v1/platform/tenants/{id}");
    let limits =
        json!({ "tenant": { "requests": 90, "per_seconds": 60 }, "monthly_requests": 5_000 });
    let patch = json!({ "plan": "free", "limits": limits });
    let changed = operator.patch(&one, patch).await.status(200);
    assert_eq!(
        (&changed["plan"], &changed["limits"]["monthly_requests"]),
        (&json!("free"), &json!(5_000))
    );
    stack.advance_s(5);
    let usage = acme.get("/v1/tenant/usage").await.status(200);
    assert_eq!(
        (&usage["plan"], &usage["requests"]["quota"]),
        (&json!("free"), &json!(5_000))
    );
    assert_eq!(usage["limits"][0]["requests"], 90);
    // What is not named stays; null takes back.
    let changed = operator
        .patch(&one, json!({ "plan": null }))
        .await
        .status(200);
    assert_eq!(
        (&changed["plan"], &changed["limits"]["monthly_requests"]),
        (&json!(null), &json!(5_000))
    );
    let changed = operator
        .patch(&one, json!({ "limits": null }))
        .await
        .status(200);
    assert_eq!(changed["limits"]["tenant"], json!(null));
    let wrong = json!({ "limits": { "tenant": { "requests": 0, "per_seconds": 60 } } });
    operator
        .patch(&one, wrong)
        .await
        .problem(422, "invalid-request");
    let entries = stack
        .again("acme")
        .await
        .get("/v1/audit?action=tenant.terms_updated")
        .await
        .status(200);
    assert_eq!(entries["data"].as_array().unwrap().len(), 3);
}
