//! Webhook endpoints: where vendors send to, and how their requests are verified.

use axum::{Json, http::StatusCode};
use shared::{
    access::{Caller, Origin, Permission},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    id::EndpointId,
    problem::{ApiError, Problem},
    store::{Endpoint, EndpointPatch, NewEndpoint, Page, Versioned},
    webhook::{check_secrets, new_secret, presets},
};

use crate::views::{
    EndpointCreatedOut, EndpointIn, EndpointOut, EndpointPatchIn, SchemeOut, SchemesOut,
};

/// The tenant's endpoints, in the order of their making.
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "integrations", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<EndpointOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_endpoints(
    caller: Caller,
    origin: Origin,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<EndpointOut>>, ApiError> {
    let store = caller.authorize(Permission::EndpointsRead)?;
    let endpoints = store.endpoints(&query.page()?).await?;
    Ok(Json(
        endpoints.map(|endpoint| EndpointOut::new(endpoint, &origin)),
    ))
}

/// Makes an endpoint. Without a secret one is made; it is shown in this answer only.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = "integrations", request_body = EndpointIn, responses(
    (status = 201, description = "The endpoint, its URL and its secret", body = EndpointCreatedOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_endpoint(
    caller: Caller,
    origin: Origin,
    Body(new): Body<EndpointIn>,
) -> Result<(StatusCode, Tagged<EndpointCreatedOut>), ApiError> {
    let store = caller.authorize(Permission::EndpointsWrite)?;
    let scheme = presets::find(&new.scheme).ok_or_else(unknown_scheme)?;
    let mut secrets: Vec<_> = new
        .secret
        .into_iter()
        .chain(new.secrets.unwrap_or_default())
        .collect();
    if secrets.is_empty() {
        secrets.push(new_secret(scheme)?);
    }
    check_secrets(scheme, &secrets)?;
    let shown = secrets
        .first()
        .map(|secret| secret.expose().clone())
        .unwrap_or_default();
    let new = NewEndpoint {
        name: new.name,
        scheme: new.scheme,
        secrets,
    };
    let endpoint = store.create_endpoint(new).await?;
    let value = EndpointCreatedOut {
        endpoint: EndpointOut::new(endpoint.value, &origin),
        secret: shown,
    };
    Ok((
        StatusCode::CREATED,
        Tagged(Versioned {
            version: endpoint.version,
            value,
        }),
    ))
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The endpoint", body = EndpointOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_endpoint(
    caller: Caller,
    origin: Origin,
    Path(id): Path<EndpointId>,
) -> Result<Tagged<EndpointOut>, ApiError> {
    let store = caller.authorize(Permission::EndpointsRead)?;
    Ok(tagged(store.endpoint(id).await?, &origin))
}

/// Changes the given fields; receivers follow within ten seconds.
#[utoipa::path(patch, path = "/v1/webhook-endpoints/{id}", tag = "integrations", request_body = EndpointPatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_endpoint(
    caller: Caller,
    origin: Origin,
    seen: IfMatch,
    Path(id): Path<EndpointId>,
    Body(patch): Body<EndpointPatchIn>,
) -> Result<Tagged<EndpointOut>, ApiError> {
    let store = caller.authorize(Permission::EndpointsWrite)?;
    let current = seen.check(store.endpoint(id).await?)?;
    let secrets = match (patch.secret, patch.secrets) {
        (None, None) => None,
        (first, more) => Some(
            first
                .into_iter()
                .chain(more.unwrap_or_default())
                .collect::<Vec<_>>(),
        ),
    };
    if let Some(secrets) = &secrets {
        let scheme = presets::find(&current.value.scheme).ok_or_else(unknown_scheme)?;
        check_secrets(scheme, secrets)?;
    }
    let patch = EndpointPatch {
        name: patch.name,
        enabled: patch.enabled,
        secrets,
    };
    Ok(tagged(
        store.update_endpoint(current, patch).await?,
        &origin,
    ))
}

/// Removes the endpoint; its events stay. Receivers follow within ten seconds.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{id}", tag = "integrations",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_endpoint(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<EndpointId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::EndpointsWrite)?;
    let current = seen.check(store.endpoint(id).await?)?;
    store.delete_endpoint(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The vendors' ways of signing that an endpoint can have.
#[utoipa::path(get, path = "/v1/webhook-schemes", tag = "integrations", responses(
    (status = 200, description = "All schemes", body = SchemesOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_schemes(caller: Caller) -> Result<Json<SchemesOut>, ApiError> {
    caller.authorize(Permission::EndpointsRead)?;
    Ok(Json(SchemesOut {
        data: presets::all().map(SchemeOut::from).collect(),
    }))
}

fn unknown_scheme() -> ApiError {
    let names: Vec<&str> = presets::all().map(|scheme| scheme.name.as_ref()).collect();
    ApiError::invalid("/scheme", format!("must be one of {}", names.join(", ")))
}

fn tagged(endpoint: Versioned<Endpoint>, origin: &Origin) -> Tagged<EndpointOut> {
    Tagged(Versioned {
        version: endpoint.version,
        value: EndpointOut::new(endpoint.value, origin),
    })
}
