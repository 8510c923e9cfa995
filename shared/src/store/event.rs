//! Received events. An event is applied at most once: its row, the marker of the vendor's event
//! and the effect change in one transaction.

mod ledger;
mod row;
mod selection;
mod wait;

pub use ledger::{Ledger, Tally};
pub(crate) use row::EventContent;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    audit::{self, Action},
    id::{DestinationId, EndpointId, EventId},
    problem::ApiError,
    queue::{Body, EventRef, Reception},
    store::{
        Change, Conflict, NewDelivery, Page, PageRequest, StoreError, TenantStore,
        change::{IntoWrite, number, put, read, text},
        db::{Item, Table, Write},
        key::{Key, Sort},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// A replay waits for a worker.
    Queued,
    Processed,
    /// Failed at least once; waits for its next attempt.
    Retrying,
    /// Given up; `POST …:replay` brings it back.
    Dead,
    /// Not applied on purpose: another event with the same vendor id was, or there is nothing to apply.
    Ignored,
}

impl EventState {
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Processed,
        Self::Retrying,
        Self::Dead,
        Self::Ignored,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processed => "processed",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::Ignored => "ignored",
        }
    }

    fn is_replayable(self) -> bool {
        match self {
            // A replay whose message was lost is still `queued`: it can be asked for again.
            Self::Queued | Self::Processed | Self::Dead | Self::Ignored => true,
            Self::Retrying => false,
        }
    }
}

/// One try to apply an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub outcome: Outcome,
    pub detail: String,
    pub duration_ms: u64,
    /// When the next attempt is due, after one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Processed,
    Retry,
    Dead,
    Ignored,
}

/// An event row without its payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    #[serde(rename = "sk")]
    pub id: EventId,
    pub endpoint_id: EndpointId,
    pub scheme: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub vendor_event_id: Option<String>,
    pub received_at: Timestamp,
    pub state: EventState,
    pub attempt_count: u64,
    /// Deliveries of the same vendor event that were dropped.
    #[serde(default)]
    pub duplicates: u64,
    /// When the last of them arrived.
    #[serde(default)]
    pub last_duplicate_at: Option<Timestamp>,
    #[serde(default)]
    pub reception: Option<Reception>,
    /// Events that came in its request; `None` for it alone.
    #[serde(default)]
    pub of_items: Option<u64>,
    /// When replays were asked for.
    #[serde(default)]
    pub replays: Vec<Timestamp>,
    /// The event that was applied in this one's place.
    #[serde(default)]
    pub duplicate_of: Option<EventId>,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub generation: u64,
    #[serde(default)]
    pub dedupe_key: String,
    #[serde(default)]
    pub content_type: Option<String>,
    /// Those that it was sent on to when it was last applied.
    #[serde(default)]
    pub(crate) destinations: Vec<DestinationId>,
    #[serde(default)]
    parts: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EventFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<EndpointId>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EventState>,
    /// Included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// The vendor's event was applied as this event.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    event_id: EventId,
    expires_at: i64,
}

/// How an attempt to apply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    Now,
    /// This event was applied by an earlier run of the same job, and sent on to these destinations.
    Before(Vec<DestinationId>),
    /// Another delivery of the same vendor event was applied.
    DuplicateOf(EventId),
}

impl TenantStore {
    /// Latest first, without payloads.
    pub async fn events(
        &self,
        filter: EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, ApiError> {
        self.page(filter.listing(), &filter.rest(), page).await
    }

    /// The event with its attempts and, where it is kept, its payload.
    pub async fn event(&self, id: EventId) -> Result<(Event, Option<Vec<u8>>), StoreError> {
        let key = Key::new(self.tenant, &Sort::Event(id));
        let item = self
            .db()
            .get(Table::Events, key.attributes(), true)
            .await?
            .ok_or(StoreError::NotFound)?;
        let mut payload = blob(&item);
        let event: Event = read(item)?;
        for part in 1..=event.parts {
            let key = Key::new(self.tenant, &Sort::EventPart(id, part));
            let item = self
                .db()
                .get(Table::Events, key.attributes(), true)
                .await?
                .ok_or(StoreError::NotFound)?;
            payload
                .get_or_insert_default()
                .extend(blob(&item).unwrap_or_default());
        }
        let payload = payload.map(|bytes| Body::inflate(&bytes)).transpose();
        Ok((event, payload.map_err(StoreError::Internal)?))
    }

    /// Back to the queue, one generation on. The caller sends the job after the commit.
    pub fn replay_event(&self, event: &Event) -> Result<Change<EventRef>, StoreError> {
        if !event.state.is_replayable() {
            return Err(StoreError::Conflict {
                conflict: Conflict::NotReplayable,
                old: None,
            });
        }
        let key = Key::new(self.tenant, &Sort::Event(event.id));
        let item = self
            .db()
            .writer(Table::Events)?
            .update(
                &key,
                "SET #state = :queued, generation = :next, \
                 replays = list_append(if_not_exists(replays, :none), :replay)",
            )
            .condition_expression("generation = :generation AND #state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":queued", text(EventState::Queued.name()))
            .expression_attribute_values(":state", text(event.state.name()))
            .expression_attribute_values(":generation", number(event.generation))
            .expression_attribute_values(":next", number(event.generation + 1))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":replay", AttributeValue::L(vec![text(self.now)]))
            .into_write()?;
        let from = json!({ "state": event.state.name() });
        Ok(Change {
            action: Action::EventReplayed,
            target: event.id.to_string(),
            changes: audit::differences(&from, &json!({ "state": EventState::Queued.name() })),
            writes: vec![Write {
                item,
                conflict: Conflict::Version,
            }],
            value: EventRef {
                event: event.id,
                endpoint: event.endpoint_id,
                generation: event.generation + 1,
                dedupe_key: event.dedupe_key.clone(),
            },
        })
    }

    /// Applies the event, if neither it nor another delivery of the same vendor event was. One
    /// transaction: the vendor event's marker, the event's row and its deliveries.
    pub(crate) async fn apply_event(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
        dedupe_until: Timestamp,
        attempt: &Attempt,
        deliveries: &[NewDelivery],
    ) -> Result<Applied, StoreError> {
        let marker_key = Key::new(
            self.tenant,
            &Sort::Dedupe(event.endpoint, event.dedupe_key.clone()),
        );
        let marker = Marker {
            event_id: event.event,
            expires_at: dedupe_until.as_second(),
        };
        let marker = put(self.db().table(Table::Events)?, &marker_key, &marker)?
            // TTL removes rows late: an expired marker counts as gone.
            .condition_expression("attribute_not_exists(pk) OR event_id = :event OR expires_at < :now")
            .expression_attribute_values(":event", text(event.event))
            .expression_attribute_values(":now", number(self.now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .into_write()?;
        let mut row = self.event_row(event, content, EventState::Processed, attempt)?;
        // A replay may find other destinations than the time before.
        if !deliveries.is_empty() || content.is_none() {
            let destinations = deliveries.iter().map(|delivery| delivery.destination);
            let destinations = destinations.collect::<Vec<_>>();
            row = row.also(
                "destinations",
                serde_dynamo::to_attribute_value(destinations)?,
            );
        }
        let update = row.into_write(self.db())?;
        let mut writes = vec![
            Write {
                item: marker,
                conflict: Conflict::Duplicate,
            },
            Write {
                item: update,
                conflict: Conflict::Done,
            },
        ];
        for (key, part) in self.payload_parts(event.event, content) {
            let item = put(self.db().table(Table::Events)?, &key, &part)?.into_write()?;
            writes.push(Write {
                item,
                conflict: Conflict::Done,
            });
        }
        for delivery in deliveries {
            writes.push(self.delivery_write(delivery)?);
        }
        match self.db().transact(writes).await {
            Ok(()) => Ok(Applied::Now),
            Err(StoreError::Conflict {
                conflict: Conflict::Done,
                old,
            }) => Ok(Applied::Before(destinations_of(old.as_deref())?)),
            Err(StoreError::Conflict {
                conflict: Conflict::Duplicate,
                old: Some(old),
            }) => Ok(Applied::DuplicateOf(read::<Marker>(*old)?.event_id)),
            Err(error) => Err(error),
        }
    }

    /// Keeps the event, its payload and the failed attempt: nothing that was accepted gets lost.
    /// Payload first, row second: a row never names parts that are not there. `false` if there was
    /// nothing to keep it on: an earlier run has applied the event, or it is gone.
    pub(crate) async fn record_failure(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
        state: EventState,
        attempt: &Attempt,
    ) -> Result<bool, StoreError> {
        let table = self.db().table(Table::Events)?;
        for (key, row) in self.payload_parts(event.event, content) {
            let item = serde_dynamo::to_item(&row)?;
            let request = self
                .db()
                .client()
                .put_item()
                .table_name(table)
                .set_item(Some(item));
            request
                .item("pk", text(key.pk))
                .item("sk", text(key.sk))
                .send()
                .await?;
        }
        let row = self.event_row(event, content, state, attempt)?;
        let request = self
            .db()
            .client()
            .update_item()
            .table_name(table)
            .set_key(Some(row.key.attributes()));
        let written = request
            .update_expression(row.expression())
            .condition_expression(row.condition)
            .set_expression_attribute_names(Some(row.names))
            .set_expression_attribute_values(Some(row.values))
            .send()
            .await;
        match written.map_err(StoreError::from) {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps an event that is not applied, and counts a delivery of a vendor event that was applied
    /// before on the event that stands for it: together, so each counts once.
    pub(crate) async fn ignore_event(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
        of: Option<EventId>,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let counted = of.filter(|_| content.is_some());
        match self.ignore_once(event, content, of, counted, attempt).await {
            // The other event is gone: there is nothing left to count on.
            Err(StoreError::Conflict {
                conflict: Conflict::Duplicate,
                ..
            }) => self.ignore_once(event, content, of, None, attempt).await,
            ended => ended,
        }
    }

    async fn ignore_once(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
        of: Option<EventId>,
        counted: Option<EventId>,
        attempt: &Attempt,
    ) -> Result<(), StoreError> {
        let mut row = self.event_row(event, content, EventState::Ignored, attempt)?;
        if let Some(of) = of {
            row = row.also("duplicate_of", text(of));
        }
        let item = row.into_write(self.db())?;
        let mut writes = vec![Write {
            item,
            conflict: Conflict::Done,
        }];
        for (key, part) in self.payload_parts(event.event, content) {
            let item = put(self.db().table(Table::Events)?, &key, &part)?.into_write()?;
            writes.push(Write {
                item,
                conflict: Conflict::Done,
            });
        }
        if let Some(of) = counted {
            let key = Key::new(self.tenant, &Sort::Event(of));
            let item = self
                .db()
                .writer(Table::Events)?
                .update(&key, "SET last_duplicate_at = :at ADD duplicates :one")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(":at", text(event.event.made_at()))
                .expression_attribute_values(":one", number(1))
                .into_write()?;
            writes.push(Write {
                item,
                conflict: Conflict::Duplicate,
            });
        }
        match self.db().transact(writes).await {
            Err(StoreError::Conflict {
                conflict: Conflict::Done,
                ..
            }) => Ok(()),
            ended => ended,
        }
    }
}

/// Those of a row that is there. It names none if it is gone, or was applied for none.
fn destinations_of(row: Option<&Item>) -> Result<Vec<DestinationId>, StoreError> {
    let destinations = row.and_then(|row| row.get("destinations"));
    destinations.map_or(Ok(Vec::new()), |destinations| {
        Ok(serde_dynamo::from_attribute_value(destinations.clone())?)
    })
}

fn blob(item: &Item) -> Option<Vec<u8>> {
    item.get("payload")
        .and_then(|value| value.as_b().ok())
        .map(|blob| blob.as_ref().to_vec())
}
