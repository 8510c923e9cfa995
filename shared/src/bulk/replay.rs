//! Replaying the events that a filter matches. An event is replayed at most once by one job: its
//! generation is part of the plan, and a replay counts it up.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};

use crate::{
    app::App,
    bulk::{Done, Skip, pace},
    id::EventId,
    queue::{EventRef, send_replays},
    store::{
        BulkJob, Conflict, Event, EventState, Plan, Planned, ReplayEvents, StoreError, TenantStore,
    },
};

/// Transactions under way at a time.
const SIDE_BY_SIDE: usize = 10;

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
    let left = replay.max.map(|max| max.saturating_sub(job.progress.done));
    let left = left.and_then(|left| usize::try_from(left).ok());
    let len = pace::page_len(replay.pace_per_s).min(left.unwrap_or(usize::MAX));
    let found = store
        .select_events(&replay.filter, job.cursor.as_deref(), len)
        .await?;
    let rows = store.events_by_id(&found.events).await?;
    let row = |id| rows.get(id).and_then(Option::as_ref);
    let life = |id| row(id).map_or(0, |event| event.generation);
    Ok(Plan {
        items: found
            .events
            .iter()
            .map(|id| Planned {
                id: id.to_string(),
                life: life(id),
            })
            .collect(),
        examined: found.examined,
        next: found.next,
    })
}

/// State first, message second: each event's own transaction, then the messages, spread over the time
/// that the page covers. Those of events that an earlier run has replayed are sent again.
pub(super) async fn work(
    app: &App,
    store: &TenantStore,
    replay: &ReplayEvents,
    plan: &Plan,
) -> anyhow::Result<Vec<Done>> {
    let mut ids = Vec::with_capacity(plan.items.len());
    for item in &plan.items {
        ids.push((item.id.parse::<EventId>()?, item.life));
    }
    let wanted: Vec<EventId> = ids.iter().map(|(id, _)| *id).collect();
    let rows = store.events_by_id(&wanted).await?;
    let rows = &rows;
    let runs = ids
        .into_iter()
        .map(|(id, life)| replay_one(store, replay.filter.state, rows, id, life));
    let runs: Vec<_> = stream::iter(runs).buffered(SIDE_BY_SIDE).collect().await;
    let mut outcomes = Vec::with_capacity(runs.len());
    let mut messages = Vec::new();
    let mut failed = None;
    for run in runs {
        match run {
            Ok((done, message)) => {
                let at = pace::offset(
                    outcomes.iter().filter(|done| **done == Done::Now).count(),
                    replay.pace_per_s,
                );
                messages.extend(message.map(|message| (message, at)));
                outcomes.push(done);
            }
            Err(error) => failed = Some(error),
        }
    }
    // Before the failure is told: what is replayed gets its message even if the job ends here.
    send_replays(app, store.tenant_id(), messages).await?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(outcomes),
    }
}

/// How it went, and the message that is due.
async fn replay_one(
    store: &TenantStore,
    wanted: Option<EventState>,
    rows: &HashMap<EventId, Option<Event>>,
    id: EventId,
    life: u64,
) -> Result<(Done, Option<EventRef>), StoreError> {
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
    rows: &HashMap<EventId, Option<Event>>,
    id: EventId,
    life: u64,
) -> Result<(Done, Option<EventRef>), StoreError> {
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
