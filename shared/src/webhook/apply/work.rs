//! What a job brings: one event, or the items of a batch, each an event of its own. The ids are the same
//! however often the job runs.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    id::EventId,
    queue::{Body, Carries, Delivery, EventRef, Job, Number, Reception},
    seal,
    store::EventContent,
    webhook::{
        identity::{BatchItem, EventIdentity, dedupe_key, event_identity, item_dedupe_key},
        presets,
        request::Headers,
        scheme::{Batch, EventField, Scheme, Text},
        split::{self, Split, split},
        verify::select_wire,
    },
};

/// Why an attempt did not apply the event.
pub(super) enum Failure {
    /// Another attempt may succeed.
    Transient(String),
    /// No attempt will, unless something is changed first.
    Permanent(String),
}

/// An event on its way into the store: of a delivery with its content, of a replay without.
pub(super) struct Work {
    pub(super) event: EventRef,
    pub(super) content: Option<Content>,
    pub(super) fate: Fate,
}

/// What is to be done with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Apply,
    /// Kept, and not applied on purpose.
    Ignore(&'static str),
    GiveUp(String),
}

pub(super) struct Content {
    scheme: String,
    identity: EventIdentity,
    pub(super) content_type: Option<String>,
    pub(super) received_at: Timestamp,
    reception: Option<Reception>,
    number: Option<Number>,
    /// Events that its message carries.
    of_items: usize,
    dedupe_days: u16,
    pub(super) body: Vec<u8>,
    payload: Vec<u8>,
}

/// How long a marker is kept when the scheme is not at hand: the longest that a scheme may declare, so
/// that a replay never shortens it.
const REPLAY_DEDUPE_DAYS: u16 = 90;

const OTHER_TYPE: &str = "the endpoint does not take events of this type";

const EMPTY_BATCH: &str = "the batch is empty: a sign of life";

impl Work {
    pub(super) fn dedupe_until(&self, now: Timestamp) -> Timestamp {
        let days = self
            .content
            .as_ref()
            .map_or(REPLAY_DEDUPE_DAYS, |content| content.dedupe_days);
        now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX)
    }
}

impl Content {
    pub(super) fn kind(&self) -> Option<&str> {
        self.identity.event_type.as_deref()
    }

    pub(super) fn as_stored(&self) -> EventContent<'_> {
        EventContent {
            scheme: &self.scheme,
            kind: self.identity.event_type.as_deref(),
            vendor_event_id: self.identity.vendor_event_id.as_deref(),
            content_type: self.content_type.as_deref(),
            received_at: self.received_at,
            reception: self.reception.as_ref(),
            number: self.number.as_ref(),
            of_items: self.of_items,
            payload: &self.payload,
        }
    }
}

/// All that a job brings.
pub(super) enum Load<'a> {
    Replay(&'a EventRef),
    Delivery(Parcel<'a>),
}

/// A delivery, read; its items are copied out one by one, when their turn comes.
pub(super) struct Parcel<'a> {
    delivery: &'a Delivery,
    content_type: Option<String>,
    dedupe_days: u16,
    body: Vec<u8>,
    drafts: Vec<Draft>,
}

/// One event of a parcel.
struct Draft {
    event: EventRef,
    identity: EventIdentity,
    part: Part,
    fate: Fate,
}

/// What of the parcel's body is the event's.
enum Part {
    Whole,
    /// The body with this item alone.
    Item(split::Item),
    /// This item alone.
    Core(split::Item),
}

impl<'a> Load<'a> {
    pub(super) fn of(job: &'a Job) -> Result<Self, Failure> {
        match job {
            Job::Replay { event, .. } => Ok(Self::Replay(event)),
            Job::Delivery { delivery, .. } => Parcel::of(delivery).map(Self::Delivery),
            Job::Arrival { .. } | Job::Confirmation { .. } => {
                Err(Failure::Permanent("it carries no event".to_owned()))
            }
        }
    }

    pub(super) fn events(&self) -> Vec<EventId> {
        match self {
            Self::Replay(event) => vec![event.event],
            Self::Delivery(parcel) => {
                let drafts = parcel.drafts.iter();
                drafts.map(|draft| draft.event.event).collect()
            }
        }
    }

    /// Stands for the job in what is kept of its waits.
    pub(super) fn first(&self) -> Option<&EventRef> {
        match self {
            Self::Replay(event) => Some(event),
            Self::Delivery(parcel) => parcel.drafts.first().map(|draft| &draft.event),
        }
    }

    /// The event at this place of [`Load::events`].
    pub(super) fn work(&self, place: usize) -> Option<Result<Work, Failure>> {
        match self {
            Self::Replay(event) => (place == 0).then(|| {
                Ok(Work {
                    event: EventRef::clone(event),
                    content: None,
                    fate: Fate::Apply,
                })
            }),
            Self::Delivery(parcel) => Some(parcel.work(parcel.drafts.get(place)?)),
        }
    }
}

impl<'a> Parcel<'a> {
    fn of(delivery: &'a Delivery) -> Result<Self, Failure> {
        let declared = delivery.custom_scheme.as_deref();
        let scheme = declared
            .or_else(|| presets::find(&delivery.scheme))
            .ok_or_else(|| {
                Failure::Permanent(format!("the scheme {} is not known", delivery.scheme))
            })?;
        let body = delivery.body.bytes().map_err(|error| permanent(&error))?;
        let pairs: Vec<(&str, &[u8])> = delivery
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let headers = Headers::Pairs(&pairs);
        let reader = Reader {
            delivery,
            scheme,
            headers,
            body: &body,
        };
        Ok(Self {
            delivery,
            content_type: headers.text("content-type").map(str::to_owned),
            dedupe_days: scheme.dedupe_days,
            drafts: reader.drafts(),
            body,
        })
    }

    pub(super) fn delivery(&self) -> &Delivery {
        self.delivery
    }

    /// Where the entities are of a request whose events keep their order and are not yet taken apart.
    pub(super) fn order_by(&self) -> Option<&EventField> {
        let is_applied = |draft: &Draft| draft.fate == Fate::Apply;
        let order_by = self.delivery.order_by.as_ref();
        order_by.filter(|_| self.drafts.iter().any(is_applied))
    }

    /// Each event with what of the body is its own.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (&EventRef, Vec<u8>)> {
        let drafts = self.drafts.iter();
        drafts.map(|draft| (&draft.event, self.body_of(draft)))
    }

    /// Events that came together.
    pub(super) fn of_items(&self) -> usize {
        let item = self.delivery.item.as_ref();
        item.map_or(self.drafts.len(), |item| item.of_items)
    }

    fn body_of(&self, draft: &Draft) -> Vec<u8> {
        match &draft.part {
            Part::Whole => self.body.clone(),
            Part::Item(item) => item.body(&self.body),
            Part::Core(item) => item.core(&self.body),
        }
    }

    fn work(&self, draft: &Draft) -> Result<Work, Failure> {
        let body = self.body_of(draft);
        Ok(Work {
            event: draft.event.clone(),
            content: Some(Content {
                scheme: self.delivery.scheme.clone(),
                identity: draft.identity.clone(),
                content_type: self.content_type.clone(),
                received_at: self.delivery.received_at,
                reception: self.delivery.reception.clone(),
                number: self.delivery.number.clone(),
                of_items: self.of_items(),
                dedupe_days: self.dedupe_days,
                payload: Body::deflate(&body).map_err(|error| permanent(&error))?,
                body,
            }),
            fate: draft.fate.clone(),
        })
    }
}

/// Reads the events out of one delivery.
struct Reader<'a> {
    delivery: &'a Delivery,
    scheme: &'a Scheme,
    headers: Headers<'a>,
    body: &'a [u8],
}

/// The place of a batch's items where each comes in a body of its own.
const ARRAY: &[Text] = &[Text::Borrowed("")];

impl Reader<'_> {
    fn drafts(&self) -> Vec<Draft> {
        if let Some(item) = &self.delivery.item {
            return vec![self.whole_known_by(&item.dedupe_key, Fate::Apply)];
        }
        let (_, wire) = select_wire(self.scheme, self.headers);
        let levels = match (self.delivery.carries, &wire.batch) {
            (Carries::Array, _) => ARRAY,
            (Carries::Body, Some(Batch { items })) => items,
            (Carries::Body, None) => return vec![self.whole(Fate::Apply)],
        };
        match split(self.body, levels) {
            Ok(Split::Whole) => vec![self.whole(Fate::Apply)],
            Ok(Split::Empty) => vec![self.whole(Fate::Ignore(EMPTY_BATCH))],
            Ok(Split::Items(items)) => self.items(items),
            Err(error) => vec![self.whole(Fate::GiveUp(error.to_string()))],
        }
    }

    fn whole(&self, fate: Fate) -> Draft {
        let key = match fate {
            Fate::Apply => dedupe_key(self.scheme, self.headers, self.body),
            // Its id would be that of one of its items, or of nothing.
            Fate::Ignore(_) | Fate::GiveUp(_) => seal::sha256_hex(self.body),
        };
        let event = self.event(0, &key);
        self.whole_known_by(&event.dedupe_key, fate)
    }

    fn whole_known_by(&self, dedupe_key: &str, fate: Fate) -> Draft {
        let identity = event_identity(self.scheme, self.headers, self.body);
        Draft {
            event: EventRef {
                event: self.delivery.event,
                endpoint: self.delivery.endpoint,
                generation: 0,
                dedupe_key: dedupe_key.to_owned(),
            },
            fate: self.taken(&identity, fate),
            identity,
            part: Part::Whole,
        }
    }

    /// An event of a type that the endpoint does not take is kept, and not applied.
    fn taken(&self, identity: &EventIdentity, fate: Fate) -> Fate {
        let kind = identity.event_type.as_deref();
        match fate {
            Fate::Apply if !self.delivery.event_types.takes(kind) => Fate::Ignore(OTHER_TYPE),
            fate => fate,
        }
    }

    fn items(&self, items: Vec<split::Item>) -> Vec<Draft> {
        let mut twins = HashMap::new();
        let mut drafts = Vec::new();
        for (place, item) in (0_u32..).zip(items) {
            let core = item.core(self.body);
            let (part, body) = match self.delivery.carries {
                // The sender was told so.
                Carries::Array if !is_object(&core) => continue,
                Carries::Array => (Part::Core(item), core.clone()),
                Carries::Body => {
                    let body = item.body(self.body);
                    (Part::Item(item), body)
                }
            };
            let of_batch = BatchItem {
                body: &body,
                core: &core,
                place,
            };
            let key = item_dedupe_key(self.scheme, self.headers, &of_batch, &mut twins);
            let identity = event_identity(self.scheme, self.headers, &body);
            drafts.push(Draft {
                event: self.event(place, &key),
                fate: self.taken(&identity, Fate::Apply),
                identity,
                part,
            });
        }
        drafts
    }

    fn event(&self, place: u32, key: &str) -> EventRef {
        let event = self.delivery.event.nth(place);
        // A scheme with no horizon repeats itself on purpose: each delivery is its own event.
        let dedupe_key = match self.scheme.dedupe_days {
            0 => seal::sha256_hex(event.to_string().as_bytes()),
            _ => seal::sha256_hex(key.as_bytes()),
        };
        EventRef {
            event,
            endpoint: self.delivery.endpoint,
            generation: 0,
            dedupe_key,
        }
    }
}

/// Whether an item of an array can be an event of its own.
pub(in crate::webhook) fn is_object(item: &[u8]) -> bool {
    item.starts_with(b"{")
}

fn permanent(error: &anyhow::Error) -> Failure {
    Failure::Permanent(format!("{error:#}"))
}
