//! Deliveries: what was sent to which destination, what it answered, and another round.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::{
    App,
    access::{Caller, Permission},
    bulk,
    http::{Body, Path, Query},
    id::DeliveryId,
    problem::{ApiError, Problem},
    queue::send_deliveries,
    store::{DeliveryState, JobKind, Page, PageRequest},
};

use crate::{
    jobs,
    views::{
        BulkRetryIn, DeliveryDetailOut, DeliveryOut, DeliveryQuery, DryRunOut, JobOut, MAX_COUNT,
        RetryOut,
    },
};

/// Deliveries, those of the latest event first, without their attempts.
#[utoipa::path(get, path = "/v1/deliveries", tag = "integrations", params(DeliveryQuery), responses(
    (status = 200, description = "One page", body = Page<DeliveryOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_deliveries(
    caller: Caller,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<DeliveryOut>>, ApiError> {
    let store = caller.authorize(Permission::DeliveriesRead)?;
    let page = PageRequest::new(query.limit, query.cursor.clone())?;
    let deliveries = store.deliveries(query.filter(), &page).await?;
    Ok(Json(deliveries.map(DeliveryOut::from)))
}

/// One delivery with its attempts.
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The delivery", body = DeliveryDetailOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_delivery(
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<Json<DeliveryDetailOut>, ApiError> {
    let store = caller.authorize(Permission::DeliveriesRead)?;
    Ok(Json(store.delivery(id).await?.into()))
}

/// Starts another round of attempts now, whatever the delivery's state. Receivers know a repetition by its
/// `webhook-id`.
#[utoipa::path(post, path = "/v1/deliveries/{id}:retry", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 202, description = "Pending", body = RetryOut),
    (status = 409, description = "An attempt is under way, or the destination is disabled", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn retry_delivery(
    app: State<App>,
    caller: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<(StatusCode, Json<RetryOut>), ApiError> {
    let store = caller.authorize(Permission::DeliveriesRetry)?;
    let delivery = store.delivery(id).await?;
    store.check_is_enabled(delivery.destination_id).await?;
    // State first, message second: a lost send leaves the delivery `pending`, from where it can be retried
    // again.
    let job = store.commit(store.retry_delivery(&delivery)?).await?;
    send_deliveries(&app, vec![(job, std::time::Duration::ZERO)])
        .await
        .map_err(ApiError::Unavailable)?;
    let state = DeliveryState::Pending;
    Ok((StatusCode::ACCEPTED, Json(RetryOut { id, state })))
}

/// Starts another round of attempts for the matching deliveries, as a bulk job; `dry_run` counts them.
///
/// The window is fixed when the job is made. A delivery whose destination is disabled or gone is skipped,
/// and so is one that an attempt is under way for or that changes before the job comes to it.
#[utoipa::path(post, path = "/v1/deliveries:retry", tag = "integrations", request_body = BulkRetryIn, responses(
    (status = 200, description = "A dry run: how many deliveries match", body = DryRunOut),
    (status = 202, description = "The job, and where it is", body = JobOut),
    (status = 409, description = "Too many jobs are unfinished, or the destination is disabled", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn retry_deliveries(
    app: State<App>,
    caller: Caller,
    Body(ask): Body<BulkRetryIn>,
) -> Result<Response, ApiError> {
    caller.authorize(Permission::DeliveriesRetry)?;
    let store = caller.authorize(Permission::JobsWrite)?;
    let is_dry_run = ask.dry_run;
    let retry = ask.retry(caller.now())?;
    let count = DryRunOut::of(
        store.count_deliveries(&retry.filter, MAX_COUNT).await?,
        retry.max,
    );
    if is_dry_run {
        return Ok(Json(count).into_response());
    }
    if let Some(destination) = retry.filter.destination {
        store.check_is_enabled(destination).await?;
    }
    let kind = JobKind::RetryDeliveries(retry);
    let job = bulk::start(&app, &store, kind, count.total()).await?;
    Ok(jobs::started(job).into_response())
}
