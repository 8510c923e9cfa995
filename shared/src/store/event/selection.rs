//! Events by a filter, oldest first, for bulk jobs.

use jiff::Timestamp;

use crate::{
    id::EventId,
    queue::EventRef,
    store::{
        Event, EventFilter, EventState, Rows, StoreError, Stretch, TenantStore,
        db::Filter,
        key::{List, Sort},
        list::Listing,
    },
};

impl EventFilter {
    /// What the index's key does not serve.
    pub(super) fn rest(&self) -> Filter {
        Filter::default()
            .equals("endpoint_id", self.endpoint)
            .equals("type", self.kind.as_ref())
            .equals("state", self.state.map(EventState::name))
    }

    /// The events whose ids lie within the filter's time, the ends included.
    pub(super) fn listing(&self) -> Listing {
        let from = EventId::first_at(self.since.unwrap_or(Timestamp::UNIX_EPOCH));
        let to = EventId::first_at(self.until.unwrap_or(Timestamp::MAX));
        Listing::between(List::Events, from.to_string(), to.to_string())
    }
}

impl TenantStore {
    /// At most `limit` matching events after `after`, oldest first.
    pub(crate) async fn select_events(
        &self,
        filter: &EventFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Stretch<EventId>, StoreError> {
        self.stretch(filter.listing(), &filter.rest(), after, limit)
            .await
    }

    /// How many events match, up to `enough`; the flag is false if there may be more.
    pub async fn count_events(
        &self,
        filter: &EventFilter,
        enough: usize,
    ) -> Result<(usize, bool), StoreError> {
        self.count(filter.listing(), &filter.rest(), enough).await
    }

    /// The events that are there, without their payloads, by id.
    pub(crate) async fn events_by_id(
        &self,
        ids: &[EventId],
    ) -> Result<Rows<EventId, Event>, StoreError> {
        self.rows_by_id(ids.iter().map(|id| Sort::Event(*id))).await
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
}
