//! Replaying the events that a filter matches. An event is replayed at most once by one job: its
//! generation is part of the plan, and a replay counts it up.

use crate::{
    app::App,
    bulk::{
        Done, Skip,
        page::{self, Outcome, Ran},
    },
    id::EventId,
    queue::{EventRef, send_replays},
    store::{
        BulkJob, Conflict, Event, EventState, Plan, ReplayEvents, Rows, StoreError, TenantStore,
    },
};

/// What an event needs, so that the job has replayed it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Replay,
    /// It is replayed and waits; its message may have been lost.
    Send,
    /// It is replayed, and a worker has taken it up since.
    Nothing,
    Skip(Skip),
}

pub(super) async fn plan(
    store: &TenantStore,
    replay: &ReplayEvents,
    job: &BulkJob,
) -> anyhow::Result<Plan> {
    let found = store
        .select_events(&replay.filter, job.cursor.as_deref(), page::len(job))
        .await?;
    let rows = store.events_by_id(&found.ids).await?;
    Ok(page::plan(found, &rows, |event| event.generation))
}

/// State first, message second: each event's own transaction, then the messages, spread over the time
/// that the page covers. Those of events that an earlier run has replayed are sent again.
pub(super) async fn work(
    app: &App,
    store: &TenantStore,
    replay: &ReplayEvents,
    plan: &Plan,
) -> anyhow::Result<Vec<Done>> {
    let items = page::items::<EventId>(plan)?;
    let ids: Vec<EventId> = items.iter().map(|(id, _)| *id).collect();
    let rows = &store.events_by_id(&ids).await?;
    let runs = items
        .into_iter()
        .map(|(id, life)| replay_one(store, replay.filter.state, rows, id, life));
    let mut ran = Ran::of(runs, replay.pace_per_s).await;
    send_replays(app, store.tenant_id(), std::mem::take(&mut ran.messages)).await?;
    ran.outcomes()
}

async fn replay_one(
    store: &TenantStore,
    wanted: Option<EventState>,
    rows: &Rows<EventId, Event>,
    id: EventId,
    life: u64,
) -> Outcome<EventRef> {
    match try_replay(store, wanted, rows, id, life).await {
        // The row moved on, or the answer of the write got lost: the row says which.
        Err(StoreError::Conflict {
            conflict: Conflict::Version,
            ..
        }) => {
            let rows = store.events_by_id(&[id]).await?;
            match try_replay(store, wanted, &rows, id, life).await {
                Err(StoreError::Conflict { .. }) => Ok((Done::Skipped(Skip::InProgress), None)),
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

async fn try_replay(
    store: &TenantStore,
    wanted: Option<EventState>,
    rows: &Rows<EventId, Event>,
    id: EventId,
    life: u64,
) -> Outcome<EventRef> {
    let event = match rows.get(&id) {
        Some(Some(event)) => event,
        Some(None) => return Ok((Done::Unreadable, None)),
        None => return Ok((Done::Skipped(Skip::Gone), None)),
    };
    match step(event, wanted, life) {
        Step::Skip(reason) => Ok((Done::Skipped(reason), None)),
        Step::Nothing => Ok((Done::Now, None)),
        Step::Send => Ok((Done::Now, Some(store.queued_event(event)))),
        Step::Replay => match store.replay_event(event) {
            Ok(change) => Ok((Done::Now, Some(store.commit(change).await?))),
            Err(StoreError::Conflict { .. }) => Ok((Done::Skipped(Skip::NotEligible), None)),
            Err(error) => Err(error),
        },
    }
}

/// Decides by the row alone, so that a page that runs again finds what is left to do.
fn step(event: &Event, wanted: Option<EventState>, life: u64) -> Step {
    if event.generation > life {
        return match event.state {
            EventState::Queued => Step::Send,
            EventState::Processed
            | EventState::Retrying
            | EventState::Dead
            | EventState::Ignored => Step::Nothing,
        };
    }
    match event.state {
        EventState::Retrying => Step::Skip(Skip::InProgress),
        state if wanted.is_some_and(|wanted| wanted != state) => Step::Skip(Skip::Changed),
        EventState::Queued | EventState::Processed | EventState::Dead | EventState::Ignored => {
            Step::Replay
        }
    }
}

#[cfg(test)]
mod tests;
