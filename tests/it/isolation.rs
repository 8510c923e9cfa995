//! Tenants cannot reach each other: for every route that names a resource, another tenant's
//! credential gets what an unknown id gets, and reads nothing.

use crate::{
    harness::Stack,
    routes::{self, Resources},
};

#[tokio::test]
async fn another_tenants_ids_name_nothing() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let theirs = Resources::make(&stack, &acme).await;
    let mut tried = 0;
    for route in routes::all().into_iter().filter(|route| {
        route.path.contains("{id}") || route.path.starts_with("/v1/collections/{name}")
    }) {
        let answer = blue
            .request(route.method.clone(), &theirs.path(&route), route.body, &[])
            .await;
        let path = answer.problem(404, "not-found");
        let echoed = path["instance"].as_str().unwrap_or_default();
        let rest = answer.body.replace(echoed, "");
        assert!(
            theirs.marks().iter().all(|mark| !rest.contains(mark)),
            "{} {}",
            route.method,
            route.path
        );
        tried += 1;
    }
    assert!(tried >= 33, "only {tried} routes name a resource");
    // Nothing that was tried has changed anything.
    for path in [
        "/v1/users",
        "/v1/tenant/roles",
        "/v1/connections",
        "/v1/webhook-endpoints",
        "/v1/events",
        "/v1/jobs",
        "/v1/destinations",
        "/v1/deliveries",
    ] {
        assert!(
            !acme.get(path).await.status(200)["data"]
                .as_array()
                .unwrap()
                .is_empty(),
            "{path}"
        );
    }
    let entries = acme.get("/v1/audit").await.body;
    assert!(!entries.contains("user.deleted") && !entries.contains("event.replayed"));
    assert!(!entries.contains("job.cancelled"));
    assert!(!entries.contains("destination.deleted") && !entries.contains("delivery.retried"));
    assert!(!entries.contains("connection.deleted") && !entries.contains("connection.called"));
}

#[tokio::test]
async fn a_list_holds_only_the_callers_own_tenant() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let theirs = Resources::make(&stack, &acme).await;
    for route in routes::all()
        .into_iter()
        .filter(|route| !route.path.contains('{'))
    {
        let answer = blue
            .request(route.method.clone(), route.path, route.body, &[])
            .await;
        assert!(
            theirs
                .marks()
                .iter()
                .all(|mark| !answer.body.contains(mark)),
            "{} {}",
            route.method,
            route.path
        );
    }
}

#[tokio::test]
async fn a_cursor_of_another_tenant_or_list_is_refused() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    stack.member(&acme, "user", "a@acme.example").await;
    stack.member(&blue, "user", "b@blue.example").await;
    let page = acme.get("/v1/users?limit=1").await.status(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    acme.get(&format!("/v1/users?cursor={cursor}"))
        .await
        .status(200);
    blue.get(&format!("/v1/users?cursor={cursor}"))
        .await
        .problem(422, "invalid-request");
    acme.get(&format!("/v1/events?cursor={cursor}"))
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn a_tenant_named_by_the_client_is_not_listened_to() {
    let stack = Stack::start().await;
    let (acme, blue) = (stack.tenant("acme").await, stack.tenant("blue").await);
    let id = acme.get("/v1/tenant").await.status(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let headers = [
        ("x-tenant-id", id.as_str()),
        ("x-portico-tenant", id.as_str()),
    ];
    let answer = blue
        .request(reqwest::Method::GET, "/v1/tenant", None, &headers)
        .await;
    assert_eq!(answer.status(200)["name"], "blue");
    blue.get(&format!("/v1/users?tenant_id={id}"))
        .await
        .problem(422, "invalid-request");
}
