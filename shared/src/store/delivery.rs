//! Deliveries of events to destinations. A row moves by writes that hold only for the round (`ticket`) and
//! the message (`step`) that they were made for, so that a message that runs twice changes nothing twice.

mod progress;
mod selection;

pub(crate) use progress::{Claim, Hold, Next, NotYet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    audit::{self, Action},
    id::{DeliveryId, DestinationId, EndpointId, EventId},
    outbound::new_ticket,
    problem::ApiError,
    queue::DeliveryJob,
    store::{
        Change, Conflict, Page, PageRequest, StoreError, TenantStore,
        change::{IntoWrite, number, read, text},
        db::{Filter, Table, Write},
        key::{Key, List, Sort, delivery_list},
        list::Listing,
    },
};

/// How long a delivery is kept: as long as its event.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Waits for its first attempt.
    Pending,
    /// Failed at least once; waits for its next attempt.
    Retrying,
    Delivered,
    /// Given up; `POST …:retry` brings it back.
    Failed,
}

impl DeliveryState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    fn has_ended(self) -> bool {
        match self {
            Self::Pending | Self::Retrying => false,
            Self::Delivered | Self::Failed => true,
        }
    }
}

/// One call to the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryAttempt {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The answer's status; `null` if there was none.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The first 1,024 bytes of the answer's body; 200 letters of it once another attempt was made.
    pub response: Option<String>,
    pub duration_ms: u64,
}

impl DeliveryAttempt {
    fn shorten(&mut self) {
        const SHORT: usize = 200;
        if let Some(response) = &mut self.response
            && let Some((end, _)) = response.char_indices().nth(SHORT)
        {
            response.truncate(end);
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    #[serde(rename = "sk")]
    pub id: DeliveryId,
    /// Of an event of Portico's own, which is kept here alone, an id that nothing else has.
    pub event_id: EventId,
    /// `None` for an event of Portico's own.
    #[serde(default)]
    pub endpoint_id: Option<EndpointId>,
    pub destination_id: DestinationId,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    pub state: DeliveryState,
    pub attempt_count: u64,
    pub created_at: Timestamp,
    /// The last ones.
    #[serde(default)]
    pub attempts: Vec<DeliveryAttempt>,
    /// Why it was given up without an attempt.
    #[serde(default)]
    pub reason: Option<String>,
    /// What is sent, where no event holds it.
    #[serde(default)]
    pub body: Option<String>,
    /// Counts the rounds of attempts.
    #[serde(default)]
    pub(crate) round: u64,
    #[serde(default)]
    pub(crate) ticket: String,
    #[serde(default)]
    pub(crate) step: u64,
    /// Failed attempts of this round.
    #[serde(default)]
    pub(crate) tries: u64,
    #[serde(default)]
    pub(crate) due_ms: i64,
    #[serde(default)]
    pub(crate) claimed_until_ms: i64,
}

impl Delivery {
    /// Whether no message of its present round has come to a worker, as far as the row says.
    pub(crate) fn is_untried(&self) -> bool {
        self.state == DeliveryState::Pending && self.step == 0
    }

    /// When it is tried next.
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        (!self.state.has_ended())
            .then(|| Timestamp::from_millisecond(self.due_ms).ok())
            .flatten()
    }
}

/// A delivery of an event that is about to be applied.
pub(crate) struct NewDelivery {
    pub(crate) id: DeliveryId,
    pub(crate) event: EventId,
    pub(crate) endpoint: Option<EndpointId>,
    pub(crate) destination: DestinationId,
    pub(crate) kind: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) ticket: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeliveryFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub destination: Option<DestinationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<EndpointId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub event: Option<EventId>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryState>,
    /// By the event's time; included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl DeliveryFilter {
    /// What the index's key does not serve.
    fn rest(&self) -> Filter {
        Filter::default()
            .equals("destination_id", self.destination)
            .equals("endpoint_id", self.endpoint)
            .equals("event_id", self.event)
            .equals("type", self.kind.as_ref())
            .equals("state", self.state.map(DeliveryState::name))
    }

    /// The deliveries whose ids lie within the filter's time, the ends included. An event's deliveries have its
    /// time.
    fn listing(&self) -> Listing {
        let mut since = self.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut until = self.until.unwrap_or(Timestamp::MAX);
        if let Some(event) = self.event {
            let at = event.made_at();
            let next = at.saturating_add(SignedDuration::from_millis(1));
            since = since.max(at);
            until = until.min(next.unwrap_or(Timestamp::MAX));
        }
        // An empty range has no ends that are in order.
        let from = DeliveryId::first_at(since.min(until));
        let to = DeliveryId::first_at(until);
        Listing::between(List::Deliveries, from.to_string(), to.to_string())
    }
}

impl TenantStore {
    /// Latest event first, without attempts.
    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, ApiError> {
        self.page(filter.listing(), &filter.rest(), page).await
    }

    pub async fn delivery(&self, id: DeliveryId) -> Result<Delivery, StoreError> {
        let key = Key::new(self.tenant, &Sort::Delivery(id));
        let item = self.db().get(Table::Events, key.attributes(), true).await?;
        read(item.ok_or(StoreError::NotFound)?)
    }

    /// Another round, from now on. The caller sends the message after the commit.
    pub fn retry_delivery(&self, delivery: &Delivery) -> Result<Change<DeliveryJob>, StoreError> {
        let ticket = new_ticket();
        let key = Key::new(self.tenant, &Sort::Delivery(delivery.id));
        let now_ms = number(self.now.as_millisecond());
        let item = self
            .db()
            .writer(Table::Events)?
            .update(
                &key,
                "SET #state = :pending, ticket = :new, step = :zero, tries = :zero, due_ms = :now, \
                 round = :round REMOVE claimed_until_ms, reason",
            )
            .condition_expression(
                "ticket = :ticket AND \
                 (attribute_not_exists(claimed_until_ms) OR claimed_until_ms <= :now)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", text(DeliveryState::Pending.name()))
            .expression_attribute_values(":new", text(&ticket))
            .expression_attribute_values(":ticket", text(&delivery.ticket))
            .expression_attribute_values(":round", number(delivery.round + 1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":now", now_ms)
            .into_write()?;
        let from = json!({ "state": delivery.state.name() });
        Ok(Change {
            action: Action::DeliveryRetried,
            target: delivery.id.to_string(),
            changes: audit::differences(&from, &json!({ "state": DeliveryState::Pending.name() })),
            writes: vec![Write {
                item,
                conflict: Conflict::DeliveryInProgress,
            }],
            value: DeliveryJob::Attempt {
                tenant: self.tenant,
                delivery: delivery.id,
                destination: delivery.destination_id,
                ticket,
                step: 0,
            },
        })
    }

    /// Starts a delivery's first round, or another one when its event is replayed.
    pub(in crate::store) fn delivery_write(&self, new: &NewDelivery) -> Result<Write, StoreError> {
        let key = Key::new(self.tenant, &Sort::Delivery(new.id));
        let expires_at = self.now.as_second() + RETENTION.as_secs();
        let optional = [
            ("endpoint_id", new.endpoint.map(text)),
            ("type", new.kind.as_ref().map(text)),
            ("body", new.body.as_ref().map(text)),
        ];
        let optional: Vec<_> = optional
            .into_iter()
            .enumerate()
            .filter_map(|(at, (name, value))| Some((at, name, value?)))
            .collect();
        let terms: String = optional
            .iter()
            .map(|(at, ..)| format!("#o{at} = :o{at}, "))
            .collect();
        let expression = format!(
            "SET {terms}list_pk = :list, event_id = :event, destination_id = :destination, \
             #state = :pending, ticket = :ticket, step = :zero, tries = :zero, due_ms = :now_ms, \
             expires_at = :expires, round = if_not_exists(round, :zero) + :one, \
             created_at = if_not_exists(created_at, :now), \
             attempt_count = if_not_exists(attempt_count, :zero) REMOVE claimed_until_ms, reason"
        );
        let mut update = self
            .db()
            .writer(Table::Events)?
            .update(&key, &expression)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":list", text(delivery_list(self.tenant)))
            .expression_attribute_values(":event", text(new.event))
            .expression_attribute_values(":destination", text(new.destination))
            .expression_attribute_values(":pending", text(DeliveryState::Pending.name()))
            .expression_attribute_values(":ticket", text(&new.ticket))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now_ms", number(self.now.as_millisecond()))
            .expression_attribute_values(":now", text(self.now))
            .expression_attribute_values(":expires", number(expires_at));
        for (at, name, value) in optional {
            update = update
                .expression_attribute_names(format!("#o{at}"), name)
                .expression_attribute_values(format!(":o{at}"), value);
        }
        Ok(Write {
            item: update.into_write()?,
            conflict: Conflict::Done,
        })
    }

    /// Those of `ids` that nobody has tried in their present round.
    pub(crate) async fn untried_deliveries(
        &self,
        ids: &[DeliveryId],
    ) -> Result<Vec<Delivery>, StoreError> {
        let keys = ids
            .iter()
            .map(|id| Key::new(self.tenant, &Sort::Delivery(*id)).attributes());
        let rows = self.db().get_many(Table::Events, keys.collect()).await?;
        let mut found = Vec::new();
        for row in rows {
            let delivery: Delivery = read(row)?;
            if delivery.is_untried() {
                found.push(delivery);
            }
        }
        Ok(found)
    }
}
