//! Received events: what came, what became of it, and another try.

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
    id::EventId,
    problem::{ApiError, Problem},
    queue::send_replay,
    store::{JobKind, Page, PageRequest, StoreError},
    webhook::{Beside, delivered, story},
};

use crate::{
    jobs,
    views::{
        BulkReplayIn, DryRunOut, EventDetailOut, EventOut, EventQuery, JobOut, LedgerOut,
        LedgerQuery, MAX_COUNT, ReplayOut, StoryOut,
    },
};

/// Events, latest first, without payloads.
#[utoipa::path(get, path = "/v1/events", tag = "integrations", params(EventQuery), responses(
    (status = 200, description = "One page", body = Page<EventOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_events(
    caller: Caller,
    Query(query): Query<EventQuery>,
) -> Result<Json<Page<EventOut>>, ApiError> {
    let store = caller.authorize(Permission::EventsRead)?;
    let page = PageRequest::new(query.limit, query.cursor.clone())?;
    let events = store.events(query.filter(), &page).await?;
    Ok(Json(events.map(EventOut::from)))
}

/// One event with its attempts and payload.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The event", body = EventDetailOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_event(
    caller: Caller,
    Path(id): Path<EventId>,
) -> Result<Json<EventDetailOut>, ApiError> {
    let store = caller.authorize(Permission::EventsRead)?;
    let (event, payload) = store.event(id).await?;
    Ok(Json(EventDetailOut::new(event, payload)))
}

/// What arrived in a span of time, by endpoint and state; by default in the last 24 hours. The books balance:
/// `accepted` is the sum of the states. An event is in them once a worker has first seen it, and an answer
/// reads at most about 20,000 events: `counted_until` says where to go on.
#[utoipa::path(get, path = "/v1/events/ledger", tag = "integrations", params(LedgerQuery), responses(
    (status = 200, description = "The ledger", body = LedgerOut),
    (status = 422, description = "An empty span", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_ledger(
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerOut>, ApiError> {
    let store = caller.authorize(Permission::EventsRead)?;
    let (since, until) = query.span(caller.now())?;
    let ledger = store.event_ledger(since, until).await?;
    Ok(Json(LedgerOut::new(since, until, ledger)))
}

/// The event's whole story in order: received, verified, deduplicated, each attempt and replay, where it
/// stands and why, and what happens next.
#[utoipa::path(get, path = "/v1/events/{id}/explain", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 200, description = "The story", body = StoryOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn explain_event(
    caller: Caller,
    Path(id): Path<EventId>,
) -> Result<Json<StoryOut>, ApiError> {
    let store = caller.authorize(Permission::EventsRead)?;
    let (event, _) = store.event(id).await?;
    let endpoint = match store.endpoint(event.endpoint_id).await {
        Ok(endpoint) => Some(endpoint.value),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    // A custom role may see events and not where they go.
    let deliveries = match caller.authorize(Permission::DeliveriesRead) {
        Ok(store) => store.deliveries_of(&event).await?,
        Err(_) => Vec::new(),
    };
    let beside = Beside {
        endpoint: endpoint.as_ref(),
        deliveries: deliveries.iter().map(delivered).collect(),
    };
    let steps = story(&event, beside);
    Ok(Json(StoryOut {
        id,
        state: event.state,
        steps,
    }))
}

/// Sends the event through the worker once more.
#[utoipa::path(post, path = "/v1/events/{id}:replay", tag = "integrations", params(("id" = String, Path)), responses(
    (status = 202, description = "Queued", body = ReplayOut),
    (status = 409, description = "It is still being processed", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn replay_event(
    app: State<App>,
    caller: Caller,
    Path(id): Path<EventId>,
) -> Result<(StatusCode, Json<ReplayOut>), ApiError> {
    let store = caller.authorize(Permission::EventsReplay)?;
    let (event, _) = store.event(id).await?;
    // State first, message second: a lost send leaves the event `queued`, from where it can be
    // replayed again.
    let event = store.commit(store.replay_event(&event)?).await?;
    send_replay(&app, caller.tenant(), event).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(ReplayOut {
            id,
            state: shared::store::EventState::Queued,
        }),
    ))
}

/// Sends the matching events through the worker once more, as a bulk job; `dry_run` counts them.
///
/// The window is fixed when the job is made: an event that arrives later is not part of it. Events that
/// are being retried are skipped, and so is an event that changes before the job comes to it.
#[utoipa::path(post, path = "/v1/events:replay", tag = "integrations", request_body = BulkReplayIn, responses(
    (status = 200, description = "A dry run: how many events match", body = DryRunOut),
    (status = 202, description = "The job, and where it is", body = JobOut),
    (status = 409, description = "Too many jobs are unfinished", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn replay_events(
    app: State<App>,
    caller: Caller,
    Body(ask): Body<BulkReplayIn>,
) -> Result<Response, ApiError> {
    caller.authorize(Permission::EventsReplay)?;
    let store = caller.authorize(Permission::JobsWrite)?;
    let is_dry_run = ask.dry_run;
    let replay = ask.replay(caller.now())?;
    let count = DryRunOut::of(
        store.count_events(&replay.filter, MAX_COUNT).await?,
        replay.max,
    );
    if is_dry_run {
        return Ok(Json(count).into_response());
    }
    let kind = JobKind::ReplayEvents(replay);
    let job = bulk::start(&app, &store, kind, count.total()).await?;
    Ok(jobs::started(job).into_response())
}
