//! Outbound webhooks: the tenant's destinations, signed by Standard Webhooks and called through `egress`.
//!
//! `event_types` and `headers` are what a destination may say, `signing` proves who sends, `send` is one
//! call to a destination and what came of it.

mod event_types;
mod headers;
mod send;
mod signing;

pub use event_types::{EventTypes, MOST_EVENT_TYPES};
pub use headers::{CustomHeaders, MOST_HEADERS};
pub use send::{Sent, send_test};
pub use signing::{NewKey, SigningKind};
