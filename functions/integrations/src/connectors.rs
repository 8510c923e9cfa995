//! Connectors: the vendors whose APIs Portico knows, and those of the tenant's own.

use axum::{Json, extract::State, http::StatusCode};
use shared::{
    App,
    access::{Caller, Permission},
    http::{Body, Path},
    problem::{ApiError, Problem},
    store::TenantStore,
    vendor::{Connector, OWN_PREFIX, check_manifest, connectors, offered},
};

use crate::views::ConnectorsOut;

/// All connectors: the built-in ones by name, then the tenant's own.
#[utoipa::path(get, path = "/v1/connectors", tag = "integrations", responses(
    (status = 200, description = "By name", body = ConnectorsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_connectors(
    app: State<App>,
    caller: Caller,
) -> Result<Json<ConnectorsOut>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsRead)?;
    let own = store.own_connectors().await?;
    let own = own.into_iter().map(|own| own.manifest);
    let all = connectors(&app.config).cloned().chain(own);
    Ok(Json(ConnectorsOut::of(all)))
}

/// One connector's whole manifest.
#[utoipa::path(get, path = "/v1/connectors/{name}", tag = "integrations", params(("name" = String, Path)), responses(
    (status = 200, description = "The manifest", body = Connector),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_connector(
    app: State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Connector>, ApiError> {
    let store = caller.authorize(Permission::ConnectionsRead)?;
    match offered(&app.config, &name) {
        Some(built_in) => Ok(Json(built_in.clone())),
        None => Ok(Json(own(&store, &name).await?.ok_or(ApiError::NotFound)?)),
    }
}

/// Makes a connector of the tenant's own. Its name begins with `x-`. It is never changed: make another one.
#[utoipa::path(post, path = "/v1/connectors", tag = "integrations", request_body = Connector, responses(
    (status = 201, description = "The manifest", body = Connector),
    (status = 409, description = "There is one of this name, or there are 50", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_connector(
    app: State<App>,
    caller: Caller,
    Body(manifest): Body<Connector>,
) -> Result<(StatusCode, Json<Connector>), ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    check_manifest(&app.egress, &manifest)?;
    let made = store.create_connector(manifest).await?;
    Ok((StatusCode::CREATED, Json(made.value.manifest)))
}

/// Removes a connector of the tenant's own. Connections that were made with it keep its manifest and go on.
#[utoipa::path(delete, path = "/v1/connectors/{name}", tag = "integrations", params(("name" = String, Path)), responses(
    (status = 204, description = "It is gone"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete_connector(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::ConnectionsWrite)?;
    if !name.starts_with(OWN_PREFIX) {
        return Err(ApiError::NotFound);
    }
    store
        .delete_connector(store.own_connector(&name).await?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The tenant's connector of this name.
pub(crate) async fn own(store: &TenantStore, name: &str) -> Result<Option<Connector>, ApiError> {
    if !name.starts_with(OWN_PREFIX) {
        return Ok(None);
    }
    match store.own_connector(name).await {
        Ok(own) => Ok(Some(own.value.manifest)),
        Err(shared::store::StoreError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
