//! Calls to vendors: connectors as data, requests, and the budget and breakers before them.

mod answer;
mod breaker;
mod breakers;
mod client;
mod connector;
mod credential;
mod form;
mod manifest;
mod oauth;
mod page;
mod request;
mod retry;

pub use answer::{Class, VendorAnswer};
pub use breaker::{Breaker, Mark, Phase, Rules, Trip};
pub use breakers::{Permit, Refused, Scope, admit, reset, settle, state};
pub use client::{VendorError, call, connection_scope, host_scope, read_page};
pub use connector::{BodyFormat, ClientAuth, Connector, connector, connectors, offered};
pub use manifest::{OWN_PREFIX, check_manifest};
pub use oauth::{Authorization, Returned, begin, complete, returned};
pub use page::{PageError, VendorItem, VendorPage};
pub use request::{CallInput, VendorCall, checked_path, chosen_base_url, idempotency_key};
pub use retry::{Again, Repeatable, again};

pub(crate) use breakers::BreakerCache;
pub(crate) use oauth::RefreshTurns;
pub(crate) use retry::RetryBudgets;
