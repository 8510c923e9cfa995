//! The levels at which requests are limited: a client's address where nobody has signed in yet, a tenant
//! by its plan, and one user or API key of it. Webhook endpoints have limits of their own.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    app::App,
    http::ClientAddress,
    id::TenantId,
    limit::{Charge, Metered, OverLimit, Quotas, RateLimit, charge, cost},
    plan::Terms,
    problem::ApiError,
    seal::sha256_hex,
    store::{Key, Sort},
};

/// Holds an authenticated request against its tenant's and its caller's limits. No call while the instance
/// holds leases, or trusts.
///
/// # Errors
/// A limit is reached.
pub(crate) async fn admit_caller(
    app: &App,
    parts: &Parts,
    terms: &Terms,
    tenant: TenantId,
    principal: &str,
    now: Timestamp,
) -> Result<(), ApiError> {
    let allowance = terms.allowance(app.config.default_plan()?);
    let cost = cost::of(parts);
    let caller = Charge {
        policy: "caller",
        key: Key::new(tenant, &Sort::CallerLimit(principal.to_owned())),
        limit: allowance.caller,
        trust: trust(allowance.caller),
        cost,
        metered: None,
    };
    let all = Charge {
        policy: "tenant",
        key: Key::new(tenant, &Sort::TenantLimit),
        limit: allowance.tenant,
        trust: trust(allowance.tenant),
        cost,
        metered: Some(Metered {
            month: month_of(now),
            quota: allowance.monthly_requests,
            ends_at: end_of_month(now),
        }),
    };
    // The caller first: one who floods does not use up what the tenant's others may still ask.
    for level in [caller, all] {
        let quota = charge(app, &level, now).await;
        Quotas::note(parts, quota.map_err(ApiError::RateLimited)?);
    }
    Ok(())
}

/// One of the attempts to sign in that an address has: a handler that takes it is not called for one more.
/// The limit holds whether or not the attempt is a good one. One call.
pub struct Attempt(());

impl FromRequestParts<App> for Attempt {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        admit_address(app, parts, app.clock.now()).await?;
        Ok(Self(()))
    }
}

async fn admit_address(app: &App, parts: &Parts, now: Timestamp) -> Result<(), ApiError> {
    let Some(address) = ClientAddress::of(parts).0 else {
        return Ok(());
    };
    let limit = RateLimit {
        requests: app.config.sign_ins_per_minute()?,
        per_seconds: 60,
        burst: None,
    };
    let level = Charge {
        policy: "address",
        key: Key::address_limit(&sha256_hex(network_of(address).as_bytes())),
        limit,
        trust: 0,
        cost: 1,
        metered: None,
    };
    let quota = charge(app, &level, now).await;
    Quotas::note(parts, quota.map_err(ApiError::RateLimited)?);
    Ok(())
}

/// What an instance lets through of a limit before it asks the table: a hundredth of the burst.
fn trust(limit: RateLimit) -> u32 {
    limit.burst() / 100
}

/// One customer has a whole /64 of IPv6 (RFC 6177), and could come from another address each time.
fn network_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// `2026-11`.
pub fn month_of(now: Timestamp) -> String {
    let date = now.to_zoned(TimeZone::UTC).date();
    format!("{:04}-{:02}", date.year(), date.month())
}

fn end_of_month(now: Timestamp) -> Timestamp {
    let date = now.to_zoned(TimeZone::UTC).date();
    let next: Option<Date> = date.last_of_month().tomorrow().ok();
    next.and_then(|next| next.to_zoned(TimeZone::UTC).ok())
        .map_or(now, |zoned| zoned.timestamp())
}

/// The refusal of a tenant whose month is used up.
pub(crate) fn over_month(metered: &Metered, quota: u32, now: Timestamp) -> OverLimit {
    // One more: seconds are cut off, and a moment too early it is the same month.
    let wait_s = metered.ends_at.duration_since(now).as_secs().max(0) + 1;
    OverLimit {
        policy: "month",
        limit: RateLimit {
            requests: quota,
            per_seconds: 2_592_000,
            burst: None,
        },
        retry_after_s: u64::try_from(wait_s).unwrap_or(1),
    }
}
