//! Destinations: where the tenant's events are sent on to, and how that is signed.

use axum::{Json, extract::State, http::StatusCode};
use jiff::SignedDuration;
use shared::{
    App,
    access::{Caller, Permission},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged},
    id::DestinationId,
    outbound::{CustomHeaders, NewKey, send_test},
    problem::{ApiError, Problem},
    store::{Destination, DestinationHealth, DestinationPatch, NewDestination, Page, Versioned},
};

use crate::views::{
    DestinationCreatedOut, DestinationIn, DestinationOut, DestinationPatchIn, KeyRotationIn,
    TestOut,
};

/// The tenant's destinations, in the order of their making.
#[utoipa::path(get, path = "/v1/destinations", tag = "integrations", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<DestinationOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_destinations(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<DestinationOut>>, ApiError> {
    let store = caller.authorize(Permission::DestinationsRead)?;
    let destinations = store.destinations(&query.page()?).await?;
    Ok(Json(destinations.map(|destination| {
        DestinationOut::new(destination, caller.now())
    })))
}

/// Makes a destination. Its secret is shown in this answer only; an Ed25519 destination has a public key
/// instead, which can always be read.
#[utoipa::path(post, path = "/v1/destinations", tag = "integrations", request_body = DestinationIn, responses(
    (status = 201, description = "The destination and its secret", body = DestinationCreatedOut),
    (status = 409, description = "There are 50 destinations already", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_destination(
    app: State<App>,
    caller: Caller,
    Body(new): Body<DestinationIn>,
) -> Result<(StatusCode, Tagged<DestinationCreatedOut>), ApiError> {
    let store = caller.authorize(Permission::DestinationsWrite)?;
    check_url(&app, &new.url)?;
    let key = NewKey::make(new.signing.unwrap_or_default(), new.secret.as_ref())?;
    let secret = key.shown_secret();
    let new = NewDestination {
        name: new.name,
        url: new.url,
        enabled: new.enabled.unwrap_or(true),
        event_types: new.event_types.unwrap_or_default().0,
        endpoint_ids: new.endpoint_ids.unwrap_or_default(),
        headers: CustomHeaders::new(new.headers.unwrap_or_default())?,
        key,
    };
    let destination = store.create_destination(new).await?;
    Ok((
        StatusCode::CREATED,
        with_secret(destination, secret, &caller),
    ))
}

/// One destination.
#[utoipa::path(get, path = "/v1/destinations/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The destination", body = DestinationOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_destination(
    caller: Caller,
    Path(id): Path<DestinationId>,
) -> Result<Tagged<DestinationOut>, ApiError> {
    let store = caller.authorize(Permission::DestinationsRead)?;
    Ok(tagged(store.destination(id).await?, &caller))
}

/// How the destination fares: whether its last attempts failed, and since when.
#[utoipa::path(get, path = "/v1/destinations/{id}/health", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "Its health", body = DestinationHealth),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_destination_health(
    caller: Caller,
    Path(id): Path<DestinationId>,
) -> Result<Json<DestinationHealth>, ApiError> {
    let store = caller.authorize(Permission::DestinationsRead)?;
    Ok(Json(store.destination_health(id).await?))
}

/// Changes the given fields.
#[utoipa::path(patch, path = "/v1/destinations/{id}", tag = "integrations", request_body = DestinationPatchIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The destination as it is now", body = DestinationOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn update_destination(
    app: State<App>,
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<DestinationId>,
    Body(patch): Body<DestinationPatchIn>,
) -> Result<Tagged<DestinationOut>, ApiError> {
    let store = caller.authorize(Permission::DestinationsWrite)?;
    let current = seen.check(store.destination(id).await?)?;
    if let Some(url) = &patch.url {
        check_url(&app, url)?;
    }
    let headers = patch.headers.map(Option::unwrap_or_default);
    let patch = DestinationPatch {
        name: patch.name,
        url: patch.url,
        enabled: patch.enabled,
        event_types: patch.event_types.map(|types| types.unwrap_or_default().0),
        endpoint_ids: patch.endpoint_ids.map(Option::unwrap_or_default),
        headers: headers.map(CustomHeaders::new).transpose()?,
    };
    Ok(tagged(
        store.update_destination(current, patch).await?,
        &caller,
    ))
}

/// Puts a new key in front; the present ones sign beside it until the overlap ends. A new secret is shown
/// in this answer only.
#[utoipa::path(post, path = "/v1/destinations/{id}:rotate-secret", tag = "integrations", request_body = KeyRotationIn,
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on"),
    ),
    responses(
        (status = 200, description = "The destination and its new secret", body = DestinationCreatedOut),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rotate_destination_secret(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<DestinationId>,
    Body(rotation): Body<KeyRotationIn>,
) -> Result<Tagged<DestinationCreatedOut>, ApiError> {
    let store = caller.authorize(Permission::DestinationsWrite)?;
    let current = seen.check(store.destination(id).await?)?;
    let present = current.value.keys.first().map(|key| key.kind);
    let kind = rotation.signing.or(present).unwrap_or_default();
    let key = NewKey::make(kind, rotation.secret.as_ref())?;
    let secret = key.shown_secret();
    let overlap = SignedDuration::from_hours(i64::from(rotation.overlap_hours));
    let destination = store.rotate_destination_key(current, key, overlap).await?;
    Ok(with_secret(destination, secret, &caller))
}

/// Sends a signed `portico.test` event now and answers what came of it. It is not a delivery: nothing is
/// kept and nothing repeated.
#[utoipa::path(post, path = "/v1/destinations/{id}:test", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "What the destination answered", body = TestOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn test_destination(
    app: State<App>,
    caller: Caller,
    Path(id): Path<DestinationId>,
) -> Result<Json<TestOut>, ApiError> {
    let store = caller.authorize(Permission::DestinationsWrite)?;
    let destination = store.destination(id).await?.value;
    let sent = send_test(&app, &store, &destination).await?;
    Ok(Json(sent.into()))
}

/// Removes the destination.
#[utoipa::path(delete, path = "/v1/destinations/{id}", tag = "integrations",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_destination(
    caller: Caller,
    seen: IfMatch,
    Path(id): Path<DestinationId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::DestinationsWrite)?;
    let current = seen.check(store.destination(id).await?)?;
    store.delete_destination(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// As far as the URL says itself; its addresses are checked with each call.
fn check_url(app: &App, url: &str) -> Result<(), ApiError> {
    app.egress
        .check(url)
        .map_err(|error| ApiError::invalid("/url", error))
}

fn tagged(destination: Versioned<Destination>, caller: &Caller) -> Tagged<DestinationOut> {
    Tagged(Versioned {
        version: destination.version,
        value: DestinationOut::new(destination.value, caller.now()),
    })
}

fn with_secret(
    destination: Versioned<Destination>,
    secret: Option<String>,
    caller: &Caller,
) -> Tagged<DestinationCreatedOut> {
    Tagged(Versioned {
        version: destination.version,
        value: DestinationCreatedOut {
            destination: DestinationOut::new(destination.value, caller.now()),
            secret,
        },
    })
}
