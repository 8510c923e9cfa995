//! Registration, sign-in, refresh and sign-out: the flows that come before there is a caller.

use jiff::{SignedDuration, Timestamp};

use crate::{
    access::{
        ACCESS_TOKEN_LIFETIME_S, Caller, Keyring, Permission, Role, password,
        refresh::RefreshToken,
        token::{self, Subject},
    },
    app::App,
    audit::{self, Action, Actor},
    id::{TenantId, UserId},
    problem::{ApiError, FieldError},
    seal::Secret,
    store::{
        Change, Registration, Rotation, Session, SignInCode, Tenant, TenantStatus, TenantStore,
        User, UserStatus,
    },
};

/// A session ends when it is not refreshed for this long.
const IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A session ends after this long however often it is refreshed.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Within this time of a rotation the previous token still answers with the same successor: the
/// reply was lost, or a second tab asked at the same moment. After it, it is a stolen token.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Where a request came in: for audit entries, and for the issuer of its tokens.
pub struct Entrance {
    pub issuer: String,
    pub origin: audit::Origin,
}

pub struct Register {
    pub tenant_name: String,
    pub name: String,
    pub email: String,
    pub password: Secret<String>,
}

pub struct Login {
    pub email: String,
    pub password: Secret<String>,
    pub tenant: Option<TenantId>,
}

/// What a successful sign-in or refresh gives.
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    /// Seconds.
    pub expires_in: i64,
}

/// Who has signed in, with their tokens.
pub struct SignedIn {
    pub tenant: Tenant,
    pub user: User,
    pub tokens: Tokens,
}

/// Makes a tenant whose first owner is signed in at once. One transaction.
///
/// # Errors
/// `Conflict` when there is an account with the e-mail address.
pub async fn register(app: &App, at: &Entrance, new: Register) -> Result<SignedIn, ApiError> {
    let now = app.clock.now();
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let password_hash = password::hash(new.password)
        .await
        .map_err(ApiError::Internal)?;
    let tenant = Tenant {
        id: app.ids.make(now),
        name: new.tenant_name,
        status: TenantStatus::Active,
        owners: 1,
        created_at: now,
        updated_at: now,
    };
    let user = User {
        id: app.ids.make(now),
        email: new.email,
        name: new.name,
        role: Role::Owner,
        status: UserStatus::Active,
        sign_ins: 1,
        last_sign_in_at: Some(now),
        created_at: now,
        updated_at: now,
    };
    let (session, refresh) = begin(app, tenant.id, &user, 0, now);
    let registration = Registration {
        tenant: tenant.clone(),
        user: user.clone(),
        password_hash,
        session: session.clone(),
    };
    app.platform()
        .register(registration, &at.origin, app.ids)
        .await?;
    let tokens = tokens(
        app, &keyring, &at.issuer, tenant.id, &session, &refresh, now,
    )?;
    Ok(SignedIn {
        tenant,
        user,
        tokens,
    })
}

/// Checks a password and begins a session.
///
/// # Errors
/// One refusal for an unknown address, a wrong password and a suspended account, in the same time;
/// `Invalid` naming `tenant_id` when a right password leads to several tenants.
pub async fn login(app: &App, at: &Entrance, login: Login) -> Result<SignedIn, ApiError> {
    const REFUSED: ApiError = ApiError::Unauthenticated("e-mail address or password is wrong");
    let now = app.clock.now();
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let identity = app.platform().identity(&login.email).await?;
    let hash = identity
        .as_ref()
        .and_then(|identity| identity.password_hash.clone());
    let right = password::verify(login.password, hash)
        .await
        .map_err(ApiError::Internal)?;
    let Some(identity) = identity else {
        return Err(REFUSED);
    };
    if !right {
        record_failed_sign_in(app, at, login.tenant, &identity.tenants, identity.id, now).await?;
        return Err(REFUSED);
    }
    let tenant = chosen(&identity.tenants, login.tenant)?.ok_or(REFUSED)?;
    let Some((tenant, user, gate)) = app.platform().member(tenant, identity.id).await? else {
        return Err(REFUSED);
    };
    let user = user.value;
    if tenant.status != TenantStatus::Active || user.status != UserStatus::Active {
        return Err(REFUSED);
    }
    let (session, refresh) = begin(app, tenant.id, &user, gate.epoch, now);
    let writes = app
        .platform()
        .begin_session(tenant.id, &user, &session, now)?;
    let store = TenantStore::open(app, tenant.id, Actor::User(user.id), at.origin.clone(), now);
    let target = session.id.to_string();
    store
        .commit(Change {
            value: (),
            action: Action::SignedIn,
            target,
            changes: Default::default(),
            writes,
        })
        .await?;
    let tokens = tokens(
        app, &keyring, &at.issuer, tenant.id, &session, &refresh, now,
    )?;
    Ok(SignedIn {
        tenant,
        user,
        tokens,
    })
}

/// The one tenant to sign in to; `None` if the asked-for one is not among the person's.
fn chosen(tenants: &[TenantId], asked: Option<TenantId>) -> Result<Option<TenantId>, ApiError> {
    match (asked, tenants) {
        (Some(asked), _) => Ok(tenants.contains(&asked).then_some(asked)),
        (None, [only]) => Ok(Some(*only)),
        (None, []) => Ok(None),
        (None, several) => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let detail = format!("must name one of this user's tenants: {}", names.join(", "));
            Err(ApiError::Invalid(vec![FieldError::new(
                "/tenant_id",
                detail,
            )]))
        }
    }
}

async fn record_failed_sign_in(
    app: &App,
    at: &Entrance,
    asked: Option<TenantId>,
    tenants: &[TenantId],
    user: UserId,
    now: Timestamp,
) -> Result<(), ApiError> {
    let named = asked.filter(|asked| tenants.contains(asked));
    let Some(tenant) = named.or_else(|| tenants.first().copied()) else {
        return Ok(());
    };
    let store = TenantStore::open(app, tenant, Actor::System, at.origin.clone(), now);
    let change = Change {
        value: (),
        action: Action::SignInFailed,
        target: user.to_string(),
        changes: Default::default(),
        writes: Vec::new(),
    };
    Ok(store.commit(change).await?)
}

/// Exchanges a refresh token for the next one and a new access token. One network call.
///
/// # Errors
/// One refusal for everything that is not the current token. A token of ours that was used before
/// ends its session: someone else has it.
pub async fn refresh(
    app: &App,
    at: &Entrance,
    presented: &Secret<String>,
) -> Result<Tokens, ApiError> {
    const REFUSED: ApiError = ApiError::Unauthenticated("the refresh token is not valid");
    let now = app.clock.now();
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let token = RefreshToken::parse(presented.expose(), keyring.refresh_key()).ok_or(REFUSED)?;
    let next = token.successor(keyring.refresh_key());
    let idle_until = now
        .saturating_add(IDLE)
        .map_err(|error| ApiError::Internal(error.into()))?
        .as_second();
    let rotation = app
        .db
        .of(token.tenant)
        .rotate(&token.key(), &token.hash(), &next.hash(), now, idle_until)
        .await?;
    let session = match rotation {
        Rotation::Ended => return Err(REFUSED),
        Rotation::Rotated(session) => session,
        Rotation::NotCurrent(session) => {
            let expired =
                session.expires_at <= now.as_second() || session.ends_at <= now.as_second();
            let was_previous = session.previous_hash.as_deref() == Some(token.hash().as_str());
            if expired {
                return Err(REFUSED);
            }
            if !(was_previous && now.duration_since(session.rotated_at) <= GRACE) {
                end_family(app, at, &token, now).await?;
                return Err(REFUSED);
            }
            session
        }
    };
    tokens(
        app,
        &keyring,
        &at.issuer,
        token.tenant,
        &session,
        &next,
        now,
    )
}

/// The MAC says that we made the token, the store that it was used: it is in two hands.
async fn end_family(
    app: &App,
    at: &Entrance,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<(), ApiError> {
    tracing::warn!(session.id = %token.session, "a used refresh token came back: its session is ended");
    let store = TenantStore::open(app, token.tenant, Actor::System, at.origin.clone(), now);
    let change = Change {
        value: (),
        action: Action::RefreshTokenReused,
        target: token.session.to_string(),
        changes: Default::default(),
        writes: vec![store.end_session(token.user, token.session)?],
    };
    match store.commit(change).await {
        Ok(()) | Err(crate::store::StoreError::Conflict { .. }) => {
            Ok(store.mark_sessions(&[token.session]).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the caller's session, and its access tokens within the staleness of the gate.
pub async fn logout(caller: &Caller) -> Result<(), ApiError> {
    let member = caller.member()?;
    let store = caller.authorize(Permission::MeUpdate)?;
    let change = Change {
        value: (),
        action: Action::SignedOut,
        target: member.session.to_string(),
        changes: Default::default(),
        writes: vec![store.end_session(member.user, member.session)?],
    };
    match store.commit(change).await {
        // Ended already: what the client wants is so.
        Ok(()) | Err(crate::store::StoreError::Conflict { .. }) => {
            Ok(store.mark_sessions(&[member.session]).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// A password for a member that an administrator makes.
pub async fn hash_password(password: Secret<String>) -> Result<String, ApiError> {
    password::hash(password).await.map_err(ApiError::Internal)
}

/// The tenant of a sign-in that began at one of its connections.
pub(crate) fn vouched(
    app: &App,
    at: &Entrance,
    tenant: TenantId,
    actor: Actor,
    now: Timestamp,
) -> TenantStore {
    TenantStore::open(app, tenant, actor, at.origin.clone(), now)
}

/// Begins a session for a member whom their identity provider has vouched for; `None` if they may not sign
/// in. The session reaches this tenant only, and ends when the identity provider says so.
pub(crate) async fn by_sso(
    app: &App,
    at: &Entrance,
    code: &SignInCode,
    now: Timestamp,
) -> Result<Option<SignedIn>, ApiError> {
    let keyring = app.keyring(now).await.map_err(ApiError::Unavailable)?;
    let member = app.platform().member(code.tenant_id, code.user_id).await?;
    let Some((tenant, user, gate)) = member else {
        return Ok(None);
    };
    let user = user.value;
    if tenant.status != TenantStatus::Active || user.status != UserStatus::Active {
        return Ok(None);
    }
    let (mut session, refresh) = begin(app, tenant.id, &user, gate.epoch, now);
    session.sso = Some(code.connection_id);
    if let Some(end) = code.session_ends {
        session.ends_at = session.ends_at.min(end);
        session.expires_at = session.expires_at.min(end);
    }
    let writes = app
        .platform()
        .begin_session(tenant.id, &user, &session, now)?;
    vouched(app, at, tenant.id, Actor::User(user.id), now)
        .commit(Change {
            value: (),
            action: Action::SignedIn,
            target: session.id.to_string(),
            changes: audit::differences(
                &serde_json::json!(null),
                &serde_json::json!({ "sso_connection": code.connection_id }),
            ),
            writes,
        })
        .await?;
    let tokens = tokens(
        app, &keyring, &at.issuer, tenant.id, &session, &refresh, now,
    )?;
    Ok(Some(SignedIn {
        tenant,
        user,
        tokens,
    }))
}

fn begin(
    app: &App,
    tenant: TenantId,
    user: &User,
    epoch: u64,
    now: Timestamp,
) -> (Session, RefreshToken) {
    let id = app.ids.make(now);
    let refresh = RefreshToken::first(tenant, user.id, id);
    let after = |duration| {
        now.saturating_add(duration)
            .unwrap_or(Timestamp::MAX)
            .as_second()
    };
    let session = Session {
        id,
        user: user.id,
        role: user.role,
        epoch,
        refresh_hash: refresh.hash(),
        previous_hash: None,
        rotated_at: now,
        created_at: now,
        expires_at: after(IDLE),
        ends_at: after(ABSOLUTE),
        sso: None,
    };
    (session, refresh)
}

fn tokens(
    app: &App,
    keyring: &Keyring,
    issuer: &str,
    tenant: TenantId,
    session: &Session,
    refresh: &RefreshToken,
    now: Timestamp,
) -> Result<Tokens, ApiError> {
    let subject = Subject {
        tenant,
        user: session.user,
        role: session.role,
        session: session.id,
        epoch: session.epoch,
    };
    let access_token =
        token::issue(keyring, issuer, subject, now, app.ids).map_err(ApiError::Internal)?;
    Ok(Tokens {
        access_token,
        refresh_token: refresh.text(keyring.refresh_key()),
        expires_in: ACCESS_TOKEN_LIFETIME_S,
    })
}
