//! Outbound webhooks: the tenant's destinations, signed by Standard Webhooks and called through `egress`.
//!
//! `event_types` and `headers` are what a destination may say, `signing` proves who sends, `send` is one
//! call to a destination and what came of it. `fan_out` makes an event's deliveries, `deliver` is the worker
//! that sends them by `schedule`, as far as a destination's `health` lets it, from destinations held in `cache`. `disable`
//! is the end of one that has been down for too long.

mod cache;
mod deliver;
mod disable;
mod event_types;
mod fan_out;
mod headers;
pub(crate) mod health;
mod notice;
mod schedule;
pub(crate) mod send;
mod signing;

pub use cache::DESTINATION_STALENESS;
pub use deliver::deliver;
pub use event_types::{EventTypes, MOST_EVENT_TYPES};
pub use headers::{CustomHeaders, MOST_HEADERS};
pub use health::HORIZON;
pub(crate) use send::retry_after;
pub use send::{Sent, send_test};
pub use signing::{NewKey, SigningKind};

pub(crate) use cache::OutletCache;
pub(crate) use fan_out::{announce, new_ticket, plan, repair};
pub(crate) use notice::{Notice, notices};
