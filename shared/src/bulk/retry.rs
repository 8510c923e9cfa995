//! Retrying the deliveries that a filter matches. A delivery is retried at most once by one job: its round
//! is part of the plan, and a retry counts it up.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::{
    app::App,
    bulk::{Done, Skip, pace},
    id::DeliveryId,
    queue::{DeliveryJob, send_deliveries},
    store::{
        BulkJob, Conflict, Delivery, DeliveryState, Outlets, Plan, Planned, RetryDeliveries,
        StoreError, TenantStore,
    },
};

/// Transactions under way at a time.
const SIDE_BY_SIDE: usize = 10;

/// What a delivery needs, so that the job has retried it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Retry,
    /// It is retried and waits; its message may have been lost.
    Send,
    /// It is retried, and a worker has taken it up since.
    Nothing,
    Skip(Skip),
}

pub(super) async fn plan(
    store: &TenantStore,
    retry: &RetryDeliveries,
    job: &BulkJob,
) -> anyhow::Result<Plan> {
    let left = retry.max.map(|max| max.saturating_sub(job.progress.done));
    let left = left.and_then(|left| usize::try_from(left).ok());
    let len = pace::page_len(retry.pace_per_s).min(left.unwrap_or(usize::MAX));
    let found = store
        .select_deliveries(&retry.filter, job.cursor.as_deref(), len)
        .await?;
    let rows = store.deliveries_by_id(&found.deliveries).await?;
    let life = |id| {
        let row = rows.get(id).and_then(Option::as_ref);
        row.map_or(0, |delivery| delivery.round)
    };
    Ok(Plan {
        items: found
            .deliveries
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

/// State first, message second: each delivery's own transaction, then the messages, spread over the time
/// that the page covers. Those of deliveries that an earlier run has retried are sent again.
pub(super) async fn work(
    app: &App,
    store: &TenantStore,
    retry: &RetryDeliveries,
    plan: &Plan,
) -> anyhow::Result<Vec<Done>> {
    let mut ids = Vec::with_capacity(plan.items.len());
    for item in &plan.items {
        ids.push((item.id.parse::<DeliveryId>()?, item.life));
    }
    let wanted: Vec<DeliveryId> = ids.iter().map(|(id, _)| *id).collect();
    let page = Page {
        store,
        outlets: &store.outlets().await?,
        wanted: retry.filter.state,
        now: app.clock.now(),
    };
    let rows = &store.deliveries_by_id(&wanted).await?;
    let runs = ids.into_iter().map(|(id, life)| page.one(rows, id, life));
    let runs: Vec<_> = stream::iter(runs).buffered(SIDE_BY_SIDE).collect().await;
    let mut outcomes = Vec::with_capacity(runs.len());
    let mut messages = Vec::new();
    let mut failed = None;
    for run in runs {
        match run {
            Ok((done, message)) => {
                let before = outcomes.iter().filter(|done| **done == Done::Now).count();
                let at = pace::offset(before, retry.pace_per_s);
                messages.extend(message.map(|message| (message, at)));
                outcomes.push(done);
            }
            Err(error) => failed = Some(error),
        }
    }
    // Before the failure is told: what is retried gets its message even if the job ends here.
    send_deliveries(app, messages).await?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(outcomes),
    }
}

type Rows = HashMap<DeliveryId, Option<Delivery>>;

/// How it went, and the message that is due.
type Outcome = Result<(Done, Option<DeliveryJob>), StoreError>;

struct Page<'a> {
    store: &'a TenantStore,
    outlets: &'a Outlets,
    wanted: Option<DeliveryState>,
    now: Timestamp,
}

impl Page<'_> {
    async fn one(&self, rows: &Rows, id: DeliveryId, life: u64) -> Outcome {
        match self.attempt(rows, id, life).await {
            // The row moved on, or the answer of the write got lost: the row says which.
            Err(StoreError::Conflict {
                conflict: Conflict::DeliveryInProgress,
                ..
            }) => {
                let rows = self.store.deliveries_by_id(&[id]).await?;
                match self.attempt(&rows, id, life).await {
                    Err(StoreError::Conflict { .. }) => Ok((Done::Skipped(Skip::InProgress), None)),
                    outcome => outcome,
                }
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, rows: &Rows, id: DeliveryId, life: u64) -> Outcome {
        let delivery = match rows.get(&id) {
            Some(Some(delivery)) => delivery,
            Some(None) => return Ok((Done::Unreadable, None)),
            None => return Ok((Done::Skipped(Skip::Gone), None)),
        };
        let destination = self.outlets.find(delivery.destination_id);
        // What cannot be sent stays as it is: a retry would only put another reason in its place.
        let is_on = destination.is_some_and(|destination| destination.enabled);
        match step(delivery, self.wanted, life, self.now) {
            Step::Skip(reason) => Ok((Done::Skipped(reason), None)),
            Step::Nothing => Ok((Done::Now, None)),
            Step::Send => Ok((Done::Now, Some(self.store.first_job(delivery)))),
            Step::Retry if !is_on => Ok((Done::Skipped(Skip::NotEligible), None)),
            Step::Retry => {
                let change = self.store.retry_delivery(delivery)?;
                Ok((Done::Now, Some(self.store.commit(change).await?)))
            }
        }
    }
}

/// Decides by the row alone, so that a page that runs again finds what is left to do.
fn step(delivery: &Delivery, wanted: Option<DeliveryState>, life: u64, now: Timestamp) -> Step {
    if delivery.round > life {
        return match delivery.is_untried() {
            true => Step::Send,
            false => Step::Nothing,
        };
    }
    if delivery.claimed_until_ms > now.as_millisecond() {
        return Step::Skip(Skip::InProgress);
    }
    match wanted {
        Some(wanted) if wanted != delivery.state => Step::Skip(Skip::Changed),
        Some(_) | None => Step::Retry,
    }
}

#[cfg(test)]
mod tests;
