//! The caller of a request, from its credential alone: never from path, query, header or body.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use jiff::Timestamp;
use lambda_http::request::RequestContext;

use crate::{
    access::{
        Gate, Permission, Permissions, Role, TokenError,
        api_key::{self, Freshness},
        browser,
        gate::{Ticket, TurnedAway},
        sign_in::Entrance,
        token,
    },
    app::App,
    audit::{Actor, Origin as AuditOrigin},
    http::ClientAddress,
    id::{ApiKeyId, SessionId, TenantId, UserId},
    limit,
    plan::Terms,
    problem::ApiError,
    store::{self, TenantStore},
};

/// An authenticated request. A handler that does not take one, or does not call
/// [`Caller::authorize`], has no way to reach a tenant's data.
#[derive(Clone)]
pub struct Caller {
    app: App,
    tenant: TenantId,
    principal: Principal,
    permissions: Permissions,
    gate: Arc<Gate>,
    csrf_token: Option<String>,
    now: Timestamp,
    origin: AuditOrigin,
}

/// Who is behind a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    Member(Member),
    /// A key of the tenant's: nobody's profile, sessions or password are its own.
    Key(ApiKeyId),
}

/// A signed-in person in one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub role: Role,
    pub session: SessionId,
}

/// The address under which this request's client knows the API: also the issuer of its tokens.
#[derive(Debug, Clone)]
pub struct Origin(pub String);

impl Caller {
    /// Opens the caller's own tenant, if `permission` is in the caller's set. The only door.
    pub fn authorize(&self, permission: Permission) -> Result<TenantStore, ApiError> {
        if !self.permissions.contains(permission) {
            return Err(ApiError::Forbidden(permission));
        }
        Ok(TenantStore::open(
            &self.app,
            self.tenant,
            self.principal.actor(),
            self.origin.clone(),
            self.now,
        ))
    }

    /// Opens another tenant, for an operator of the platform. Nobody else holds such a permission.
    ///
    /// # Errors
    /// `Forbidden` without the permission, `NotAllowed` for an API key.
    pub(super) fn oversee(
        &self,
        permission: Permission,
        tenant: TenantId,
    ) -> Result<TenantStore, ApiError> {
        if !Permissions::OPERATORS.contains(permission) || !self.permissions.contains(permission) {
            return Err(ApiError::Forbidden(permission));
        }
        Ok(TenantStore::open(
            &self.app,
            tenant,
            Actor::Operator(self.member()?.user),
            self.origin.clone(),
            self.now,
        ))
    }

    pub(super) fn app(&self) -> &App {
        &self.app
    }

    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub fn principal(&self) -> Principal {
        self.principal
    }

    /// The person, on routes that are about one.
    ///
    /// # Errors
    /// `NotAllowed` for an API key.
    pub fn member(&self) -> Result<Member, ApiError> {
        match self.principal {
            Principal::Member(member) => Ok(member),
            Principal::Key(_) => Err(ApiError::NotAllowed(
                "this is about a signed-in person: an API key has no profile, sessions or password",
            )),
        }
    }

    /// What requests with the caller's session cookie must carry; `None` with another credential.
    pub fn csrf_token(&self) -> Option<&str> {
        self.csrf_token.as_deref()
    }

    /// All that the caller may do.
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// What a role allows in the caller's tenant.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Nobody gives, changes or takes away a role that allows what they may not do themselves.
    ///
    /// # Errors
    /// `NotAllowed`, or `Invalid` for a role that the tenant does not have.
    pub async fn may_grant(&self, role: Role) -> Result<(), ApiError> {
        let set = match role {
            // As it is now: it may be new, and it must not be given by what it used to allow.
            Role::Custom(_) => {
                let gate = self.app.gate_now(self.tenant, self.now).await?;
                gate.permissions(role)
            }
            Role::User | Role::Admin | Role::Owner => self.gate.permissions(role),
        };
        let set = set.ok_or_else(|| ApiError::invalid("/role", "the tenant has no such role"))?;
        self.may_grant_set(set)
    }

    /// # Errors
    /// `NotAllowed` when the set holds a permission that the caller does not.
    pub fn may_grant_set(&self, set: Permissions) -> Result<(), ApiError> {
        if self.permissions.covers(set.without(Permissions::SELF)) {
            return Ok(());
        }
        Err(ApiError::NotAllowed(
            "a role or permission above your own is not yours to give, change or take away",
        ))
    }

    /// How much the caller's tenant may ask of the platform.
    pub fn terms(&self) -> Terms {
        self.gate.terms
    }

    /// The request's time: read once, used for everything the request does.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Self::of(parts, app, Freshness::Cached).await
    }
}

/// A caller who is held against the gate as it is now, not as it was some seconds ago: for routes on
/// which a suspended member or an ended session must not act even once more. One read more.
pub struct Strict(pub Caller);

impl FromRequestParts<App> for Strict {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Caller::of(parts, app, Freshness::Now).await.map(Self)
    }
}

impl Principal {
    fn actor(self) -> Actor {
        match self {
            Self::Member(member) => Actor::User(member.user),
            Self::Key(id) => Actor::Key(id),
        }
    }
}

impl Caller {
    async fn of(parts: &mut Parts, app: &App, freshness: Freshness) -> Result<Self, ApiError> {
        let now = app.clock.now();
        let by_header = parts.headers.contains_key(header::AUTHORIZATION);
        let cookie = browser::cookie(parts).filter(|_| !by_header);
        let caller = if let Some(cookie) = cookie {
            Self::by_cookie(parts, app, cookie, freshness, now).await?
        } else {
            let credential = bearer(parts)?.to_owned();
            if credential.starts_with(api_key::PREFIX) {
                Self::by_key(parts, app, &credential, freshness, now).await?
            } else {
                Self::by_token(parts, app, &credential, freshness, now).await?
            }
        };
        let actor = caller.principal.actor().to_string();
        limit::admit_caller(app, parts, &caller.gate.terms, caller.tenant, &actor, now).await?;
        store::own(caller.tenant, &actor, now)?;
        Ok(caller)
    }

    async fn by_token(
        parts: &Parts,
        app: &App,
        token: &str,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let issuer = Origin::of(parts, app);
        let claims = verified(app, &issuer.0, token, now).await?;
        let ticket = Ticket {
            user: claims.sub,
            session: claims.sid,
            role: claims.role,
            epoch: claims.epoch,
        };
        Self::admitted(parts, app, claims.tenant, &ticket, freshness, now).await
    }

    async fn by_cookie(
        parts: &Parts,
        app: &App,
        cookie: &str,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let admitted = browser::admit(parts, app, cookie, freshness, now).await?;
        let session = &admitted.session;
        let ticket = Ticket {
            user: session.user,
            session: session.id,
            role: session.role,
            epoch: session.epoch,
        };
        let tenant = admitted.token.tenant;
        let caller = Self::admitted(parts, app, tenant, &ticket, freshness, now).await?;
        Ok(Self {
            csrf_token: Some(admitted.csrf_token),
            ..caller
        })
    }

    /// A member, whatever proved the ticket.
    async fn admitted(
        parts: &Parts,
        app: &App,
        tenant: TenantId,
        ticket: &Ticket,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let gate = gate(app, tenant, freshness, now).await?;
        let role = gate.admit(ticket, now).map_err(turned_away)?;
        let member = Member {
            user: ticket.user,
            role,
            session: ticket.session,
        };
        // A custom role that is gone leaves its bearer with what everybody may.
        let set = gate.permissions(role).unwrap_or(Permissions::SELF);
        let permissions = match app.operators == Some(tenant) {
            true => set.union(Permissions::of_operator(role)),
            false => set.without(Permissions::OPERATORS),
        };
        Ok(Self {
            app: app.clone(),
            tenant,
            principal: Principal::Member(member),
            permissions,
            gate,
            csrf_token: None,
            now,
            origin: AuditOrigin::of(parts),
        })
    }

    async fn by_key(
        parts: &Parts,
        app: &App,
        text: &str,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let client = ClientAddress::of(parts);
        let (tenant, key) = api_key::admit(app, text, client, freshness, now).await?;
        let gate = gate(app, tenant, freshness, now).await?;
        gate.admit_key().map_err(turned_away)?;
        Ok(Self {
            app: app.clone(),
            tenant,
            principal: Principal::Key(key.id),
            permissions: key.permissions.without(Permissions::NOT_FOR_KEYS),
            gate,
            csrf_token: None,
            now,
            origin: AuditOrigin::of(parts),
        })
    }
}

async fn gate(
    app: &App,
    tenant: TenantId,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Arc<Gate>, store::StoreError> {
    match freshness {
        Freshness::Cached => app.gate(tenant, now).await,
        Freshness::Now => app.gate_now(tenant, now).await,
    }
}

fn turned_away(why: TurnedAway) -> ApiError {
    tracing::info!(reason = %why, "the bearer of an access token was turned away");
    match why {
        TurnedAway::TenantSuspended => ApiError::NotAllowed("the tenant is suspended"),
        TurnedAway::MemberOut | TurnedAway::SessionEnded => {
            ApiError::Unauthenticated("the session has ended")
        }
    }
}

async fn verified(
    app: &App,
    issuer: &str,
    token: &str,
    now: Timestamp,
) -> Result<token::AccessClaims, ApiError> {
    let kid = token::key_id(token).map_err(refused)?;
    let keyring = app
        .keyring_with(&kid, now)
        .await
        .map_err(ApiError::Unavailable)?;
    token::verify(&keyring, issuer, token, now).map_err(refused)
}

fn refused(error: TokenError) -> ApiError {
    tracing::info!(reason = %error, "an access token was refused");
    ApiError::Unauthenticated("the access token is not valid or has expired")
}

/// RFC 6750 section 2.1; exactly one `Authorization` header.
fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ApiError::Unauthenticated(
            "this needs an access token or an API key (`Authorization: Bearer …`), or a session cookie",
        ));
    };
    let text = value.to_str().unwrap_or_default();
    let token = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token
        .map(|(_, token)| token.trim())
        .ok_or(ApiError::Unauthenticated(
            "the Authorization header must be `Bearer` and an access token or an API key",
        ))
}

impl Origin {
    pub(crate) fn of(parts: &Parts, app: &App) -> Self {
        if let Some(url) = app.config.public_url() {
            return Self(url.to_owned());
        }
        // API Gateway's own name for the API, not the client's Host header.
        let domain = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.clone(),
            _ => None,
        };
        Self(format!("https://{}", domain.unwrap_or_default()))
    }
}

impl FromRequestParts<App> for Entrance {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self {
            issuer: Origin::of(parts, app).0,
            origin: AuditOrigin::of(parts),
        })
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, app))
    }
}
