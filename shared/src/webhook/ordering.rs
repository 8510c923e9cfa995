//! Which events of an endpoint keep their order: those of one entity, in the order of their receipt. An
//! entity is a message group of a FIFO queue, so a stuck one delays itself alone.

use std::borrow::Cow::{Borrowed, Owned};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    id::{EndpointId, EventId, TenantId},
    problem::ApiError,
    seal,
    webhook::{
        identity,
        request::Headers,
        scheme::{EventField, Scheme},
    },
};

/// Says that the scheme knows where its entity is.
const PRESET: &str = "preset";

/// What an endpoint says of the order of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ordering {
    /// Where an event names what it is about: a JSON pointer into the body, or `preset` for what is
    /// known of the scheme. Events that name nothing keep no order.
    #[garde(length(min = 1, max = 200))]
    #[schema(example = "/data/object/id", min_length = 1, max_length = 200)]
    pub entity: String,
}

/// Of the vendors whose events are mostly about one thing: where it is.
const PRESETS: &[(&str, EventField)] = &[
    (
        "asana",
        EventField::Pointer(Borrowed("/events/0/resource/gid")),
    ),
    ("calendly", EventField::Pointer(Borrowed("/payload/uri"))),
    ("clerk", EventField::Pointer(Borrowed("/data/id"))),
    ("github", EventField::Pointer(Borrowed("/repository/id"))),
    (
        "gitlab_signing_token",
        EventField::Pointer(Borrowed("/project/id")),
    ),
    ("gitlab_token", EventField::Pointer(Borrowed("/project/id"))),
    ("hubspot", EventField::Pointer(Borrowed("/0/objectId"))),
    ("hubspot_v3", EventField::Pointer(Borrowed("/0/objectId"))),
    ("intercom", EventField::Pointer(Borrowed("/data/item/id"))),
    ("linear", EventField::Pointer(Borrowed("/data/id"))),
    ("paddle", EventField::Pointer(Borrowed("/data/id"))),
    ("paypal", EventField::Pointer(Borrowed("/resource/id"))),
    ("shopify", EventField::Pointer(Borrowed("/id"))),
    ("slack", EventField::Pointer(Borrowed("/event/channel"))),
    ("stripe", EventField::Pointer(Borrowed("/data/object/id"))),
    (
        "xero",
        EventField::Pointer(Borrowed("/events/0/resourceId")),
    ),
];

impl Ordering {
    /// # Errors
    /// `Invalid`: what is named is no pointer, or nothing is known of the scheme.
    pub fn check(&self, scheme: &Scheme) -> Result<(), ApiError> {
        if self.field(scheme).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
        let detail = format!(
            "must be a JSON pointer such as /data/id, or {PRESET} for one of {}",
            names.join(", ")
        );
        Err(ApiError::invalid("/ordering/entity", detail))
    }

    /// Where the entity is; `None` for an ordering that was never checked.
    pub(crate) fn field(&self, scheme: &Scheme) -> Option<EventField> {
        if self.entity == PRESET {
            let known = PRESETS.iter().find(|(name, _)| scheme.name == *name);
            return known.map(|(_, field)| field.clone());
        }
        let is_pointer = self.entity.starts_with('/') && is_escaped(&self.entity);
        is_pointer.then(|| EventField::Pointer(Owned(self.entity.clone())))
    }
}

/// RFC 6901: a tilde is followed by 0 or 1.
fn is_escaped(pointer: &str) -> bool {
    let mut rest = pointer.split('~').skip(1);
    rest.all(|after| after.starts_with(['0', '1']))
}

/// Whose order is kept: a message group. No text of a vendor's is in it.
pub(crate) fn group(tenant: TenantId, endpoint: EndpointId, of: &Entity<'_>) -> String {
    let name = match of {
        Entity::Named(name) => format!("{tenant}/{endpoint}/entity/{name}"),
        Entity::Nothing(event) => format!("{tenant}/{endpoint}/event/{event}"),
        Entity::Batches => format!("{tenant}/{endpoint}/batches"),
    };
    seal::sha256_hex(name.as_bytes())
}

/// What an event is about.
pub(crate) enum Entity<'a> {
    Named(&'a str),
    /// Nothing that has an order: a group of its own.
    Nothing(EventId),
    /// Several things; a worker will take them apart.
    Batches,
}

/// The group of one event.
pub(crate) fn group_of_event(
    tenant: TenantId,
    endpoint: EndpointId,
    event: EventId,
    field: &EventField,
    headers: Headers<'_>,
    body: &[u8],
) -> String {
    let name = identity::read(field, headers, body);
    let entity = match &name {
        Some(name) => Entity::Named(name),
        None => Entity::Nothing(event),
    };
    group(tenant, endpoint, &entity)
}

#[cfg(test)]
mod tests;
