//! A person and their tenants: invitations that are accepted, memberships, from one tenant to another.

use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use shared::{
    App,
    access::{
        Caller, Role, Strict, invite,
        sign_in::Entrance,
        tenancy::{self, Membership},
    },
    http::{Body, rules},
    id::{TenantId, UserId},
    limit::Attempt,
    problem::{ApiError, Problem},
    seal::Secret,
};
use utoipa::ToSchema;

use crate::views::SignedInOut;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptIn {
    /// Out of the letter's link.
    #[garde(skip)]
    #[schema(value_type = String, example = "piv_…")]
    token: Secret<String>,
    /// How the tenant is to call them: needed by who has no account yet, else kept if not given.
    #[garde(custom(rules::optional_name))]
    name: Option<String>,
    /// A new one for who has no account yet, or none with a password; else the account's.
    #[garde(custom(rules::optional_password))]
    #[schema(value_type = Option<String>, min_length = 10, max_length = 256)]
    password: Option<Secret<String>>,
    /// A one-time code or a recovery code, for an account with a second factor.
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    otp: Option<Secret<String>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchIn {
    #[garde(skip)]
    #[schema(value_type = String)]
    tenant_id: TenantId,
}

/// A person, and all tenants that they are a member of.
#[derive(Serialize, ToSchema)]
pub(crate) struct MembershipsOut {
    #[schema(value_type = String)]
    user_id: UserId,
    email: String,
    /// Until it is, the account reaches no tenant but its first.
    email_verified: bool,
    data: Vec<MembershipOut>,
}

#[derive(Serialize, ToSchema)]
struct MembershipOut {
    #[schema(value_type = String)]
    tenant_id: TenantId,
    name: String,
    role: Role,
    /// Whether the person could sign in there now.
    is_open: bool,
    /// Whether the request's credential is for it.
    is_current: bool,
}

impl From<Membership> for MembershipOut {
    fn from(membership: Membership) -> Self {
        Self {
            tenant_id: membership.tenant,
            name: membership.name,
            role: membership.role,
            is_open: membership.is_open,
            is_current: membership.is_current,
        }
    }
}

/// Makes the bearer of a mailed invitation a member, and signs them in. It works once.
#[utoipa::path(post, path = "/v1/auth/invitations/accept", tag = "auth", security(()), request_body = AcceptIn, responses(
    (status = 200, description = "The member and their tokens", body = SignedInOut),
    (status = 401, description = "The invitation was used or withdrawn, or has expired", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "They are a member already", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn accept_invitation(
    app: State<App>,
    _: Attempt,
    at: Entrance,
    Body(given): Body<AcceptIn>,
) -> Result<Json<SignedInOut>, ApiError> {
    let given = invite::Acceptance {
        token: given.token,
        name: given.name,
        password: given.password,
        otp: given.otp,
    };
    Ok(Json(invite::accept(&app, &at, given).await?.into()))
}

/// The tenants of the caller, in the order of their making; for a session of single sign-on, its own.
#[utoipa::path(get, path = "/v1/auth/memberships", tag = "auth", responses(
    (status = 200, description = "The person and their tenants", body = MembershipsOut),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_memberships(
    app: State<App>,
    caller: Caller,
) -> Result<Json<MembershipsOut>, ApiError> {
    let found = tenancy::memberships(&app, &caller).await?;
    Ok(Json(MembershipsOut {
        user_id: found.user,
        email: found.email,
        email_verified: found.email_verified,
        data: found.tenants.into_iter().map(MembershipOut::from).collect(),
    }))
}

/// A session of the caller in another of their tenants. It ends no later than the present one, which goes on.
#[utoipa::path(post, path = "/v1/auth/switch-tenant", tag = "auth", request_body = SwitchIn, responses(
    (status = 200, description = "The caller as a member of that tenant, and tokens", body = SignedInOut),
    (status = 403, description = "A session of single sign-on, or an address that is not verified", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The caller is no active member of such a tenant", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn switch_tenant(
    app: State<App>,
    at: Entrance,
    Strict(caller): Strict,
    Body(given): Body<SwitchIn>,
) -> Result<Json<SignedInOut>, ApiError> {
    let signed_in = tenancy::switch(&app, &at, &caller, given.tenant_id).await?;
    Ok(Json(signed_in.into()))
}
