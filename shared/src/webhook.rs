//! Vendors' webhooks: [`receive`] verifies and queues, [`apply`] stores exactly once.
//!
//! Everything else here is data and pure functions that read no clock, no socket and no
//! randomness: `scheme` is the vocabulary in which a vendor's way of signing is written down,
//! `presets` the table of vendors, `request` the view of what arrived, `keys` the prepared secrets,
//! `vendor_key` what a vendor publishes (its `fetch` is the one part that calls out), `verify` the decision. `identity` and `handshake` read an authentic request; `sign` and `sample`
//! are the inverse, for senders and tests; `allow_list` is where requests may come from; `doctor` explains a decision to a person.

pub mod doctor;
pub mod handshake;
pub mod identity;
pub mod keys;
pub mod presets;
pub mod request;
pub mod sample;
pub mod scheme;
pub mod sign;
pub mod vendor_key;
pub mod verify;

mod admission;
mod allow_list;
mod apply;
mod cache;
mod confirmation;
mod custom;
mod encoding;
mod form_body;
mod greeting;
mod numbering;
mod ordering;
mod pointer;
mod receive;
mod rejections;
mod retry;
mod secret;
mod split;
mod story;
mod timestamp;
mod xml;

pub use allow_list::{AllowList, MOST_NETWORKS, Network};
pub use apply::apply;
pub use cache::ENDPOINT_STALENESS;
pub use custom::{CUSTOM, check_unsigned, chosen_scheme};
pub use greeting::receive_get;
pub use ordering::Ordering;
pub use receive::{
    Incoming, ItemReceipt, MAX_BODY_LEN, MOST_IN_BATCH, Receipt, Verified, receive, receive_batch,
    refuse_oversized,
};
pub use retry::RetryPolicy;
pub use secret::{check_secrets, first_secrets, new_secret};
pub use story::{Beside, Step, StepKind, delivered, story};

pub(crate) use cache::{EndpointCache, opened_secrets};
pub(crate) use numbering::Numbering;
pub(crate) use rejections::RejectionLog;
pub(crate) use vendor_key::VendorKeyCache;

#[cfg(test)]
mod tests;
