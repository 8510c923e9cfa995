//! Webhook endpoints: where vendors send to, and how their requests are verified.

use axum::{Json, http::StatusCode};
use jiff::SignedDuration;
use shared::{
    access::{Caller, Origin, Permission},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    id::EndpointId,
    problem::{ApiError, Problem},
    store::{Endpoint, EndpointPatch, NewEndpoint, Page, Versioned},
    webhook::{
        AllowList, check_secrets, check_unsigned, chosen_scheme, first_secrets, new_secret, presets,
    },
};

use crate::views::{
    EndpointCreatedOut, EndpointIn, EndpointOut, EndpointPatchIn, HandshakeOut, RejectionsOut,
    RotationIn, SchemeOut, SchemesOut,
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
    Ok(Json(endpoints.map(|endpoint| {
        EndpointOut::new(endpoint, &origin, caller.now())
    })))
}

/// Makes an endpoint. Without a secret one is made; it is shown in this answer only. Where the vendor
/// brings the secret, the endpoint waits for it and accepts nothing before.
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
    let scheme = chosen_scheme(&new.scheme, new.custom_scheme.as_deref())?;
    check_unsigned(&scheme, new.allow_unsigned)?;
    if let Some(ordering) = &new.ordering {
        ordering.check(&scheme)?;
    }
    let given = new
        .secret
        .into_iter()
        .chain(new.secrets.unwrap_or_default());
    let secrets = first_secrets(&scheme, given.collect())?;
    let shown = secrets.first().map(|secret| secret.expose().clone());
    let new = NewEndpoint {
        name: new.name,
        scheme: new.scheme,
        custom_scheme: new.custom_scheme,
        allow_unsigned: new.allow_unsigned,
        secrets,
        allowed_ips: new.allowed_ips.map(AllowList::new).unwrap_or_default(),
        rate_limit: new.rate_limit,
        retry: new.retry,
        destination_ids: new.destination_ids.unwrap_or_default(),
        event_types: new.event_types.unwrap_or_default().0,
        ordering: new.ordering,
    };
    let endpoint = store.create_endpoint(new).await?;
    Ok((
        StatusCode::CREATED,
        with_secret(endpoint, shown, &caller, &origin),
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
    Ok(tagged(store.endpoint(id).await?, &caller, &origin))
}

/// What the vendor's handshake needs: for whoever may change secrets.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}/handshake", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "What to enter at the vendor, and what the vendor has brought", body = HandshakeOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_endpoint_handshake(
    caller: Caller,
    Path(id): Path<EndpointId>,
) -> Result<Json<HandshakeOut>, ApiError> {
    let store = caller.authorize(Permission::EndpointsWrite)?;
    Ok(Json(store.endpoint_handshake(id).await?.into()))
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
    let scheme = current.value.scheme_data()?;
    if let Some(secrets) = &secrets {
        check_secrets(&scheme, secrets)?;
    }
    if patch.allow_unsigned == Some(true) {
        check_unsigned(&scheme, true)?;
    }
    if let Some(Some(ordering)) = &patch.ordering {
        ordering.check(&scheme)?;
    }
    let patch = EndpointPatch {
        name: patch.name,
        enabled: patch.enabled,
        allow_unsigned: patch.allow_unsigned,
        secrets,
        allowed_ips: patch
            .allowed_ips
            .map(|networks| networks.map(AllowList::new).unwrap_or_default()),
        rate_limit: patch.rate_limit,
        retry: patch.retry,
        destination_ids: patch.destination_ids.map(Option::unwrap_or_default),
        event_types: patch.event_types.map(|types| types.unwrap_or_default().0),
        ordering: patch.ordering,
    };
    Ok(tagged(
        store.update_endpoint(current, patch).await?,
        &caller,
        &origin,
    ))
}

/// Puts a new secret in front; the present ones stay good until the overlap ends. The new secret is
/// shown in this answer only. Receivers follow within ten seconds.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}:rotate-secret", tag = "integrations", request_body = RotationIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The endpoint and its new secret", body = EndpointCreatedOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rotate_endpoint_secret(
    caller: Caller,
    origin: Origin,
    seen: IfMatch,
    Path(id): Path<EndpointId>,
    Body(rotation): Body<RotationIn>,
) -> Result<Tagged<EndpointCreatedOut>, ApiError> {
    let store = caller.authorize(Permission::EndpointsWrite)?;
    let current = seen.check(store.endpoint(id).await?)?;
    let scheme = current.value.scheme_data()?;
    let secret = match rotation.secret {
        Some(secret) => secret,
        None => new_secret(&scheme)?,
    };
    check_secrets(&scheme, std::slice::from_ref(&secret))?;
    let overlap = SignedDuration::from_hours(i64::from(rotation.overlap_hours));
    let endpoint = store.rotate_secret(current, &secret, overlap).await?;
    Ok(with_secret(
        endpoint,
        Some(secret.expose().clone()),
        &caller,
        &origin,
    ))
}

/// The last requests that the endpoint refused, and precisely why. The senders were told none of it.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}/rejections", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "Latest first", body = RejectionsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_rejections(
    caller: Caller,
    Path(id): Path<EndpointId>,
) -> Result<Json<RejectionsOut>, ApiError> {
    let store = caller.authorize(Permission::EndpointsRead)?;
    store.endpoint(id).await?;
    Ok(Json(RejectionsOut::new(store.rejections(id).await?)))
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

fn tagged(endpoint: Versioned<Endpoint>, caller: &Caller, origin: &Origin) -> Tagged<EndpointOut> {
    Tagged(Versioned {
        version: endpoint.version,
        value: EndpointOut::new(endpoint.value, origin, caller.now()),
    })
}

fn with_secret(
    endpoint: Versioned<Endpoint>,
    secret: Option<String>,
    caller: &Caller,
    origin: &Origin,
) -> Tagged<EndpointCreatedOut> {
    Tagged(Versioned {
        version: endpoint.version,
        value: EndpointCreatedOut {
            endpoint: EndpointOut::new(endpoint.value, origin, caller.now()),
            secret,
        },
    })
}
