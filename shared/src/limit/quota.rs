//! What is left of the limits that a request met, as draft-ietf-httpapi-ratelimit-headers-10 tells it. It
//! is what the instance knows without asking: other instances may have used some of it since.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

use crate::limit::{OverLimit, RateLimit};

pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// One limit and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) policy: &'static str,
    pub(crate) limit: RateLimit,
    pub(crate) remaining: u32,
    /// Seconds until all of it is there again.
    pub(crate) reset_s: u64,
}

/// The limits that one request has met, for the headers of its answer.
#[derive(Clone, Default)]
pub(crate) struct Quotas(Arc<Mutex<Vec<Quota>>>);

impl Quotas {
    /// Tells the request's answer of a limit.
    pub(crate) fn note(parts: &Parts, quota: Quota) {
        let Some(Self(quotas)) = parts.extensions.get::<Self>() else {
            return;
        };
        let mut quotas = quotas.lock().unwrap_or_else(PoisonError::into_inner);
        // A handler that runs again meets its limits again.
        quotas.retain(|other| other.policy != quota.policy);
        quotas.push(quota);
    }

    /// Adds the headers, unless a refusal has its own.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let quotas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if quotas.is_empty() || headers.contains_key(RATELIMIT) {
            return;
        }
        headers.extend(texts(&quotas));
    }
}

/// Of a refused request.
pub(crate) fn of_refusal(over: &OverLimit) -> Vec<(HeaderName, HeaderValue)> {
    texts(&[Quota {
        policy: over.policy,
        limit: over.limit,
        remaining: 0,
        reset_s: over.retry_after_s,
    }])
}

fn texts(quotas: &[Quota]) -> Vec<(HeaderName, HeaderValue)> {
    let policy = |quota: &Quota| {
        let RateLimit {
            requests,
            per_seconds,
            ..
        } = quota.limit;
        format!("\"{}\";q={requests};w={per_seconds}", quota.policy)
    };
    let left = |quota: &Quota| {
        let Quota {
            policy,
            remaining,
            reset_s,
            ..
        } = quota;
        format!("\"{policy}\";r={remaining};t={reset_s}")
    };
    let policies: Vec<String> = quotas.iter().map(policy).collect();
    let left: Vec<String> = quotas.iter().map(left).collect();
    [(RATELIMIT_POLICY, policies), (RATELIMIT, left)]
        .into_iter()
        .filter_map(|(name, parts)| Some((name, HeaderValue::from_str(&parts.join(", ")).ok()?)))
        .collect()
}
