//! Wire types of refused requests. Nothing in them would let a request pass: no header's value, no body.

use jiff::Timestamp;
use serde::Serialize;
use shared::store::Rejection;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct RejectionsOut {
    /// Latest first, fifty at most, none older than seven days.
    data: Vec<RejectionOut>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RejectionOut {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    source_ip: Option<String>,
    /// `malformed`, `bad_signature`, `stale`, `secret_expired`, `address_not_allowed`, `rate_limited`,
    /// `content_encoding` or `too_large`.
    #[schema(example = "bad_signature")]
    reason: String,
    /// The reason in words.
    detail: String,
    /// What the signature doctor makes of it: skewed clocks, near misses, another vendor's headers.
    hints: Vec<String>,
    /// The names of the request's headers.
    header_names: Vec<String>,
    body_length: Option<u64>,
    /// Hexadecimal; `null` where the body was not read.
    body_sha256: Option<String>,
    /// Further refused requests shortly before this one, of which nothing else was kept.
    suppressed: u64,
}

impl RejectionsOut {
    pub(crate) fn new(rejections: Vec<Rejection>) -> Self {
        Self {
            data: rejections.into_iter().map(RejectionOut::from).collect(),
            next_cursor: None,
        }
    }
}

impl From<Rejection> for RejectionOut {
    fn from(rejection: Rejection) -> Self {
        Self {
            at: rejection.at,
            source_ip: rejection.source_ip,
            reason: rejection.reason,
            detail: rejection.detail,
            hints: rejection.hints,
            header_names: rejection.header_names,
            body_length: rejection.body_len,
            body_sha256: rejection.body_sha256,
            suppressed: rejection.suppressed,
        }
    }
}
