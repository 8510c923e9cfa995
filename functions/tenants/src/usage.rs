//! What the tenant may ask of the platform, and how much of it this month has had.

use axum::{Json, extract::State};
use serde::Serialize;
use shared::{
    App,
    access::{Caller, Permission},
    limit::{RateLimit, month_of},
    plan::Plan,
    problem::{ApiError, Problem},
};
use utoipa::ToSchema;

/// The plan, its limits with what was agreed beside it, and the month so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageOut {
    plan: Plan,
    requests: RequestsOut,
    limits: Vec<LimitOut>,
}

#[derive(Serialize, ToSchema)]
struct RequestsOut {
    /// A calendar month, UTC.
    #[schema(example = "2026-11")]
    month: String,
    /// As far as it was reported: each instance reports with its next lease, seconds later under load.
    used: u64,
    /// `null` where the month has no end.
    quota: Option<u32>,
}

/// A limit, in units of cost: a read is one, a change two.
#[derive(Serialize, ToSchema)]
struct LimitOut {
    /// As `RateLimit-Policy` names it.
    #[schema(example = "tenant")]
    policy: &'static str,
    requests: u32,
    per_seconds: u32,
    /// How many may come at once after a pause.
    burst: u32,
}

/// What the tenant may use, and what it has used this month.
#[utoipa::path(get, path = "/v1/tenant/usage", tag = "tenants", responses(
    (status = 200, description = "Plan, limits and requests", body = UsageOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_usage(app: State<App>, caller: Caller) -> Result<Json<UsageOut>, ApiError> {
    let store = caller.authorize(Permission::TenantRead)?;
    let (terms, default) = (caller.terms(), app.config.default_plan()?);
    let allowance = terms.allowance(default);
    let month = month_of(caller.now());
    let limit = |policy, limit: RateLimit| LimitOut {
        policy,
        requests: limit.requests,
        per_seconds: limit.per_seconds,
        burst: limit.burst(),
    };
    Ok(Json(UsageOut {
        plan: terms.plan(default),
        requests: RequestsOut {
            used: store.requests_of_month(&month).await?,
            month,
            quota: allowance.monthly_requests,
        },
        limits: vec![
            limit("tenant", allowance.tenant),
            limit("caller", allowance.caller),
        ],
    }))
}
