//! The messages themselves: a tagged, versioned enum with the tenant inside.

use std::io::{Read, Write};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    audit::{Actor, Origin},
    id::{DeliveryId, DestinationId, EndpointId, EventId, JobId, TenantId},
    outbound::EventTypes,
    queue::{Number, Reception},
    seal::Sealed,
    store::TenantStore,
    webhook::{
        Verified,
        scheme::{EventField, Scheme},
    },
};

/// Bodies up to this many bytes travel as they are; a message is billed by 64 KB.
const PLAIN_LEN: usize = 32 * 1_024;

/// The most that a message may hold: SQS takes 1 MiB, attributes included.
pub(crate) const MAX_MESSAGE_LEN: usize = 1_000_000;

/// The most that a stored body inflates to: the receiver accepts no longer ones.
const MAX_BODY_LEN: u64 = 8 * 1_024 * 1_024;

/// One unit of work. An unknown tag or version does not parse and ends in the dead-letter queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job")]
pub enum Job {
    /// A verified delivery, to be applied for the first time.
    #[serde(rename = "delivery.v1")]
    Delivery {
        tenant: TenantId,
        delivery: Box<Delivery>,
    },
    /// What a vendor sent to an endpoint that waits for a secret.
    #[serde(rename = "arrival.v1")]
    Arrival {
        tenant: TenantId,
        endpoint: EndpointId,
        brought: Brought,
        sealed: Sealed<Vec<u8>>,
    },
    /// A verified subscription, whose URL is to be visited.
    #[serde(rename = "confirmation.v1")]
    Confirmation {
        tenant: TenantId,
        endpoint: EndpointId,
        url: String,
    },
    /// A stored event, to be applied again.
    #[serde(rename = "replay.v1")]
    Replay { tenant: TenantId, event: EventRef },
}

/// What a vendor's handshake brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brought {
    /// Becomes the secret of an endpoint that has none.
    Secret,
    /// Is shown to the tenant, who may make it the secret.
    Token,
}

/// Which event, which of its lives, and which vendor event it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    pub event: EventId,
    pub endpoint: EndpointId,
    pub generation: u64,
    /// Hexadecimal SHA-256 over the vendor's signed event id, or over the body.
    pub dedupe_key: String,
}

/// What the receiver verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub(crate) event: EventId,
    pub(crate) endpoint: EndpointId,
    pub(crate) scheme: String,
    /// The endpoint's own scheme, where it has declared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_scheme: Option<Box<Scheme>>,
    pub(crate) received_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reception: Option<Reception>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<Number>,
    /// The headers that say what the event is.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    #[serde(default, skip_serializing_if = "Carries::is_body")]
    pub(crate) carries: Carries,
    /// The types that the endpoint takes; the events of others are ignored.
    #[serde(default, skip_serializing_if = "EventTypes::is_empty")]
    pub(crate) event_types: EventTypes,
    /// Where each event's entity is, of a request that is to be taken apart in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order_by: Option<EventField>,
    /// Set where this was taken out of such a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Item>,
}

/// What an item alone would not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) dedupe_key: String,
    /// Events of the whole request.
    pub(crate) of_items: usize,
}

/// How a body carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Carries {
    /// As the vendor sends them: one, or as its scheme says.
    #[default]
    Body,
    /// Each item of an array is a body.
    Array,
}

impl Carries {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_body(&self) -> bool {
        *self == Self::Body
    }
}

/// A request's body, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Base64 (RFC 4648 section 4): JSON in JSON in JSON would have each quotation mark escaped twice, which costs
    /// more time and more bytes, and SQS has no letters for some bodies.
    Encoded(String),
    /// Base64 of raw DEFLATE (RFC 1951): long bodies.
    Deflated(String),
}

/// A message that is not a job of ours.
#[derive(Debug, thiserror::Error)]
#[error("not a job that this version knows: {0}")]
pub(crate) struct UnknownJob(#[from] serde_json::Error);

impl Job {
    /// Only a verified delivery can become a job.
    pub(crate) fn delivery(verified: Verified<Delivery>) -> Self {
        let (tenant, delivery) = verified.into_parts();
        Self::Delivery {
            tenant,
            delivery: Box::new(delivery),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, UnknownJob> {
        Ok(serde_json::from_str(text)?)
    }

    pub(crate) fn text(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("write a job")
    }

    pub(crate) fn tenant(&self) -> TenantId {
        match self {
            Self::Delivery { tenant, .. }
            | Self::Arrival { tenant, .. }
            | Self::Confirmation { tenant, .. }
            | Self::Replay { tenant, .. } => *tenant,
        }
    }

    /// Opens the tenant that the job was made for.
    pub(crate) fn open(&self, app: &App, now: Timestamp) -> TenantStore {
        TenantStore::open(app, self.tenant(), Actor::System, Origin::default(), now)
    }
}

/// The messages of the jobs queue.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "job")]
pub(crate) enum PageJob {
    /// One page of a bulk job, counted from 0.
    #[serde(rename = "page.v1")]
    Page {
        tenant: TenantId,
        bulk: JobId,
        page: u64,
    },
}

impl PageJob {
    pub(crate) fn parse(text: &str) -> Result<Self, UnknownJob> {
        Ok(serde_json::from_str(text)?)
    }

    pub(crate) fn text(self) -> anyhow::Result<String> {
        serde_json::to_string(&self).context("write a job")
    }

    /// Opens the tenant that the job was made for. What is done there is done by the job.
    pub(crate) fn open(self, app: &App, now: Timestamp) -> TenantStore {
        let Self::Page { tenant, bulk, .. } = self;
        TenantStore::open(app, tenant, Actor::Job(bulk), Origin::default(), now)
    }
}

/// The messages of the deliveries queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job")]
pub enum DeliveryJob {
    /// One attempt of a delivery, or a part of the wait before it.
    #[serde(rename = "attempt.v1")]
    #[non_exhaustive]
    Attempt {
        tenant: TenantId,
        delivery: DeliveryId,
        destination: DestinationId,
        /// The round of attempts; a message of an earlier one ends.
        ticket: String,
        /// Numbers the round's messages.
        step: u64,
    },
}

impl DeliveryJob {
    pub(crate) fn parse(text: &str) -> Result<Self, UnknownJob> {
        Ok(serde_json::from_str(text)?)
    }

    pub(crate) fn text(&self) -> anyhow::Result<String> {
        serde_json::to_string(self).context("write a job")
    }

    pub(crate) fn open(&self, app: &App, now: Timestamp) -> TenantStore {
        let Self::Attempt { tenant, .. } = self;
        TenantStore::open(app, *tenant, Actor::System, Origin::default(), now)
    }

    /// The round's next message.
    pub(crate) fn next(&self) -> Self {
        let Self::Attempt {
            tenant,
            delivery,
            destination,
            ticket,
            step,
        } = self;
        Self::Attempt {
            tenant: *tenant,
            delivery: *delivery,
            destination: *destination,
            ticket: ticket.clone(),
            step: step + 1,
        }
    }

    /// Destinations are served fairly: a slow one of a tenant does not delay the tenant's others.
    pub(crate) fn group(&self) -> String {
        let Self::Attempt {
            tenant,
            destination,
            ..
        } = self;
        format!("{tenant}/{destination}")
    }
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> anyhow::Result<Self> {
        Ok(match bytes.len() {
            ..=PLAIN_LEN => Self::Encoded(STANDARD.encode(bytes)),
            _ => Self::Deflated(STANDARD.encode(Self::deflate(bytes)?)),
        })
    }

    pub(crate) fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Encoded(text) => STANDARD.decode(text).context("a body's base64"),
            Self::Deflated(text) => {
                Self::inflate(&STANDARD.decode(text).context("a body's base64")?)
            }
        }
    }

    pub(crate) fn deflate(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).context("compress a body")?;
        encoder.finish().context("compress a body")
    }

    pub(crate) fn inflate(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut out = Vec::new();
        DeflateDecoder::new(bytes)
            .take(MAX_BODY_LEN)
            .read_to_end(&mut out)
            .context("decompress a body")?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
