//! One person, several tenants: which they are, and from one to another. A session that an identity provider
//! vouched for knows of its own tenant only.

use crate::{
    access::{
        Caller, Permission, Role,
        sign_in::{self, Begin, Entrance, SignedIn},
    },
    app::App,
    id::{TenantId, UserId},
    problem::ApiError,
    store::{Identity, Session, TenantStatus, TenantStore, UserStatus, Versioned},
};

const ENDED: ApiError = ApiError::Unauthenticated("the session has ended");

/// A person as they are in all tenants.
pub struct Memberships {
    pub user: UserId,
    pub email: String,
    pub email_verified: bool,
    pub tenants: Vec<Membership>,
}

pub struct Membership {
    pub tenant: TenantId,
    pub name: String,
    pub role: Role,
    /// Whether the person could sign in there now.
    pub is_open: bool,
    pub is_current: bool,
}

/// The caller's own tenants: for a session of single sign-on, the one that it is good in.
pub async fn memberships(app: &App, caller: &Caller) -> Result<Memberships, ApiError> {
    let user = caller.member()?.user;
    let store = caller.authorize(Permission::MeRead)?;
    let (session, identity) = person(app, caller, &store).await?;
    let identity = identity.value;
    let listed = match session.sso {
        Some(_) => vec![store.tenant_id()],
        None => identity.tenants.clone(),
    };
    let found = app.platform().memberships(user, &listed).await?;
    let tenants = found.into_iter().map(|(tenant, member)| Membership {
        is_open: tenant.status == TenantStatus::Active
            && member.status == UserStatus::Active
            && identity.reaches(tenant.id),
        is_current: tenant.id == store.tenant_id(),
        tenant: tenant.id,
        name: tenant.name,
        role: member.role,
    });
    Ok(Memberships {
        user,
        tenants: tenants.collect(),
        email: identity.email,
        email_verified: identity.email_verified,
    })
}

/// A session in another of the caller's tenants, which ends no later than the present one. The present one
/// goes on.
///
/// # Errors
/// `NotAllowed` for a session of single sign-on and for an address that is not verified; `NotFound` for a tenant
/// that the caller is no active member of.
pub async fn switch(
    app: &App,
    at: &Entrance,
    caller: &Caller,
    to: TenantId,
) -> Result<SignedIn, ApiError> {
    let user = caller.member()?.user;
    let store = caller.authorize(Permission::MeUpdate)?;
    let (session, identity) = person(app, caller, &store).await?;
    if session.sso.is_some() {
        return Err(ApiError::NotAllowed(
            "a session of single sign-on is good in its own tenant only: sign in with the password",
        ));
    }
    if !identity.value.tenants.contains(&to) {
        return Err(ApiError::NotFound);
    }
    if !identity.value.reaches(to) {
        return Err(sign_in::NOT_VERIFIED);
    }
    let begin = Begin {
        tenant: to,
        user,
        ends_by: Some(session.ends_at),
        sso: None,
        keeper: sign_in::Keeper::Client,
        also: Vec::new(),
    };
    sign_in::begin_in(app, at, begin, caller.now())
        .await?
        .ok_or(ApiError::NotFound)
}

/// The session and the person behind a caller.
pub(crate) async fn person(
    app: &App,
    caller: &Caller,
    store: &TenantStore,
) -> Result<(Session, Versioned<Identity>), ApiError> {
    let member = caller.member()?;
    let session = store.session(member.user, member.session).await?;
    let identity = app.platform().identity_of(member.user).await?;
    session.zip(identity).ok_or(ENDED)
}
