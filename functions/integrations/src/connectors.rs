//! Connectors: the vendors whose APIs Portico knows.

use axum::Json;
use shared::{
    access::{Caller, Permission},
    http::Path,
    problem::{ApiError, Problem},
    vendor::{Connector, connector, connectors},
};

use crate::views::ConnectorsOut;

/// All connectors.
#[utoipa::path(get, path = "/v1/connectors", tag = "integrations", responses(
    (status = 200, description = "By name", body = ConnectorsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_connectors(caller: Caller) -> Result<Json<ConnectorsOut>, ApiError> {
    caller.authorize(Permission::ConnectionsRead)?;
    Ok(Json(ConnectorsOut::of(connectors())))
}

/// One connector's whole manifest.
#[utoipa::path(get, path = "/v1/connectors/{name}", tag = "integrations", params(("name" = String, Path)), responses(
    (status = 200, description = "The manifest", body = Connector),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_connector(
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<&'static Connector>, ApiError> {
    caller.authorize(Permission::ConnectionsRead)?;
    connector(&name).map(Json).ok_or(ApiError::NotFound)
}
