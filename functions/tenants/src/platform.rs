//! The operators' routes: the only ones that name a tenant. See `shared::access::Operator`.

use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use shared::{
    access::{Operator, Strict, TenantFile},
    http::{Body, PageQuery, Path, Query, TenantOut, nullable},
    id::TenantId,
    limit::RateLimit,
    plan::{Overrides, Plan},
    problem::{ApiError, Problem},
    store::Page,
};
use utoipa::ToSchema;

/// A tenant and how much it may ask of the platform.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantFileOut {
    #[serde(flatten)]
    tenant: TenantOut,
    /// `null` for the deployment's default.
    plan: Option<Plan>,
    limits: LimitsOut,
}

/// What was agreed with the tenant in place of its plan's numbers.
#[derive(Serialize, ToSchema)]
struct LimitsOut {
    tenant: Option<RateLimit>,
    caller: Option<RateLimit>,
    monthly_requests: Option<u32>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsPatchIn {
    /// `null` goes back to the deployment's default.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Plan>)]
    #[garde(skip)]
    plan: Option<Option<Plan>>,
    /// All that is agreed beside the plan; `null` for nothing.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<LimitsIn>)]
    #[garde(dive)]
    limits: Option<Option<LimitsIn>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsIn {
    #[garde(dive)]
    tenant: Option<RateLimit>,
    #[garde(dive)]
    caller: Option<RateLimit>,
    /// Requests in a calendar month, UTC.
    #[garde(inner(range(min = 1)))]
    monthly_requests: Option<u32>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonIn {
    /// Both audit logs keep it.
    #[garde(length(chars, min = 1, max = 500))]
    #[schema(example = "invoice 2026-117 is unpaid")]
    reason: String,
}

impl From<TenantFile> for TenantFileOut {
    fn from(file: TenantFile) -> Self {
        let Overrides {
            tenant,
            caller,
            monthly_requests,
        } = file.terms.overrides;
        Self {
            tenant: file.tenant.into(),
            plan: file.terms.plan,
            limits: LimitsOut {
                tenant,
                caller,
                monthly_requests,
            },
        }
    }
}

impl From<LimitsIn> for Overrides {
    fn from(limits: LimitsIn) -> Self {
        Self {
            tenant: limits.tenant,
            caller: limits.caller,
            monthly_requests: limits.monthly_requests,
        }
    }
}

/// Every tenant, in the order of their making. For operators of the platform.
#[utoipa::path(get, path = "/v1/platform/tenants", tag = "platform", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<TenantFileOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_tenants(
    caller: Strict,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<TenantFileOut>>, ApiError> {
    let page = query.page()?;
    let tenants = Operator::new(caller).tenants(&page).await?;
    Ok(Json(tenants.map(TenantFileOut::from)))
}

/// One tenant. For operators of the platform.
#[utoipa::path(get, path = "/v1/platform/tenants/{tenant_id}", tag = "platform", params(("tenant_id" = String, Path)), responses(
    (status = 200, description = "The tenant", body = TenantFileOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_tenant(
    caller: Strict,
    Path(id): Path<TenantId>,
) -> Result<Json<TenantFileOut>, ApiError> {
    Ok(Json(Operator::new(caller).tenant(id).await?.into()))
}

/// Gives the tenant another plan, or limits of its own. In force within five seconds. For operators of the platform.
#[utoipa::path(patch, path = "/v1/platform/tenants/{tenant_id}", tag = "platform", request_body = TermsPatchIn,
    params(("tenant_id" = String, Path)), responses(
    (status = 200, description = "The tenant as it is now", body = TenantFileOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn update_tenant(
    caller: Strict,
    Path(id): Path<TenantId>,
    Body(patch): Body<TermsPatchIn>,
) -> Result<Json<TenantFileOut>, ApiError> {
    let limits = patch.limits.map(|limits| limits.map(Overrides::from));
    let file = Operator::new(caller)
        .set_terms(id, patch.plan, limits)
        .await?;
    Ok(Json(file.into()))
}

/// Closes every door of the tenant: credentials within five seconds, its webhooks within ten. Data stays. For operators
/// of the platform.
#[utoipa::path(post, path = "/v1/platform/tenants/{tenant_id}:suspend", tag = "platform", request_body = ReasonIn,
    params(("tenant_id" = String, Path)), responses(
    (status = 200, description = "The tenant as it is now", body = TenantFileOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn suspend_tenant(
    caller: Strict,
    Path(id): Path<TenantId>,
    Body(why): Body<ReasonIn>,
) -> Result<Json<TenantFileOut>, ApiError> {
    let file = Operator::new(caller).suspend(id, &why.reason).await?;
    Ok(Json(file.into()))
}

/// Opens a suspended tenant's doors again. For operators of the platform.
#[utoipa::path(post, path = "/v1/platform/tenants/{tenant_id}:reactivate", tag = "platform", request_body = ReasonIn,
    params(("tenant_id" = String, Path)), responses(
    (status = 200, description = "The tenant as it is now", body = TenantFileOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn reactivate_tenant(
    caller: Strict,
    Path(id): Path<TenantId>,
    Body(why): Body<ReasonIn>,
) -> Result<Json<TenantFileOut>, ApiError> {
    let file = Operator::new(caller).reactivate(id, &why.reason).await?;
    Ok(Json(file.into()))
}
