//! Connectors: the vendors whose APIs Portico knows.

use axum::{Json, extract::State};
use shared::{
    App,
    access::{Caller, Permission},
    http::Path,
    problem::{ApiError, Problem},
    vendor::{Connector, connectors, offered},
};

use crate::views::ConnectorsOut;

/// All connectors.
#[utoipa::path(get, path = "/v1/connectors", tag = "integrations", responses(
    (status = 200, description = "By name", body = ConnectorsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_connectors(
    app: State<App>,
    caller: Caller,
) -> Result<Json<ConnectorsOut>, ApiError> {
    caller.authorize(Permission::ConnectionsRead)?;
    Ok(Json(ConnectorsOut::of(connectors(&app.config))))
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
) -> Result<Json<&'static Connector>, ApiError> {
    caller.authorize(Permission::ConnectionsRead)?;
    offered(&app.config, &name)
        .map(Json)
        .ok_or(ApiError::NotFound)
}
