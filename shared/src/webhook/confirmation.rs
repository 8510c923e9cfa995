//! Visiting the URL that confirms a subscription. Only a message that verified for a pinned topic leads
//! here, and only to the vendor's own host; visiting twice confirms once.

use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, Method};

use crate::{
    app::App,
    id::EndpointId,
    outbound::retry_after,
    queue::{JobError, JobResult, Received},
    webhook::{scheme::sns_region, vendor_key::call_vendor},
};

/// With the waits between them, about an hour; a token is good for three days, and the vendor asks again.
const MOST_ATTEMPTS: u32 = 8;

/// # Errors
/// The reason to give up.
pub(super) async fn visit(
    app: &App,
    endpoint: EndpointId,
    url: &str,
    received: &Received,
) -> Result<JobResult, String> {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split(['/', '?']).next());
    if host.and_then(sns_region).is_none() {
        return Err("the subscription's URL is not one of the vendor's".to_owned());
    }
    let mut hint = Duration::ZERO;
    let failure = match call_vendor(app, Method::GET, url, HeaderMap::new(), Bytes::new()).await {
        Ok(answer) if answer.status.is_success() => {
            tracing::info!(endpoint.id = %endpoint, "confirmed a subscription");
            return Ok(Ok(()));
        }
        Ok(answer) => {
            hint = retry_after(&answer.headers, app.clock.now()).unwrap_or_default();
            format!("the vendor answered {}", answer.status.as_u16())
        }
        Err(error) if error.is_permanent() => return Err(error.to_string()),
        Err(error) => error.to_string(),
    };
    tracing::warn!(endpoint.id = %endpoint, failure, "a subscription was not confirmed");
    if received.attempt >= MOST_ATTEMPTS {
        return Err(format!("the subscription was not confirmed: {failure}"));
    }
    let after_s = 10_u64 << received.attempt.min(6);
    Ok(Err(JobError::Retry {
        after: Duration::from_secs(after_s).max(hint),
    }))
}
