//! Invitations: an address, a role, and a letter whose token makes its reader a member.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{
    App,
    access::{Caller, Permission, Role, Strict, invite},
    http::{Body, IfMatch, PageQuery, Path, Query, Tagged, rules},
    id::{InvitationId, UserId},
    problem::{ApiError, Problem},
    store::{Invitation, InvitationState, Page, Versioned},
};
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationIn {
    #[garde(custom(rules::email))]
    #[schema(example = "grace@acme.example")]
    email: String,
    #[garde(skip)]
    role: Role,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationOut {
    #[schema(value_type = String)]
    id: InvitationId,
    email: String,
    role: Role,
    state: InvitationState,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Who invited: a user's id or an API key's.
    invited_by: String,
    #[schema(value_type = Option<String>)]
    accepted_by: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its latest letter was queued.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
}

impl InvitationOut {
    fn new(invitation: Invitation, now: Timestamp) -> Self {
        Self {
            state: invitation.state(now),
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            expires_at: invitation.ends_at,
            invited_by: invitation.invited_by,
            accepted_by: invitation.accepted_by,
            created_at: invitation.created_at,
            sent_at: invitation.sent_at,
        }
    }
}

/// The tenant's invitations, latest first; those that are over stay for 30 days.
#[utoipa::path(get, path = "/v1/tenant/invitations", tag = "tenants", params(PageQuery), responses(
    (status = 200, description = "One page", body = Page<InvitationOut>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_invitations(
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<InvitationOut>>, ApiError> {
    let store = caller.authorize(Permission::UsersRead)?;
    let page = store.invitations(&query.page()?).await?;
    Ok(Json(page.map(|one| InvitationOut::new(one, caller.now()))))
}

/// Invites an address to a role that is the caller's to give. The letter's link is good for seven days.
#[utoipa::path(post, path = "/v1/tenant/invitations", tag = "tenants", request_body = InvitationIn, responses(
    (status = 201, description = "The invitation; its letter is queued", body = InvitationOut),
    (status = 403, description = "The role allows what the caller may not do", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_invitation(
    app: State<App>,
    Strict(caller): Strict,
    Body(new): Body<InvitationIn>,
) -> Result<(StatusCode, Tagged<InvitationOut>), ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    caller.may_grant(new.role).await?;
    let email = rules::normal_email(&new.email);
    let invitation = store.invite(email, new.role).await?;
    invite::send(&app, &store, &invitation.value).await?;
    Ok((StatusCode::CREATED, tagged(invitation, &caller)))
}

/// Sends a further letter, whose link is good for seven days. The links before it are good no longer.
#[utoipa::path(post, path = "/v1/tenant/invitations/{id}:resend", tag = "tenants", params(("id" = String, Path)), responses(
    (status = 200, description = "The invitation; its letter is queued", body = InvitationOut),
    (status = 409, description = "It was accepted", body = Problem, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn resend_invitation(
    app: State<App>,
    Strict(caller): Strict,
    Path(id): Path<InvitationId>,
) -> Result<Tagged<InvitationOut>, ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    let current = store.invitation(id).await?;
    caller.may_grant(current.value.role).await?;
    let invitation = store.invite_again(current).await?;
    invite::send(&app, &store, &invitation.value).await?;
    Ok(tagged(invitation, &caller))
}

/// Withdraws an invitation. A member who has accepted it stays.
#[utoipa::path(delete, path = "/v1/tenant/invitations/{id}", tag = "tenants",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that the removal is based on"),
    ),
    responses(
        (status = 204, description = "It is gone, and its link is good no longer"),
        (status = 412, description = "If-Match names another version", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_invitation(
    Strict(caller): Strict,
    seen: IfMatch,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, ApiError> {
    let store = caller.authorize(Permission::UsersWrite)?;
    let current = seen.check(store.invitation(id).await?)?;
    store.delete_invitation(current).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(invitation: Versioned<Invitation>, caller: &Caller) -> Tagged<InvitationOut> {
    Tagged(Versioned {
        version: invitation.version,
        value: InvitationOut::new(invitation.value, caller.now()),
    })
}
