//! Whether an endpoint takes a request: where it comes from first, its proof after. A pure decision.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::{
    limit::OverLimit,
    problem::ApiError,
    webhook::{
        cache::Listener,
        request::RawRequest,
        vendor_key::VendorKeys,
        verify::{Authentic, VerifyError, verify},
    },
};

/// Why an endpoint does not take a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("requests from {} are not allowed", shown(*.client))]
    Address { client: Option<IpAddr> },
    #[error("{0}")]
    Proof(#[from] VerifyError),
    #[error("it verifies with a secret that expired at {at}")]
    SecretExpired { at: Timestamp },
    #[error("it is over the limit of {} requests in {} s", .0.limit.requests, .0.limit.per_seconds)]
    OverLimit(OverLimit),
    #[error("the body is compressed: `Content-Encoding` is `{coding}`")]
    Encoded { coding: String },
    #[error("the body has more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
}

impl Refusal {
    /// One word for programs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address_not_allowed",
            Self::Proof(error) => error.verdict().as_str(),
            Self::SecretExpired { .. } => "secret_expired",
            Self::OverLimit(_) => "rate_limited",
            Self::Encoded { .. } => "content_encoding",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// What the sender is told: one answer for whatever is not authentic.
    pub(crate) fn answer(&self) -> ApiError {
        match self {
            Self::Address { .. } | Self::Proof(_) | Self::SecretExpired { .. } => {
                ApiError::NotVerified
            }
            Self::OverLimit(over) => ApiError::RateLimited(*over),
            Self::Encoded { .. } => ApiError::UnsupportedCoding,
            Self::TooLarge { limit_bytes } => ApiError::TooLarge {
                limit_bytes: *limit_bytes,
            },
        }
    }
}

/// Nothing of the request but the client's address is looked at before that address is allowed.
///
/// # Errors
/// The precise reason. Expiry is held against `now`, the request's own time: an endpoint that was
/// read a moment ago does not make a secret live longer.
pub(crate) fn admit(
    listener: &Listener,
    client: Option<IpAddr>,
    request: &RawRequest<'_>,
    vendor_keys: &VendorKeys,
    now: Timestamp,
) -> Result<Authentic, Refusal> {
    if !listener.allowed_ips.allows(client) {
        return Err(Refusal::Address { client });
    }
    let authentic = verify(
        &listener.scheme,
        request,
        &listener.keys,
        vendor_keys,
        now.as_second(),
    )?;
    // Newest first, so a secret that is good matches before an expired one.
    let matched = authentic.matched_secret();
    let secret = matched.and_then(|index| listener.secrets.get(index));
    if let Some(at) = secret.and_then(|secret| secret.expires_at.filter(|_| !secret.is_good(now))) {
        return Err(Refusal::SecretExpired { at });
    }
    // What would be stored is not what the vendor meant, and nobody would know if its end were missing.
    match request.headers.coding() {
        Some(coding) => Err(Refusal::Encoded { coding }),
        None => Ok(authentic),
    }
}

fn shown(client: Option<IpAddr>) -> String {
    client.map_or_else(
        || "an unknown address".to_owned(),
        |client| client.to_string(),
    )
}
