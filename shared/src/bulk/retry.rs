//! Retrying the deliveries that a filter matches. A delivery is retried at most once by one job: its round
//! is part of the plan, and a retry counts it up.

use jiff::Timestamp;

use crate::{
    app::App,
    bulk::{
        Done, Skip,
        page::{self, Outcome, Ran},
    },
    id::DeliveryId,
    queue::{DeliveryJob, send_deliveries},
    store::{
        BulkJob, Conflict, Delivery, DeliveryState, Outlets, Plan, RetryDeliveries, Rows,
        StoreError, TenantStore,
    },
};

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
    let found = store
        .select_deliveries(&retry.filter, job.cursor.as_deref(), page::len(job))
        .await?;
    let rows = store.deliveries_by_id(&found.ids).await?;
    Ok(page::plan(found, &rows, |delivery| delivery.round))
}

/// State first, message second: each delivery's own transaction, then the messages, spread over the time
/// that the page covers. Those of deliveries that an earlier run has retried are sent again.
pub(super) async fn work(
    app: &App,
    store: &TenantStore,
    retry: &RetryDeliveries,
    plan: &Plan,
) -> anyhow::Result<Vec<Done>> {
    let items = page::items::<DeliveryId>(plan)?;
    let ids: Vec<DeliveryId> = items.iter().map(|(id, _)| *id).collect();
    let page = Page {
        store,
        outlets: &store.outlets().await?,
        wanted: retry.filter.state,
        now: app.clock.now(),
    };
    let rows = &store.deliveries_by_id(&ids).await?;
    let runs = items.into_iter().map(|(id, life)| page.one(rows, id, life));
    let mut ran = Ran::of(runs, retry.pace_per_s).await;
    send_deliveries(app, std::mem::take(&mut ran.messages)).await?;
    ran.outcomes()
}

struct Page<'a> {
    store: &'a TenantStore,
    outlets: &'a Outlets,
    wanted: Option<DeliveryState>,
    now: Timestamp,
}

impl Page<'_> {
    async fn one(
        &self,
        rows: &Rows<DeliveryId, Delivery>,
        id: DeliveryId,
        life: u64,
    ) -> Outcome<DeliveryJob> {
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

    async fn attempt(
        &self,
        rows: &Rows<DeliveryId, Delivery>,
        id: DeliveryId,
        life: u64,
    ) -> Outcome<DeliveryJob> {
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
