//! Vendors' webhooks: [`receive`] verifies and queues, [`apply`] stores exactly once.
//!
//! Everything else here is data and pure functions that read no clock, no socket and no
//! randomness: `scheme` is the vocabulary in which a vendor's way of signing is written down,
//! `presets` the table of vendors, `request` the view of what arrived, `keys` the prepared secrets,
//! `verify` the decision. `identity` and `handshake` read an authentic request; `sign` and `sample`
//! are the inverse, for senders and tests; `doctor` explains a decision to a person.

pub mod doctor;
pub mod handshake;
pub mod identity;
pub mod keys;
pub mod presets;
pub mod request;
pub mod sample;
pub mod scheme;
pub mod sign;
pub mod verify;

mod apply;
mod cache;
mod encoding;
mod pointer;
mod receive;
mod retry;
mod secret;
mod timestamp;

pub use apply::apply;
pub use cache::ENDPOINT_STALENESS;
pub use receive::{Incoming, MAX_BODY_LEN, Receipt, Verified, receive};
pub use secret::{check_secrets, new_secret};

pub(crate) use cache::EndpointCache;

#[cfg(test)]
mod tests;
