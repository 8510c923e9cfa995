//! Received events: what came, what became of it, and another try.

use axum::{Json, extract::State, http::StatusCode};
use shared::{
    App,
    access::{Caller, Permission},
    http::{Path, Query},
    id::EventId,
    problem::{ApiError, Problem},
    queue::send_replay,
    store::{Page, PageRequest},
};

use crate::views::{EventDetailOut, EventOut, EventQuery, ReplayOut};

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
