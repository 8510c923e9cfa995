//! Every route of the project with a request that works: what the access matrix, the isolation test
//! and the OpenAPI test walk over. A route without its row here fails them.

mod identity;
mod platform;
pub(crate) mod vendors;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use shared::lambda::Function;

use crate::{
    harness::{Client, Endpoint, Stack, text},
    receiver::Receiver,
};

/// Where nothing listens: the port is `discard`.
const CLOSED_URL: &str = "http://127.0.0.1:9/";

const RECORD: &str = "/v1/collections/{name}/records/{id}";

/// A route of the OpenAPI document and a body that it takes.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) body: Option<Value>,
}

impl Route {
    pub(crate) fn ends_the_session(&self) -> bool {
        let out = self.method == Method::DELETE && self.path == "/v1/auth/session";
        out || ["/v1/auth/logout", "/v1/auth/sessions:revoke-all"].contains(&self.path)
    }
}

pub(crate) fn all() -> Vec<Route> {
    let row = |method, path, body| Route { method, path, body };
    let get = |path| row(Method::GET, path, None);
    let mut routes = vec![
        get("/.well-known/jwks.json"),
        get("/health"),
        get("/ready"),
        get("/openapi.json"),
        get("/docs"),
        get("/docs/page.css"),
        get("/docs/page.js"),
        get("/v1/tenant"),
        row(Method::PATCH, "/v1/tenant", Some(json!({ "name": "T" }))),
        get("/v1/tenant/usage"),
        get("/v1/tenant/roles"),
        row(
            Method::POST,
            "/v1/tenant/roles",
            Some(json!({ "name": "R", "permissions": ["users:read"] })),
        ),
        get("/v1/tenant/roles/{id}"),
        row(
            Method::PATCH,
            "/v1/tenant/roles/{id}",
            Some(json!({ "name": "R" })),
        ),
        row(Method::DELETE, "/v1/tenant/roles/{id}", None),
        row(
            Method::POST,
            "/v1/authz/explain",
            Some(json!({ "permission": "users:write" })),
        ),
        get("/v1/users"),
        row(
            Method::POST,
            "/v1/users",
            Some(json!({ "email": "n@x.example", "name": "N", "role": "user" })),
        ),
        get("/v1/users/{id}"),
        row(
            Method::PATCH,
            "/v1/users/{id}",
            Some(json!({ "name": "N" })),
        ),
        row(Method::DELETE, "/v1/users/{id}", None),
        row(Method::POST, "/v1/users/{id}:suspend", None),
        row(Method::POST, "/v1/users/{id}:reactivate", None),
        get("/v1/me"),
        row(Method::PATCH, "/v1/me", Some(json!({ "name": "N" }))),
        get("/v1/collections"),
        row(
            Method::POST,
            "/v1/collections",
            Some(json!({ "name": "things", "schema": {} })),
        ),
        get("/v1/collections/{name}"),
        row(
            Method::PATCH,
            "/v1/collections/{name}",
            Some(json!({ "schema": {} })),
        ),
        row(Method::DELETE, "/v1/collections/{name}", None),
        get("/v1/collections/{name}/records"),
        row(
            Method::POST,
            "/v1/collections/{name}/records",
            Some(json!({ "data": {} })),
        ),
        get(RECORD),
        row(Method::PUT, RECORD, Some(json!({ "data": {} }))),
        row(Method::PATCH, RECORD, Some(json!({ "data": {} }))),
        row(Method::DELETE, RECORD, None),
        row(
            Method::POST,
            "/v1/collections/{name}/records/{id}:restore",
            None,
        ),
        get("/v1/collections/{name}/records/{id}/history"),
        row(
            Method::POST,
            "/v1/collections/{name}/records:bulk",
            Some(json!({ "operations": [{ "op": "create", "data": {} }] })),
        ),
        get("/v1/webhook-endpoints"),
        row(
            Method::POST,
            "/v1/webhook-endpoints",
            Some(json!({ "name": "N", "scheme": "stripe" })),
        ),
        get("/v1/webhook-endpoints/{id}"),
        row(
            Method::PATCH,
            "/v1/webhook-endpoints/{id}",
            Some(json!({ "name": "N" })),
        ),
        row(Method::DELETE, "/v1/webhook-endpoints/{id}", None),
        row(
            Method::POST,
            "/v1/webhook-endpoints/{id}:rotate-secret",
            Some(json!({ "overlap_hours": 1 })),
        ),
        get("/v1/webhook-endpoints/{id}/handshake"),
        get("/v1/webhook-endpoints/{id}/rejections"),
        get("/v1/webhook-schemes"),
        get("/v1/events"),
        get("/v1/events/ledger"),
        get("/v1/events/{id}"),
        get("/v1/events/{id}/explain"),
        row(Method::POST, "/v1/events/{id}:replay", None),
        // A dry run, because each tenant may have few unfinished jobs.
        row(
            Method::POST,
            "/v1/events:replay",
            Some(json!({ "filter": { "all": true }, "dry_run": true })),
        ),
        get("/v1/destinations"),
        row(
            Method::POST,
            "/v1/destinations",
            Some(json!({ "name": "N", "url": CLOSED_URL, "enabled": false })),
        ),
        get("/v1/destinations/{id}"),
        get("/v1/destinations/{id}/health"),
        row(
            Method::PATCH,
            "/v1/destinations/{id}",
            Some(json!({ "name": "N" })),
        ),
        row(Method::DELETE, "/v1/destinations/{id}", None),
        row(
            Method::POST,
            "/v1/destinations/{id}:rotate-secret",
            Some(json!({ "overlap_hours": 0 })),
        ),
        row(Method::POST, "/v1/destinations/{id}:test", None),
        get("/v1/deliveries"),
        get("/v1/deliveries/{id}"),
        row(Method::POST, "/v1/deliveries/{id}:retry", None),
        row(
            Method::POST,
            "/v1/deliveries:retry",
            Some(json!({ "filter": { "type": "no.such" }, "dry_run": true })),
        ),
        get("/v1/jobs"),
        get("/v1/jobs/{id}"),
        row(Method::POST, "/v1/jobs/{id}:cancel", None),
        get("/v1/audit"),
        get("/v1/audit/checkpoints"),
        get("/v1/audit/export"),
        get("/v1/audit/{id}"),
        get("/v1/audit/{id}/proof"),
        row(Method::POST, "/hooks/{address}", Some(json!({}))),
        get("/hooks/{address}"),
        row(Method::POST, "/hooks/{address}/batch", Some(json!([{}]))),
    ];
    routes.extend(identity::rows());
    routes.extend(vendors::rows());
    routes.extend(platform::rows());
    // Last: they end the session with which the others are walked.
    routes.sort_by_key(Route::ends_the_session);
    routes
}

/// Method and path of every route that the functions have.
pub(crate) fn in_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, function) in local::registry::FUNCTIONS {
        let Function::Http(routes) = function else {
            continue;
        };
        let document = serde_json::to_value(routes().openapi()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys();
            found.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        }
    }
    found
}

/// One tenant with one of everything, and the ids to ask for it.
pub(crate) struct Resources {
    user: String,
    role: String,
    session: String,
    connection: String,
    collection: String,
    record: String,
    deleted_record: String,
    endpoint: Endpoint,
    event: String,
    job: String,
    destination: String,
    sso_connection: String,
    api_key: String,
    delivery: String,
    invitation: String,
    entry: String,
}

impl Resources {
    pub(crate) async fn make(stack: &Stack, owner: &Client) -> Self {
        let email = format!("target-{}@x.example", stack.platform.clock().now_ms());
        let new = json!({ "email": email, "name": "Target", "role": "user" });
        let user = text(&owner.post("/v1/users", new).await.status(201)["id"]);
        let role = Self::custom_role(owner).await;
        let sessions = owner.get("/v1/auth/sessions").await.status(200);
        let session = text(&sessions["data"][0]["id"]);
        let connection = owner.post("/v1/connections", vendors::connection()).await;
        let connection = text(&connection.status(201)["id"]);
        let collection = Self::collection(owner).await;
        let path = format!("/v1/collections/{collection}/records");
        let record = Self::record(owner, &path).await;
        let deleted_record = Self::record(owner, &path).await;
        let deleted = format!("{path}/{deleted_record}");
        let headers = [("if-match", "*")];
        owner
            .request(Method::DELETE, &deleted, None, &headers)
            .await
            .status(204);
        let endpoint = Endpoint::create(owner, "stripe").await;
        let destination = Self::destination(stack, owner, &endpoint).await;
        let event = text(&stack.send(&endpoint, "evt_resource").await.status(202)["id"]);
        stack.drain().await;
        let job = Self::unfinished_job(owner).await;
        let sso = owner
            .post("/v1/tenant/sso-connections", identity::sso_connection())
            .await;
        let sso_connection = text(&sso.status(201)["id"]);
        let new = json!({ "name": "K", "permissions": ["users:read"] });
        let api_key = owner.post("/v1/tenant/api-keys", new).await;
        let api_key = text(&api_key.status(201)["id"]);
        let deliveries = owner.get("/v1/deliveries?limit=1").await.status(200);
        let delivery = text(&deliveries["data"][0]["id"]);
        let new = json!({ "email": email, "role": "user" });
        let invitation = owner.post("/v1/tenant/invitations", new).await;
        let invitation = text(&invitation.status(201)["id"]);
        let entry = text(&owner.get("/v1/audit").await.status(200)["data"][0]["id"]);
        Self {
            user,
            role,
            session,
            connection,
            collection,
            record,
            deleted_record,
            endpoint,
            event,
            job,
            destination,
            sso_connection,
            api_key,
            delivery,
            invitation,
            entry,
        }
    }

    /// The tenant's first collection, or a new one: a tenant may have a hundred.
    async fn collection(owner: &Client) -> String {
        let collections = owner.get("/v1/collections").await.status(200);
        if let Some(name) = collections["data"][0]["name"].as_str() {
            return name.to_owned();
        }
        let tenant = owner.get("/v1/tenant").await.status(200);
        let name = format!("c{}", text(&tenant["id"]).trim_start_matches("ten_"));
        let new = json!({ "name": name, "schema": {} });
        owner.post("/v1/collections", new).await.status(201);
        name
    }

    async fn record(owner: &Client, path: &str) -> String {
        let record = owner.post(path, json!({ "data": {} })).await.status(201);
        text(&record["id"])
    }

    /// The tenant's first custom role, or a new one: a tenant may have fifty.
    async fn custom_role(owner: &Client) -> String {
        let roles = owner.get("/v1/tenant/roles").await.status(200);
        if let Some(role) = roles["data"][0]["id"].as_str() {
            return role.to_owned();
        }
        let new = json!({ "name": "Target", "permissions": ["users:read"] });
        text(&owner.post("/v1/tenant/roles", new).await.status(201)["id"])
    }

    /// The tenant's present one, because a tenant may have few, or a new one.
    async fn destination(stack: &Stack, owner: &Client, endpoint: &Endpoint) -> String {
        let present = owner.get("/v1/destinations").await.status(200);
        let mut present = present["data"].as_array().unwrap().iter();
        if let Some(destination) = present.find(|destination| destination["enabled"] == true) {
            return text(&destination["id"]);
        }
        let receiver = Receiver::start().await;
        let new = json!({ "name": "N", "url": receiver.url, "endpoint_ids": [endpoint.id] });
        let made = owner.post("/v1/destinations", new).await.status(201);
        // A worker may have looked for destinations a moment ago.
        stack.advance_s(11);
        text(&made["id"])
    }

    /// A job that waits for its first page: the tenant's present one, or a new one.
    async fn unfinished_job(owner: &Client) -> String {
        let waiting = owner.get("/v1/jobs?state=queued").await.status(200);
        if let Some(job) = waiting["data"][0]["id"].as_str() {
            return job.to_owned();
        }
        let ask = json!({ "filter": { "type": "no.such" } });
        text(&owner.post("/v1/events:replay", ask).await.status(202)["id"])
    }

    /// As [`Resources::make`], with an event of its own for each call.
    pub(crate) async fn make_fresh(stack: &Stack, owner: &Client) -> Self {
        stack.advance_s(1);
        Self::make(stack, owner).await
    }

    /// The route's body, with an e-mail address that nobody has yet.
    pub(crate) fn unique(&self, route: &Route) -> Option<Value> {
        let mut body = route.body.clone()?;
        if route.path == "/v1/collections" {
            body["name"] = json!(format!("d{}", self.user.trim_start_matches("usr_")));
        }
        let signs_in = ["/v1/auth/login", "/v1/auth/session"].contains(&route.path);
        if !signs_in && body.get("email").is_some() {
            body["email"] = json!(format!("{}@x.example", self.user));
        }
        if route.path == "/v1/connectors" {
            body["name"] = json!(format!("x-{}", self.user.trim_start_matches("usr_")));
        }
        Some(body)
    }

    /// The route's path with these resources' ids.
    pub(crate) fn path(&self, route: &Route) -> String {
        let id = match route.path {
            path if path.starts_with("/v1/users/") => &self.user,
            path if path.starts_with("/v1/auth/sessions/") => &self.session,
            path if path.starts_with("/v1/tenant/roles/") => &self.role,
            path if path.starts_with("/v1/connections/") => &self.connection,
            path if path.starts_with("/v1/connectors/") => "stripe",
            path if path.ends_with("{id}:restore") => &self.deleted_record,
            path if path.starts_with("/v1/collections/") => &self.record,
            path if path.starts_with("/v1/webhook-endpoints/") => &self.endpoint.id,
            path if path.starts_with("/v1/events/") => &self.event,
            path if path.starts_with("/v1/jobs/") => &self.job,
            path if path.starts_with("/v1/tenant/exports/") => &self.job,
            path if path.starts_with("/v1/destinations/") => &self.destination,
            path if path.starts_with("/v1/tenant/invitations/") => &self.invitation,
            path if path.starts_with("/v1/tenant/api-keys/") => &self.api_key,
            path if path.contains("/sso-connections/") || path.contains("/sso/saml/") => {
                &self.sso_connection
            }
            path if path.starts_with("/v1/deliveries/") => &self.delivery,
            path if path.starts_with("/v1/audit/") => &self.entry,
            path if path.starts_with("/hooks/") => &"0".repeat(40),
            _ => "",
        };
        let name = if route.path.starts_with("/v1/collections/") {
            &self.collection
        } else {
            id
        };
        route
            .path
            .replace("{id}", id)
            .replace("{connection_id}", id)
            .replace("{address}", id)
            .replace("{part}", "000000-00")
            .replace("{object}", "things")
            // Nobody's: whoever may not name a tenant learns nothing of one.
            .replace("{tenant_id}", "ten_00000000000000000000000000")
            .replace("{name}", name)
    }

    /// Texts that only this tenant may see.
    pub(crate) fn marks(&self) -> Vec<&str> {
        vec![
            &self.user,
            &self.role,
            &self.connection,
            &self.collection,
            &self.record,
            &self.endpoint.id,
            &self.event,
            &self.job,
            &self.destination,
            &self.sso_connection,
            &self.api_key,
            &self.delivery,
            &self.invitation,
            &self.entry,
        ]
    }
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let rows: BTreeSet<String> = all()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(rows, in_code());
}
