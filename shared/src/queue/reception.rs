//! How a request came: what its story tells, and the number by which a loss would be noticed.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the receiver saw and on what it relied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reception {
    /// Who sent, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub client: Option<IpAddr>,
    /// Of the whole request's body.
    pub size_bytes: usize,
    /// When the secret was set that verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_set_at: Option<Timestamp>,
    /// Where a rotation had limited that secret: until when it was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_expires_at: Option<Timestamp>,
    /// The time under the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_at: Option<Timestamp>,
}

/// The place of a message among those that one instance has sent for one endpoint: they count from 0,
/// and a gap is a message that no worker has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Number {
    /// One instance's count for one endpoint.
    pub(crate) run: String,
    pub(crate) at: u64,
    /// Earlier numbers of the run whose messages the queue did not take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unsent: Vec<u64>,
}
