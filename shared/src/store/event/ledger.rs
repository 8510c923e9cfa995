//! The books of a span of time: what was accepted, by endpoint and state. What receivers gave numbers to is
//! held against the rows that workers wrote, so that a loss shows. Counted when asked for: no event costs a
//! write more.

mod runs;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::{EndpointId, EventId},
    store::{
        EventFilter, EventState, StoreError, TenantStore, change::read, db::Filter, list::sort_key,
    },
};

use runs::{Runs, Unseen};

/// Rows that one ledger reads before it stops at a whole millisecond.
const MOST_ROWS: u64 = 20_000;

/// Rows of one query.
const STEP: usize = 1_000;

/// How long an event that no worker has seen counts as queued; after that it is missing.
const QUEUED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How many events there are in each state. The books balance if `accepted` is the sum of processed,
/// retrying, dead, ignored and queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// What receivers have answered with 202.
    pub accepted: u64,
    pub processed: u64,
    pub retrying: u64,
    pub dead: u64,
    pub ignored: u64,
    /// Replays that wait for a worker, and events that no worker has seen yet.
    pub queued: u64,
    /// Accepted more than an hour ago, and no worker has seen them: a long backlog, a message that was
    /// moved to the dead-letter queue unread, or a loss.
    pub missing: u64,
    /// Deliveries that were dropped in favour of these events. Each has arrived at its own time and is
    /// among the ignored of that time.
    pub duplicates: u64,
}

/// The events that arrived in a span of time.
#[derive(Debug, Default)]
pub struct Ledger {
    pub total: Tally,
    pub endpoints: BTreeMap<EndpointId, Tally>,
    /// Where counting stopped short; to go on from there.
    pub counted_until: Option<Timestamp>,
}

/// What the index has of an event.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "sk")]
    id: EventId,
    endpoint_id: EndpointId,
    state: EventState,
    #[serde(default)]
    duplicates: u64,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    number: u64,
    #[serde(default)]
    unsent: Vec<u64>,
    #[serde(default)]
    of_items: Option<u64>,
}

impl Tally {
    pub fn is_balanced(&self) -> bool {
        let known = self.processed + self.retrying + self.dead + self.ignored + self.queued;
        self.accepted == known
    }

    fn add(&mut self, row: &Row) {
        self.duplicates += row.duplicates;
        let count = match row.state {
            EventState::Processed => &mut self.processed,
            EventState::Retrying => &mut self.retrying,
            EventState::Dead => &mut self.dead,
            EventState::Ignored => &mut self.ignored,
            EventState::Queued => &mut self.queued,
        };
        *count += 1;
    }

    fn add_unseen(&mut self, unseen: &Unseen, now: Timestamp) {
        let count = match now.duration_since(unseen.before) < QUEUED_FOR {
            true => &mut self.queued,
            false => &mut self.missing,
        };
        *count += unseen.events;
    }
}

/// A ledger in the making.
#[derive(Default)]
struct Count {
    rows: u64,
    ledger: Ledger,
    runs: Runs,
}

impl Count {
    fn add(&mut self, rows: &mut Vec<Row>) {
        for row in rows.drain(..) {
            self.rows += 1;
            self.ledger.total.add(&row);
            let tally = self.ledger.endpoints.entry(row.endpoint_id).or_default();
            tally.add(&row);
            self.runs.add(&row);
        }
    }

    fn close(mut self, now: Timestamp, counted_until: Option<Timestamp>) -> Ledger {
        for (endpoint, numbered) in self.runs.close() {
            let of_endpoint = self.ledger.endpoints.entry(endpoint).or_default();
            for tally in [&mut self.ledger.total, of_endpoint] {
                tally.accepted += numbered.accepted;
                for unseen in &numbered.unseen {
                    tally.add_unseen(unseen, now);
                }
            }
        }
        self.ledger.counted_until = counted_until;
        self.ledger
    }
}

impl TenantStore {
    /// Events that arrived from `since` on and before `until`, oldest first. Events that share their
    /// millisecond are counted together or not at all, so that a ledger can be continued.
    pub async fn event_ledger(
        &self,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Ledger, StoreError> {
        let span = EventFilter {
            since: Some(since),
            until: Some(until),
            ..EventFilter::default()
        };
        let filter = Filter::default();
        let mut count = Count::default();
        let mut same_time: Vec<Row> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let listing = span.listing();
            let query = listing.query(self.tenant, &filter, after.as_deref(), false, STEP);
            let seen = self.db().examine(query).await?;
            for item in seen.items {
                let row: Row = read(item)?;
                let is_later = same_time
                    .last()
                    .is_some_and(|last| last.id.made_at() != row.id.made_at());
                if is_later {
                    count.add(&mut same_time);
                }
                same_time.push(row);
            }
            after = seen.next.as_ref().and_then(sort_key);
            if after.is_none() {
                count.add(&mut same_time);
                return Ok(count.close(self.now, None));
            }
            if count.rows >= MOST_ROWS {
                let counted_until = same_time.last().map(|row| row.id.made_at());
                return Ok(count.close(self.now, counted_until));
            }
        }
    }
}

#[cfg(test)]
mod tests;
