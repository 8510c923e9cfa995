//! How an event is written: its row, and the further items of a payload that does not fit one.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, TransactWriteItem},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    id::EventId,
    queue::{EventRef, Number, Reception},
    store::{
        Attempt, Db, EventState, StoreError, TenantStore,
        change::{IntoWrite, number, text},
        db::Table,
        key::{Key, Sort, event_list},
    },
};

/// How long an event and its payload are kept.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Bytes of compressed payload in one item; DynamoDB allows 400 KB with everything else in it.
const PART_LEN: usize = 350_000;

/// What a delivery brings that a replay finds in the row.
pub(crate) struct EventContent<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) kind: Option<&'a str>,
    pub(crate) vendor_event_id: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) received_at: Timestamp,
    pub(crate) reception: Option<&'a Reception>,
    pub(crate) number: Option<&'a Number>,
    /// Events that its message carries.
    pub(crate) of_items: usize,
    /// Deflated.
    pub(crate) payload: &'a [u8],
}

/// A further piece of a payload.
#[derive(Debug, Serialize)]
pub(super) struct PayloadPart<'a> {
    #[serde(with = "serde_bytes")]
    payload: &'a [u8],
    expires_at: i64,
}

/// An update of an event's row, for a transaction or on its own.
pub(super) struct RowUpdate {
    pub(super) key: Key,
    set: Vec<String>,
    pub(super) condition: &'static str,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl RowUpdate {
    pub(super) fn expression(&self) -> String {
        format!("SET {} ADD attempt_count :one", self.set.join(", "))
    }

    /// The update as a part of a transaction.
    pub(super) fn into_write(self, db: &Db) -> Result<TransactWriteItem, StoreError> {
        db.writer(Table::Events)?
            .update(&self.key, &self.expression())
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values(Some(self.values))
            .into_write()
    }

    /// Sets one more attribute.
    pub(super) fn also(mut self, name: &str, value: AttributeValue) -> Self {
        self.set.push(format!("{name} = :{name}"));
        self.values.insert(format!(":{name}"), value);
        self
    }
}

impl TenantStore {
    /// Sets state and attempt, and whatever of the content the row does not have yet. Holds only
    /// for this generation of the event, and only while it is not applied.
    pub(super) fn event_row(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
        state: EventState,
        attempt: &Attempt,
    ) -> Result<RowUpdate, StoreError> {
        let mut set = vec![
            "#state = :state".to_owned(),
            "attempts = list_append(if_not_exists(attempts, :none), :attempt)".to_owned(),
            "generation = :generation".to_owned(),
        ];
        let mut values = HashMap::from([
            (":state".to_owned(), text(state.name())),
            (":none".to_owned(), AttributeValue::L(Vec::new())),
            (
                ":attempt".to_owned(),
                AttributeValue::L(vec![serde_dynamo::to_attribute_value(attempt)?]),
            ),
            (":generation".to_owned(), number(event.generation)),
            (":one".to_owned(), number(1)),
            (":queued".to_owned(), text(EventState::Queued.name())),
            (":retrying".to_owned(), text(EventState::Retrying.name())),
            (":dead".to_owned(), text(EventState::Dead.name())),
        ]);
        let mut names = HashMap::from([("#state".to_owned(), "state".to_owned())]);
        for (at, (name, value)) in self
            .content_attributes(event, content)?
            .into_iter()
            .enumerate()
        {
            set.push(format!("#c{at} = if_not_exists(#c{at}, :c{at})"));
            names.insert(format!("#c{at}"), name.to_owned());
            values.insert(format!(":c{at}"), value);
        }
        Ok(RowUpdate {
            key: Key::new(self.tenant, &Sort::Event(event.event)),
            set,
            // A replay brings no content: it changes a row that is there and never makes one.
            condition: match content {
                Some(_) => {
                    "attribute_not_exists(pk) OR (generation = :generation AND #state IN (:queued, :retrying, :dead))"
                }
                None => "generation = :generation AND #state IN (:queued, :retrying, :dead)",
            },
            names,
            values,
        })
    }

    fn content_attributes(
        &self,
        event: &EventRef,
        content: Option<&EventContent<'_>>,
    ) -> Result<Vec<(&'static str, AttributeValue)>, StoreError> {
        let Some(content) = content else {
            return Ok(Vec::new());
        };
        let inline = content.payload.get(..PART_LEN).unwrap_or(content.payload);
        let mut attributes = vec![
            ("list_pk", text(event_list(self.tenant))),
            ("endpoint_id", text(event.endpoint)),
            ("scheme", text(content.scheme)),
            ("received_at", text(content.received_at)),
            ("dedupe_key", text(&event.dedupe_key)),
            ("payload", AttributeValue::B(Blob::new(inline))),
            (
                "parts",
                number(content.payload.chunks(PART_LEN).skip(1).count()),
            ),
            ("expires_at", number(self.retained_until())),
        ];
        let optional = [
            ("type", content.kind),
            ("vendor_event_id", content.vendor_event_id),
            ("content_type", content.content_type),
        ];
        attributes.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, text(value?)))),
        );
        if let Some(reception) = content.reception {
            attributes.push(("reception", serde_dynamo::to_attribute_value(reception)?));
        }
        if let Some(of) = content.number {
            attributes.push(("run", text(&of.run)));
            attributes.push(("number", number(of.at)));
            if !of.unsent.is_empty() {
                let unsent = serde_dynamo::to_attribute_value(&of.unsent)?;
                attributes.push(("unsent", unsent));
            }
        }
        if content.of_items > 1 {
            attributes.push(("of_items", number(content.of_items)));
        }
        Ok(attributes)
    }

    /// What of the payload does not fit the row.
    pub(super) fn payload_parts<'a>(
        &self,
        event: EventId,
        content: Option<&EventContent<'a>>,
    ) -> Vec<(Key, PayloadPart<'a>)> {
        let payload = content.map(|content| content.payload).unwrap_or_default();
        let parts = payload.chunks(PART_LEN).enumerate().skip(1);
        parts
            .map(|(at, payload)| {
                let part = PayloadPart {
                    payload,
                    expires_at: self.retained_until(),
                };
                (Key::new(self.tenant, &Sort::EventPart(event, at)), part)
            })
            .collect()
    }

    pub(super) fn retained_until(&self) -> i64 {
        self.now.as_second() + RETENTION.as_secs()
    }
}
