//! Events by a filter, oldest first: how a bulk job finds its way through them. The order is that of
//! the ids, so a change of an event never moves it.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    id::EventId,
    queue::EventRef,
    store::{
        Event, EventFilter, EventState, StoreError, TenantStore,
        change::read,
        db::{Filter, Query, Range, Table},
        key::{Key, List, Sort},
    },
};

/// A stretch of the events that a filter matches.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    pub(crate) events: Vec<EventId>,
    /// Rows that were looked at.
    pub(crate) examined: u64,
    /// The sort key to go on after; `None` at the end.
    pub(crate) next: Option<String>,
}

impl EventFilter {
    /// What the index's key does not serve.
    pub(super) fn rest(&self) -> Filter {
        Filter::default()
            .equals("endpoint_id", self.endpoint)
            .equals("type", self.kind.as_ref())
            .equals("state", self.state.map(EventState::name))
    }

    /// The ids that lie within the filter's time, the ends included.
    pub(super) fn range(&self) -> (String, String) {
        let from = EventId::first_at(self.since.unwrap_or(Timestamp::UNIX_EPOCH));
        let to = EventId::first_at(self.until.unwrap_or(Timestamp::MAX));
        (from.to_string(), to.to_string())
    }
}

impl TenantStore {
    /// At most `limit` matching events after `after`, oldest first.
    pub(crate) async fn select_events(
        &self,
        filter: &EventFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Stretch, StoreError> {
        let rest = filter.rest();
        let query = self.selection(filter, &rest, after, limit);
        let seen = self.db().examine(query).await?;
        let sort_key =
            |item: &crate::store::db::Item| item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
        let ids = seen.items.iter().filter_map(sort_key);
        Ok(Stretch {
            events: ids.filter_map(|sk| sk.parse().ok()).collect(),
            examined: u64::try_from(seen.examined).unwrap_or(u64::MAX),
            next: seen.next.as_ref().and_then(sort_key),
        })
    }

    /// How many events match, up to `enough`; the flag is false if there may be more.
    pub async fn count_events(
        &self,
        filter: &EventFilter,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        let rest = filter.rest();
        let query = self.selection(filter, &rest, None, enough);
        self.db().count(&query, enough).await
    }

    /// The events that are there, without their payloads, by id; `None` for a row that this version
    /// cannot read.
    pub(crate) async fn events_by_id(
        &self,
        ids: &[EventId],
    ) -> Result<HashMap<EventId, Option<Event>>, StoreError> {
        let keys = ids
            .iter()
            .map(|id| Key::new(self.tenant, &Sort::Event(*id)).attributes());
        let rows = self.db().get_many(Table::Events, keys.collect()).await?;
        let mut found = HashMap::new();
        for row in rows {
            let id = row.get("sk").and_then(|sk| sk.as_s().ok());
            if let Some(id) = id.and_then(|id| id.parse().ok()) {
                found.insert(id, read::<Event>(row).ok());
            }
        }
        Ok(found)
    }

    /// What the message of a `queued` event says: for a message that may have been lost.
    pub(crate) fn queued_event(&self, event: &Event) -> EventRef {
        EventRef {
            event: event.id,
            endpoint: event.endpoint_id,
            generation: event.generation,
            dedupe_key: event.dedupe_key.clone(),
        }
    }

    fn selection<'a>(
        &self,
        filter: &EventFilter,
        rest: &'a Filter,
        after: Option<&str>,
        limit: usize,
    ) -> Query<'a> {
        let list = List::Events;
        let (partition, _) = list.range(self.tenant);
        let (from, to) = filter.range();
        Query {
            table: list.table(),
            index: list.index(),
            partition,
            range: Range::Between(from, to),
            after: after.map(|sk| list.start(self.tenant, sk)),
            newest_first: false,
            limit,
            filter: rest,
        }
    }
}
