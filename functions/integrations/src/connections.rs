//! Connections: a tenant's accounts with vendors, and calls through them.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::json;
use shared::{
    App,
    access::{Caller, Permission},
    audit::Action,
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    id::ConnectionId,
    limit::RateLimit,
    problem::{ApiError, Problem},
    store::{
        Connection, ConnectionPatch, Credentials, NewConnection, Page, TenantStore, Versioned,
    },
    vendor::{
        self, Connector, Scope, VendorAnswer, VendorCall, chosen_base_url, connection_scope,
        host_scope, offered,
    },
};

use crate::connectors;
use crate::views::{
    BreakerOut, CallIn, CallOut, ConnectionHealthOut, ConnectionIn, ConnectionOut,
    ConnectionPatchIn, ConnectionTestOut, CredentialsIn, ItemsOut, ObjectQuery,
};

/// The tenant's connections, in the order of their making.
#[utoipa::path(get, path = "/v1/connections", tag = "integrations", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<ConnectionOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_connections(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ConnectionOut>>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsRead)?;
    let connections = store.connections(&query.page()?).await?;
    Ok(Json(connections.map(ConnectionOut::from)))
}

/// Makes a connection. Its credentials are sealed and never shown.
#[utoipa::path(post, path = "/v1/connections", tag = "integrations", request_body = ConnectionIn, responses(
    (status = 201, description = "The connection", body = ConnectionOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_connection(
    app: State<App>,
    caller: Caller,
    Body(new): Body<ConnectionIn>,
) -> Result<(StatusCode, Tagged<ConnectionOut>), ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let built_in = offered(&app.config, &new.connector);
    let own = match built_in {
        Some(_) => None,
        None => connectors::own(&store, &new.connector).await?.map(Box::new),
    };
    let connector = built_in.or(own.as_deref()).ok_or_else(|| {
        let names: Vec<_> = vendor::connectors(&app.config)
            .map(|known| known.name.as_str())
            .collect();
        let detail = format!("must be one of {}, or of your own", names.join(", "));
        ApiError::invalid("/connector", detail)
    })?;
    let base_url = chosen_base_url(&app.egress, connector, new.base_url)?;
    let credentials = credentials(connector, new.credentials)?;
    let usual = RateLimit {
        requests: connector.budget.requests,
        per_seconds: connector.budget.per_seconds,
        burst: None,
    };
    let new = NewConnection {
        name: new.name,
        connector: new.connector,
        manifest: own.clone(),
        base_url,
        credentials,
        budget: new.budget.unwrap_or(usual),
    };
    let made = store.create_connection(new).await?;
    Ok((StatusCode::CREATED, tagged(made)))
}

/// One connection.
#[utoipa::path(get, path = "/v1/connections/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The connection", body = ConnectionOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_connection(
    caller: Caller,
    Path(id): Path<ConnectionId>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsRead)?;
    Ok(tagged(store.connection(id).await?))
}

/// Changes the given fields. New credentials take the place of the present ones at once.
#[utoipa::path(patch, path = "/v1/connections/{id}", tag = "integrations", request_body = ConnectionPatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The connection as it is now", body = ConnectionOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_connection(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<ConnectionId>,
    Body(patch): Body<ConnectionPatchIn>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let current = seen.check(store.connection(id).await?)?;
    let connector = current.value.connector_data()?;
    let new = patch.credentials.map(|given| credentials(connector, given));
    let patch = ConnectionPatch {
        name: patch.name,
        credentials: new.transpose()?,
        budget: patch.budget,
    };
    Ok(tagged(store.update_connection(current, patch).await?))
}

/// Removes the connection and its credentials.
#[utoipa::path(delete, path = "/v1/connections/{id}", tag = "integrations",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_connection(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<ConnectionId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let current = seen.check(store.connection(id).await?)?;
    store.delete_connection(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks the vendor whether the credentials are good, by the connector's `test_path`.
#[utoipa::path(post, path = "/v1/connections/{id}:test", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "What the vendor said", body = ConnectionTestOut),
    (status = 502, description = "The vendor has not answered", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Calls are suspended, because the vendor failed too often", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn test_connection(
    app: State<App>,
    caller: Caller,
    Path(id): Path<ConnectionId>,
) -> Result<Json<ConnectionTestOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsCall)?;
    let connection = store.connection(id).await?.value;
    let connector = connection.connector_data()?;
    let path = connector.test_path.as_deref().unwrap_or("/");
    let call = VendorCall::get(path.to_owned());
    let answer = made(&app, &store, &connection, Action::ConnectionTested, &call).await?;
    Ok(Json(ConnectionTestOut::of(&answer)))
}

/// Makes a request below the connection's base URL with its credentials. The request's method and path are
/// in the audit trail before it is made. An `Idempotency-Key` is passed on to vendors that know one.
#[utoipa::path(post, path = "/v1/connections/{id}/call", tag = "integrations", request_body = CallIn,
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "What the vendor answered, whatever its status", body = CallOut),
        (status = 429, description = "The connection's budget is spent, or the vendor asked to wait", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The vendor has not answered", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Calls are suspended, because the vendor failed too often", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn call_vendor(
    app: State<App>,
    caller: Caller,
    Path(id): Path<ConnectionId>,
    headers: HeaderMap,
    Body(call): Body<CallIn>,
) -> Result<Json<CallOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsCall)?;
    let connection = store.connection(id).await?.value;
    let connector = connection.connector_data()?;
    let key = vendor::idempotency_key(id, headers.get("idempotency-key"));
    let call = VendorCall::parse(connector, call.input(key))?;
    let answer = made(&app, &store, &connection, Action::ConnectionCalled, &call).await?;
    Ok(Json(CallOut::of(&answer)))
}

/// One page of a vendor's list, each item in the fields of the connector's manifest. The request is in the
/// audit trail before it is made.
#[utoipa::path(get, path = "/v1/connections/{id}/objects/{object}", tag = "integrations",
    params(("id" = String, Path), ("object" = String, Path, description = "One of the connector's `objects`"), ObjectQuery),
    responses(
        (status = 200, description = "One page", body = ItemsOut),
        (status = 502, description = "The vendor has not answered, or with no page", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list_objects(
    app: State<App>,
    caller: Caller,
    Path((id, object)): Path<(ConnectionId, String)>,
    Query(query): Query<ObjectQuery>,
) -> Result<Json<ItemsOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsCall)?;
    let connection = store.connection(id).await?.value;
    let connector = connection.connector_data()?;
    let object = connector.objects.get(&object).ok_or(ApiError::NotFound)?;
    let first = object.first_page(connector, query.since, query.limit()?);
    let path = match query.path()? {
        Some(path) => path,
        None => first.ok_or(ApiError::NotFound)?,
    };
    let note = json!({ "method": "GET", "path": path.split('?').next() });
    store
        .note_on_connection(id, Action::ConnectionCalled, &note)
        .await?;
    let page = vendor::read_page(&app, &store, connector, &connection, (object, &path)).await?;
    Ok(Json(ItemsOut::from(page)))
}

/// Whether calls pass: the connection's circuit breaker, and the one of the vendor's host.
#[utoipa::path(get, path = "/v1/connections/{id}/health", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "Whether calls pass", body = ConnectionHealthOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_connection_health(
    app: State<App>,
    caller: Caller,
    Path(id): Path<ConnectionId>,
) -> Result<Json<ConnectionHealthOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsRead)?;
    let connection = store.connection(id).await?.value;
    health(&app, &store, &connection).await
}

/// Closes the connection's circuit breaker: calls pass again at once. The one of the vendor's host stays as
/// it is.
#[utoipa::path(post, path = "/v1/connections/{id}/breaker:reset", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "Whether calls pass", body = ConnectionHealthOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn reset_breaker(
    app: State<App>,
    caller: Caller,
    Path(id): Path<ConnectionId>,
) -> Result<Json<ConnectionHealthOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    let connection = store.connection(id).await?.value;
    store
        .note_on_connection(id, Action::BreakerReset, &json!(null))
        .await?;
    vendor::reset(&app, &connection_scope(&store, &connection), caller.now()).await?;
    health(&app, &store, &connection).await
}

/// The call, after its entry in the audit trail.
async fn made(
    app: &App,
    store: &TenantStore,
    connection: &Connection,
    action: Action,
    call: &VendorCall,
) -> Result<VendorAnswer, ApiError> {
    let connector = connection.connector_data()?;
    let note = json!({ "method": call.method(), "path": call.plain_path() });
    store
        .note_on_connection(connection.id, action, &note)
        .await?;
    Ok(vendor::call(app, store, connector, connection, call).await?)
}

async fn health(
    app: &App,
    store: &TenantStore,
    connection: &Connection,
) -> Result<Json<ConnectionHealthOut>, ApiError> {
    let now = app.clock.now();
    let (own, host) = (
        connection_scope(store, connection),
        host_scope(store, connection),
    );
    let shown = async |scope: &Scope| {
        let breaker = vendor::state(app, scope).await?;
        Ok::<_, ApiError>(BreakerOut::of(&breaker, scope, now))
    };
    let (breaker, vendor) = (shown(&own).await?, shown(&host).await?);
    let expires_at = store.token_expires_at(connection).await?;
    let status = connection.status;
    Ok(Json(ConnectionHealthOut::of(
        status, expires_at, breaker, vendor,
    )))
}

fn credentials(connector: &Connector, given: CredentialsIn) -> Result<Credentials, ApiError> {
    let oauth = connector.auth.oauth2.as_ref();
    let taken = [
        ("api_key", connector.auth.api_key.is_some()),
        ("basic", connector.auth.basic),
        (
            "oauth2",
            oauth.is_some_and(|oauth| oauth.authorize_url.is_some()),
        ),
        (
            "client_credentials",
            oauth.is_some_and(|oauth| oauth.client_credentials),
        ),
    ];
    let (kind, credentials) = match given {
        CredentialsIn::ApiKey { key } => ("api_key", Credentials::ApiKey { key }),
        CredentialsIn::Basic { username, password } => {
            ("basic", Credentials::Basic { username, password })
        }
        CredentialsIn::Oauth2 {
            client_id,
            client_secret,
        } => (
            "oauth2",
            Credentials::Oauth2 {
                client_id,
                client_secret,
            },
        ),
        CredentialsIn::ClientCredentials {
            client_id,
            client_secret,
            scope,
        } => (
            "client_credentials",
            Credentials::ClientCredentials {
                client_id,
                client_secret,
                scope,
            },
        ),
    };
    if taken.contains(&(kind, true)) {
        return Ok(credentials);
    }
    let taken: Vec<_> = taken
        .iter()
        .filter_map(|(name, is_taken)| is_taken.then_some(*name))
        .collect();
    let detail = format!("must be one of {}", taken.join(", "));
    Err(ApiError::invalid("/credentials/kind", detail))
}

pub(crate) fn tagged(connection: Versioned<Connection>) -> Tagged<ConnectionOut> {
    Tagged(Versioned {
        version: connection.version,
        value: connection.value.into(),
    })
}
